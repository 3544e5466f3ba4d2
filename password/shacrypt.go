package password

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// The crypt of Unix with SHA-256 ($5$) and SHA-512 ($6$), as Ulrich Drepper published it in 2007. It is here because much
// that is imported was hashed so, and because it is small, done, and comes with vectors.

const (
	cryptDefaultRounds = 5000
	cryptMinRounds     = 1000
	cryptMaxSalt       = 16
	cryptAlphabet      = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// The bytes of the digest in the order in which three at a time become four characters; -1 is no byte.
var (
	crypt256 = []int{0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29, -1, 31, 30}
	crypt512 = []int{0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8, 29, 9, 30, 51, 31, 52, 10,
		53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18, 39, 60, 40, 61, 19, 62, 20, 41, -1, -1, 63}
)

func parseSHACrypt(s string) (imported, error) {
	part := strings.Split(s, "$")
	digest, order, rounds := sha256.New, crypt256, cryptDefaultRounds
	if part[1] == "6" {
		digest, order = sha512.New, crypt512
	}
	if len(part) == 5 {
		if !spelled(part[2], "rounds=%d", &rounds) || rounds < cryptMinRounds || rounds > maxCryptWork {
			return nil, fmt.Errorf("password: the rounds of the crypt hash must be rounds=%d to %d", cryptMinRounds, maxCryptWork)
		}
		part = append(part[:2], part[3:]...)
	}
	if len(part) != 4 || len(part[2]) > cryptMaxSalt || strings.Trim(part[2]+part[3], cryptAlphabet) != "" {
		return nil, fmt.Errorf(errNotSpelled, "crypt", "$6$rounds=5000$salt$tag, with a salt of at most 16 letters and digits")
	}
	tag := cryptDecode(part[3], order)
	if tag == nil {
		return nil, errors.New("password: the tag of the crypt hash has another length, or loose bits")
	}
	salt := []byte(part[2])
	most := min(maxCryptBytes, 64*(maxCryptWork/rounds)) // each round hashes the password about once
	return derived{salt, tag, most, func(password string, salt []byte, _ int) ([]byte, error) {
		return shaCrypt(digest, []byte(password), salt, rounds), nil
	}}, nil
}

func shaCrypt(digest func() hash.Hash, password, salt []byte, rounds int) []byte {
	sum := func(parts ...[]byte) []byte {
		h := digest()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	fill := func(block []byte, size int) []byte { return bytes.Repeat(block, size/len(block)+1)[:size] }

	alternate := sum(password, salt, password)
	a := digest()
	a.Write(password)
	a.Write(salt)
	a.Write(fill(alternate, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write(alternate)
		} else {
			a.Write(password)
		}
	}
	state := a.Sum(nil)

	// This is quadratic in the password, which maxCryptBytes bounds.
	p := fill(sum(bytes.Repeat(password, len(password))), len(password))
	s := fill(sum(bytes.Repeat(salt, 16+int(state[0]))), len(salt))
	h := digest()
	for i := range rounds {
		first, last := state, p
		if i%2 == 1 {
			first, last = p, state
		}
		h.Reset()
		h.Write(first)
		if i%3 != 0 {
			h.Write(s)
		}
		if i%7 != 0 {
			h.Write(p)
		}
		h.Write(last)
		state = h.Sum(state[:0])
	}
	return state
}

// cryptDecode returns the digest that was written in the order, or nil.
func cryptDecode(s string, order []int) []byte {
	if len(s) != (8*countBytes(order)+5)/6 {
		return nil
	}
	tag := make([]byte, countBytes(order))
	for ; len(order) > 0; order = order[3:] {
		var bits, n uint
		for ; n < 4 && int(n) < len(s); n++ {
			bits |= uint(strings.IndexByte(cryptAlphabet, s[n])) << (6 * n)
		}
		s = s[n:]
		for i, at := range order[:3] {
			b := byte(bits >> (8 * (2 - i)))
			if at >= 0 {
				tag[at] = b
			} else if b != 0 {
				return nil // bits that stand for nothing: one hash in two spellings
			}
		}
	}
	return tag
}

func countBytes(order []int) (n int) {
	for _, at := range order {
		if at >= 0 {
			n++
		}
	}
	return n
}
