package policy

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
)

// network is the business network of the source (C1).
func network(t testing.TB) *Forest {
	t.Helper()
	f, err := NewForest(
		Node{"shop", "business", Settings{LockoutFailures: Count(3)}},
		Node{"business", "owner", nil},
		Node{"owner", "cloud", Settings{PasswordExpiry: Days(60), PasswordNotice: Days(10), SecondFactorMethods: Names("otp", "sms")}},
		Node{"cloud", "", Settings{SessionConcurrent: Count(5)}},
		Node{"rival", "cloud", Settings{SecondFactorRequired: Flag(true)}},
	)
	require.NoError(t, err)
	return f
}

// S7: expiry 60 at the owner allows 1 to 60 below, and nothing else (C7); every other field alike.
func TestOnlyStricterBelow(t *testing.T) {
	for _, c := range []struct {
		step    Step
		want    string // of the refusal
		because string
	}{
		{Set("business", Settings{PasswordExpiry: Days(60)}), "", "as strict"},
		{Set("business", Settings{PasswordExpiry: Days(1)}), "", "stricter"},
		{Set("shop", Settings{PasswordExpiry: Days(30)}), "", "two levels below"},
		{Set("business", Settings{PasswordExpiry: Days(61)}), `"business": password.expiry 61d is looser than 60d, which "owner" has set`, "looser"},
		{Set("shop", Settings{PasswordExpiry: NoLimit()}), `"shop": password.expiry never is looser than 60d, which "owner" has set`, "never is the loosest"},
		{Set("shop", Settings{PasswordNotice: Days(11)}), `"shop": password.notice 11d is looser than 10d, which "owner" has set`, "the notice too"},
		{Set("shop", Settings{SessionConcurrent: Count(6)}), `"shop": session.concurrent 6 sessions is looser than 5 sessions, which "cloud" has set`, "from the top"},
		{Set("shop", Settings{SecondFactorMethods: Names("otp", "tel")}), `"shop": secondFactor.methods otp, tel is looser than otp, sms, which "owner" has set`, "another method"},
		{Set("shop", Settings{SecondFactorMethods: Names("otp")}), "", "one of them"},
		{Set("shop", Settings{PasswordMinLength: Count(12)}), `"shop": password.minLength 12 characters is looser than 15 characters, the standard, which holds as long as "cloud" does not set it`, "what nobody has set holds too"},
		{Set("cloud", Settings{PasswordMinLength: Count(12)}), "", "a top may leave the standard"},
		{Set("cloud", Settings{PasswordExpiry: Days(30)}), `"owner": password.expiry 60d is looser than 30d, which "cloud" has set`, "what would break below is named"},
		{Set("owner", Settings{LockoutFailures: Count(2)}), `"shop": lockout.failures 3 failures is looser than 2 failures, which "owner" has set`, "two levels below"},
		{Set("owner", Settings{PasswordExpiry: Days(5)}), `"owner": password.notice 10d exceeds password.expiry, which is 5d`, "a contradiction at one node (C7)"},
		{Set("business", Settings{PasswordExpiry: Days(5)}), "", "an inherited notice gives way"},
		{Set("rival", Settings{SecondFactorMethods: Names[string]()}), `"rival": secondFactor.methods none leaves no method, and a second factor is required`, "no way in"},
		{Set("cloud", Settings{VerificationClasses: Names[string]()}), `"cloud": verification.classes none leaves no class, so that no customer could be verified`, "no way in for customers"},
		{Set("shop", Settings{"password.x": Count(1)}), `"shop": password.x 1 is not a setting`, "unknown"},
		{Set("shop", Settings{PasswordMinLength: Count(7)}), `"shop": password.minLength 7 characters must be a number of characters from 8 to 64`, "out of bounds"},
	} {
		after, _, err := network(t).Plan(c.step)
		if c.want == "" {
			require.NoError(t, err, c.because)
			require.NotNil(t, after)
			continue
		}
		require.ErrorIs(t, err, symbolon.ErrInvalid, c.because)
		require.ErrorContains(t, err, c.want, c.because)
	}
}

// S7: all that offends is told at once: field, value and ancestor, at every organisation.
func TestEveryBreachAtOnce(t *testing.T) {
	_, _, err := network(t).Plan(
		Set("business", Settings{PasswordExpiry: Days(90), SessionConcurrent: Count(9)}),
		Set("cloud", Settings{LockoutFailures: Count(2)}))
	var b Breaches
	require.True(t, errors.As(err, &b))
	require.Equal(t, Breach{Org: "business", Field: PasswordExpiry, Value: Days(90), Limit: Days(60), Ancestor: "owner",
		Reason: `is looser than 60d, which "owner" has set`}, b[0])
	var who []string
	for _, one := range b {
		who = append(who, fmt.Sprint(one.Org, " ", one.Field, " ", one.Ancestor))
	}
	require.Equal(t, []string{"business password.expiry owner", "business session.concurrent cloud", "shop lockout.failures cloud"}, who)
}

