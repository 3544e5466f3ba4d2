package password

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// PW-07: every entry of the list is refused as such, with the rule on length off.
func TestEveryCommonPasswordIsRefused(t *testing.T) {
	p := Policy{MinLength: 1}
	n := 0
	for word := range strings.Lines(commonList) {
		word = strings.TrimSuffix(word, "\n")
		require.Equal(t, []Rule{RuleCommon}, rulesOf(p.Check(word)), word)
		require.True(t, common(strings.ToUpper(word)), word)
		n++
	}
	require.Equal(t, 30_000, n)
	require.NoError(t, Policy{MinLength: 1, AllowCommon: true}.Check("password"))
}

func TestNoRandomPasswordIsRefused(t *testing.T) {
	r, sequences := rand.New(rand.NewPCG(1, 2)), 0
	for _, alphabet := range []string{unmistakable, "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef"} {
		for range 20_000 {
			b := make([]byte, 12)
			for i := range b {
				b[i] = alphabet[r.IntN(len(alphabet))]
			}
			require.NoError(t, Policy{MinLength: 8}.Check(string(b)), "%s", b)
			if err := EmployeeClassic().Policy.Check(string(b)); slices.Contains(rulesOf(err), RuleSequence) {
				sequences++
			}
		}
	}
	require.LessOrEqual(t, sequences, 10, "of 60,000; wertz and such do occur by chance")
}

// PW-07: compared whole, in the ways in which it is usually disguised.
func TestCommon(t *testing.T) {
	for _, row := range []struct {
		password string
		refused  bool
		because  string
	}{
		{"password", true, "the second of all"},
		{"PassWord", true, "case"},
		{"p@$$w0rd", true, "signs and digits for letters"},
		{"m0nkey", true, "digits for letters"},
		{"e1ephant", true, "1 for l"},
		{"l1verp00l", true, "1 for i"},
		{"1qaz2wsx3edc4rfv", true, "long and common"},
		{"my password is a dragon", false, "listed words in a phrase"},
		{"baseballe", false, "a piece of a listed one"},
		{"", false, "nothing"},
		{"\n", false, "what parts the lines"},
		{"password\npassword1", false, "nor two lines"},
		{strings.Repeat("a", 1000), false, "longer than any"},
	} {
		require.Equal(t, row.refused, common(row.password), "%q: %s", row.password, row.because)
	}
}

// The list adds at most 300 KB to a program.
func TestListIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	program := write("main.go", `package main

import "github.com/symbolon-auth/symbolon/password"

func main() { println(password.Default().Check("x").Error()) }
`)
	list, err := filepath.Abs("common.txt")
	require.NoError(t, err)
	size := func(overlay string) int64 {
		file := write("overlay.json", `{"Replace": {`+overlay+`}}`)
		out, err := exec.Command("go", "build", "-overlay", file, "-o", filepath.Join(dir, "x"), program).CombinedOutput()
		require.NoError(t, err, string(out))
		info, err := os.Stat(filepath.Join(dir, "x"))
		require.NoError(t, err)
		return info.Size()
	}
	added := size("") - size(fmt.Sprintf("%q: %q", list, write("none.txt", "password\n")))
	t.Logf("the list adds %d KB", added/1000)
	require.InDelta(t, len(commonList), added, 10_000, "the measure measures")
	require.Less(t, added, int64(300_000))
}
