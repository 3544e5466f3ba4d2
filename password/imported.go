package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// imported is a hash of a kind that other systems write. We verify it, at the cost that it was made with, and write none.
type imported interface {
	takes(password string) bool   // the whole of it; else it is refused and not shortened (PW-03)
	matches(password string) bool // in constant time; only for what it takes
}

// kinds reads the stored hashes that others wrote, by what stands between the first two dollars. Each reader accepts one
// spelling of a hash, and none whose cost is out of bounds.
var kinds = map[string]func(encoded string) (imported, error){
	"2a": parseBcrypt, "2b": parseBcrypt, "2y": parseBcrypt, // not 2x: its authors hashed only part of some passwords
	"scrypt":        parseScrypt,
	"pbkdf2-sha256": parsePBKDF2,
	"pbkdf2-sha512": parsePBKDF2,
	"pbkdf2_sha256": parseDjango,
	"5":             parseSHACrypt,
	"6":             parseSHACrypt,
}

// errNotSpelled is a format string, so that each kind names itself and none repeats the hash.
const errNotSpelled = "password: the %s hash is not spelled canonically, as in %s"

// noNUL refuses what these kinds cannot tell apart: in C a NUL ends a password, HMAC takes "a" and "a\x00" for one key, and
// bcrypt takes "a" and "a\x00a" for one.
func noNUL(password string) bool { return strings.IndexByte(password, 0) < 0 }

type bcryptHash []byte

func parseBcrypt(s string) (imported, error) {
	const form = "$2b$10$ and 53 characters"
	var minor rune
	var cost int
	var rest string
	if _, err := fmt.Sscanf(s, "$2%c$%2d$%s", &minor, &cost, &rest); err != nil || len(rest) != 53 ||
		s != fmt.Sprintf("$2%c$%02d$%s", minor, cost, rest) {
		return nil, fmt.Errorf(errNotSpelled, "bcrypt", form)
	}
	if cost < bcrypt.MinCost || cost > maxBcryptCost {
		return nil, fmt.Errorf("password: the cost of the bcrypt hash is %d, must be %d to %d", cost, bcrypt.MinCost, maxBcryptCost)
	}
	for _, part := range []string{rest[:22], rest[22:]} {
		if b, err := bcryptBase64.DecodeString(part); err != nil || bcryptBase64.EncodeToString(b) != part {
			return nil, fmt.Errorf(errNotSpelled, "bcrypt", form)
		}
	}
	return bcryptHash(s), nil
}

var bcryptBase64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

func (bcryptHash) takes(password string) bool { return len(password) <= 72 && noNUL(password) }

func (b bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword(b, []byte(password)) == nil
}

// derived is a hash whose tag we compute ourselves.
type derived struct {
	salt, tag []byte
	most      int // bytes of a password
	derive    func(password string, salt []byte, size int) ([]byte, error)
}

func (d derived) takes(password string) bool { return len(password) <= d.most && noNUL(password) }

func (d derived) matches(password string) bool {
	tag, err := d.derive(password, d.salt, len(d.tag))
	return err == nil && subtle.ConstantTimeCompare(tag, d.tag) == 1
}

// bounded returns the hash if salt and tag have a size that can be meant.
func (d derived) bounded(kind string) (imported, error) {
	if len(d.salt) < 1 || len(d.salt) > maxSaltSize || len(d.tag) < minTagSize || len(d.tag) > maxTagSize {
		return nil, fmt.Errorf("password: the %s hash has a salt of %d bytes and a tag of %d, must have 1 to %d and %d to %d",
			kind, len(d.salt), len(d.tag), maxSaltSize, minTagSize, maxTagSize)
	}
	return d, nil
}

func parseScrypt(s string) (imported, error) {
	var ln, r, p int
	part := strings.Split(s, "$")
	if len(part) != 5 {
		return nil, fmt.Errorf(errNotSpelled, "scrypt", "$scrypt$ln=17,r=8,p=1$salt$tag")
	}
	if _, err := fmt.Sscanf(part[2], "ln=%d,r=%d,p=%d", &ln, &r, &p); err != nil || part[2] != fmt.Sprintf("ln=%d,r=%d,p=%d", ln, r, p) {
		return nil, fmt.Errorf(errNotSpelled, "scrypt", "$scrypt$ln=17,r=8,p=1$salt$tag")
	}
	if ln < 1 || ln > 18 || r < 1 || r > 32 || p < 1 || p > 16 || p*r<<ln > maxScryptWork {
		return nil, fmt.Errorf("password: the cost of the scrypt hash, ln=%d,r=%d,p=%d, is out of bounds: 256 MiB in all", ln, r, p)
	}
	salt, tag, err := decode(base64.RawStdEncoding, part[3], part[4])
	if err != nil {
		return nil, err
	}
	return derived{salt, tag, MaxBytes, func(password string, salt []byte, size int) ([]byte, error) {
		return scrypt.Key([]byte(password), salt, 1<<ln, r, p, size)
	}}.bounded("scrypt")
}

