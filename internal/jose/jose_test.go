package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The key and the message of RFC 8037, appendix A.
const (
	rfcD       = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfcX       = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	rfcID      = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfcInput   = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
	rfcSig     = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	vectorsVar = "SYMBOLON_TEST_VECTORS"
)

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	require.NoError(t, err)
	return b
}

func rfcKey(t *testing.T) Key {
	t.Helper()
	k, err := NewKey(ed25519.NewKeyFromSeed(unbase64(t, rfcD)))
	require.NoError(t, err)
	return k
}

// TestRFC8037 is appendix A.1 to A.5: key, thumbprint, signature, verification.
func TestRFC8037(t *testing.T) {
	k := rfcKey(t)
	require.Equal(t, rfcID, k.Public().ID())

	sig, err := k.Sign([]byte(rfcInput))
	require.NoError(t, err)
	require.Equal(t, rfcSig, base64.RawURLEncoding.EncodeToString(sig))

	v, err := NewVerifyKey(ed25519.PublicKey(unbase64(t, rfcX)))
	require.NoError(t, err)
	require.NoError(t, v.Verify([]byte(rfcInput), sig))
	require.ErrorIs(t, v.Verify([]byte(rfcInput+"x"), sig), ErrSignature)
}

// TestCookbook reads the published file of the same example, so that the
// constants above are not only our own copy.
func TestCookbook(t *testing.T) {
	dir := os.Getenv(vectorsVar)
	if dir == "" {
		t.Skip(vectorsVar + " names no folder of published vectors")
	}
	text, err := os.ReadFile(filepath.Join(dir, "rfc7520", "curve25519", "jws.json"))
	require.NoError(t, err)
	var f struct {
		Input   struct{ Key struct{ X, D string } }
		Signing struct {
			Input string `json:"sig-input"`
			Sig   string
		}
	}
	require.NoError(t, json.Unmarshal(text, &f))
	k, err := NewKey(ed25519.NewKeyFromSeed(unbase64(t, f.Input.Key.D)))
	require.NoError(t, err)
	sig, err := k.Sign([]byte(f.Signing.Input))
	require.NoError(t, err)
	require.Equal(t, unbase64(t, f.Signing.Sig), sig)
	v, err := NewVerifyKey(ed25519.PublicKey(unbase64(t, f.Input.Key.X)))
	require.NoError(t, err)
	require.NoError(t, v.Verify([]byte(f.Signing.Input), sig))
}

// TK-03: an algorithm is matched exactly, and each key has one.
func TestAlgorithmIsTheKeys(t *testing.T) {
	alg := rfcKey(t).Public().Algorithm()
	require.Equal(t, EdDSA, alg)
	for _, name := range []string{"EdDSA", "Ed25519"} {
		require.True(t, alg.Named(name), name)
	}
	for _, name := range []string{"", "none", "noNE", "eddsa", "EDDSA", "Ed448", "ES256", "HS256", "RS256"} {
		require.False(t, alg.Named(name), name)
	}
	require.False(t, Algorithm(0).Named("EdDSA"), "the zero algorithm is none")
}

func TestZeroKeysDoNothing(t *testing.T) {
	_, err := Key{}.Sign([]byte("x"))
	require.Error(t, err)
	require.ErrorIs(t, VerifyKey{}.Verify([]byte("x"), make([]byte, 64)), ErrSignature)
	require.True(t, Key{}.Public().IsZero())
}

// opaque hides a private key as a hardware module does.
type opaque struct {
	crypto.Signer
	public crypto.PublicKey
}

func (o opaque) Public() crypto.PublicKey { return o.public }

type broken struct{ ed25519.PrivateKey }

func (broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic("unplugged") }

func TestSigners(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	swapped := append(slices.Clone(private[:32]), other...)

	for _, c := range []struct {
		because string
		signer  crypto.Signer
		good    bool
	}{
		{"a plain private key signs", private, true},
		{"a module that hides its key signs", opaque{private, public}, true},
		{"no signer", nil, false},
		{"a signer of another key is found at start", opaque{private, other}, false},
		{"a swapped public half would leak the secret", ed25519.PrivateKey(swapped), false},
		{"a cut key would panic at the first token", private[:40], false},
		{"a module that panics is an error, no outage", broken{private}, false},
		{"a curve that we do not know", curve, false},
	} {
		k, err := NewKey(c.signer)
		require.Equal(t, c.good, err == nil, "%s: %v", c.because, err)
		if c.good {
			sig, err := k.Sign([]byte("m"))
			require.NoError(t, err)
			require.NoError(t, k.Public().Verify([]byte("m"), sig))
		}
	}
}

