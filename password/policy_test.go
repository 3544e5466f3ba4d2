package password

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPolicy(t *testing.T) {
	second := Policy{MinLength: 8}
	for _, row := range []struct {
		policy   Policy
		password string
		broken   []Rule
		because  string
	}{
		// PW-01: 15 where the password is the only factor, 8 where it is one of several.
		{Default(), strings.Repeat("a", 14), []Rule{RuleMinLength}, "14 are one too few"},
		{Default(), strings.Repeat("a", 15), nil, "15 are enough"},
		{Policy{}, strings.Repeat("a", 14), []Rule{RuleMinLength}, "the zero Policy is the default"},
		{second, "sevense", []Rule{RuleMinLength}, "7 beside another factor"},
		{second, "eight ab", nil, "8 beside another factor"},
		// PW-02: long ones are welcome.
		{Default(), strings.Repeat("🔑", 64), nil, "64 characters of four bytes"},
		{Default(), strings.Repeat("🔑", 256), nil, "256 of them"},
		{Default(), strings.Repeat("🔑", 257), []Rule{RuleMaxLength}, "one more is refused and not cut off"},
		{Default(), strings.Repeat("a", 10<<20), []Rule{RuleMaxLength}, "10 MB are not even counted"},
		{Policy{MaxLength: 1024}, strings.Repeat("🔑", 1024), nil, "what a policy can allow can be hashed"},
		// PW-04: length is in code points, after NFC; blanks and every printable character are allowed.
		{second, "ééééééé", []Rule{RuleMinLength}, "7 characters in 14 bytes"},
		{second, strings.Repeat("e\u0301", 7), []Rule{RuleMinLength}, "the same, typed decomposed"},
		{second, strings.Repeat("e\u0301", 8), nil, "8 characters in 24 bytes"},
		{second, "        ", nil, "blanks are characters"},
		{second, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", nil, "all of ASCII that prints"},
		// PW-05: no classes of characters.
		{Default(), "onlysmallletter", nil, "fifteen small letters"},
		{Default(), "", []Rule{RuleMinLength}, "nothing"},
		{Default(), "\xff", []Rule{RuleEncoding}, "not text"},
	} {
		err := row.policy.Check(row.password)
		var broken Violations
		errors.As(err, &broken)
		var rules []Rule
		for _, v := range broken {
			rules = append(rules, v.Rule)
			require.NotEmpty(t, v.Advice)
			require.Contains(t, err.Error(), v.Advice)
		}
		require.Equal(t, row.broken, rules, row.because)
		require.Equal(t, row.broken == nil, err == nil, row.because)
		if err == nil {
			require.NoError(t, Usable(row.password), row.because)
		}
	}
}

// PW-17: an overlong password is not even normalized.
func TestCheckDoesNoWorkForAnOverlongPassword(t *testing.T) {
	long := strings.Repeat("e\u0301", 1<<20)
	require.Less(t, allocated(func() { require.Error(t, Policy{}.Check(long)) }), uint64(64<<10))
}

func TestViolationsTellAll(t *testing.T) {
	err := error(Violations{{RuleMinLength, "use at least 8 characters"}, {RuleEncoding, "use UTF-8"}})
	require.EqualError(t, err, "password: use at least 8 characters; use UTF-8")
}

// PW-01, PW-02: a policy below the standards' bounds does not load.
func TestPolicyValidate(t *testing.T) {
	require.NoError(t, Policy{}.Validate())
	require.NoError(t, Policy{MinLength: 8, MaxLength: 64}.Validate())
	err := Policy{MinLength: 7, MaxLength: 63}.Validate()
	require.ErrorContains(t, err, "Policy.MinLength is 7, must be 8")
	require.ErrorContains(t, err, "Policy.MaxLength is 63, must be 64 to 1024")
	require.ErrorContains(t, Policy{MinLength: 65, MaxLength: 64}.Validate(), "must be 8 to MaxLength, which is 64")
	require.ErrorContains(t, Policy{MaxLength: 1025}.Validate(), "MaxLength is 1025")
	require.ErrorContains(t, Policy{MinLength: -1}.Validate(), "MinLength is -1")
	const most, least time.Duration = math.MaxInt64, math.MinInt64
	require.NoError(t, Policy{Expiry: 3650 * day, Notice: 3650 * day}.Validate())
	err = Policy{MinLength: math.MinInt, MaxLength: math.MaxInt, Classes: 255, History: -1, MinChanged: 17, MinAge: least, Expiry: most, Notice: least, TemporaryLife: most}.Validate()
	for _, field := range []string{"MinLength", "MaxLength", "Classes", "History", "MinChanged", "MinAge", "Expiry", "Notice", "TemporaryLife"} {
		require.ErrorContains(t, err, "Policy."+field, "absurd")
	}
}

// PW-26. FuzzCheck: passwords of every class of Unicode; no panic, no password in the error, and what is allowed can be hashed.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "correct horse battery staple", "e\u0301", "\xff\xfe", "\u202eright to left", "👩‍👩‍👧‍👦", strings.Repeat("\u0301", 4000), "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := Policy{MinLength: 8}.Check(s)
		if err == nil {
			require.NoError(t, Usable(s))
			require.Equal(t, normal(s), normal(normal(s)))
			return
		}
		if len(s) > 12 {
			require.NotContains(t, err.Error(), s)
		}
	})
}
