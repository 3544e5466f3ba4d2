package password

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// PW-02, PW-04, PW-10: after NFC a password counts byte for byte, to the last one.
func TestExactAfterNFC(t *testing.T) {
	s := slot(t, hasher(t, Options{}))
	keys := strings.Repeat("🔑", 63)
	for _, row := range []struct {
		stored, typed string
		same          bool
		because       string
	}{
		{"caf\u00e9", "cafe\u0301", true, "keyboards compose or do not"},
		{"caf\u00e9", "cafe", false, "an accent is a letter's own"},
		{"Å", "\u212b", true, "the sign of the ångström is the letter"},
		{"ﬁ", "fi", false, "but a ligature is not two letters: NFC, not NFKC"},
		{keys + "🔑", keys + "🔒", false, "the last of 64 four-byte characters counts"},
		{strings.Repeat("a", 72) + "b", strings.Repeat("a", 72) + "c", false, "and so does the 73rd byte"},
		{strings.Repeat("a", MaxBytes), strings.Repeat("a", MaxBytes-1), false, "and the 4096th"},
		{"pass word", "pass word ", false, "a blank at the end"},
		{"pass word", " pass word", false, "and at the beginning"},
		{"pass word", "Pass word", false, "case"},
		{"pass\x00word", "pass", false, "a NUL ends nothing"},
		{" ", " ", true, "a blank is a character"},
	} {
		h, err := s.Hash(row.stored)
		require.NoError(t, err, row.because)
		require.True(t, s.Verify(h, row.stored), row.because)
		require.Equal(t, row.same, s.Verify(h, row.typed), row.because)
	}
}

// PW-03, PW-17: what cannot be taken whole is refused, before any work.
func TestUnusable(t *testing.T) {
	s := slot(t, hasher(t, Options{Rand: iotest.ErrReader(errors.New("asked for a salt"))}))
	good, err := slot(t, hasher(t, Options{})).Hash("x")
	require.NoError(t, err)
	for _, row := range []struct {
		password string
		want     error
	}{
		{"", ErrEmpty},
		{strings.Repeat("a", MaxBytes+1), ErrTooLong},
		{strings.Repeat("a\u0301", 10<<20/3), ErrTooLong},
		{"\xff", ErrEncoding},
		{"a\xed\xa0\x80", ErrEncoding},
	} {
		require.ErrorIs(t, Usable(row.password), row.want)
		require.Less(t, allocated(func() {
			_, err := s.Hash(row.password)
			require.ErrorIs(t, err, row.want)
			require.False(t, s.Verify(good, row.password))
			require.False(t, s.Verify(Hash{}, row.password))
			s.Dummy(row.password)
		}), uint64(8<<10), "not even the 8 KiB of a hash in tests")
	}
	require.NoError(t, Usable(strings.Repeat("a", MaxBytes)))
	_, err = s.Hash("x")
	require.ErrorContains(t, err, "asked for a salt", "a salt that is not random is none")
}

// PW-13: two equal passwords, two records.
func TestSaltsDiffer(t *testing.T) {
	s := slot(t, hasher(t, Options{}))
	a, err := s.Hash("correct horse battery staple")
	require.NoError(t, err)
	b, err := s.Hash("correct horse battery staple")
	require.NoError(t, err)
	require.NotEqual(t, a.Reveal(), b.Reveal())
	require.Len(t, a.open().salt, 16)
	require.NotEqual(t, a.open().salt, b.open().salt)
}

func TestZeroHashMatchesNothing(t *testing.T) {
	s := slot(t, hasher(t, Options{}))
	for _, password := range []string{"", " ", "password", Hash{}.Reveal(), "REDACTED"} {
		require.False(t, s.Verify(Hash{}, password))
	}
	require.True(t, Hash{}.IsZero())
}

func TestEveryByteOfTheTagCounts(t *testing.T) {
	s := slot(t, hasher(t, Options{}))
	hash, err := s.Hash("x")
	require.NoError(t, err)
	is := hash.open()
	for i := range is.tag {
		tag := slices.Clone(is.tag)
		tag[i] ^= 1
		forged, err := ParseHash(encode(is.cost, is.salt, tag))
		require.NoError(t, err)
		require.False(t, s.Verify(forged, "x"), "byte %d", i)
	}
}

// PW-16: an account without a password, one that cannot be read, and no account cost what a wrong password costs.
func TestEveryPathCostsOneHash(t *testing.T) {
	h, err := NewHasher(nil)
	require.NoError(t, err)
	s := slot(t, h)
	hash, err := s.Hash("correct horse battery staple")
	require.NoError(t, err)
	other := hasher(t, Options{Schemes: map[string]Scheme{"legacy": compareFunc(func(_, _ string) bool { return true })}})
	unknown, err := other.Parse("$legacy$x")
	require.NoError(t, err)

	// Counted in memory, which is most of the work and is the same on every machine: 19 MiB for one hash.
	wrong := allocated(func() { require.False(t, s.Verify(hash, "wrong")) })
	require.InDelta(t, 19456<<10, wrong, 64<<10)
	for name, f := range map[string]func(){
		"right":           func() { require.True(t, s.Verify(hash, "correct horse battery staple")) },
		"no password":     func() { require.False(t, s.Verify(Hash{}, "wrong")) },
		"unknown kind":    func() { require.False(t, s.Verify(unknown, "wrong")) },
		"nothing to look": func() { s.Dummy("wrong") },
	} {
		require.InDelta(t, wrong, allocated(f), 64<<10, name)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// PW-12: a cost below the floor of OWASP does not load, and the error names the fields.
func TestCostFloor(t *testing.T) {
	for _, row := range []struct {
		cost    Cost
		says    string
		because string
	}{
		{Cost{}, "", "the default"},
		{DefaultCost(), "", "the default by name"},
		{Cost{47104, 1, 1}, "", "more memory, one pass"},
		{Cost{7168, 5, 1}, "", "less memory, five passes"},
		{Cost{65536, 3, 4}, "", "more of everything"},
		{Cost{19455, 2, 1}, "Cost.Memory of 19455 KiB with Cost.Passes of 2", "a KiB less"},
		{Cost{47103, 1, 1}, "below the floor", "one pass needs more"},
		{Cost{7167, 9, 1}, "below the floor", "passes do not replace memory without end"},
		{Cost{Memory: 65536}, "Cost.Lanes (p) is 0, must be 1 to 16; Cost.Passes (t) is 0", "half a Cost is none"},
		{Cost{1 << 20, 1, 1}, "Cost.Memory (m) is 1048576 KiB, must be 8 to 262144", "beyond what we would read back"},
	} {
		_, err := NewHasher(&Options{Cost: row.cost})
		if row.says == "" {
			require.NoError(t, err, row.because)
			continue
		}
		require.ErrorContains(t, err, row.says, row.because)
	}
}

func TestNewHasherNamesEverything(t *testing.T) {
	yes := compareFunc(func(_, _ string) bool { return true })
	_, err := NewHasher(&Options{
		Cost: Cost{8, 1, 1}, Slots: -1, Waiters: 1 << 20,
		Schemes: map[string]Scheme{"": yes, "argon2id": yes, "a$b": yes, "pepper": yes, "2b": nil, "good": yes},
	})
	for _, name := range []string{"Cost.Memory", "Options.Slots is -1", "Options.Waiters is 1048576", `Schemes[""]`, `Schemes["argon2id"]`, `Schemes["a$b"]`, `Schemes["pepper"]`, `Schemes["2b"]`} {
		require.ErrorContains(t, err, name)
	}
	require.NotContains(t, err.Error(), "good")
}

// A host's own kinds of hashes come along, and a test can count how often one was looked at.
func TestSchemes(t *testing.T) {
	var compared atomic.Int64
	h := hasher(t, Options{Schemes: map[string]Scheme{"legacy": compareFunc(func(encoded, password string) bool {
		compared.Add(1)
		return encoded == "$legacy$"+password
	})}})
	s := slot(t, h)
	hash, err := h.Parse("$legacy$caf\u00e9")
	require.NoError(t, err)
	require.True(t, s.Verify(hash, "cafe\u0301"), "in NFC")
	require.False(t, s.Verify(hash, "wrong"))
	require.EqualValues(t, 2, compared.Load())
	s.Dummy("caf\u00e9")
	s.Verify(hash, "")
	require.False(t, slot(t, hasher(t, Options{})).Verify(hash, "caf\u00e9"), "another Hasher does not know it")
	require.EqualValues(t, 2, compared.Load())

	_, err = h.Parse("$other$x")
	require.ErrorContains(t, err, `"other" needs a Scheme`)
	_, err = h.Parse("$legacy$" + strings.Repeat("x", maxEncoded))
	require.ErrorContains(t, err, "at most 1024 bytes")
	own, err := s.Hash("x")
	require.NoError(t, err)
	own, err = h.Parse(own.Reveal())
	require.NoError(t, err)
	require.True(t, s.Verify(own, "x"))
}

// The worthless cost of tests must not reach a program: there it panics.
func TestInsecureTestCostPanicsOutsideTests(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(file, []byte(`package main

import "github.com/symbolon-auth/symbolon/password"

func main() { password.NewHasher(&password.Options{InsecureTestCost: true}) }
`), 0o600))
	out, err := exec.Command("go", "run", file).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: password: Options.InsecureTestCost is for tests only")
}