func TestVerifyKeyIsACopy(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	v, err := NewVerifyKey(public)
	require.NoError(t, err)
	clear(public)
	require.NoError(t, v.Verify([]byte("m"), ed25519.Sign(private, []byte("m"))))
}

// A signature with R the identity and S zero holds under the identity key for
// every message: such a key must not become a VerifyKey.
func TestNobodySignsWithTheIdentity(t *testing.T) {
	identity := make(ed25519.PublicKey, 32)
	identity[0] = 1
	forged := append(slices.Clone(identity), make([]byte, 32)...)
	require.True(t, ed25519.Verify(identity, []byte("anything"), forged), "the attack that is being refused")
	_, err := NewVerifyKey(identity)
	require.ErrorContains(t, err, "low order")
}

// TestLowOrderIsComplete computes the points whose order divides 8 instead of
// believing the list.
func TestLowOrderIsComplete(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	// y of the double of (x, y), with x² = (y²-1)/(dy²+1): (y²+x²)/(2-y²+x²).
	double := func(y *big.Int) (*big.Int, bool) {
		yy := mod(new(big.Int).Mul(y, y))
		bottom := mod(new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1)))
		xx := mod(new(big.Int).Mul(new(big.Int).Sub(yy, big.NewInt(1)), new(big.Int).ModInverse(bottom, p)))
		if big.Jacobi(xx, p) < 0 {
			return nil, false // not on the curve
		}
		under := mod(new(big.Int).Add(new(big.Int).Sub(big.NewInt(2), yy), xx))
		return mod(new(big.Int).Mul(new(big.Int).Add(yy, xx), new(big.Int).ModInverse(under, p))), true
	}
	orders := map[int]int{} // how many y have this order
	for _, low := range lowOrder {
		b, err := hex.DecodeString(low)
		require.NoError(t, err)
		slices.Reverse(b)
		y := new(big.Int).SetBytes(b)
		require.Negative(t, y.Cmp(p), "canonical")
		order, ok := 1, true
		for y.Cmp(big.NewInt(1)) != 0 {
			y, ok = double(y)
			require.True(t, ok, low)
			order *= 2
			require.LessOrEqual(t, order, 8, low)
		}
		orders[order]++
	}
	// The torsion is cyclic of order 8: phi(8) = 4 points of order 8 and 2 of
	// order 4, two for each y (plus and minus x).
	require.Equal(t, map[int]int{1: 1, 2: 1, 4: 1, 8: 2}, orders)

	for _, low := range lowOrder {
		for _, sign := range []byte{0, 0x80} {
			b, _ := hex.DecodeString(low)
			b[31] |= sign
			_, err := NewVerifyKey(ed25519.PublicKey(b))
			require.Error(t, err, "%x", b)
		}
	}
}

func TestPublicKeysThatAreNone(t *testing.T) {
	twice := make([]byte, 32) // p+2, another spelling of 2
	for i := range twice {
		twice[i] = 0xff
	}
	twice[0], twice[31] = 0xef, 0x7f
	for _, k := range []crypto.PublicKey{nil, "key", ed25519.PublicKey(nil), ed25519.PublicKey("short"), make(ed25519.PublicKey, 33), ed25519.PublicKey(twice)} {
		_, err := NewVerifyKey(k)
		require.Error(t, err, "%T %v", k, k)
	}
}

func TestPanicsAreContained(t *testing.T) {
	fall := func() (err error) {
		defer contain(&err)
		panic("secret detail")
	}
	err := fall()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
	wrong := VerifyKey{id: "x", alg: EdDSA, key: ed25519.PublicKey("short")} // panics in crypto/ed25519
	require.ErrorIs(t, wrong.Verify([]byte("m"), make([]byte, 64)), ErrSignature)
}

func TestKeyDoesNotPrint(t *testing.T) {
	seed := unbase64(t, rfcD)
	k := rfcKey(t)
	type outer struct {
		Open   Key
		hidden Key
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, value := range []any{k, &k, outer{k, k}, &outer{k, k}, []Key{k}} {
			text := fmt.Sprintf(verb, value)
			require.NotContains(t, text, rfcD)
			require.NotContains(t, text, hex.EncodeToString(seed[:8]))
			require.NotContains(t, text, fmt.Sprint(seed[:8])[1:])
		}
	}
	_, err := json.Marshal(k)
	require.Error(t, err)
}
