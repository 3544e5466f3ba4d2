package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Hash is a password in its stored form, a PHC string such as $argon2id$v=19$m=19456,t=2,p=1$salt$tag, or that string under
// a [Pepper]. The zero Hash matches no password. A Hash does not print, log or marshal; [Hash.Reveal] is for the store
// alone.
type Hash struct {
	// In a closure: %+v and its like follow unexported fields of an outer struct and ask no method.
	stored func() stored
}

// stored is a stored string taken apart.
type stored struct {
	encoded string
	ident   string // what stands between the first two dollars

	cost      Cost // of argon2id
	salt, tag []byte
	imported  imported // of the other kinds that we know
	sealed    sealed   // of pepper
}

const (
	argon2id = "argon2id"
	django   = "pbkdf2_sha256" // the one kind that does not begin with a dollar
)

// ParseHash reads an Argon2id hash that [Hash.Reveal] returned, or that another program wrote in the same format, with
// base64 in the standard alphabet and without padding; and what other systems stored: bcrypt ($2a$, $2b$, $2y$), scrypt,
// PBKDF2 ($pbkdf2-sha256$, $pbkdf2-sha512$, and Django's), and the crypt of Unix with SHA-2 ($5$, $6$). Those are verified
// and never written. The spelling must be canonical and the cost within bounds, so that a forged record cannot exhaust
// memory or time. The error does not repeat the hash. For further kinds see [Hasher.Parse].
func ParseHash(s string) (Hash, error) {
	ident, err := identOf(s)
	if err != nil {
		return Hash{}, err
	}
	if parse := kinds[ident]; parse != nil {
		is, err := parse(s)
		if err != nil {
			return Hash{}, err
		}
		return hashOf(stored{encoded: s, ident: ident, imported: is}), nil
	}
	if ident != argon2id {
		return Hash{}, fmt.Errorf("password: a hash of kind %q needs a Scheme of that name in Options.Schemes", ident)
	}
	return parseArgon2(s)
}

func parseArgon2(s string) (_ Hash, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 {
		return Hash{}, errors.New("password: an argon2id hash has five parts: $argon2id$v=19$m=,t=,p=$salt$tag")
	}
	h := stored{encoded: s, ident: argon2id}
	if h.cost, err = parseCost(part[3]); err != nil {
		return Hash{}, err
	}
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return Hash{}, errors.New("password: the salt of the argon2id hash is not base64 without padding")
	}
	if h.tag, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil {
		return Hash{}, errors.New("password: the tag of the argon2id hash is not base64 without padding")
	}
	switch {
	case len(h.salt) < minSaltSize || len(h.salt) > maxSaltSize:
		return Hash{}, fmt.Errorf("password: the salt of the argon2id hash has %d bytes, must have %d to %d", len(h.salt), minSaltSize, maxSaltSize)
	case len(h.tag) < minTagSize || len(h.tag) > maxTagSize:
		return Hash{}, fmt.Errorf("password: the tag of the argon2id hash has %d bytes, must have %d to %d", len(h.tag), minTagSize, maxTagSize)
	case encode(h.cost, h.salt, h.tag) != s: // leading zeros, loose bits, line breaks, another version
		return Hash{}, errors.New("password: the argon2id hash is not spelled canonically, or not of version 19")
	}
	return hashOf(h), nil
}

// Reveal returns the stored form, for the store and nothing else; "" for the zero Hash.
func (h Hash) Reveal() string { return h.open().encoded }

// IsZero reports whether this is the Hash that matches nothing.
func (h Hash) IsZero() bool { return h.stored == nil }

// Format prints REDACTED, whatever the verb.
func (h Hash) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs REDACTED.
func (h Hash) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses, and so does everything that is built on it; use [Hash.Reveal].
func (h Hash) MarshalText() ([]byte, error) {
	return nil, errors.New("password: a Hash does not marshal; store what Reveal returns")
}

const redacted = "REDACTED"

func hashOf(s stored) Hash { return Hash{func() stored { return s }} }

func (h Hash) open() stored {
	if h.stored == nil {
		return stored{}
	}
	return h.stored()
}

// identOf returns the kind of a stored hash, after the checks that hold for every kind.
func identOf(s string) (string, error) {
	if len(s) > maxEncoded {
		return "", fmt.Errorf("password: a stored hash has at most %d bytes", maxEncoded)
	}
	if strings.HasPrefix(s, django+"$") {
		return django, nil
	}
	ident, _, found := strings.Cut(strings.TrimPrefix(s, "$"), "$")
	if !found || s[0] != '$' || !isIdent(ident) {
		return "", errors.New("password: a stored hash begins with $kind$, such as $argon2id$")
	}
	return ident, nil
}

func isIdent(s string) bool {
	foreign := func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, foreign)
}

func parseCost(s string) (c Cost, err error) {
	if _, err = fmt.Sscanf(s, "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Lanes); err != nil {
		return Cost{}, errors.New("password: the cost of the argon2id hash is not m=,t=,p= in numbers")
	}
	return c, c.bounded()
}

func encode(c Cost, salt, tag []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", c.Memory, c.Passes, c.Lanes, b64.EncodeToString(salt), b64.EncodeToString(tag))
}
