package policy

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
)

var orgs = []symbolon.OrgID{"a", "b", "c", "d", "e", "f", "g"}

// roll draws a number below n, each as often as the others: rapid itself prefers small ones.
func roll(t *rapid.T, n uint32, label string) int {
	return int((rapid.Uint32().Draw(t, label) * 2654435761) >> 12 % n)
}

func one[T any](t *rapid.T, label string, list ...T) T {
	return list[roll(t, uint32(len(list)), label)]
}

// wishes draws a few settings, often of the same fields, and mostly what the organisation above allows.
func wishes(t *rapid.T, above *row) Settings {
	s := Settings{}
	for range roll(t, 5, "wishes") {
		spec := &fields[roll(t, uint32(len(fields)), "field")]
		if roll(t, 2, "popular") == 0 {
			spec = &fields[place(one(t, "which", PasswordExpiry, PasswordNotice, SecondFactorMethods, SecondFactorRequired))]
		}
		v := values(spec).Draw(t, string(spec.field))
		if roll(t, 10, "bold") > 0 {
			v = spec.order.join(v, above[place(spec.field)].value)
		}
		s[spec.field] = v
	}
	for _, b := range s.wrong() {
		delete(s, b.Field)
	}
	return s
}

// steps draws any step, most of them on organisations that are there.
func steps(t *rapid.T, f *Forest) Step {
	pick := func(label string) symbolon.OrgID {
		if len(f.order) > 0 && roll(t, 10, "there") > 0 {
			return one(t, label, f.order...)
		}
		return one(t, label, append([]symbolon.OrgID{""}, orgs...)...)
	}
	above := func(org symbolon.OrgID) *row {
		if n := f.nodes[org]; n != nil {
			return n.row
		}
		return &standards
	}
	do := roll(t, 10, "do")
	if do < 3 {
		to := pick("to")
		return Add(one(t, "org", orgs...), to, wishes(t, above(to)))
	}
	org := pick("org")
	n := f.nodes[org]
	switch {
	case do < 6 && n != nil:
		return Set(org, wishes(t, above(n.Parent)))
	case do == 6 && n != nil && len(n.Settings) > 0:
		return Unset(org, slices.Sorted(maps.Keys(n.Settings))[0])
	case do == 9:
		return Remove(org)
	}
	return Move(org, pick("to"))
}

// grown draws a tree of up to seven organisations.
func grown(t *rapid.T) *Forest {
	f := &Forest{}
	for _, org := range orgs[:roll(t, 8, "size")] {
		var parent symbolon.OrgID
		above := &standards
		if len(f.order) > 0 && roll(t, 5, "child") > 0 {
			parent = one(t, "parent", f.order...)
			above = f.nodes[parent].row
		}
		if next, _, err := f.Plan(Add(org, parent, wishes(t, above))); err == nil {
			f = next
		}
	}
	return f
}

// S7: over random trees, edits, moves and deletions, no organisation is ever looser than one above it, and nothing
// loosens without the approval of a second person where the change has its root.
func TestTightenOnly(t *testing.T) {
	refused, looseneds, moves := 0, 0, 0
	check(t, func(t *rapid.T) {
		f := grown(t)
		for range 1 + roll(t, 16, "changes") {
			var change []Step
			for range one(t, "steps", 1, 1, 1, 2, 3) {
				change = append(change, steps(t, f))
			}
			before := f.Nodes()
			after, d, err := f.Plan(change...)
			require.Equal(t, before, f.Nodes(), "computing changes nothing")
			if err != nil {
				require.IsType(t, Breaches{}, err)
				require.NotEmpty(t, err)
				refused++
				continue
			}
			requireTight(t, after)
			again, err := NewForest(after.Nodes()...)
			require.NoError(t, err, "it stands by itself")
			require.Equal(t, after.Nodes(), again.Nodes())
			require.Equal(t, after.digest(), again.digest())
			for org, n := range again.nodes {
				require.Equal(t, n, after.nodes[org], "what was taken over from before is what it would be")
			}
			if loosened(t, f, after, d) {
				looseneds++
			}
			if len(change) == 1 && change[0].do == move {
				requireMove(t, f, change[0], d)
				moves++
			}
			requireSteps(t, f, after)
			f = after
		}
	})
	t.Logf("%d changes refused, %d loosened, %d moves alone", refused, looseneds, moves)
	require.NotZero(t, refused)
	require.NotZero(t, looseneds)
	require.NotZero(t, moves)
}

