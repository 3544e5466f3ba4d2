package authz_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

var hostSchema = authz.Schema{
	Actor:       map[string]authz.Attribute{"risk": {Type: authz.TypeInt}, "trained": {Type: authz.TypeTime, MaxAge: 24 * time.Hour}},
	Subject:     map[string]authz.Attribute{"vip": {Type: authz.TypeBool}},
	Resources:   map[string]map[string]authz.Attribute{"Line": {"flags": {Type: authz.TypeStrings}}},
	Environment: map[string]authz.Attribute{"risk": {Type: authz.TypeInt}},
}

// asked is a request in which everything is set.
type asked struct {
	facts   symbolon.Facts
	request authz.Request
}

func (w *world) everythingSet() asked {
	now := func(v symbolon.Value) symbolon.Value { return v.From("hr", w.now) }
	a := asked{
		facts: w.facts(func(f *symbolon.Facts) {
			f.Actor.Attributes = symbolon.Attributes{"risk": symbolon.IntValue(10), "trained": now(symbolon.TimeValue(start))}
			f.Claimed.Attributes = symbolon.Attributes{"vip": symbolon.BoolValue(false)}
		}, "sms", "pin"),
		request: simChange("1"),
	}
	a.request.Params["fee"] = symbolon.IntValue(5)
	a.request.Params["tags"] = symbolon.StringsValue()
	a.request.Resource.Attributes = symbolon.Attributes{"flags": symbolon.StringsValue("esim")}
	a.request.Environment = symbolon.Attributes{"risk": symbolon.IntValue(10)}
	a.request.Purpose = "care"
	return a
}

// Every attribute that can be unset, and how it comes to be.
var unset = map[string]func(*asked){
	"principal in":           func(a *asked) { a.facts.Actor.Roles = nil },
	"principal.org":          func(a *asked) { a.facts.Actor.Org = "" },
	"principal.entitlements": func(a *asked) { a.facts.Actor.Entitlements = nil },
	"principal.host.risk":    func(a *asked) { a.facts.Actor.Attributes["risk"] = symbolon.StringValue("low") }, // not what was declared
	"principal.host.trained": func(a *asked) {
		a.facts.Actor.Attributes["trained"] = symbolon.TimeValue(start).From("hr", start.Add(-25*time.Hour))
	},
	"context.subject.org":     func(a *asked) { a.facts.Claimed.Org = "" },
	"context.subject.level":   func(a *asked) { a.facts.Claimed.Level = 0 },
	"context.subject.host":    func(a *asked) { a.facts.Claimed.Attributes = nil },
	"context.interaction":     func(a *asked) { a.facts.Interaction.Channel = "" },
	"context.purpose":         func(a *asked) { a.request.Purpose = "" },
	"context.params.fee":      func(a *asked) { delete(a.request.Params, "fee") },
	"context.params.tags":     func(a *asked) { a.request.Params["tags"] = symbolon.Value{} },
	"context.env.risk":        func(a *asked) { a.request.Environment = nil },
	"resource.host.flags":     func(a *asked) { a.request.Resource.Attributes["flags"] = symbolon.Value{} },
	"context.subject.proofs":  func(a *asked) { a.facts.SubjectProof = symbolon.Verification{} },
	"principal.host.trained2": func(a *asked) { a.facts.Actor.Attributes["trained"] = symbolon.TimeValue(start) }, // of unknown age
	"principal.host.trained3": func(a *asked) {
		a.facts.Actor.Attributes["trained"] = symbolon.TimeValue(start).From("hr", start.Add(time.Hour))
	}, // read in the future
}

var conditions = []string{
	`principal in Role::"care"`, `principal in Role::"boss"`, `principal.org == "north"`, `principal.kind == "employee"`,
	`principal.entitlements.contains("esim")`, `principal.entitlements.isEmpty()`, `principal.host.risk < 60`, `principal.host.trained <= context.now`,
	`principal.methods.contains("pwd")`, `principal.classes.isEmpty()`, `principal.provedAt.pwd == context.now`,
	`context.subject.level == "owner"`, `context.subject.org == "brand"`, `context.subject.host.vip`, `context.subject.provedAt.sms == context.subject.verifiedAt`,
	`context.subject.classes.contains("line-control")`, `context.interaction.channel == "phone"`, `context.purpose == "care"`,
	`context.params.fee < 10`, `context.params.tags.isEmpty()`, `context.params.iccid == "1"`, `context.env.risk + 9223372036854775800 > 0`, `context.env.risk < 60`,
	`resource.host.flags.contains("esim")`, `resource.account == "acct-42"`, `resource.id == "x"`,
}

