package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
)

// S7: moving and deleting need the authority of the old parent, the new one and the lowest above both, and, where anything
// loosens, that one's approval.
func TestMovesAndDeletions(t *testing.T) {
	type orgs = []symbolon.OrgID
	f := network(t)
	for _, c := range []struct {
		steps          []Step
		needs, approve orgs
		top            bool
		moved, removed orgs
		lines          []string
		because        string
	}{
		{steps: []Step{Set("shop", Settings{PasswordExpiry: Days(30)})}, needs: orgs{"shop"},
			lines: []string{`stricter: "shop" password.expiry 30d, was 60d`}, because: "tightening is one's own business"},
		{steps: []Step{Set("owner", Settings{PasswordExpiry: Days(90)})}, needs: orgs{"owner"}, approve: orgs{"owner"},
			lines:   []string{`looser: "owner" password.expiry 90d, was 60d`, `looser: "business" password.expiry 90d, was 60d`, `looser: "shop" password.expiry 90d, was 60d`},
			because: "nobody above has set it, but for many it loosens"},
		{steps: []Step{Unset("shop", LockoutFailures)}, needs: orgs{"shop"}, approve: orgs{"shop"},
			lines: []string{`looser: "shop" lockout.failures 5 failures, was 3 failures`}, because: "taking a wish back loosens"},
		{steps: []Step{Move("shop", "owner")}, needs: orgs{"business", "owner"}, moved: orgs{"shop"}, because: "nothing changes but the place"},
		{steps: []Step{Move("shop", "rival")}, needs: orgs{"business", "cloud", "rival"}, approve: orgs{"cloud"}, moved: orgs{"shop"},
			lines: []string{`looser: "shop" password.expiry never, was 60d`, `looser: "shop" password.notice 14d, was 10d`,
				`stricter: "shop" secondFactor.required yes, was no`, `looser: "shop" secondFactor.methods any, was otp, sms`},
			because: "under a laxer parent it is not looser than its ancestors, and has lost what it had"},
		{steps: []Step{Move("business", "")}, needs: orgs{"owner"}, approve: orgs{"cloud"}, top: true, moved: orgs{"business", "shop"},
			lines: []string{`looser: "business" password.expiry never, was 60d`, `looser: "business" password.notice 14d, was 10d`,
				`looser: "business" session.concurrent 64 sessions, was 5 sessions`, `looser: "business" secondFactor.methods any, was otp, sms`,
				`looser: "shop" password.expiry never, was 60d`, `looser: "shop" password.notice 14d, was 10d`,
				`looser: "shop" session.concurrent 64 sessions, was 5 sessions`, `looser: "shop" secondFactor.methods any, was otp, sms`},
			because: "out of every reach"},
		{steps: []Step{Remove("owner")}, needs: orgs{"cloud"}, approve: orgs{"cloud"}, moved: orgs{"business", "shop"}, removed: orgs{"owner"},
			lines: []string{`looser: "business" password.expiry never, was 60d`, `looser: "business" password.notice 14d, was 10d`, `looser: "business" secondFactor.methods any, was otp, sms`,
				`looser: "shop" password.expiry never, was 60d`, `looser: "shop" password.notice 14d, was 10d`, `looser: "shop" secondFactor.methods any, was otp, sms`},
			because: "those below lose what it had set"},
		{steps: []Step{Remove("shop")}, needs: orgs{"business"}, approve: orgs{"business"}, removed: orgs{"shop"},
			because: "it could be added again, laxer"},
		{steps: []Step{Add("new", "business", Settings{PasswordHistory: Count(4)})}, needs: orgs{"business"}, because: "nobody is in it yet"},
		{steps: []Step{Add("new", "", nil)}, top: true, because: "a top is the host's"},
		{steps: []Step{Add("mid", "business", nil), Move("shop", "mid")}, needs: orgs{"business"}, moved: orgs{"shop"},
			because: "who holds authority over a new one is who holds it above"},
		{steps: []Step{Add("mid", "cloud", nil), Move("shop", "mid")}, needs: orgs{"business", "cloud"}, approve: orgs{"cloud"}, moved: orgs{"shop"},
			lines:   []string{`looser: "shop" password.expiry never, was 60d`, `looser: "shop" password.notice 14d, was 10d`, `looser: "shop" secondFactor.methods any, was otp, sms`},
			because: "a detour by a new one is no way around"},
		{steps: []Step{Add("mid", "", nil), Move("cloud", "mid")}, top: true, moved: orgs{"cloud", "owner", "rival", "business", "shop"},
			because: "a new top above a top"},
	} {
		after, d, err := f.Plan(c.steps...)
		require.NoError(t, err, c.because)
		require.NotNil(t, after)
		require.Equal(t, c.needs, d.Needs, c.because)
		require.Equal(t, c.approve, d.Approve, c.because)
		require.Equal(t, c.approve != nil, d.Looser(), c.because)
		require.Equal(t, c.top, d.Top, c.because)
		require.Equal(t, c.moved, d.Moved, c.because)
		require.Equal(t, c.removed, d.Removed, c.because)
		var added orgs
		for _, s := range c.steps {
			if s.do == add {
				added = append(added, s.org)
			}
		}
		require.Equal(t, added, d.Added, c.because)
		var lines []string
		for _, l := range d.Lines {
			lines = append(lines, l.String())
		}
		require.Equal(t, c.lines, lines, c.because)
	}
}

