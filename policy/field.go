package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon/lockout"
)

// Field names a setting: its group and its name, as in the JSON form.
type Field string

// The settings there are. The word at the end says which of two values is stricter.
const (
	PasswordMinLength Field = "password.minLength" // characters; higher
	PasswordMaxLength Field = "password.maxLength" // characters; lower
	PasswordClasses   Field = "password.classes"   // of characters that must occur: letter, lower, upper, digit, symbol; more
	PasswordSequences Field = "password.sequences" // refuse runs such as abcdef, 123456, qwerty; yes
	PasswordRepeats   Field = "password.repeats"   // refuse runs of one character; yes
	PasswordCommon    Field = "password.common"    // refuse common ones; yes
	PasswordHistory   Field = "password.history"   // how many former ones are refused; higher
	PasswordChanged   Field = "password.changed"   // in how many characters it must differ from the last one; higher
	PasswordMinAge    Field = "password.minAge"    // before the owner may change it again, unless it must be changed; longer
	PasswordExpiry    Field = "password.expiry"    // days after which it must be changed; shorter
	PasswordNotice    Field = "password.notice"    // days before the expiry from which its owner is told; shorter, at most the expiry
	PasswordTemporary Field = "password.temporary" // life of one that must be changed at once; shorter

	LockoutFailures Field = "lockout.failures" // within the window that lock; lower
	LockoutWindow   Field = "lockout.window"   // how long a failure counts; longer
	LockoutDuration Field = "lockout.duration" // of a lock; longer
	LockoutDelay    Field = "lockout.delay"    // after the third failure, growing with each further one; longer
	LockoutUnlocks  Field = "lockout.unlocks"  // that are carried out in a day; lower
	LockoutRepeats  Field = "lockout.repeats"  // locks without a success in between, after which the next one holds until unlocked; lower
	LockoutDormant  Field = "lockout.dormant"  // days without a sign-in after which an account is held until unlocked; shorter

	SessionConcurrent Field = "session.concurrent" // sessions that one person may have at a time; lower
	SessionIdle       Field = "session.idle"       // after which a session ends; shorter, at most the absolute end
	SessionAbsolute   Field = "session.absolute"   // after which it ends, however busy; shorter

	SecondFactorRequired Field = "secondFactor.required" // yes
	SecondFactorMethods  Field = "secondFactor.methods"  // that are allowed; fewer

	VerificationClasses   Field = "verification.classes"   // that a customer's verification may reach; fewer
	VerificationFreshness Field = "verification.freshness" // how old a customer's proof may be; shorter
	VerificationAttempts  Field = "verification.attempts"  // guesses at one customer's code; lower
	VerificationBudget    Field = "verification.budget"    // of such guesses in 30 days; lower

	TokenAccess    Field = "token.access"    // life of a token without a customer; shorter
	TokenComposite Field = "token.composite" // life of a token that carries a customer; shorter
)

// spec is all that the machinery knows of a field. To add a setting, add a row.
type spec struct {
	field       Field
	title       string // for people
	kind        kind
	order       order
	least, most int64
	unit        int64    // of durations: seconds that they are a multiple of
	things      string   // of numbers: what is counted
	endless     string   // the word for no limit, if there may be none
	words       []string // of sets: the only names there are; nil: any
	standard    Value    // what holds if nobody in the tree sets it
}

const minute, hour = 60, 60 * 60 // seconds

// fields is in the order in which people read it. Bounds are such that any two values of fields that belong together go
// together, or the looser one gives way, see caps.
var fields = [...]spec{
	{field: PasswordMinLength, title: "minimum length", kind: number, order: higher, least: 8, most: 64, things: "characters", standard: Count(15)},
	{field: PasswordMaxLength, title: "maximum length", kind: number, order: lower, least: 64, most: 1024, things: "characters", standard: Count(256)},
	{field: PasswordClasses, title: "must contain", kind: set, order: all, words: []string{"letter", "lower", "upper", "digit", "symbol"}, standard: Names[string]()},
	{field: PasswordSequences, title: "refuse sequences", kind: yesNo, order: higher, standard: Flag(false)},
	{field: PasswordRepeats, title: "refuse repeated characters", kind: yesNo, order: higher, standard: Flag(false)},
	{field: PasswordCommon, title: "refuse common passwords", kind: yesNo, order: higher, standard: Flag(true)},
	{field: PasswordHistory, title: "refuse former passwords", kind: number, order: higher, most: 24, things: "passwords", standard: Count(0)},
	{field: PasswordChanged, title: "must differ in", kind: number, order: higher, most: 16, things: "characters", standard: Count(0)},
	{field: PasswordMinAge, title: "minimum age", kind: span, order: higher, most: day, unit: minute, standard: Span(0)},
	{field: PasswordExpiry, title: "expires after", kind: span, order: lower, least: day, most: 3650 * day, unit: day, endless: "never", standard: NoLimit()},
	{field: PasswordNotice, title: "notice before it expires", kind: span, order: lower, most: 90 * day, unit: day, standard: Days(14)},
	{field: PasswordTemporary, title: "a temporary one lasts", kind: span, order: lower, least: minute, most: 30 * day, unit: 1, standard: Days(1)},

	{field: LockoutFailures, title: "failures that lock", kind: number, order: lower, least: 1, most: 100, things: "failures", standard: Count(5)},
	{field: LockoutWindow, title: "a failure counts for", kind: span, order: higher, least: minute, most: 30 * day, unit: 1, standard: Span(15 * time.Minute)},
	{field: LockoutDuration, title: "a lock lasts", kind: span, order: higher, least: minute, most: 30 * day, unit: 1, endless: "until unlocked", standard: Span(30 * time.Minute)},
	{field: LockoutRepeats, title: "locks before one holds until unlocked", kind: number, order: lower, least: 1, most: 100, things: "locks", endless: "unlimited", standard: NoLimit()},
	{field: LockoutDelay, title: "wait after the third failure", kind: span, order: higher, most: hour, unit: 1, standard: Span(0)},
	{field: LockoutUnlocks, title: "unlocks in a day", kind: number, order: lower, least: 1, most: 100, things: "unlocks", standard: Count(lockout.DefaultUnlocks)},
	{field: LockoutDormant, title: "closes when unused for", kind: span, order: lower, least: 30 * day, most: 3650 * day, unit: day, endless: "never", standard: NoLimit()},

	{field: SessionConcurrent, title: "open at a time", kind: number, order: lower, least: 1, most: 64, things: "sessions", standard: Count(64)},
	{field: SessionIdle, title: "ends when idle for", kind: span, order: lower, least: minute, most: 30 * day, unit: 1, standard: Span(15 * time.Minute)},
	{field: SessionAbsolute, title: "ends after", kind: span, order: lower, least: minute, most: 30 * day, unit: 1, standard: Span(12 * time.Hour)},

	{field: SecondFactorRequired, title: "required", kind: yesNo, order: higher, standard: Flag(false)},
	{field: SecondFactorMethods, title: "allowed methods", kind: set, order: common, endless: "any", standard: NoLimit()},

	{field: VerificationClasses, title: "allowed classes", kind: set, order: common, endless: "any", standard: NoLimit()},
	{field: VerificationFreshness, title: "a proof counts for", kind: span, order: lower, least: minute, most: hour, unit: 1, standard: Span(time.Hour)},
	{field: VerificationAttempts, title: "guesses at a code", kind: number, order: lower, least: 1, most: 10, things: "attempts", standard: Count(5)},
	{field: VerificationBudget, title: "guesses in 30 days", kind: number, order: lower, least: 1, most: 100, things: "attempts", standard: Count(10)},

	{field: TokenAccess, title: "lasts without a customer", kind: span, order: lower, least: 30, most: hour, unit: 1, standard: Span(5 * time.Minute)},
	{field: TokenComposite, title: "lasts with a customer", kind: span, order: lower, least: 30, most: 5 * minute, unit: 1, standard: Span(5 * time.Minute)},
}

// caps holds pairs of durations of which the first never exceeds the second (C7): notice and expiry, idle and absolute.
// Of both the shorter is stricter, so cutting the first down never loosens.
var caps = [...][2]int{{place(PasswordNotice), place(PasswordExpiry)}, {place(SessionIdle), place(SessionAbsolute)}}

