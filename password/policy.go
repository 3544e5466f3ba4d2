package password

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Policy says which new passwords to refuse. Its zero fields are those of [Default]. It demands no classes of characters
// and no regular change: both make passwords worse (NIST SP 800-63B-4 3.1.1.2).
type Policy struct {
	MinLength int // in Unicode code points after NFC, 8 or more; 15 where the password is the only factor
	MaxLength int // in the same, 64 to 1024
}

// Default returns the policy for passwords that are the only factor: 15 to 256 characters.
func Default() Policy { return Policy{MinLength: defaultMinLength, MaxLength: defaultMaxLength} }

// Validate reports every field that is out of bounds, all in one error.
func (p Policy) Validate() error {
	p = p.orDefault()
	var bad []string
	if p.MinLength < leastMinLength || p.MinLength > p.MaxLength {
		bad = append(bad, fmt.Sprintf("MinLength is %d, must be %d to MaxLength, which is %d", p.MinLength, leastMinLength, p.MaxLength))
	}
	if p.MaxLength < leastMaxLength || p.MaxLength > mostMaxLength {
		bad = append(bad, fmt.Sprintf("MaxLength is %d, must be %d to %d", p.MaxLength, leastMaxLength, mostMaxLength))
	}
	if bad == nil {
		return nil
	}
	return errors.New("password: Policy." + strings.Join(bad, "; Policy."))
}

// Rule names what a [Violation] breaks. The names are stable; more will come.
type Rule string

// The rules there are.
const (
	RuleMinLength Rule = "min-length"
	RuleMaxLength Rule = "max-length"
	RuleEncoding  Rule = "encoding" // not valid UTF-8
)

// Violation is one broken rule.
type Violation struct {
	Rule   Rule
	Advice string // what to do about it, for a person; never contains the password
}

// Violations is the error of [Policy.Check]: every broken rule at once. Reach it with errors.As.
type Violations []Violation

// Error returns all the advice.
func (v Violations) Error() string {
	advice := make([]string, len(v))
	for i, one := range v {
		advice[i] = one.Advice
	}
	return "password: " + strings.Join(advice, "; ")
}

// Check returns nil for a new password that breaks no rule, and [Violations] for any other. It compares with nothing
// stored and takes no slot.
func (p Policy) Check(password string) error {
	p = p.orDefault()
	if errors.Is(Usable(password), ErrEncoding) {
		return Violations{{RuleEncoding, "use a keyboard or program that sends UTF-8"}}
	}
	var v Violations
	length := p.MaxLength + 1 // of what is not even counted
	if len(password) <= MaxBytes {
		length = utf8.RuneCountInString(normal(password))
	}
	if length < p.MinLength {
		v = append(v, Violation{RuleMinLength, fmt.Sprintf("use at least %d characters; a few words that do not belong together are easy to remember", p.MinLength)})
	}
	if length > p.MaxLength {
		v = append(v, Violation{RuleMaxLength, fmt.Sprintf("use at most %d characters", p.MaxLength)})
	}
	if v == nil {
		return nil // not v: a nil slice in an error is not nil
	}
	return v
}

func (p Policy) orDefault() Policy {
	if p.MinLength == 0 {
		p.MinLength = defaultMinLength
	}
	if p.MaxLength == 0 {
		p.MaxLength = defaultMaxLength
	}
	return p
}