func TestImpossibleSteps(t *testing.T) {
	for _, c := range []struct {
		step Step
		want string
	}{
		{Add("shop", "owner", nil), `"shop" is in the tree already; to put it elsewhere, move it`},
		{Add("new", "nowhere", nil), `"new" cannot come under "nowhere", which is not in the tree`},
		{Set("nowhere", nil), `"nowhere" is not in the tree`},
		{Unset("shop", PasswordExpiry), `"shop": password.expiry is not set there`},
		{Move("owner", "shop"), `"owner" cannot come under "shop", which is below it`},
		{Move("owner", "owner"), `"owner" cannot come under "owner", which is below it`},
		{Remove("cloud"), `"cloud" is a top with others below it; move these first`},
		{Step{}, `"" is not in the tree`},
		{Step{org: "shop"}, `"shop" has a step that was not made with Add, Set, Unset, Move or Remove`},
	} {
		_, _, err := network(t).Plan(c.step)
		require.ErrorContains(t, err, c.want)
	}
	_, _, err := network(t).Plan(Remove("shop"), Add("shop", "rival", nil))
	require.ErrorContains(t, err, "to put it elsewhere, move it", "nor by a detour (S7)")
	_, _, err = network(t).Plan(Add("new", "shop", nil), Add("new", "owner", nil))
	require.ErrorContains(t, err, `"new" is in the tree already`)
	_, _, err = network(t).Plan()
	require.ErrorContains(t, err, "a change has 1 to 24 steps, not 0")
	_, _, err = network(t).Plan(make([]Step, MaxSteps+1)...)
	require.ErrorContains(t, err, "a change has 1 to 24 steps, not 25")
}

// B8: two differences that read the same have the same digest, and no others do.
func TestDigest(t *testing.T) {
	plan := func(s ...Step) Difference {
		_, d, err := network(t).Plan(s...)
		require.NoError(t, err)
		return d
	}
	a := plan(Set("shop", Settings{PasswordExpiry: Days(30), PasswordNotice: Days(3)}))
	require.Equal(t, a.Digest(), plan(Set("shop", Settings{PasswordNotice: Days(3), PasswordExpiry: Days(30)})).Digest())
	require.NotEqual(t, a.Digest(), plan(Set("shop", Settings{PasswordExpiry: Days(30), PasswordNotice: Days(4)})).Digest())
	require.NotEqual(t, a.Digest(), plan(Set("business", Settings{PasswordExpiry: Days(30), PasswordNotice: Days(3)})).Digest())
	require.Equal(t, `set "shop": password.expiry 30d, password.notice 3d
stricter: "shop" password.expiry 30d, was 60d
stricter: "shop" password.notice 3d, was 10d
needs authority at: ["shop"]
`, a.String())
	require.Contains(t, plan(Remove("shop")).String(), `removed: ["shop"]`)
	require.Contains(t, plan(Move("business", "")).String(), "only the host may")
}

