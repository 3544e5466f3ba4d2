package policy

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// check runs a property a thousand times, and a hundred thousand times with SYMBOLON_FULL=1.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	runs := flag.Lookup("rapid.checks")
	former := runs.Value.String()
	want := "1000"
	if os.Getenv("SYMBOLON_FULL") == "1" {
		want = "100000"
	}
	require.NoError(t, runs.Value.Set(want))
	defer func() { require.NoError(t, runs.Value.Set(former)) }()
	rapid.Check(t, property)
}

// values draws what fits a field, from few enough that two are often equal.
func values(s *spec) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		if s.endless != "" && rapid.IntRange(0, 4).Draw(t, "endless") == 0 {
			return NoLimit()
		}
		switch s.kind {
		case yesNo:
			return Flag(rapid.Bool().Draw(t, "flag"))
		case set:
			words := s.words
			if words == nil {
				words = []string{"otp", "sms", "hwk", "tel"}
			}
			return Names(rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "names")...)
		}
		step := max(s.unit, 1)
		n := s.least + step*rapid.Int64Range(0, min(6, (s.most-s.least)/step)).Draw(t, "n")
		if rapid.IntRange(0, 9).Draw(t, "most") == 0 {
			n = s.most
		}
		return Value{kind: s.kind, n: n}
	})
}

// stricterIs is written by hand, so that a row of the table with the wrong order shows.
var stricterIs = map[Field]string{
	PasswordMinLength: "more", PasswordMaxLength: "less", PasswordClasses: "superset", PasswordSequences: "more",
	PasswordRepeats: "more", PasswordCommon: "more", PasswordHistory: "more", PasswordChanged: "more", PasswordMinAge: "more",
	PasswordExpiry: "less", PasswordNotice: "less", PasswordTemporary: "less",
	LockoutFailures: "less", LockoutWindow: "more", LockoutDuration: "more", LockoutRepeats: "less", LockoutDelay: "more", LockoutUnlocks: "less", LockoutDormant: "less",
	SessionConcurrent: "less", SessionIdle: "less", SessionAbsolute: "less",
	SecondFactorRequired: "more", SecondFactorMethods: "subset",
	VerificationClasses: "subset", VerificationFreshness: "less", VerificationAttempts: "less", VerificationBudget: "less",
	TokenAccess: "less", TokenComposite: "less",
}

// looser reports whether b allows what a does not, without the machinery under test.
func looser(f Field, a, b Value) bool {
	contains := func(outer, inner Value) bool {
		for _, n := range strings.Fields(inner.String()) {
			if !strings.Contains(" "+outer.String()+" ", " "+n+" ") {
				return false
			}
		}
		return true
	}
	switch stricterIs[f] {
	case "more":
		return b.n < a.n
	case "less":
		return b.n > a.n
	case "superset":
		return !contains(b, a)
	case "subset":
		return a.kind != endless && (b.kind == endless || !contains(a, b))
	}
	panic("a field without an order: " + f)
}

// S7: a join is associative, commutative, idempotent and monotone, for every field; and what comes out of it is as strict
// as what went in, and no stricter than it must be.
func TestJoin(t *testing.T) {
	require.Len(t, stricterIs, len(fields))
	for i := range fields {
		s := &fields[i]
		t.Run(string(s.field), func(t *testing.T) {
			check(t, func(t *rapid.T) {
				a, b, c := values(s).Draw(t, "a"), values(s).Draw(t, "b"), values(s).Draw(t, "c")
				join := s.order.join
				require.Equal(t, join(join(a, b), c), join(a, join(b, c)), "associative")
				require.Equal(t, join(a, b), join(b, a), "commutative")
				require.Equal(t, a, join(a, a), "idempotent")
				if s.order.asStrict(b, a) {
					require.True(t, s.order.asStrict(join(b, c), join(a, c)), "monotone")
				}
				require.Equal(t, !looser(s.field, a, b), s.order.asStrict(b, a), "as strict means: not looser")
				j := join(a, b)
				require.False(t, looser(s.field, a, j) || looser(s.field, b, j), "as strict as both")
				if !looser(s.field, a, c) && !looser(s.field, b, c) {
					require.False(t, looser(s.field, j, c), "the loosest of those")
				}
				require.Empty(t, s.wrong(j), "and a value of the field, unless it is empty")
			})
		})
	}
}

