package password

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProfilesAreValid(t *testing.T) {
	for _, p := range []Profile{NIST(), PCI(), CustomerClassic(), EmployeeClassic()} {
		require.NoError(t, p.Policy.Validate(), p.Name)
		require.NoError(t, p.Policy.Check("Correct horse 7 battery"), p.Name)
	}
}

// C9, C10: at least eight characters; no sequence; employees also upper and lower case and a digit. The previous one is for
// TestHistory.
func TestClassicProfiles(t *testing.T) {
	for _, row := range []struct {
		password string
		customer []Rule
		employee []Rule
		because  string
	}{
		{"plum kit", nil, []Rule{RuleClasses}, "eight characters of any kind"},
		{"plumkit", []Rule{RuleMinLength}, []Rule{RuleMinLength, RuleClasses}, "seven"},
		{"#!?+%&=~", nil, []Rule{RuleClasses}, "signs are welcome"},
		{"Plum Kit 7", nil, nil, "upper, lower, digit"},
		{"PLUM KIT 7", nil, []Rule{RuleClasses}, "no small letter"},
		{"Plum Kitty", nil, []Rule{RuleClasses}, "no digit"},
		{"Plum7abcdefg", []Rule{RuleSequence}, []Rule{RuleSequence}, "the source's example, within another"},
		{"Plum-123456", []Rule{RuleSequence}, []Rule{RuleSequence}, "and its other"},
		{"7Plum654321", []Rule{RuleSequence}, []Rule{RuleSequence}, "backwards"},
	} {
		require.Equal(t, row.customer, rulesOf(CustomerClassic().Policy.Check(row.password)), row.because)
		require.Equal(t, row.employee, rulesOf(EmployeeClassic().Policy.Check(row.password)), row.because)
	}
}

// PW-27: profiles that contradict each other do not load without a winner. PW-19: the conflict is reported.
func TestCombine(t *testing.T) {
	expiring := PCI()
	expiring.Name, expiring.Policy.Expiry, expiring.Policy.Notice = "PCI alone", 90*day, 14*day

	_, err := Combine("", NIST(), PCI())
	var conflicts Conflicts
	require.ErrorAs(t, err, &conflicts)
	require.Equal(t, Conflicts{{FieldClasses, []string{"PCI"}, []string{"NIST"}, conflicts[0].Choice}}, conflicts)
	require.ErrorContains(t, err, "PCI demands Classes, which NIST forbids: name the winner")

	_, err = Combine("", NIST(), expiring, EmployeeClassic())
	require.ErrorContains(t, err, "PCI alone and EmployeeClassic demands Classes")
	require.ErrorContains(t, err, "PCI alone demands Expiry, which NIST forbids")
	require.ErrorContains(t, err, "demand a second factor")

	_, err = Combine("EmployeeClassic", NIST(), expiring, EmployeeClassic())
	require.ErrorAs(t, err, &conflicts)
	require.Len(t, conflicts, 1, "it has nothing to say of expiry")

	p, err := Combine("NIST", NIST(), expiring, EmployeeClassic())
	require.NoError(t, err)
	require.Equal(t, Policy{MinLength: 15, MaxLength: 256, Sequences: true, History: 4, TemporaryLife: day}, p, "what nobody forbids stays")

	p, err = Combine("PCI alone", NIST(), expiring, EmployeeClassic())
	require.NoError(t, err)
	require.Equal(t, Policy{MinLength: 15, MaxLength: 256, Classes: Letter | Digit | Upper | Lower, Sequences: true, History: 4,
		Expiry: 90 * day, Notice: 14 * day, TemporaryLife: day}, p)

	p, err = Combine("", PCI(), CustomerClassic())
	require.NoError(t, err, "nobody forbids anything")
	require.Equal(t, 12, p.MinLength, "the largest that applies")

	_, err = Combine("SOX", NIST())
	require.ErrorContains(t, err, `winner "SOX" is none`)
	_, err = Combine("")
	require.ErrorContains(t, err, "needs a Profile")
	_, err = Combine("", Profile{Name: "own", Policy: Policy{MinLength: 100}}, Profile{Name: "other", Policy: Policy{MaxLength: 64}})
	require.ErrorContains(t, err, "MinLength is 100")
}

func TestJoinTakesTheStricter(t *testing.T) {
	a := Policy{MinLength: 8, MaxLength: 64, AllowCommon: true, MinChanged: 2, Expiry: 60 * day, Notice: 20 * day, MinAge: time.Hour, TemporaryLife: day}
	b := Policy{MinLength: 10, MaxLength: 100, Repeats: true, MinChanged: 4, Expiry: 10 * day, TemporaryLife: time.Hour}
	want := Policy{MinLength: 10, MaxLength: 64, Repeats: true, MinChanged: 4, Expiry: 10 * day, Notice: 10 * day, MinAge: time.Hour, TemporaryLife: time.Hour}
	require.Equal(t, want, a.join(b))
	require.Equal(t, want, b.join(a))
	require.Equal(t, a, a.join(a))
	require.NoError(t, want.Validate(), "C7: notice days never exceed expiry days")
}

// PW-01, PW-05, PW-06, PW-18, PW-19, PW-20: what departs from NIST is off unless it is asked for, and is named then.
func TestDeviations(t *testing.T) {
	require.Empty(t, Default().Deviations(false))
	require.Zero(t, Default().Classes)
	require.Zero(t, Default().Expiry)
	require.Zero(t, Default().History)
	require.Zero(t, Default().MinChanged, "PW-21")
	require.Len(t, Policy{MinLength: 8}.Deviations(false), 1)
	require.Empty(t, Policy{MinLength: 8}.Deviations(true))
	p := PCI().Policy
	require.Contains(t, p.Deviations(true)[0], "PCI DSS 8.3.6 wants letters and digits")
	p.Expiry = 90 * day
	require.Contains(t, p.Deviations(true)[2], "only without one")
	require.Len(t, p.Deviations(false), 3)
	require.Len(t, Policy{AllowCommon: true}.Deviations(false), 1)
}