// S7: changing an ancestor tells of every wish below that it would break, with the ancestor whose word it is, and of no
// other; and the forest is what it was.
func TestEveryBreachIsTold(t *testing.T) {
	refused, several := 0, 0
	check(t, func(t *rapid.T) {
		f := grown(t)
		if len(f.order) == 0 {
			return
		}
		org := one(t, "org", f.order...)
		above := &standards
		if up := f.nodes[org].Parent; up != "" {
			above = f.nodes[up].row
		}
		set := wishes(t, above)
		for _, below := range f.below(org)[1:] { // mostly of what somebody there wishes too
			for _, field := range slices.Sorted(maps.Keys(f.nodes[below].Settings)) {
				if spec := &fields[place(field)]; roll(t, 2, "too") == 0 {
					set[field] = spec.order.join(values(spec).Draw(t, string(field)), above[place(field)].value)
				}
			}
		}
		step := Set(org, set)
		nodes := f.all()
		require.Nil(t, step.apply(nodes))
		want := map[string]bool{}
		for _, n := range nodes {
			for field, wish := range n.Settings {
				if n.Parent != "" && looser(field, holds(nodes, n.Parent, field), wish) {
					want[fmt.Sprint(n.Org, " ", field)] = true
				}
			}
		}
		got := map[string]bool{}
		_, _, err := f.Plan(step)
		var all Breaches
		errors.As(err, &all)
		for _, b := range all {
			if b.Ancestor == "" {
				continue // wrong in itself
			}
			got[fmt.Sprint(b.Org, " ", b.Field)] = true
			require.Equal(t, nodes[b.Org].Settings[b.Field], b.Value)
			require.True(t, looser(b.Field, b.Limit, b.Value))
			require.Contains(t, f.path(b.Org)[1:], b.Ancestor)
		}
		require.Equal(t, want, got)
		if len(got) > 0 {
			refused++
		}
		if len(got) > 1 {
			several++
		}
	})
	t.Logf("%d refused, %d of them for several wishes", refused, several)
	require.NotZero(t, several)
}

// holds says without the machinery under test what holds for a field at a node.
func holds(nodes map[symbolon.OrgID]Node, org symbolon.OrgID, f Field) Value {
	spec := &fields[place(f)]
	n, ok := nodes[org]
	if !ok {
		return spec.standard
	}
	v := holds(nodes, n.Parent, f)
	switch wish, ok := n.Settings[f]; {
	case ok && n.Parent == "":
		v = wish
	case ok:
		v = spec.order.join(v, wish)
	}
	switch f {
	case PasswordNotice:
		v.n = min(v.n, holds(nodes, org, PasswordExpiry).n)
	case SessionIdle:
		v.n = min(v.n, holds(nodes, org, SessionAbsolute).n)
	}
	return v
}

// S22: an approver reads one of two values and carries out that one. No name reads like a setting without names.
func TestNoNameReadsLikeAWord(t *testing.T) {
	for _, f := range []Field{SecondFactorMethods, VerificationClasses} {
		for _, word := range []string{"any", "none", "never", "unlimited"} {
			_, err := NewForest(Node{Org: "a", Settings: Settings{f: Names("otp", word)}})
			require.ErrorContains(t, err, fmt.Sprintf("has the name %q, which reads like a setting without names; use another name", word))
		}
	}
	f, err := NewForest(Node{Org: "a", Settings: Settings{SecondFactorMethods: Names("otp")}})
	require.NoError(t, err)
	for _, v := range []Value{Names("any"), Names("none")} {
		_, _, err = f.Plan(Set("a", Settings{SecondFactorMethods: v}))
		require.Error(t, err, "nor in a change")
	}
}