func genCondition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
			return rapid.SampledFrom(conditions).Draw(t, "condition")
		}
		a, b := genCondition(depth-1).Draw(t, "a"), genCondition(depth-1).Draw(t, "b")
		return rapid.SampledFrom([]string{"!(" + a + ")", "(" + a + " && " + b + ")", "(" + a + " || " + b + ")", "(if " + a + " then " + b + " else true)"}).Draw(t, "op")
	})
}

var genSet = rapid.Custom(func(t *rapid.T) string {
	policy := rapid.Custom(func(t *rapid.T) string {
		pick := func(s ...string) string { return rapid.SampledFrom(s).Draw(t, "pick") }
		return pick("permit", "permit", "permit", "forbid") + " (principal" + pick("", "", ` in Role::"care"`, ` in Role::"boss"`) +
			`, action == Action::"sim.change", resource)` + pick(" when", " unless") + " { " + genCondition(2).Draw(t, "body") + " };"
	})
	return strings.Join(rapid.SliceOfN(policy, 1, 4).Draw(t, "policies"), "\n")
})

// S5, AZ-03, AZ-18: unsetting any one attribute never turns a deny into an
// allow, through the Guard, whatever both sets say and whatever else is unset.
func TestUnsettingNeverAllows(t *testing.T) {
	w := newWorld(t)
	names := slices.Sorted(maps.Keys(unset))
	allowed, changed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		g, err := authz.NewGuard(w.realm, authz.Config{
			ActorSet: authz.PolicyText(genSet.Draw(t, "actor")), SubjectSet: authz.PolicyText(genSet.Draw(t, "subject")), Actions: actions,
		}, &authz.Options{Schema: hostSchema})
		if err != nil {
			t.Fatal(err)
		}
		decide := func(names ...string) bool {
			a := w.everythingSet()
			for _, name := range names {
				unset[name](&a)
			}
			d, err := g.Decide(w.t.Context(), w.seal(a.facts), a.request)
			if err != nil {
				t.Fatal(err)
			}
			return d.Allowed
		}
		already := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(t, "already unset")
		before := decide(already...)
		if before {
			allowed++
		}
		for _, name := range names {
			switch after := decide(append(slices.Clone(already), name)...); {
			case after && !before:
				t.Fatalf("unsetting %s as well allowed it", name)
			case before && !after:
				changed++
			}
		}
	})
	require.Positive(t, allowed, "the generator must reach allows")
	require.Positive(t, changed, "and attributes that matter")
}

// Each attribute is named in the Decision when a policy misses it.
func TestWhatIsUnsetIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ condition, reads string }{
		"principal in":            {`principal in Role::"care"`, "principal in"},
		"principal.org":           {`principal.org == "north"`, "principal.org"},
		"principal.entitlements":  {`principal.entitlements.isEmpty()`, "principal.entitlements"},
		"principal.host.risk":     {`principal.host.risk < 60`, "principal.host.risk"},
		"principal.host.trained":  {`principal.host.trained <= context.now`, "principal.host.trained"},
		"principal.host.trained2": {`principal.host.trained <= context.now`, "principal.host.trained"},
		"principal.host.trained3": {`principal.host.trained <= context.now`, "principal.host.trained"},
		"context.subject.org":     {`context.subject.org == "brand"`, "context.subject.org"},
		"context.subject.level":   {`context.subject.level == "owner"`, "context.subject.level"},
		"context.subject.host":    {`!context.subject.host.vip`, "context.subject.host.vip"},
		"context.interaction":     {`context.interaction.channel == "phone"`, "context.interaction.channel"},
		"context.purpose":         {`context.purpose == "care"`, "context.purpose"},
		"context.params.fee":      {`context.params.fee < 10`, "context.params.fee"},
		"context.params.tags":     {`context.params.tags.isEmpty()`, "context.params.tags"},
		"context.env.risk":        {`context.env.risk < 60`, "context.env.risk"},
		"resource.host.flags":     {`resource.host.flags.contains("esim")`, "resource.host.flags"},
	} {
		w := newWorld(t)
		g := w.guard(`@id("p") permit (principal, action == Action::"sim.change", resource) when { `+c.condition+` };`, permitAll, &authz.Options{Schema: hostSchema})
		a := w.everythingSet()
		d, err := g.Decide(t.Context(), w.seal(a.facts), a.request)
		require.NoError(t, err)
		require.True(t, d.Allowed, name)
		unset[name](&a)
		d, err = g.Decide(t.Context(), w.seal(a.facts), a.request)
		require.NoError(t, err)
		require.False(t, d.Allowed, name)
		require.Contains(t, d.Reason(), "actor/p reads "+c.reads+", which is unset", name)
	}
}
