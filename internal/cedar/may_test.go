package cedar

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What an employee must not learn about the customer before the customer proved
// who they are.
var hidden = []string{"resource", "context.subject.level"}

func TestMay(t *testing.T) {
	const sms = `permit (principal, action == Action::"sim.change", resource) when { context.subject.methods.contains("sms") };`
	for _, c := range []struct {
		because, text string
		unset         []string
		may           bool
	}{
		{"nobody permits it, whatever the customer is", ``, nil, false},
		{"the permit's condition holds", sms, nil, true},
		{"it fails on something that is no secret", `permit (principal, action == Action::"sim.change", resource) when { context.subject.methods.contains("face") };`, nil, false},
		{"it hangs on a secret", `permit (principal, action == Action::"sim.change", resource) when { context.subject.level == "restricted" };`, nil, true},
		{"it hangs on a secret and fails on something else", `permit (principal, action == Action::"sim.change", resource) when { context.subject.level == "owner" && principal.kind == "agent" };`, nil, false},
		{"a permit for somebody else's line could be for this one", `permit (principal, action, resource == Line::"other");`, nil, true},
		{"so could one in a condition", `permit (principal, action, resource) when { resource == Line::"other" };`, nil, true},
		{"but a line is not a desk", `permit (principal, action, resource is Desk) when { resource.open };`, nil, false},
		{"nor in a condition", `permit (principal, action, resource) when { resource is Desk };`, nil, false},
		{"a forbid that certainly holds ends it", sms + `forbid (principal, action, resource is Line) unless { principal.kind == "agent" };`, nil, false},
		{"a forbid on a secret may not", sms + `forbid (principal, action == Action::"sim.change", resource) when { context.subject.level == "owner" };`, nil, true},
		{"nor one on a line", sms + `forbid (principal, action, resource == Line::"+15550100");`, nil, true},
		{"nor one on a shop", sms + `forbid (principal, action, resource is Line in Shop::"north");`, nil, true},
		{"whatever the secret is, one branch of this holds", sms + `forbid (principal, action == Action::"sim.change", resource) when { if context.subject.level == "owner" then true else principal.kind == "employee" };`, nil, false},
		{"an unset attribute silences a permit", `permit (principal, action, resource) when { principal.host.shift };`, []string{"principal.host.shift"}, false},
		{"and arms a forbid", sms + `forbid (principal, action, resource) when { principal.host.shift && resource == Line::"x" };`, []string{"principal.host.shift"}, false},
		{"an unset secret does neither", sms + `forbid (principal, action == Action::"sim.change", resource) when { context.subject.level == "owner" };`, []string{"context.subject.level"}, true},
	} {
		require.Equal(t, c.may, load(t, c.text).May(without(c.unset...), hidden...), c.because)
	}
}

// S13: the hint does not depend on what is hidden, and it never says no to what
// a decision allows.
func TestMayIsNoOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, unset := genCase(t)
		unset = slices.DeleteFunc(unset, func(name string) bool {
			return name == "resource in" || name == "resource.account" || name == "context.subject.level"
		})
		want := s.May(without(unset...), hidden...)
		for level := range 3 {
			for line := range 3 {
				r := without(unset...)
				r.Context["subject"].(Record)["level"] = []any{"owner", "restricted", nil}[level]
				r.Resource = []Entity{
					r.Resource,
					{Type: "Line", ID: "other", Attributes: Record{"account": "acct-7"}, Parents: []Parent{{"Shop", "south"}}},
					{Type: "Line", ID: "bare"},
				}[line]
				if s.May(r, hidden...) != want {
					t.Fatal("the hint depends on what is hidden")
				}
				if s.Decide(r).Allow && !want {
					t.Fatal("the hint denies what is allowed")
				}
			}
		}
	})
}
