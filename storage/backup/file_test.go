package backup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage/memory"
)

var testKey = []byte("backup keys are 32 random bytes!")

// sealedOf returns a file with this content, as only the owner of the key can make.
func sealedOf(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := newSealer(&b, testKey, rand.Reader)
	require.NoError(t, err)
	_, err = s.Write(plain)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return b.Bytes()
}

func TestStreamOfEverySize(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 2*chunkSize + 1} {
		plain := bytes.Repeat([]byte("x"), size)
		file := sealedOf(t, plain)
		o, err := newOpener(iotest(file), testKey)
		require.NoError(t, err)
		got, err := io.ReadAll(o)
		require.NoError(t, err)
		require.Equal(t, plain, append([]byte{}, got...), "%d bytes", size)

		for cut := headSize; cut < len(file); cut += chunkSize + tagSize { // between chunks
			o, err := newOpener(bytes.NewReader(file[:cut]), testKey)
			require.NoError(t, err)
			_, err = io.ReadAll(o)
			require.ErrorIs(t, err, ErrDamaged, "%d of %d bytes", cut, len(file))
		}
	}
}

// iotest returns a reader that gives little at a time, as a network does.
func iotest(b []byte) io.Reader { return &slow{bytes.NewReader(b)} }

type slow struct{ *bytes.Reader }

func (s *slow) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 1000)]) }

func TestLinesAreHeldToTheirForm(t *testing.T) {
	const head = `{"title":{"v":1,"made":"2026-11-24T12:00:00Z","tenants":["acme"]}}` + "\n"
	const org = `{"record":{"t":0,"s":"00","n":"org/1","x":"e30="}}` + "\n"
	const last = `{"end":{"records":1}}` + "\n"
	for _, c := range []struct{ because, text, want string }{
		{"the plain case", head + org + last, ""},
		{"empty", "", "not written as a backup"},
		{"not JSON", "hello", "not written as a backup"},
		{"no title", org + last, "no title"},
		{"no tenants", `{"title":{"v":1,"tenants":[]}}` + last, "no title"},
		{"a newer format", strings.Replace(head, `"v":1`, `"v":2`, 1) + last, "upgrade this process"},
		{"no end", head + org, "not written as a backup"},
		{"another count", head + org + org, "not in order"},
		{"a wrong count", head + last, "has no end"},
		{"something behind the end", head + org + last + "{}", "follows its end"},
		{"another tenant", head + strings.Replace(org, `"t":0`, `"t":1`, 1) + last, "out of bounds"},
		{"no shard", head + strings.Replace(org, `"00"`, `"40"`, 1) + last, "in no shard"},
		{"no name", head + strings.Replace(org, `org/1`, ``, 1) + last, "name"},
		{"before 1970", head + strings.Replace(org, `"x"`, `"e":-1,"x"`, 1) + last, "out of bounds"},
		{"not base64", head + strings.Replace(org, `e30=`, `{}`, 1) + last, "not written as a backup"},
	} {
		_, _, err := lines(strings.NewReader(c.text), func(title, entry) error { return nil })
		if c.want == "" {
			require.NoError(t, err, c.because)
			continue
		}
		require.ErrorContains(t, err, c.want, c.because)
	}
	mine := errors.New("mine")
	_, _, err := lines(strings.NewReader(head+org+last), func(title, entry) error { return mine })
	require.ErrorIs(t, err, mine)
	require.NotErrorIs(t, err, ErrDamaged)
}

func TestKindsAreMatchedWhole(t *testing.T) {
	for name, want := range map[string]kind{
		"actor/mia/stamp":       stamped,
		"actor/stamp/s/1":       gone,
		"actor/mia/sessions":    gone,
		"person/mia/unlocked":   stays,
		"actor/mia/failing":     stays,
		"interaction/i1":        contact,
		"policy/head":           stays,
		"audit/1/2":             recorded,
		"actor/mia":             0,
		"actor/mia/stamp/x":     0,
		"actors/mia/stamp":      0,
		"novelty/1":             0,
		"actor/mia/key":         0,
		"actor/mia/recovery/k1": 0,
	} {
		k, ok := kindOf(name)
		require.Equal(t, want, k, name)
		require.Equal(t, want != 0, ok, name)
	}
}

// A bar: whatever the bytes are, a reader that does not know the key writes
// nothing, and one that does holds them to the form.
func FuzzImport(f *testing.F) {
	const plain = `{"title":{"v":1,"made":"2026-11-24T12:00:00Z","tenants":["acme"]}}
{"record":{"t":0,"s":"00","n":"actor/mia/stamp","x":"eyJ2IjoxLCJlcG9jaCI6NX0="}}
{"record":{"t":0,"s":"01","n":"subject/1/lock/sms","x":"eyJ2IjoxLCJib3JuIjp0cnVlfQ=="}}
{"end":{"records":2}}
`
	f.Add(sealedOf(f, []byte(plain)), []byte(plain))
	f.Add([]byte(magic), []byte("{}"))
	f.Fuzz(func(t *testing.T, file, plain []byte) {
		into := memory.New()
		if _, err := Import(t.Context(), bytes.NewReader(file), into, bytes.Repeat([]byte("k"), 32), &Options{AcceptLoss: []string{"acme"}}); err == nil {
			t.Fatal("a file was opened with another key")
		}
		empty, err := isEmpty(t.Context(), into, "acme")
		require.NoError(t, err)
		require.True(t, empty)
		_, _ = Import(t.Context(), bytes.NewReader(sealedOf(t, plain)), into, testKey, &Options{AcceptLoss: []string{"acme"}})
	})
}