// PO-26: what does not fit a field is told, with what would.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		field   Field
		value   Value
		want    string
		because string
	}{
		{PasswordMinLength, Count(8), "", "the least"},
		{PasswordMinLength, Count(7), "must be a number of characters from 8 to 64", "below NIST's floor (PW-01)"},
		{PasswordMinLength, Count(65), "must be a number of characters from 8 to 64", "64 must always be welcome (PW-02)"},
		{PasswordMinLength, Days(8), "must be a number of characters from 8 to 64", "days are no characters"},
		{PasswordMinLength, NoLimit(), "must be a number of characters from 8 to 64", "there is always one"},
		{PasswordExpiry, NoLimit(), "", "never"},
		{PasswordExpiry, Days(1), "", "the least"},
		{PasswordExpiry, Days(0), `must be a duration in days from "1d" to "3650d", or "never"`, "expired at birth"},
		{PasswordExpiry, Span(36 * time.Hour), `must be a duration in days from "1d" to "3650d", or "never"`, "a day and a half"},
		{PasswordExpiry, Days(math.MaxInt), `must be a duration in days from "1d" to "3650d", or "never"`, "absurd"},
		{PasswordExpiry, Days(math.MinInt), `must be a duration in days from "1d" to "3650d", or "never"`, "and negative"},
		{PasswordExpiry, Days(1<<(strconv.IntSize-7) + 5), `must be a duration in days from "1d" to "3650d", or "never"`, "whose seconds run over into five days"},
		{SessionIdle, Span(math.MinInt64), `must be a duration in days, hours, minutes and seconds from "1m" to "30d"`, "the least that there is"},
		{SessionIdle, Span(59 * time.Second), `must be a duration in days, hours, minutes and seconds from "1m" to "30d"`, "too short"},
		{LockoutFailures, Count(math.MinInt), "must be a number of failures from 1 to 100", "negative"},
		{LockoutFailures, Count(0), "must be a number of failures from 1 to 100", "locked at birth"},
		{SecondFactorRequired, Count(1), "must be true or false", "C habits"},
		{SecondFactorMethods, Names("otp", "x y"), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "a blank"},
		{SecondFactorMethods, Names("otp", ""), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "nothing"},
		{SecondFactorMethods, Names(""), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "nothing is not none"},
		{SecondFactorMethods, Names("b\x00a"), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "one name that would be two"},
		{SecondFactorMethods, Names("\u202eptο"), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "turns the line around"},
		{SecondFactorMethods, Names("\xff"), "has a name that is not 1 to 64 bytes of visible text without quotes and backslashes", "no text"},
		{PasswordClasses, Names("upper", "emoji"), `has the name "emoji", must be a list of letter, lower, upper, digit, symbol`, "unknown"},
		{SecondFactorMethods, Names(manyNames(33)...), "has 33 names, at most 32 are allowed", "too many"},
		{SecondFactorMethods, Value{}, `must be a list of names, or "any"`, "the zero Value fits nothing"},
	} {
		require.Equal(t, c.want, fields[place(c.field)].wrong(c.value), c.because)
	}
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("m", i))
	}
	return names
}

// The standards fit their fields, and every field has a group that people have a name for.
func TestTable(t *testing.T) {
	seen := map[Field]bool{}
	for i := range fields {
		s := &fields[i]
		require.Empty(t, s.wrong(s.standard), s.field)
		require.False(t, seen[s.field], "%s twice", s.field)
		seen[s.field] = true
		group, name, ok := strings.Cut(string(s.field), ".")
		require.True(t, ok && name != "" && groupTitles[group] != "", s.field)
		require.NotEmpty(t, s.title)
		if s.kind == span {
			require.Zero(t, s.least%s.unit)
			require.Zero(t, s.most%s.unit)
		}
	}
	standard, err := NewForest(Node{Org: "cloud"})
	require.NoError(t, err)
	e, err := standard.Effective("cloud")
	require.NoError(t, err)
	require.NoError(t, e.Lockout().Validate(), "C14")
	require.NoError(t, e.Password().Validate())
}

func TestSpans(t *testing.T) {
	for text, seconds := range map[string]int64{"0s": 0, "1h30m": 5400, "60d": 60 * day, "1d1h1m1s": day + 3661, "90m": 5400, "1d0h": day} {
		got, ok := parseSpan(text)
		require.True(t, ok, text)
		require.Equal(t, seconds, got, text)
		again, ok := parseSpan(formatSpan(got))
		require.True(t, ok)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", "60", "d", "1m1h", "1m1m", "-1d", "+1d", "1.5h", " 1d", "1d ", "1 d", "1w", "99999999999999999999d", "4294967296s"} {
		_, ok := parseSpan(text)
		require.False(t, ok, text)
	}
	require.Equal(t, "-1d", formatSpan(-day), "what is refused is shown as it is")
}

// What people read in errors.
func TestValuesPrint(t *testing.T) {
	for want, v := range map[string]Value{"12": Count(12), "1h30m": Span(90 * time.Minute), "60d": Days(60), "true": Flag(true),
		"otp sms": Names("sms", "otp", "sms"), "no limit": NoLimit(), "nothing": {}} {
		require.Equal(t, want, v.String())
	}
}
