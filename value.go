package symbolon

import (
	"slices"
	"time"
)

// Attributes are named values that a host knows about an actor, a subject, a
// resource or the environment.
type Attributes map[string]Value

// Value is an attribute that knows whether it is set, where it came from and
// how old it is. The zero Value is unset. Unset is not zero (S5): a plain 0
// would pass a rule such as risk < 60, an unset Value never satisfies anything.
type Value struct {
	_      [0]func() // == would compile, and panic for a set; use Equal
	v      any
	source string
	at     time.Time
}

// StringValue returns a set Value that holds s.
func StringValue(s string) Value { return Value{v: s} }

// IntValue returns a set Value that holds n.
func IntValue(n int64) Value { return Value{v: n} }

// BoolValue returns a set Value that holds b.
func BoolValue(b bool) Value { return Value{v: b} }

// StringsValue returns a set Value that holds a set of strings; with no argument the
// empty set, which is not the same as unset.
func StringsValue(s ...string) Value { return Value{v: append([]string{}, s...)} }

// TimeValue returns a set Value that holds an instant.
func TimeValue(t time.Time) Value { return Value{v: t.UTC()} }

// From returns v with the name of its source and the time at which it was read
// there. Where a declaration limits the age of an attribute, a Value without a
// time counts as stale.
func (v Value) From(source string, at time.Time) Value {
	v.source, v.at = source, at.UTC()
	return v
}

// IsSet reports whether v holds anything.
func (v Value) IsSet() bool { return v.v != nil }

// Source returns where the value came from; empty if nobody said.
func (v Value) Source() string { return v.source }

// At returns when the value was read at its source; zero if nobody said.
func (v Value) At() time.Time { return v.at }

// Any returns the content: a string, int64, bool, []string or time.Time, or nil
// if v is unset.
func (v Value) Any() any {
	if s, ok := v.v.([]string); ok {
		return slices.Clone(s)
	}
	return v.v
}

// Equal reports whether two Values hold the same, wherever it came from. The
// order within a set makes no difference. Two unset Values are equal.
func (v Value) Equal(w Value) bool {
	switch a := v.v.(type) {
	case []string:
		b, ok := w.v.([]string)
		return ok && slices.Equal(sorted(a), sorted(b))
	case time.Time:
		b, ok := w.v.(time.Time)
		return ok && a.Equal(b)
	}
	if _, isSet := w.v.([]string); isSet {
		return false
	}
	return v.v == w.v
}

func sorted(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }
