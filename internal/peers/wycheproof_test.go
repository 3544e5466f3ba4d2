package peers

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/jose"
	"github.com/symbolon-auth/symbolon/token"
)

func vectors(t *testing.T, file string, into any) {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// TestEd25519 runs the signature vectors through the seam: malleable and
// truncated signatures, other encodings of R and S, edge cases of the curve.
func TestEd25519(t *testing.T) {
	var f struct {
		TestGroups []struct {
			PublicKey struct{ Pk string }
			Tests     []struct {
				TcID                      int
				Comment, Msg, Sig, Result string
			}
		}
	}
	vectors(t, "ed25519_test.json", &f)
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	seen := map[string]int{}
	for _, g := range f.TestGroups {
		k, err := jose.NewVerifyKey(ed25519.PublicKey(unhex(g.PublicKey.Pk)))
		for _, v := range g.Tests {
			good := err == nil && k.Verify(unhex(v.Msg), unhex(v.Sig)) == nil
			require.Equal(t, v.Result == "valid", good, "%d: %s (%v)", v.TcID, v.Comment, err)
			seen[v.Result]++
		}
	}
	require.Greater(t, seen["valid"], 50)
	require.Greater(t, seen["invalid"], 50)
	t.Logf("Ed25519: %v", seen)
}

// TestForeignJWS presents every published JWS to a verifier that knows none of
// their keys: each is refused with the one answer, and none of them panics.
func TestForeignJWS(t *testing.T) {
	var f struct {
		TestGroups []struct {
			Tests []struct {
				TcID         int
				Comment, Jws string
			}
		}
	}
	vectors(t, "json_web_signature_test.json", &f)
	w := newWorld(t)
	seen := 0
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			_, err := w.tokens.Verify(context.Background(), token.FromString(v.Jws))
			require.ErrorIs(t, err, token.ErrRefused, "%d: %s", v.TcID, v.Comment)
			require.EqualError(t, err, token.ErrRefused.Error())
			seen++
		}
	}
	require.Greater(t, seen, 350)
	t.Logf("JWS: %d refused", seen)
}