// C1, C7: what is not set is inherited, from whoever set it last.
func TestInherited(t *testing.T) {
	f, _, err := network(t).Plan(Set("business", Settings{PasswordExpiry: Days(5), PasswordNotice: Days(5), SecondFactorMethods: Names("sms", "otp")}))
	require.NoError(t, err)
	e, err := f.Effective("shop")
	require.NoError(t, err)
	for field, want := range map[Field]Entry{
		PasswordExpiry:      {PasswordExpiry, Days(5), []symbolon.OrgID{"business"}},
		PasswordNotice:      {PasswordNotice, Days(5), []symbolon.OrgID{"business"}},
		LockoutFailures:     {LockoutFailures, Count(3), []symbolon.OrgID{"shop"}},
		SessionConcurrent:   {SessionConcurrent, Count(5), []symbolon.OrgID{"cloud"}},
		SessionIdle:         {SessionIdle, Span(15 * time.Minute), nil},
		SecondFactorMethods: {SecondFactorMethods, Names("otp", "sms"), []symbolon.OrgID{"owner"}}, // who says the same again does not take it over
		"password.x":        {},
	} {
		require.Equal(t, want, e.Get(field), field)
	}
	require.Equal(t, lockout.Policy{Max: 3, Window: 15 * time.Minute, Lock: 30 * time.Minute, Lease: 10 * time.Second, MaxUnlocks: 3}, e.Lockout(), "C14")
	require.Equal(t, password.Policy{MinLength: 15, MaxLength: 256, Expiry: 5 * 24 * time.Hour, Notice: 5 * 24 * time.Hour,
		TemporaryLife: 24 * time.Hour}, e.Password())
	require.Equal(t, 5*24*time.Hour, e.Span(PasswordExpiry))
	require.True(t, e.Flag(PasswordCommon))
	require.True(t, e.Allows(SecondFactorMethods, "otp"))
	require.False(t, e.Allows(SecondFactorMethods, "tel"))
	require.True(t, e.Allows(VerificationClasses, "whatever"), "nobody has said which")
	require.Panics(t, func() { e.Count(PasswordExpiry) }, "days are no number")
	require.Panics(t, func() { e.Span("password.x") })
	require.Equal(t, []symbolon.OrgID{"shop"}, e.Orgs())
}

// LK-04: a tree can say what PCI asks for, and a hold until unlocked.
func TestLockouts(t *testing.T) {
	f, err := NewForest(Node{"pci", "", Settings{LockoutFailures: Count(10), LockoutDuration: NoLimit(), LockoutRepeats: Count(2)}})
	require.NoError(t, err)
	e, err := f.Effective("pci")
	require.NoError(t, err)
	require.Equal(t, lockout.Policy{Max: 10, Window: 15 * time.Minute, Lock: 0, MaxLocks: 2, MaxUnlocks: 3, Lease: 10 * time.Second}, e.Lockout())

	f, err = NewForest(Node{"slow", "", Settings{LockoutDelay: Span(30 * time.Second), LockoutUnlocks: Count(1), VerificationBudget: Count(5)}},
		Node{"first", "slow", Settings{LockoutFailures: Count(1), VerificationAttempts: Count(2)}})
	require.NoError(t, err)
	e, err = f.Effective("slow")
	require.NoError(t, err)
	p := e.Lockout()
	require.Equal(t, 3, p.DelayFrom, "LK-05: from the third failure on one waits")
	require.Equal(t, 30*time.Second, p.Delay)
	require.NoError(t, p.Validate())
	require.Equal(t, 5, e.Codes().Budget, "S9: of guesses at codes in thirty days")
	require.NoError(t, e.Codes().Validate())
	e, err = f.Effective("first")
	require.NoError(t, err)
	require.Zero(t, e.Lockout().DelayFrom, "where the first failure locks nobody waits")
	require.NoError(t, e.Lockout().Validate())
	require.NoError(t, e.Codes().Validate())
}

