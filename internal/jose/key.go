package jose

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
)

// Key signs. It holds its signer in a closure, where no printing of an outer
// struct finds it. The zero Key signs nothing.
type Key struct {
	sign   func(input []byte) ([]byte, error)
	public VerifyKey
}

// NewKey returns the Key of a signer: an ed25519.PrivateKey, or a module that
// keeps one. It signs once, so that a signer which does not belong to its
// public key is found at start; an Ed25519 key whose public half was swapped
// would give its secret away with two signatures.
func NewKey(s crypto.Signer) (Key, error) {
	if s == nil {
		return Key{}, errors.New("jose: no signer")
	}
	if k, ok := s.(ed25519.PrivateKey); ok && len(k) != ed25519.PrivateKeySize {
		return Key{}, fmt.Errorf("jose: an Ed25519 private key has %d bytes, not %d", ed25519.PrivateKeySize, len(k))
	}
	public, err := NewVerifyKey(s.Public())
	if err != nil {
		return Key{}, err
	}
	sign := func(input []byte) (sig []byte, err error) {
		defer contain(&err)
		return jwsbb.Sign(s, public.alg.String(), input, rand.Reader)
	}
	trial := []byte("jose: does this signer belong to its public key?")
	sig, err := sign(trial)
	if err != nil {
		return Key{}, fmt.Errorf("jose: the signer does not sign: %w", err)
	}
	if public.Verify(trial, sig) != nil {
		return Key{}, errors.New("jose: the signer does not belong to its public key")
	}
	return Key{sign: sign, public: public}, nil
}

// Sign returns the signature over a signing input.
func (k Key) Sign(input []byte) ([]byte, error) {
	if k.sign == nil {
		return nil, errors.New("jose: the zero Key signs nothing")
	}
	return k.sign(input)
}

// Public returns the key that verifies what this one signs; zero for the zero
// Key.
func (k Key) Public() VerifyKey { return k.public }

// Format prints the key's id, never the key.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.public.String()) }

// LogValue logs the key's id, never the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.public.String()) }

// MarshalText refuses: a signing key leaves its process in no form.
func (Key) MarshalText() ([]byte, error) {
	return nil, errors.New("jose: a signing key does not marshal")
}

// VerifyKey verifies. The zero VerifyKey verifies nothing.
type VerifyKey struct {
	id  string
	alg Algorithm
	key any // ed25519.PublicKey, boxed once
}

// NewVerifyKey returns the VerifyKey of a public key. Keys that some signature
// fits for every message are refused.
func NewVerifyKey(p crypto.PublicKey) (VerifyKey, error) {
	switch k := p.(type) {
	case ed25519.PublicKey:
		if err := checkPoint(k); err != nil {
			return VerifyKey{}, err
		}
		own := append(ed25519.PublicKey(nil), k...)
		return VerifyKey{id: thumbprint(own), alg: EdDSA, key: own}, nil
	default:
		return VerifyKey{}, fmt.Errorf("jose: keys of type %T are not supported; use an Ed25519 key", p)
	}
}

// ID returns the key's id, its RFC 7638 SHA-256 thumbprint: two parties who
// hold the same key call it the same without having agreed on a name.
func (v VerifyKey) ID() string { return v.id }

// Algorithm returns the one algorithm that this key works with.
func (v VerifyKey) Algorithm() Algorithm { return v.alg }

// IsZero reports whether this is no key.
func (v VerifyKey) IsZero() bool { return v.key == nil }

// String names the key by its id.
func (v VerifyKey) String() string {
	if v.IsZero() {
		return "no key"
	}
	return "key " + v.id
}

// Verify returns nil if sig is the signature of this key over input, and
// [ErrSignature] otherwise.
func (v VerifyKey) Verify(input, sig []byte) error {
	if v.IsZero() || verify(v, input, sig) != nil {
		return ErrSignature
	}
	return nil
}

func verify(v VerifyKey, input, sig []byte) (err error) {
	defer contain(&err)
	return jwsbb.Verify(v.key, v.alg.String(), input, sig)
}

// thumbprint hashes the required members of the key's JWK in their order
// (RFC 7638 3, RFC 8037 2).
func thumbprint(k ed25519.PublicKey) string {
	b64 := base64.RawURLEncoding
	h := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + b64.EncodeToString(k) + `"}`))
	return b64.EncodeToString(h[:])
}
