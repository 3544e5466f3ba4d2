package password

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hasher returns one that takes no time.
func hasher(t testing.TB, o Options) *Hasher {
	t.Helper()
	o.InsecureTestCost = true
	h, err := NewHasher(&o)
	require.NoError(t, err)
	return h
}

// slot returns a free one; it is released when the test ends.
func slot(t testing.TB, h *Hasher) *Slot {
	t.Helper()
	s, err := h.Acquire(t.Context())
	require.NoError(t, err)
	t.Cleanup(s.Release)
	return s
}

// PW-12: what the reference implementation of Argon2 wrote verifies here, and nothing that differs from it.
func TestReferenceVectors(t *testing.T) {
	require.Equal(t, 24, verifyVectors(t, "testdata/argon2id.jsonl"))
}

func verifyVectors(t *testing.T, file string) (n int) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	s := slot(t, hasher(t, Options{}))
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var v struct {
			Hash, Password string
			OK             bool
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v))
		h, err := ParseHash(v.Hash)
		require.NoError(t, err, v.Hash)
		require.Equal(t, v.Hash, h.Reveal())
		require.Equal(t, v.OK, s.Verify(h, v.Password), "%s %q", v.Hash, v.Password)
	}
	return n
}

// Algorithm and cost stand in the hash, so that a later default still verifies it.
func TestStoredForm(t *testing.T) {
	h, err := NewHasher(&Options{Rand: strings.NewReader("sixteen bytes of ...")})
	require.NoError(t, err)
	hash, err := slot(t, h).Hash("correct horse battery staple")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$c2l4dGVlbiBieXRlcyBvZg\$[A-Za-z0-9+/]{43}$`, hash.Reveal())
	back, err := ParseHash(hash.Reveal())
	require.NoError(t, err)
	require.True(t, slot(t, hasher(t, Options{})).Verify(back, "correct horse battery staple"), "whoever verifies, and at whatever cost of its own")
}

func TestParseHashIsStrict(t *testing.T) {
	const (
		salt = "c29tZXNhbHQ"
		tag  = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
		good = "$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + tag
	)
	_, err := ParseHash(good)
	require.NoError(t, err)
	bytes := func(n int) string { return base64.RawStdEncoding.EncodeToString(make([]byte, n)) }
	for _, row := range []struct{ hash, says, because string }{
		{"", "begins with $kind$", "nothing"},
		{"argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + tag, "begins with $kind$", "no dollar"},
		{"$$" + good, "begins with $kind$", "no kind"},
		{"$argon2id", "begins with $kind$", "only a kind"},
		{"$arg\non2id$x", "begins with $kind$", "a kind of letters, digits and hyphens"},
		{"$" + strings.Repeat("a", 33) + "$x", "begins with $kind$", "a kind of at most 32"},
		{"$argon2i$v=19$m=65536,t=2,p=1$" + salt + "$" + tag, `"argon2i" needs a Scheme`, "the variant without resistance to GPUs is not ours"},
		{"$1$abcdefgh$ijklmnopqrstuv", `"1" needs a Scheme`, "the crypt of Unix with MD5"},
		{good + "$", "five parts", "one more"},
		{"$argon2id$m=65536,t=2,p=1$" + salt + "$" + tag, "five parts", "version 16, which had a flaw, did not name itself"},
		{"$argon2id$v=16$m=65536,t=2,p=1$" + salt + "$" + tag, "version 19", "the same by name"},
		{"$argon2id$v=19$m=65536,t=2$" + salt + "$" + tag, "in numbers", "a cost left out"},
		{"$argon2id$v=19$t=2,m=65536,p=1$" + salt + "$" + tag, "in numbers", "another order"},
		{"$argon2id$v=19$m=99999999999999999999,t=2,p=1$" + salt + "$" + tag, "in numbers", "a number beyond all"},
		{"$argon2id$v=19$m=65536,t=2,p=1,keyid=a$" + salt + "$" + tag, "canonical", "a parameter that we would ignore"},
		{"$argon2id$v=19$m=065536,t=2,p=1$" + salt + "$" + tag, "canonical", "a leading zero"},
		{"$argon2id$v=19$m=+65536,t=2,p=1$" + salt + "$" + tag, "canonical", "a sign"},
		{"$argon2id$v=19$m= 65536,t=2,p=1$" + salt + "$" + tag, "canonical", "a blank"},
		{"$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + tag, "Memory (m) is 262145", "a forged record must not take all memory"},
		{"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + tag, "Memory (m)", "least of all this"},
		{"$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + tag, "Memory (m) is 7 KiB, must be 8", "too little to compute"},
		{"$argon2id$v=19$m=31,t=1,p=4$" + salt + "$" + tag, "Memory (m) is 31 KiB, must be 32", "the same for four lanes"},
		{"$argon2id$v=19$m=65536,t=17,p=1$" + salt + "$" + tag, "Passes (t) is 17, must be 1 to 16", "nor all the time"},
		{"$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + tag, "Passes (t) is 0", "none would panic below"},
		{"$argon2id$v=19$m=65536,t=2,p=0$" + salt + "$" + tag, "Lanes (p) is 0", "so would no lane"},
		{"$argon2id$v=19$m=65536,t=2,p=257$" + salt + "$" + tag, "Lanes (p) is 257", "and this one would wrap to one"},
		{"$argon2id$v=19$m=65536,t=-2,p=-1$" + salt + "$" + tag, "Lanes (p) is -1", "negative"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "=$" + tag, "salt of the argon2id hash is not base64", "padding"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + tag + "=", "tag of the argon2id hash is not base64", "padding of the tag"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + strings.Replace(tag, "T", "_", 1), "not base64", "the other alphabet"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + tag[:42] + "d", "canonical", "loose bits at the end: one hash in two spellings"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$\n" + tag, "canonical", "a line break, which Go's base64 skips"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + bytes(7) + "$" + tag, "salt of the argon2id hash has 7 bytes", "a short salt"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + bytes(65) + "$" + tag, "has 65 bytes", "a long salt"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + bytes(15), "tag of the argon2id hash has 15 bytes", "a tag that one could guess"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$", "tag of the argon2id hash has 0 bytes", "an empty tag, which everything equals"},
		{"$argon2id$v=19$m=65536,t=2,p=1$" + salt + "$" + bytes(65), "has 65 bytes", "a long tag"},
		{"$argon2id$" + strings.Repeat("x", 1024), "at most 1024 bytes", "a record of another kind"},
	} {
		h, err := ParseHash(row.hash)
		require.ErrorContains(t, err, row.says, row.because)
		require.True(t, h.IsZero(), row.because)
		require.NotContains(t, err.Error(), tag, "errors are logged")
	}
}

// PW-26: neither a hash nor what it is part of prints, logs or marshals it.
func TestHashDoesNotPrint(t *testing.T) {
	const canary = "canary-5f2b-correct-horse"
	h := hasher(t, Options{Schemes: map[string]Scheme{"legacy": compareFunc(func(_, _ string) bool { return false })}})
	hash, err := slot(t, h).Hash(canary)
	require.NoError(t, err)
	foreign, err := h.Parse("$legacy$" + canary)
	require.NoError(t, err)
	hash2 := hash
	type record struct {
		Public  Hash
		Pointer *Hash
		private Hash
		pointer *Hash
		inMap   map[string]Hash
		any     any
	}
	for _, one := range []Hash{hash, foreign, {}} {
		outer := record{one, &one, one, &hash2, map[string]Hash{"x": one}, one}
		s := one.Reveal()
		secrets := []string{canary, s, fmt.Sprintf("%x", s), fmt.Sprint([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))}
		if !one.IsZero() {
			secrets = append(secrets, s[len(s)-12:])
		}
		var out strings.Builder
		for _, v := range []any{one, &one, outer, &outer, []Hash{one}, map[string]Hash{"x": one}, [1]record{outer}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t", "%w"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
				slog.New(handler).Info("x", "hash", v)
			}
			b, err := json.Marshal(v)
			require.Error(t, err)
			fmt.Fprintln(&out, string(b), err)
			b, err = xml.Marshal(v)
			require.Error(t, err)
			fmt.Fprintln(&out, string(b), err)
			var g bytes.Buffer
			err = gob.NewEncoder(&g).Encode(v)
			require.Error(t, err)
			fmt.Fprintln(&out, g.String(), err)
		}
		for _, secret := range secrets {
			if secret != "" && secret != "[]" {
				require.NotContains(t, out.String(), secret)
			}
		}
		require.Contains(t, out.String(), "REDACTED")
	}
}

// FuzzParseHash: no panic, nothing beyond the bounds, and one spelling for one hash.
func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
	f.Add("$$$$$$")
	h, err := NewHasher(&Options{InsecureTestCost: true, Schemes: map[string]Scheme{"legacy": compareFunc(func(_, _ string) bool { return true })}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		hash, err := ParseHash(s)
		if err != nil {
			require.True(t, hash.IsZero())
		} else {
			require.Equal(t, s, hash.Reveal())
			is := hash.open()
			if is.ident != argon2id {
				return // see FuzzImported
			}
			require.NoError(t, is.cost.bounded())
			require.GreaterOrEqual(t, len(is.tag), minTagSize)
			require.Equal(t, s, encode(is.cost, is.salt, is.tag))
			if is.cost.Memory*is.cost.Passes < 1<<12 {
				slot(t, h).Verify(hash, "no panic here")
			}
		}
		if hash, err = h.Parse(s); err == nil {
			require.Equal(t, s, hash.Reveal())
			require.LessOrEqual(t, len(s), maxEncoded)
		}
	})
}

type compareFunc func(encoded, password string) bool

func (f compareFunc) Compare(encoded, password string) bool { return f(encoded, password) }