// PW-18, PW-19, PW-20: what a tree says of passwords reaches package password, and is off until somebody sets it.
func TestPasswords(t *testing.T) {
	f, err := NewForest(
		Node{"plain", "", nil},
		Node{"classic", "", Settings{PasswordMinLength: Count(8), PasswordClasses: Names("upper", "lower", "digit"), PasswordSequences: Flag(true),
			PasswordRepeats: Flag(true), PasswordHistory: Count(1), PasswordChanged: Count(3), PasswordMinAge: Days(1), PasswordExpiry: Days(90), PasswordNotice: Days(7)}},
		Node{"lax", "", Settings{PasswordCommon: Flag(false)}})
	require.NoError(t, err)
	for org, want := range map[symbolon.OrgID]password.Policy{
		"plain": password.Default(),
		"classic": {MinLength: 8, MaxLength: 256, Classes: password.Upper | password.Lower | password.Digit, Sequences: true, Repeats: true, History: 1,
			MinChanged: 3, MinAge: 24 * time.Hour, Expiry: 90 * 24 * time.Hour, Notice: 7 * 24 * time.Hour, TemporaryLife: 24 * time.Hour},
		"lax": {MinLength: 15, MaxLength: 256, AllowCommon: true, TemporaryLife: 24 * time.Hour},
	} {
		e, err := f.Effective(org)
		require.NoError(t, err)
		require.Equal(t, want, e.Password(), org)
		require.NoError(t, e.Password().Validate())
	}
}

// C9, C10, PW-27: a ready policy, or what was made of several, goes into a tree as it is.
func TestProfilesInATree(t *testing.T) {
	joined, err := password.Combine("PCI", password.NIST(), password.PCI(), password.EmployeeClassic())
	require.NoError(t, err)
	every := password.Policy{MinLength: 20, MaxLength: 100, Classes: password.Letter | password.Symbol, Sequences: true, Repeats: true, AllowCommon: true,
		History: 24, MinChanged: 16, MinAge: time.Hour, Expiry: 60 * 24 * time.Hour, Notice: 24 * time.Hour, TemporaryLife: time.Minute}
	for _, p := range []password.Policy{{}, password.NIST().Policy, password.PCI().Policy, password.CustomerClassic().Policy, password.EmployeeClassic().Policy,
		joined, every, {Expiry: 24 * time.Hour}} {
		f, err := NewForest(Node{"top", "", PasswordSettings(p)})
		require.NoError(t, err)
		e, err := f.Effective("top")
		require.NoError(t, err)
		want := p
		if want.MinLength == 0 {
			want.MinLength, want.MaxLength, want.TemporaryLife = 15, 256, 24*time.Hour // the default, here and there
		}
		require.Equal(t, want, e.Password())
	}
	members := reflect.TypeFor[password.Policy]()
	for i := range members.NumField() {
		require.False(t, reflect.ValueOf(every).Field(i).IsZero(), "%s is not passed on", members.Field(i).Name)
	}
	_, err = NewForest(Node{"top", "", PasswordSettings(password.Policy{MinLength: 7, Expiry: time.Hour})})
	require.ErrorContains(t, err, "password.expiry 1h must be a duration in days")
	require.ErrorContains(t, err, "password.minLength 7 characters must be")
}

// S8: what is not known lets nobody in.
func TestZero(t *testing.T) {
	f := network(t)
	for _, orgs := range [][]symbolon.OrgID{nil, {"nowhere"}, {"shop", "nowhere"}, {""}} {
		_, err := f.Effective(orgs...)
		require.ErrorIs(t, err, symbolon.ErrRefused)
		require.ErrorIs(t, err, ErrRefused)
		var r *Refusal
		require.True(t, errors.As(err, &r))
		require.Equal(t, ReasonUnknown, r.Reason)
		require.NotEmpty(t, r.Detail())
		require.Equal(t, "policy: refused", err.Error(), "and why is not for everybody")
	}
	var none Effective
	require.Error(t, none.Lockout().Validate())
	_, answer := none.Lockout().Next(lockout.NewState(), lockout.Reserve("1"), time.Now())
	require.Equal(t, lockout.Locked, answer.Verdict)
	require.Zero(t, none.Span(SessionAbsolute), "every session is over")
	require.False(t, none.Allows(SecondFactorMethods, "otp"))
	var out bytes.Buffer
	require.NoError(t, Explain(&out, none))
	require.Empty(t, out.String())
}