// requireTight walks every path to the top.
func requireTight(t *rapid.T, f *Forest) {
	for org, n := range f.nodes {
		for _, up := range f.path(org)[1:] {
			for i := range fields {
				if looser(fields[i].field, f.nodes[up].row[i].value, n.row[i].value) {
					t.Fatalf("%s is looser than %s in %s: %v, %v", org, up, fields[i].field, n.row[i], f.nodes[up].row[i])
				}
			}
		}
		value := func(f Field) int64 { return n.row[place(f)].value.n }
		require.LessOrEqual(t, value(PasswordNotice), value(PasswordExpiry), "C7")
		require.LessOrEqual(t, value(SessionIdle), value(SessionAbsolute))
		if n.row[place(SecondFactorRequired)].value == Flag(true) {
			require.NotEqual(t, Names[string](), n.row[place(SecondFactorMethods)].value, "no way in")
		}
	}
}

// loosened compares what held with what will, and demands approval for what is looser and for nothing else but removal
// and return.
func loosened(t *rapid.T, before, after *Forest, d Difference) bool {
	var loose []string
	removed := false
	for org, was := range before.nodes {
		is := after.nodes[org]
		if is == nil {
			removed = true
			continue
		}
		for i := range fields {
			if f := fields[i].field; looser(f, was.row[i].value, is.row[i].value) {
				loose = append(loose, fmt.Sprint(org, f))
			}
		}
	}
	var told []string
	for _, l := range d.Lines {
		if l.Looser {
			told = append(told, fmt.Sprint(l.Org, l.Field))
		}
	}
	require.ElementsMatch(t, loose, told, "the difference tells of everything that loosens")
	for _, org := range d.Returned {
		parent, gone := before.gone(org)
		require.True(t, gone && before.nodes[org] == nil && after.nodes[org].Parent != parent || len(d.Steps) > 1, "only what has left comes back")
	}
	if loose != nil || removed {
		require.NotEmpty(t, d.Approve)
	} else if d.Returned == nil && !slices.ContainsFunc(d.Steps, func(s Step) bool { return s.do == remove }) {
		require.Empty(t, d.Approve)
	}
	for _, org := range slices.Concat(d.Approve, d.Needs) {
		require.NotNil(t, before.nodes[org], "nobody holds authority at what is not there yet")
	}
	require.True(t, len(d.Needs) > 0 || d.Top, "somebody's authority is needed")
	return loose != nil
}

// requireMove demands the authority of both parents and of the lowest organisation above both.
func requireMove(t *rapid.T, f *Forest, s Step, d Difference) {
	from, to := f.path(s.org)[1:], f.path(s.parent)
	var common symbolon.OrgID
	for _, up := range slices.Backward(from) {
		if slices.Contains(to, up) {
			common = up
		}
	}
	require.Equal(t, common == "", d.Top, "where nobody is above both, it is the host's")
	for _, org := range []symbolon.OrgID{f.nodes[s.org].Parent, s.parent, common} {
		if org != "" {
			require.Contains(t, d.Needs, org)
		}
	}
	if d.Looser() && common != "" {
		require.Equal(t, []symbolon.OrgID{common}, d.Approve)
	}
	require.Contains(t, d.Moved, s.org)
}

// requireSteps goes from one forest to the other by steps that can be done, and back.
func requireSteps(t *rapid.T, from, to *Forest) {
	nodes := from.all()
	for _, s := range to.Steps(from) {
		require.Nil(t, s.apply(nodes), "%v", s)
	}
	there, wrong := grow(nodes, from)
	require.Nil(t, wrong)
	require.Equal(t, to.digest(), there.digest())
}

// C11: the join of several organisations is as strict as each, in whatever order, and the same twice.
func TestPersonOfSeveral(t *testing.T) {
	refused := 0
	check(t, func(t *rapid.T) {
		f, err := NewForest(Node{Org: "a", Settings: wishes(t, &standards)}, Node{Org: "b", Settings: wishes(t, &standards)}, Node{Org: "c", Settings: wishes(t, &standards)})
		if err != nil {
			t.Skip("drawn against each other")
		}
		all, err := f.Effective("a", "b", "c")
		if err != nil {
			require.ErrorIs(t, err, ErrRefused)
			refused++
			return
		}
		other, err := f.Effective("c", "a", "b", "a")
		require.NoError(t, err)
		require.Equal(t, slices.Collect(all.All()), slices.Collect(other.All()))
		for i, e := range all.values {
			var from []symbolon.OrgID
			for _, org := range []symbolon.OrgID{"a", "b", "c"} {
				require.False(t, looser(e.Field, f.nodes[org].row[i].value, e.Value), "%s at %s", e.Field, org)
				if f.nodes[org].row[i].from != "" {
					from = append(from, org)
				}
			}
			require.Subset(t, from, e.From, "who has not set it is not named")
		}
		require.LessOrEqual(t, all.values[place(PasswordNotice)].Value.n, all.values[place(PasswordExpiry)].Value.n)
		require.NoError(t, all.Lockout().Validate())
		require.NoError(t, all.Codes().Validate())
		require.NoError(t, all.Password().Validate())
	})
	require.NotZero(t, refused, "some leave no method")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
