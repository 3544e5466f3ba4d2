package password

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// About is what is known of whoever wants a password, and makes some of them easy to guess.
type About struct {
	// Words are the login, the name, account and telephone numbers, and the names of the service and the business. A
	// password that is made of them is refused: in any case and order, backwards, with digits or signs for letters, and
	// with more of those in between and around (NIST SP 800-63B-4 3.1.1.2, 47 CFR 64.2010(e)). One that has such a word
	// in it and much else is not.
	Words []string
	// Previous is the password that this one replaces, if it was typed just now; else "".
	Previous string
}

// Format prints REDACTED, whatever the verb.
func (a About) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText refuses: it may have a password in it.
func (a About) MarshalText() ([]byte, error) { return nil, errNoText }

var errNoText = errors.New("password: what a password is judged by does not marshal")

// LogValue logs REDACTED.
func (a About) LogValue() slog.Value { return slog.StringValue(redacted) }

const (
	maxWords    = 64  // that are looked at, and parts of them
	maxWordSize = 256 // bytes of one
	minWord     = 3   // characters; "li" is in too much
	minNumber   = 4   // digits of a number that are enough to give it away
	endOfNumber = 7   // digits at its end that are the number without what is dialled before
)

// obvious reports whether a password is made of the words.
func (a About) obvious(password string) bool {
	if len(a.Words) == 0 || password == "" {
		return false
	}
	typed := plain(make([]rune, 0, 64), password)
	digits := onlyDigits(typed)
	var all [128]rune
	words := make([][]rune, 0, 32)
	text := all[:0]
	for _, word := range a.Words[:min(len(a.Words), maxWords)] {
		start, part := len(text), len(text)
		add := func(word []rune) bool {
			if len(word) >= minWord && len(words) < 2*maxWords {
				words = append(words, word)
			}
			return digits != nil && tells(onlyDigits(word), digits)
		}
		for _, r := range plain(make([]rune, 0, 64), word[:min(len(word), maxWordSize)]) {
			if letterOrDigit(r) {
				text = append(text, r)
				continue
			}
			if r == '\'' || r == '’' { // within a name
				continue
			}
			if add(text[part:]) {
				return true
			}
			part = len(text)
		}
		if add(text[part:]) || start < part && add(text[start:]) { // the parts, and the whole without what is between
			return true
		}
	}
	return madeOf(typed, words)
}

// tells reports whether digits give away a number: they are a piece of it, or all of its end is in them.
func tells(number, digits []rune) bool {
	return len(digits) >= minNumber && contains(number, digits) ||
		len(number) >= endOfNumber && contains(digits, number[len(number)-endOfNumber:])
}

// madeOf reports whether words, either way round, are at least half of what was typed, and the rest of it no letters.
func madeOf(typed []rune, words [][]rune) bool {
	covered := make([]int, len(typed)+1) // the most characters of words among the first i, plus one; 0 if that is not so
	covered[0] = 1
	for i, r := range typed {
		if covered[i] == 0 {
			continue
		}
		if !unicode.IsLetter(r) {
			covered[i+1] = max(covered[i+1], covered[i])
		}
		for _, w := range words {
			if end := i + len(w); end <= len(typed) && reads(typed[i:end], w) {
				covered[end] = max(covered[end], covered[i]+len(w))
			}
		}
	}
	return 2*(covered[len(typed)]-1) >= len(typed)
}

// reads reports whether a word can be read in what was typed, forwards or backwards.
func reads(typed, word []rune) bool {
	forwards, backwards := true, true
	for i, r := range typed {
		r = lookalike(r)
		forwards = forwards && r == lookalike(word[i])
		backwards = backwards && r == lookalike(word[len(word)-1-i])
		if !forwards && !backwards {
			return false
		}
	}
	return true
}

// plain appends the characters of s without case, accents and what is not UTF-8.
func plain(to []rune, s string) []rune {
	for _, r := range s {
		if r >= utf8.RuneSelf {
			s = norm.NFD.String(strings.ToValidUTF8(s, ""))
			break
		}
	}
	for _, r := range s {
		if r < utf8.RuneSelf || !unicode.Is(unicode.Mn, r) {
			to = append(to, unicode.ToLower(r))
		}
	}
	return to
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// lookalike makes one of what is read alike: 4dm1n and admin.
func lookalike(r rune) rune {
	if r < utf8.RuneSelf && lookalikes[r] != 0 {
		return rune(lookalikes[r])
	}
	return r
}

var lookalikes = [utf8.RuneSelf]byte{'0': 'o', '1': 'i', '!': 'i', '|': 'i', 'l': 'i', '2': 'z', '3': 'e', '4': 'a', '@': 'a', '5': 's',
	'$': 's', '7': 't', '+': 't', '8': 'b', '9': 'g'}

// onlyDigits returns the digits, or nil if there are letters.
func onlyDigits(s []rune) []rune {
	if slices.ContainsFunc(s, unicode.IsLetter) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s), func(r rune) bool { return !unicode.IsDigit(r) })
}

func contains(s, part []rune) bool { return strings.Contains(string(s), string(part)) }

// similar reports whether fewer than n characters must be put in, taken out or replaced to get from one password to the
// other, in either direction of reading.
func similar(a, b []rune, n int) bool {
	a, b = skeleton(a), skeleton(b)
	if distance(a, b, n) < n {
		return true
	}
	slices.Reverse(b)
	return distance(a, b, n) < n
}

func skeleton(s []rune) []rune {
	s = plain(nil, string(s))
	for i, r := range s {
		s[i] = lookalike(r)
	}
	return s
}

// distance is the edit distance, or n if it is n or more. It looks at a band of that width only, so that its work grows
// with the length and not with its square.
func distance(a, b []rune, n int) int {
	if len(a)-len(b) >= n || len(b)-len(a) >= n {
		return n
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = min(j, n)
	}
	for i := 1; i <= len(a); i++ {
		from, to := max(1, i-n), min(len(b), i+n)
		diagonal := row[from-1]
		row[from-1] = n // left of the band
		if from == 1 {
			row[0] = min(i, n)
		}
		for j := from; j <= to; j++ {
			best := diagonal
			if a[i-1] != b[j-1] {
				best = min(diagonal, row[j-1], row[j]) + 1
			}
			diagonal, row[j] = row[j], min(best, n)
		}
	}
	return row[len(b)]
}
