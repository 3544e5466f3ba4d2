package password

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Rule names what a [Violation] breaks. The names are stable; more may come.
type Rule string

// The rules there are.
const (
	RuleMinLength Rule = "min-length"
	RuleMaxLength Rule = "max-length"
	RuleEncoding  Rule = "encoding" // not valid UTF-8
	RuleClasses   Rule = "classes"  // a class of characters is missing
	RuleSequence  Rule = "sequence" // neighbours in an alphabet, the digits or on a keyboard
	RuleRepeats   Rule = "repeats"
	RuleCommon    Rule = "common"
	RuleListed    Rule = "listed"  // by a Source
	RuleObvious   Rule = "obvious" // made of the person's own names and numbers
	RuleSimilar   Rule = "similar" // to the present one
	RuleHistory   Rule = "history" // used before
	RuleMinAge    Rule = "min-age" // changed too lately
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

// orNil returns the error, if there is one: a nil slice in an error is not nil.
func (v Violations) orNil() error {
	if v == nil {
		return nil
	}
	return v
}

// Classes are classes of characters, in any script, as in Upper|Lower|Digit.
type Classes uint8

// The classes. A blank is a Symbol.
const (
	Letter Classes = 1 << iota
	Lower
	Upper
	Digit
	Symbol

	allClasses Classes = 1<<iota - 1
)

var classNames = [...]struct {
	class Classes
	name  string
	a     string
}{
	{Letter, "letter", "a letter"}, {Lower, "lower", "a small letter"}, {Upper, "upper", "a capital letter"},
	{Digit, "digit", "a digit"}, {Symbol, "symbol", "a sign such as a full stop or a blank"},
}

// String returns the names, such as "lower digit", and "none" for none.
func (c Classes) String() string {
	var names []string
	for _, n := range classNames {
		if c&n.class != 0 {
			names = append(names, n.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " ")
}

// ParseClasses returns the classes of these names: letter, lower, upper, digit, symbol.
func ParseClasses(names ...string) (Classes, error) {
	var c Classes
next:
	for _, name := range names {
		for _, n := range classNames {
			if n.name == name {
				c |= n.class
				continue next
			}
		}
		return 0, fmt.Errorf("password: no class is named %q; there are %v", name, allClasses)
	}
	return c, nil
}

func classesOf(password []rune) (c Classes) {
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			c |= Letter | Upper
		case unicode.IsLower(r):
			c |= Letter | Lower
		case unicode.IsLetter(r):
			c |= Letter
		case unicode.IsDigit(r):
			c |= Digit
		case unicode.IsPunct(r), unicode.IsSymbol(r), unicode.IsSpace(r):
			c |= Symbol
		}
	}
	return c
}

// Check returns nil for a new password that breaks no rule, and [Violations] for any other. It knows nothing of who wants
// it: see [Policy.CheckFor].
func (p Policy) Check(password string) error { return p.CheckFor(password, About{}) }

// CheckFor is [Policy.Check] with what is known about the person. It is pure, takes no slot, and compares with nothing
// stored: the history and a [Source] are for [Policy.Change].
func (p Policy) CheckFor(password string, who About) error {
	return p.orDefault().check(password, who).orNil()
}

func (p Policy) check(password string, who About) (v Violations) {
	broken := func(is bool, r Rule, format string, args ...any) {
		if is {
			v = append(v, Violation{r, fmt.Sprintf(format, args...)})
		}
	}
	if errors.Is(Usable(password), ErrEncoding) {
		broken(true, RuleEncoding, "use a keyboard or program that sends UTF-8")
		return v
	}
	length := p.MaxLength + 1 // of what is not even counted
	var runes []rune
	if len(password) <= MaxBytes {
		password = normal(password)
		runes = []rune(password)
		length = len(runes)
	}
	if length > p.MaxLength { // nor looked at: the work must not grow with what a stranger sends
		broken(true, RuleMaxLength, "use at most %d characters", p.MaxLength)
		return v
	}
	broken(length < p.MinLength, RuleMinLength, "use at least %d characters; a few words that do not belong together are easy to remember", p.MinLength)
	if p.Classes != 0 {
		if missing := p.Classes &^ classesOf(runes); missing != 0 {
			broken(true, RuleClasses, "add %s", missing.advice())
		}
	}
	broken(p.Sequences && sequence(runes), RuleSequence, "do not use neighbours in the alphabet or on the keyboard, such as abcdefg, 123456 or qwerty, in either direction")
	broken(p.Repeats && repetition(runes), RuleRepeats, "do not repeat one character or one piece over and over")
	broken(!p.AllowCommon && common(password), RuleCommon, "choose another; this one is among those that are tried first")
	broken(who.obvious(password), RuleObvious, "do not make it of your name, login or numbers, or of our name, whatever is put around them")
	if who.Previous != "" && Usable(who.Previous) == nil {
		previous := normal(who.Previous)
		same := previous == password
		used := same && (p.History > 0 || p.MinChanged == 0) // a change changes something, also without a history
		broken(used, RuleHistory, "choose one that you have not used before")
		broken(!used && p.MinChanged > 0 && similar(runes, []rune(previous), p.MinChanged), RuleSimilar,
			"choose one that differs from the present one in at least %d characters", p.MinChanged)
	}
	return v
}

// advice names what is missing, for a person.
func (c Classes) advice() string {
	if c&(Lower|Upper) != 0 {
		c &^= Letter // which either brings along
	}
	var names []string
	for _, n := range classNames {
		if c&n.class != 0 {
			names = append(names, n.a)
		}
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}