// parsePBKDF2 reads the two forms there are: $pbkdf2-sha256$i=600000,l=32$salt$tag, and the older one of passlib,
// $pbkdf2-sha256$600000$salt$tag, whose base64 has a full stop for the plus sign.
func parsePBKDF2(s string) (imported, error) {
	const form = "$pbkdf2-sha256$i=600000,l=32$salt$tag"
	part := strings.Split(s, "$")
	if len(part) != 5 {
		return nil, fmt.Errorf(errNotSpelled, "PBKDF2", form)
	}
	var rounds, size int
	b64 := base64.RawStdEncoding
	switch cost := part[2]; {
	case spelled(cost, "i=%d,l=%d", &rounds, &size), spelled(cost, "i=%d", &rounds):
	case spelled(cost, "%d", &rounds):
		b64 = passlibBase64
	default:
		return nil, fmt.Errorf(errNotSpelled, "PBKDF2", form)
	}
	salt, tag, err := decode(b64, part[3], part[4])
	if err != nil {
		return nil, err
	}
	if size != 0 && size != len(tag) {
		return nil, errors.New("password: the tag of the PBKDF2 hash has another length than it says")
	}
	return newPBKDF2(part[1], rounds, salt, tag)
}

var passlibBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").WithPadding(base64.NoPadding)

// parseDjango reads pbkdf2_sha256$600000$salt$tag, in which the salt is the text itself.
func parseDjango(s string) (imported, error) {
	const form = "pbkdf2_sha256$600000$salt$tag"
	part := strings.Split(s, "$")
	var rounds int
	if len(part) != 4 || !spelled(part[1], "%d", &rounds) {
		return nil, fmt.Errorf(errNotSpelled, "Django", form)
	}
	_, tag, err := decode(base64.StdEncoding, "", part[3])
	if err != nil {
		return nil, err
	}
	return newPBKDF2("pbkdf2-sha256", rounds, []byte(part[2]), tag)
}

func newPBKDF2(kind string, rounds int, salt, tag []byte) (imported, error) {
	digest, width := func() hash.Hash { return sha256.New() }, sha256.Size
	if kind == "pbkdf2-sha512" {
		digest, width = func() hash.Hash { return sha512.New() }, sha512.Size
	}
	if blocks := (len(tag) + width - 1) / width; rounds < 1 || rounds > maxPBKDF2Rounds/max(blocks, 1) {
		return nil, fmt.Errorf("password: the PBKDF2 hash has %d rounds, must have 1 to %d for a tag of one block", rounds, maxPBKDF2Rounds)
	}
	return derived{salt, tag, MaxBytes, func(password string, salt []byte, size int) ([]byte, error) {
		return pbkdf2.Key(digest, password, salt, rounds, size)
	}}.bounded("PBKDF2")
}

// spelled reads numbers in a format, and reports whether they were written in the one way that we would write them.
func spelled(s, format string, numbers ...*int) bool {
	into, values := make([]any, len(numbers)), make([]any, len(numbers))
	for i, n := range numbers {
		*n = 0
		into[i] = n
	}
	if _, err := fmt.Sscanf(s, format, into...); err != nil {
		return false
	}
	for i, n := range numbers {
		values[i] = *n
	}
	return fmt.Sprintf(format, values...) == s
}

func decode(b64 *base64.Encoding, salt, tag string) ([]byte, []byte, error) {
	s, err := b64.DecodeString(salt)
	if err != nil || b64.EncodeToString(s) != salt {
		return nil, nil, errors.New("password: the salt of the hash is not base64 in its one spelling")
	}
	t, err := b64.DecodeString(tag)
	if err != nil || b64.EncodeToString(t) != tag {
		return nil, nil, errors.New("password: the tag of the hash is not base64 in its one spelling")
	}
	return s, t, nil
}