// AU-04: what does not show, or turns the line around, is quoted for those who decide by it.
func TestNamesThatDeceive(t *testing.T) {
	f, err := NewForest(Node{"Vodanet AG", "", nil}, Node{"\u202egA tenadoV", "Vodanet AG", Settings{PasswordHistory: Count(4)}})
	require.NoError(t, err)
	e, err := f.Effective("\u202egA tenadoV")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, Explain(&out, e))
	require.Contains(t, out.String(), `In force for "\u202egA tenadoV" (below Vodanet AG)`)
	require.NotContains(t, out.String(), "\u202e")
	_, d, err := f.Plan(Set("\u202egA tenadoV", Settings{PasswordHistory: Count(5)}))
	require.NoError(t, err)
	require.NotContains(t, d.String(), "\u202e")
}

// C11: somebody of several organisations gets the strictest of each, and it is told whose.
func TestStrictestOfSeveral(t *testing.T) {
	f := network(t)
	f, _, err := f.Plan(Set("rival", Settings{SecondFactorMethods: Names("otp", "hwk"), PasswordExpiry: Days(90), PasswordMinLength: Count(20)}))
	require.NoError(t, err)
	e, err := f.Effective("shop", "rival")
	require.NoError(t, err)
	for _, want := range []Entry{
		{PasswordExpiry, Days(60), []symbolon.OrgID{"owner"}},
		{PasswordMinLength, Count(20), []symbolon.OrgID{"rival"}},
		{SecondFactorRequired, Flag(true), []symbolon.OrgID{"rival"}},
		{SecondFactorMethods, Names("otp"), []symbolon.OrgID{"owner", "rival"}},
		{LockoutFailures, Count(3), []symbolon.OrgID{"shop"}},
	} {
		require.Equal(t, want, e.Get(want.Field))
	}

	f, _, err = f.Plan(Set("rival", Settings{SecondFactorMethods: Names("hwk")}))
	require.NoError(t, err, "each by itself can be used")
	_, err = f.Effective("shop", "rival")
	var r *Refusal
	require.True(t, errors.As(err, &r), "but nobody can be of both")
	require.Equal(t, ReasonUnusable, r.Reason)
	require.Contains(t, r.Detail(), `the join of ["rival" "shop"]: secondFactor.methods leaves no method`)
}

// Trees that are none.
func TestMalformedTrees(t *testing.T) {
	for _, c := range []struct {
		nodes []Node
		want  string
	}{
		{[]Node{{"a", "", nil}, {"a", "", nil}}, `"a" is there twice`},
		{[]Node{{"a", "b", nil}}, `"a" has the parent "b", which is not in the tree`},
		{[]Node{{"a", "b", nil}, {"b", "a", nil}, {"c", "", nil}}, `"a" is below itself; "b" is below itself`},
		{[]Node{{"", "", nil}}, `"" has no valid id`},
		{[]Node{{"x\n", "", nil}}, `"x\n" has no valid id`},
	} {
		_, err := NewForest(c.nodes...)
		require.ErrorContains(t, err, c.want)
	}
}

// C1: any depth: what is set at the top holds ten thousand levels below, and no way up is walked for each of them.
func TestDepth(t *testing.T) {
	nodes := []Node{{"0", "", Settings{PasswordHistory: Count(4)}}}
	for i := 1; i < 10_000; i++ {
		nodes = append(nodes, Node{symbolon.OrgID(fmt.Sprint(i)), symbolon.OrgID(fmt.Sprint(i - 1)), nil})
	}
	f, err := NewForest(nodes...)
	require.NoError(t, err)
	e, err := f.Effective("9999")
	require.NoError(t, err)
	require.Equal(t, 4, e.Count(PasswordHistory))
	_, d, err := f.Plan(Set("0", Settings{PasswordHistory: Count(3)}))
	require.NoError(t, err)
	require.Len(t, d.Lines, 10_000)
	_, _, err = f.Plan(Move("1", "9999"))
	require.ErrorContains(t, err, "which is below it")
	_, _, err = f.Plan(Set("500", Settings{PasswordHistory: Count(3)}))
	require.ErrorContains(t, err, `which "0" has set`)
}

func BenchmarkEffective(b *testing.B) {
	f := network(b)
	for b.Loop() {
		_ = must(f.Effective("shop"))
	}
}

func BenchmarkPlanTenThousand(b *testing.B) {
	nodes := []Node{{"top", "", nil}}
	for i := range 10_000 {
		nodes = append(nodes, Node{symbolon.OrgID(fmt.Sprint(i)), "top", Settings{LockoutFailures: Count(4)}})
	}
	f := must(NewForest(nodes...))
	for b.Loop() {
		if _, _, err := f.Plan(Set("7", Settings{LockoutFailures: Count(3)})); err != nil {
			b.Fatal(err)
		}
	}
}
