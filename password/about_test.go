package password

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// PW-08: a person's own names and numbers, and ours, whatever is put around them.
func TestObvious(t *testing.T) {
	who := About{Words: []string{"john.smith@example.com", "John Smith", "Müller-Lüdenscheidt", "+1 (555) 010-9999", "AC-7734120", "Vodanet", "Jo", "", "\xff", "+447700900123", "Miles O'Brien"}}
	for _, row := range []struct {
		password string
		refused  bool
		because  string
	}{
		{"johnsmith", true, "both names"},
		{"SmithJohn", true, "the other way round"},
		{"htims nhoj", true, "backwards"},
		{"j0hn.5m1th", true, "digits for letters"},
		{"JohnSmith1985!", true, "a year and a sign behind"},
		{"!!1985johnsmith", true, "and before"},
		{"john-1985-smith", true, "and between"},
		{"smith", true, "one of them"},
		{"smith12345", true, "half of it"},
		{"smith987654", false, "less than half"},
		{"john.smith@example.com", true, "the login whole"},
		{"muller ludenscheidt", true, "without dots"},
		{"MÜLLER1", true, "with them"},
		{"mu\u0308ller", true, "decomposed"},
		{"vodanet2026", true, "the brand"},
		{"V0d4n3t", true, "the brand in disguise"},
		{"vodanetsmith", true, "ours and theirs"},
		{"15550109999", true, "the telephone number"},
		{"555 010 9999", true, "without the country's code"},
		{"00447700999999", false, "another number that ends alike: fewer than seven digits"},
		{"0015550109999", true, "with another way to dial it"},
		{"555 0900123", true, "the end of another, whatever is dialled before"},
		{"obrien77", true, "without what parts it"},
		{"9999", true, "its end, as a code"},
		{"7734120", true, "the account number"},
		{"ac7734120", true, "whole"},
		{"7734121", false, "another one"},
		{"my smith forges iron", false, "a listed word in a long phrase"},
		{"jo", false, "too short a word to say anything"},
		{"joan smythe", false, "somebody else"},
		{"", false, "nothing"},
		{"12", false, "two digits are in every number"},
	} {
		require.Equal(t, row.refused, who.obvious(row.password), "%q: %s", row.password, row.because)
	}
	require.False(t, About{}.obvious("johnsmith"), "nothing is known")
}

func TestSimilar(t *testing.T) {
	for _, row := range []struct {
		was, is string
		want    bool
		because string
	}{
		{"correct horse 7", "correct horse 8", true, "one replaced"},
		{"correct horse 7", "correct horse 78", true, "one more"},
		{"correct horse 7", "correct hors 7", true, "one less"},
		{"correct horse 7", "correct h0r53 7", true, "look-alikes do not count as changed"},
		{"correct horse 7", "CORRECT HORSE 7", true, "nor does case"},
		{"correct horse 7", "correct horse 789", true, "two more"},
		{"correct horse 7", "correct horse 7890", true, "three more"},
		{"correct horse 7", "correct horse 78901", false, "four more"},
		{"correct horse 7", "7 esroh tcerroc", true, "backwards"},
		{"correct horse 7", "battery staple 7", false, "another one"},
		{"", "abc", true, "nothing much"},
		{"", "abcd", false, "four"},
	} {
		require.Equal(t, row.want, similar([]rune(row.is), []rune(row.was), 4), "%q %q: %s", row.was, row.is, row.because)
	}
}

// The narrow band gives what the whole table would.
func TestDistance(t *testing.T) {
	whole := func(a, b []rune) int {
		row := make([]int, len(b)+1)
		for j := range row {
			row[j] = j
		}
		for i := 1; i <= len(a); i++ {
			diagonal := row[0]
			row[0] = i
			for j := 1; j <= len(b); j++ {
				d := diagonal
				if a[i-1] != b[j-1] {
					d = min(diagonal, row[j-1], row[j]) + 1
				}
				diagonal, row[j] = row[j], d
			}
		}
		return row[len(b)]
	}
	r := rand.New(rand.NewPCG(3, 4))
	word := func() []rune {
		s := make([]rune, r.IntN(12))
		for i := range s {
			s[i] = rune('a' + r.IntN(3))
		}
		return s
	}
	for range 20_000 {
		a, b, n := word(), word(), 1+r.IntN(8)
		require.Equal(t, min(whole(a, b), n), distance(a, b, n), "%s %s %d", string(a), string(b), n)
	}
}
