package password

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Policy says which new passwords to refuse, and how long they last. It is plain data: the zero value of each field is
// that of [Default], or asks for nothing. [NIST] and its like are ready ones.
type Policy struct {
	MinLength int // in Unicode code points after NFC, 8 or more; 15 where the password is the only factor
	MaxLength int // in the same, 64 to 1024

	Classes     Classes // that must occur; demanding any makes passwords worse (NIST SP 800-63B-4 3.1.1.2)
	Sequences   bool    // refuse runs in an alphabet, the digits or on a keyboard: abcdefg, 654321, qwerty
	Repeats     bool    // refuse one character many times in a row, and one piece over and over
	AllowCommon bool    // do not compare with the list of the 30,000 most common ones

	History    int           // how many of the last ones are refused, the present one included, up to 24; their hashes are kept
	MinChanged int           // characters in which it must differ from the present one, up to 16; where that was typed just now
	MinAge     time.Duration // before the owner may change it again, up to a day, unless it must be changed

	Expiry        time.Duration // after which it must be changed; 0 is never, a change on suspicion apart
	Notice        time.Duration // before the expiry, from which on its owner is told; at most the Expiry
	TemporaryLife time.Duration // of a password that must be changed at once; a day
}

// Default returns the policy for passwords that are the only factor: 15 to 256 characters, none of the common ones.
func Default() Policy {
	return Policy{MinLength: defaultMinLength, MaxLength: defaultMaxLength, TemporaryLife: day}
}

// Validate reports every field that is out of bounds, all in one error.
func (p Policy) Validate() error {
	p = p.orDefault()
	var bad []string
	wrong := func(is bool, format string, args ...any) {
		if is {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	wrong(p.MinLength < leastMinLength || p.MinLength > p.MaxLength,
		"MinLength is %d, must be %d to MaxLength, which is %d", p.MinLength, leastMinLength, p.MaxLength)
	wrong(p.MaxLength < leastMaxLength || p.MaxLength > mostMaxLength, "MaxLength is %d, must be %d to %d", p.MaxLength, leastMaxLength, mostMaxLength)
	wrong(p.Classes > allClasses, "Classes has a bit that is no class")
	wrong(p.History < 0 || p.History > mostHistory, "History is %d, must be 0 to %d", p.History, mostHistory)
	wrong(p.MinChanged < 0 || p.MinChanged > mostChanged, "MinChanged is %d, must be 0 to %d", p.MinChanged, mostChanged)
	wrong(p.MinAge < 0 || p.MinAge > day, "MinAge is %v, must be 0 to 24h", p.MinAge)
	wrong(p.Expiry != 0 && (p.Expiry < day || p.Expiry > mostExpiry), "Expiry is %v, must be 24h to 3650 days, or 0 for never", p.Expiry)
	wrong(p.Notice < 0 || p.Notice > p.Expiry, "Notice is %v, must be 0 to Expiry, which is %v", p.Notice, p.Expiry) // C7
	wrong(p.TemporaryLife < 0 || p.TemporaryLife > mostTemporary, "TemporaryLife is %v, must be above 0 and at most 30 days", p.TemporaryLife)
	if bad == nil {
		return nil
	}
	return errors.New("password: Policy." + strings.Join(bad, "; Policy."))
}

func (p Policy) orDefault() Policy {
	if p.MinLength == 0 {
		p.MinLength = defaultMinLength
	}
	if p.MaxLength == 0 {
		p.MaxLength = defaultMaxLength
	}
	if p.TemporaryLife == 0 {
		p.TemporaryLife = day
	}
	return p
}
