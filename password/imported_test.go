package password

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// PW-14: what other systems stored verifies here, and nothing that differs from it.
func TestImportedVectors(t *testing.T) {
	require.Equal(t, 69, verifyVectors(t, "testdata/imported.jsonl"))
}

const (
	bcrypt72 = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.D7RDOYXakZhsFmh/LdqQNx0kQ424AFS" // of 72 times x
	b64of32  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	crypt5   = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
)

// A stored hash cannot order more work, or more memory, than is bounded; and has one spelling.
func TestParseImportedIsStrict(t *testing.T) {
	const tag22 = "AAAAAAAAAAAAAAAAAAAAAA"
	for _, row := range []struct{ hash, says, because string }{
		{"$2x$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", `"2x" needs a Scheme`, "its authors hashed only part of some passwords"},
		{"$2$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", `"2" needs a Scheme`, "older than the NUL at the end"},
		{strings.Replace(bcrypt72, "$05$", "$15$", 1), "cost of the bcrypt hash is 15, must be 4 to 14", "two seconds"},
		{strings.Replace(bcrypt72, "$05$", "$31$", 1), "cost of the bcrypt hash is 31", "a day"},
		{strings.Replace(bcrypt72, "$05$", "$03$", 1), "cost of the bcrypt hash is 3", "less than there is"},
		{strings.Replace(bcrypt72, "$05$", "$5$", 1), "not spelled canonically", "one digit"},
		{strings.Replace(bcrypt72, "$05$", "$+5$", 1), "not spelled canonically", "a sign"},
		{bcrypt72 + "x", "not spelled canonically", "one more"},
		{bcrypt72[:59], "not spelled canonically", "one less"},
		{strings.Replace(bcrypt72, "CC.", "CC/", 1), "not spelled canonically", "loose bits in the salt"},
		{bcrypt72[:59] + "T", "not spelled canonically", "loose bits in the tag"},
		{bcrypt72[:30] + "=" + bcrypt72[31:], "not spelled canonically", "another alphabet"},

		{"$scrypt$ln=17,r=8,p=1$" + tag22 + "$" + b64of32 + "$", "not spelled canonically", "one part more"},
		{"$scrypt$ln=017,r=8,p=1$" + tag22 + "$" + b64of32, "not spelled canonically", "a leading zero"},
		{"$scrypt$n=17,r=8,p=1$" + tag22 + "$" + b64of32, "not spelled canonically", "another letter"},
		{"$scrypt$ln=19,r=8,p=1$" + tag22 + "$" + b64of32, "out of bounds", "512 MiB"},
		{"$scrypt$ln=62,r=8,p=1$" + tag22 + "$" + b64of32, "out of bounds", "a shift that would wrap"},
		{"$scrypt$ln=18,r=16,p=1$" + tag22 + "$" + b64of32, "out of bounds", "512 MiB in wider blocks"},
		{"$scrypt$ln=18,r=8,p=2$" + tag22 + "$" + b64of32, "out of bounds", "256 MiB, twice"},
		{"$scrypt$ln=0,r=8,p=1$" + tag22 + "$" + b64of32, "out of bounds", "no cost"},
		{"$scrypt$ln=17,r=0,p=1$" + tag22 + "$" + b64of32, "out of bounds", "no block"},
		{"$scrypt$ln=17,r=8,p=0$" + tag22 + "$" + b64of32, "out of bounds", "no lane"},
		{"$scrypt$ln=10,r=8,p=1$" + tag22 + "$AAAA", "tag of 3", "a tag that one could guess"},
		{"$scrypt$ln=10,r=8,p=1$$" + b64of32, "salt of 0 bytes", "no salt"},
		{"$scrypt$ln=10,r=8,p=1$AAB$" + b64of32, "salt of the hash is not base64 in its one spelling", "loose bits"},

		{"$pbkdf2-sha256$i=600000,l=32$" + tag22, "not spelled canonically", "a part less"},
		{"$pbkdf2-sha256$i=600000,l=31$" + tag22 + "$" + b64of32, "another length", "it contradicts itself"},
		{"$pbkdf2-sha256$l=32,i=600000$" + tag22 + "$" + b64of32, "not spelled canonically", "another order"},
		{"$pbkdf2-sha256$i=2097153$" + tag22 + "$" + b64of32, "2097153 rounds", "more than a second"},
		{"$pbkdf2-sha256$i=1100000$" + tag22 + "$" + strings.Repeat("AAAA", 12), "rounds", "as much, in two blocks"},
		{"$pbkdf2-sha256$i=0$" + tag22 + "$" + b64of32, "0 rounds", "none"},
		{"$pbkdf2-sha256$-1$" + tag22 + "$" + b64of32, "-1 rounds", "less than none"},
		{"$pbkdf2-sha256$i=99999999999999999999$" + tag22 + "$" + b64of32, "not spelled canonically", "a number beyond all"},
		{"$pbkdf2-sha256$i=1000$" + tag22 + "$+" + b64of32[1:41] + ".", "not base64", "two alphabets at once"},
		{"$pbkdf2-sha1$1000$" + tag22 + "$" + b64of32, `"pbkdf2-sha1" needs a Scheme`, "not ours"},
		{"pbkdf2_sha256$1000$salt", "not spelled canonically", "a part less"},
		{"pbkdf2_sha256$01000$salt$" + b64of32 + "=", "not spelled canonically", "a leading zero"},
		{"pbkdf2_sha256$1000$salt$" + b64of32, "not base64", "without its padding"},
		{"pbkdf2_sha256$1000$$" + b64of32 + "=", "salt of 0 bytes", "no salt"},
		{"$pbkdf2_sha256$1000$salt$" + b64of32 + "=", "begins with $kind$", "Django writes no dollar"},

		{strings.Replace(crypt5, "$salt", "$rounds=999$salt", 1), "rounds of the crypt hash", "too few"},
		{strings.Replace(crypt5, "$salt", "$rounds=999999999$salt", 1), "rounds of the crypt hash", "half an hour"},
		{strings.Replace(crypt5, "$salt", "$rounds=05000$salt", 1), "rounds of the crypt hash", "a leading zero"},
		{strings.Replace(crypt5, "saltstring", "saltstringsaltstr", 1), "not spelled canonically", "17 characters of salt"},
		{strings.Replace(crypt5, "saltstring", "salt string", 1), "not spelled canonically", "a blank in the salt"},
		{strings.Replace(crypt5, "5$salt", "6$salt", 1), "another length", "the tag of the other"},
		{crypt5[:len(crypt5)-1] + "z", "loose bits", "one hash in two spellings"},
		{crypt5 + "$", "rounds of the crypt hash", "one more"},
		{"$6$", "not spelled canonically", "nothing"},
	} {
		h, err := ParseHash(row.hash)
		require.ErrorContains(t, err, row.says, row.because)
		require.True(t, h.IsZero(), row.because)
		require.NotContains(t, err.Error(), b64of32, "errors are logged")
	}
}