// place returns the row of a field, or -1.
func place(f Field) int {
	return slices.IndexFunc(fields[:], func(s spec) bool { return s.field == f })
}

const (
	maxNames = 32 // of a set
	maxName  = 64 // bytes of one
)

// wrong returns what is the matter with v as a value of the field, or "".
func (s *spec) wrong(v Value) string {
	if v.kind == endless && s.endless != "" {
		return ""
	}
	if v.kind != s.kind {
		return "must be " + s.form()
	}
	switch s.kind {
	case number, span:
		if v.n < s.least || v.n > s.most || s.kind == span && v.n%s.unit != 0 {
			return "must be " + s.form()
		}
	case set:
		return s.wrongNames(v)
	}
	return ""
}

func (s *spec) wrongNames(v Value) string {
	names := v.list()
	if len(names) > maxNames {
		return fmt.Sprintf("has %d names, at most %d are allowed", len(names), maxNames)
	}
	for _, n := range names {
		if n == "" || len(n) > maxName || !utf8.ValidString(n) || strings.ContainsFunc(n, hidden) {
			return fmt.Sprintf("has a name that is not 1 to %d bytes of visible text without quotes and backslashes", maxName)
		}
		if slices.Contains(reserved, n) { // an approver could not tell the one from the other
			return fmt.Sprintf("has the name %q, which reads like a setting without names; use another name", n)
		}
		if s.words != nil && !slices.Contains(s.words, n) {
			return fmt.Sprintf("has the name %q, must be %s", n, s.form())
		}
	}
	return ""
}

// reserved are the words that stand for a whole value, which no name may read like.
var reserved = func() []string {
	words := []string{noNames}
	for i := range fields {
		if w := fields[i].endless; w != "" {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}()

const noNames = "none" // how a set without names reads

func hidden(r rune) bool {
	return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == '"' || r == '\\'
}

// form says what a value of the field looks like in JSON, as in `a duration in days from "1d" to "3650d", or "never"`.
func (s *spec) form() string {
	var what string
	switch s.kind {
	case number:
		what = fmt.Sprintf("a number of %s from %d to %d", s.things, s.least, s.most)
	case span:
		units := map[int64]string{day: "days", minute: "minutes"}[s.unit]
		if units == "" {
			units = "days, hours, minutes and seconds"
		}
		what = fmt.Sprintf("a duration in %s from %q to %q", units, s.plain(s.least), s.plain(s.most))
	case yesNo:
		what = "true or false"
	case set:
		what = "a list of names"
		if s.words != nil {
			what = "a list of " + strings.Join(s.words, ", ")
		}
	}
	if s.endless != "" {
		what += fmt.Sprintf(", or %q", s.endless)
	}
	return what
}

// plain writes seconds in the units of the field.
func (s *spec) plain(seconds int64) string {
	switch {
	case s.unit == day && seconds%day == 0:
		return fmt.Sprintf("%dd", seconds/day)
	case s.unit == minute && seconds == 0:
		return "0m"
	}
	return formatSpan(seconds)
}

// text returns a value of the field as a person reads it.
func (s *spec) text(v Value) string {
	switch {
	case v.kind == endless:
		return s.endless
	case v.kind == number && v.n == 1:
		return "1 " + strings.TrimSuffix(s.things, "s")
	case v.kind == number:
		return fmt.Sprintf("%d %s", v.n, s.things)
	case v.kind == span:
		return s.plain(v.n)
	case v.kind == yesNo:
		return map[int64]string{0: "no", 1: "yes"}[v.n]
	case v.kind == set && v.names == "":
		return noNames
	}
	return strings.Join(v.list(), ", ")
}

// spoken returns a value of the field in words, for people who do not read the files.
func (s *spec) spoken(v Value) string {
	switch {
	case v.n == 0 && (v.kind == number || v.kind == span):
		return "none"
	case v.kind != span:
		return s.text(v)
	}
	var all []string
	rest := v.n
	for _, u := range spanUnits {
		if n := rest / u.seconds; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, either(n == 1, u.word, u.word+"s")))
			rest %= u.seconds
		}
	}
	return strings.Join(all, " ")
}
