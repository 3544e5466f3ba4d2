package password

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// unmistakable are the characters of generated passwords: none that is taken for another when it is read out or copied.
const unmistakable = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

const generatedLength = 20 // characters, 116 bits

// Generate draws a password that breaks no rule of the policy: 20 characters without a sign, or as many as it demands. It
// is for a temporary password, and for services without a keyboard. r is the source of randomness, crypto/rand in
// earnest.
func (p Policy) Generate(r io.Reader) (string, error) {
	p = p.orDefault()
	const signs = "-._~+="
	for range 100 { // a fifth of them has no digit or so
		s, err := draw(r, unmistakable, max(generatedLength, p.MinLength))
		if err != nil {
			return "", err
		}
		if p.Classes&Symbol != 0 {
			i, err := draw(r, signs, 1)
			if err != nil {
				return "", err
			}
			s = s[:len(s)/2] + i + s[len(s)/2+1:]
		}
		if p.Check(s) == nil {
			return s, nil
		}
	}
	return "", errors.New("password: no generated password keeps to this Policy; is the source of randomness one?")
}

// GenerateLogin draws a login that nobody has and nobody guesses, for services without a keyboard: the prefix, a hyphen
// and 26 small letters and digits, 130 bits.
func GenerateLogin(r io.Reader, prefix string) (string, error) {
	s, err := draw(r, "abcdefghijkmnpqrstuvwxyz23456789", 26)
	if err != nil || prefix == "" {
		return s, err
	}
	return prefix + "-" + s, nil
}

// draw returns n characters of the alphabet, each as likely as the others.
func draw(r io.Reader, alphabet string, n int) (string, error) {
	var out strings.Builder
	fair := 256 - 256%len(alphabet)
	for b := [1]byte{}; out.Len() < n; {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", fmt.Errorf("password: no randomness to generate from: %w", err)
		}
		if int(b[0]) < fair {
			out.WriteByte(alphabet[int(b[0])%len(alphabet)])
		}
	}
	return out.String(), nil
}
