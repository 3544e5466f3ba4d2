package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is what a setting is set to: a number, a duration in whole seconds, yes or no, or a set of names. Whether it fits
// a [Field] shows when it is used. Values are immutable and compare with ==. The zero Value fits no field.
type Value struct {
	kind  kind
	n     int64  // a number, seconds, 0 or 1; of no limit more than any other
	names string // of a set: in order, each once, apart by NUL
}

type kind uint8

const (
	number kind = iota + 1
	span
	yesNo
	set
	endless
)

const day = 24 * 60 * 60 // seconds

// Count returns a number.
func Count(n int) Value { return Value{kind: number, n: int64(n)} }

// Span returns a duration. It counts in whole seconds, rounded towards zero.
func Span(d time.Duration) Value { return Value{kind: span, n: int64(d / time.Second)} }

// Days returns a duration of n days of 24 hours.
func Days(n int) Value {
	const most = 1 << 31 // more than any field takes; beyond it, seconds would run over into few
	return Value{kind: span, n: min(max(int64(n), -most), most) * day}
}

// Flag returns yes or no.
func Flag(yes bool) Value {
	if yes {
		return Value{kind: yesNo, n: 1}
	}
	return Value{kind: yesNo}
}

// Names returns a set of names, such as methods or classes. Order and repetition make no difference.
func Names[T ~string](names ...T) Value {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return setOf(list)
}

// NoLimit returns what reads "never", "unlimited", "any" or "until unlocked" in the fields that know it.
func NoLimit() Value { return Value{kind: endless, n: math.MaxInt64} }

func setOf(names []string) Value {
	names = slices.Clone(names)
	for i, n := range names {
		if n == "" || strings.Contains(n, "\x00") {
			names[i] = "\x01" // in no field, where it would else be no name, or two
		}
	}
	slices.Sort(names)
	return Value{kind: set, names: strings.Join(slices.Compact(names), "\x00")}
}

// list returns the names of a set.
func (v Value) list() []string {
	if v.names == "" {
		return nil
	}
	return strings.Split(v.names, "\x00")
}

// String returns the value without its unit, such as "12", "60d" or "otp sms".
func (v Value) String() string {
	switch v.kind {
	case number:
		return strconv.FormatInt(v.n, 10)
	case span:
		return formatSpan(v.n)
	case yesNo:
		return strconv.FormatBool(v.n != 0)
	case set:
		return strings.Join(v.list(), " ")
	case endless:
		return "no limit"
	}
	return "nothing"
}

// order is which of two values is stricter. It is given by a join alone: the loosest value that is as strict as both. One
// value is as strict as another if joining the other to it changes nothing.
type order uint8

const (
	lower  order = iota + 1 // the lower number is stricter
	higher                  // the higher one is
	all                     // sets of what is demanded: the one with more in it is
	common                  // sets of what is allowed: the one with less in it is, and no limit allows everything
)

func (o order) join(a, b Value) Value {
	switch {
	case a == b:
		return a
	case o == lower:
		return either(b.n < a.n, b, a)
	case o == higher:
		return either(b.n > a.n, b, a)
	case o == all:
		return setOf(append(a.list(), b.list()...))
	case a.kind == endless:
		return b
	case b.kind == endless:
		return a
	}
	allowed := b.list()
	return setOf(slices.DeleteFunc(a.list(), func(name string) bool { return !slices.Contains(allowed, name) }))
}

// asStrict reports whether whoever demands b is content with a.
func (o order) asStrict(a, b Value) bool { return o.join(a, b) == a }

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

var spanUnits = [...]struct {
	letter  byte
	word    string
	seconds int64
}{{'d', "day", day}, {'h', "hour", 60 * 60}, {'m', "minute", 60}, {'s', "second", 1}}

// formatSpan writes seconds as whole units from the greatest down: 5400 is "1h30m".
func formatSpan(seconds int64) string {
	var b strings.Builder
	if seconds < 0 {
		b.WriteByte('-')
		seconds = -seconds
	}
	for _, u := range spanUnits {
		if n := seconds / u.seconds; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10))
			b.WriteByte(u.letter)
			seconds %= u.seconds
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// parseSpan is the inverse of formatSpan: each unit once at most, greatest first.
func parseSpan(s string) (seconds int64, ok bool) {
	if s == "" {
		return 0, false
	}
	for _, u := range spanUnits {
		digits, rest, found := strings.Cut(s, string(u.letter))
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return 0, false
		}
		seconds += int64(n) * u.seconds
		s = rest
	}
	return seconds, s == ""
}
