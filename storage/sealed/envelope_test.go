package sealed

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
)

// The published vectors of XAES-256-GCM: ours opens what others sealed.
func TestXAES(t *testing.T) {
	for _, v := range []struct {
		key    byte
		ad     string
		sealed string
	}{
		{0x01, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{0x03, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		derive, err := xaes(bytes.Repeat([]byte{v.key}, 32))
		require.NoError(t, err)
		aead, err := derive([12]byte([]byte("ABCDEFGHIJKL")))
		require.NoError(t, err)
		sealed, err := hex.DecodeString(v.sealed)
		require.NoError(t, err)
		value, err := aead.Open(nil, nil, append([]byte("MNOPQRSTUVWX"), sealed...), []byte(v.ad))
		require.NoError(t, err)
		require.Equal(t, "XAES-256-GCM", string(value))
	}
}

func testKey(t testing.TB, kek byte) key {
	t.Helper()
	k, err := newKey("acme", 7, bytes.Repeat([]byte{kek}, kekSize))
	require.NoError(t, err)
	return k
}

// What an older version of this package sealed, a newer one opens.
func TestTheEnvelopeStaysReadable(t *testing.T) {
	env, err := hex.DecodeString(golden)
	require.NoError(t, err)
	number, body, ok := parse(env)
	require.True(t, ok)
	require.Equal(t, uint32(7), number)
	r := storage.Record{Name: "actor/mia/stamp", Version: storage.Version{1, 2, 3}, Value: env, ExpiresAt: time.UnixMilli(1795518000000).UTC()}
	value, ok := testKey(t, 1).open("acme/00", r, body)
	require.True(t, ok)
	require.Equal(t, `{"epoch":1,"v":1}`, string(value))
}

func TestLinksAreAscendingAndWhole(t *testing.T) {
	kek := func(b byte) []byte { return bytes.Repeat([]byte{b}, kekSize) }
	good := appendLinks([]link{{1, kek(1)}, {2, kek(2)}})
	links, ok := parseLinks(good)
	require.True(t, ok)
	require.Equal(t, []link{{1, kek(1)}, {2, kek(2)}}, links)
	for because, bad := range map[string][]byte{
		"empty":      nil,
		"cut":        good[:len(good)-1],
		"twice":      appendLinks([]link{{2, kek(1)}, {2, kek(2)}}),
		"descending": appendLinks([]link{{2, kek(1)}, {1, kek(2)}}),
	} {
		_, ok := parseLinks(bad)
		require.False(t, ok, because)
	}
}

// S8: whatever lies in the database, it opens only if it was sealed under this
// very name, and never harms the reader.
func FuzzEnvelope(f *testing.F) {
	k := testKey(f, 1)
	r := storage.Record{Name: "n", Version: storage.Version{1}, Value: []byte("value")}
	genuine, err := k.seal("acme/00", r)
	require.NoError(f, err)
	f.Add(genuine)
	f.Add(genuine[:len(genuine)-1])
	f.Add([]byte{format})
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, env []byte) {
		number, body, ok := parse(env)
		if !ok {
			return
		}
		require.Equal(t, len(env), headSize+len(body))
		stored := r
		stored.Value = env
		if value, ok := k.open("acme/00", stored, body); ok {
			// Each process of the fuzzer seals the seed under a nonce of its own, so what
			// opens is known by what it says.
			require.Len(t, env, len(genuine), "a forgery opened")
			require.Equal(t, uint32(7), number)
			require.Equal(t, "value", string(value))
		}
		_, _ = parseLinks(env)
	})
}

const golden = "01000000072494242de95d459be14f2629b9547043ee30c70ddbfda60bb52a36f39df1e09ae87b0a27963796b4c8a8d12fa9"