// PW-03: a kind that cannot take a password whole refuses it, and does not shorten it.
func TestImportedTakeAllOrRefuse(t *testing.T) {
	s := slot(t, hasher(t, Options{}))
	verify := func(hash, password string) bool {
		h, err := ParseHash(hash)
		require.NoError(t, err)
		return s.Verify(h, password)
	}
	require.True(t, verify(bcrypt72, strings.Repeat("x", 72)))
	require.False(t, verify(bcrypt72, strings.Repeat("x", 73)), "73 bytes, of which bcrypt would look at 72")
	const ofA = "$2b$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC" // of the letter a
	require.True(t, verify(ofA, "a"))
	require.False(t, verify(ofA, "a\x00a"), "bcrypt repeats a short password with a NUL between")
	const keyedByA = "$pbkdf2-sha256$i=1$AAAAAAAAAAAAAAAAAAAAAA$Kdka/YrbKkiu0jmRuy8D6POMlxvGrLf8ZtoojHq+TCY" // the same
	require.True(t, verify(keyedByA, "a"))
	require.False(t, verify(keyedByA, "a\x00"), "HMAC fills up a short key with NULs")
	h, err := ParseHash("$scrypt$ln=13,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + b64of32)
	require.NoError(t, err)
	require.Greater(t, allocated(func() { s.Verify(h, "a\x00") }), uint64(8<<20), "refused after as much work: speed does not tell the kind")
	h, err = ParseHash(crypt5)
	require.NoError(t, err)
	require.False(t, h.open().imported.takes("Hello world!\x00"), "in C this is the same password")
	require.False(t, h.open().imported.takes(strings.Repeat("x", 513)), "the work is quadratic in the length")
	require.True(t, h.open().imported.takes(strings.Repeat("x", 512)))
	long, err := ParseHash(strings.Replace(crypt5, "$salt", "$rounds=656000$salt", 1))
	require.NoError(t, err, "the default of passlib")
	require.True(t, long.open().imported.takes(strings.Repeat("x", 64)))
	require.False(t, long.open().imported.takes(strings.Repeat("x", 65)), "many rounds of a long one are more than a second")
}

// The dearest hash of each kind that is still read costs no more than a few seconds of a slow machine.
func TestImportedCostIsBounded(t *testing.T) {
	if os.Getenv("SYMBOLON_FULL") == "" {
		t.Skip("set SYMBOLON_FULL=1 to see how long the dearest accepted hashes take")
	}
	s := slot(t, hasher(t, Options{}))
	for _, hash := range []string{
		strings.Replace(bcrypt72, "$05$", "$14$", 1),
		"$scrypt$ln=18,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + b64of32,
		"$pbkdf2-sha256$i=2097152$AAAAAAAAAAAAAAAAAAAAAA$" + b64of32,
		strings.Replace(crypt5, "$salt", "$rounds=1048576$salt", 1),
	} {
		h, err := ParseHash(hash)
		require.NoError(t, err)
		begin := time.Now()
		require.False(t, s.Verify(h, strings.Repeat("y", 64)))
		t.Logf("%8v %s", time.Since(begin).Round(time.Millisecond), hash[:14])
	}
}

// FuzzImported: no panic, one spelling, and what is cheap can be verified.
func FuzzImported(f *testing.F) {
	for _, s := range []string{
		bcrypt72, crypt5, strings.Replace(crypt5, "$salt", "$rounds=1000$salt", 1),
		"$scrypt$ln=1,r=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + b64of32,
		"$pbkdf2-sha512$i=1,l=32$AAAAAAAAAAAAAAAAAAAAAA$" + b64of32, "pbkdf2_sha256$1$salt$" + b64of32 + "=",
		"$6$$", "$2b$04$", "$pepper$k=1$AAAA", "pbkdf2_sha256$$$", "$scrypt$$$", "$5$rounds=1000$$",
	} {
		f.Add(s, "password")
	}
	h := hasher(f, Options{Pepper: Pepper{Keys: map[int]Key{1: make([]byte, 32)}, Current: 1}})
	s, err := h.For(Owner{"t", "a", "f"}).Acquire(f.Context())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, stored, typed string) {
		hash, err := h.Parse(stored)
		if err != nil {
			require.True(t, hash.IsZero())
			return
		}
		require.Equal(t, stored, hash.Reveal())
		is := hash.open()
		cheap := strings.HasPrefix(is.ident, "2") && strings.Contains(stored, "$04$") ||
			(is.ident == "5" || is.ident == "6") && !strings.Contains(stored, "rounds=") ||
			strings.Contains(stored, "i=1,") || strings.Contains(stored, "ln=1,") || is.ident == pepper
		if cheap && Usable(typed) == nil {
			if is.imported != nil && is.imported.takes(normal(typed)) {
				is.imported.matches(normal(typed))
			}
			require.False(t, s.Verify(hash, typed), "under no pepper")
		}
	})
}
