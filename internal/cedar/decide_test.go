package cedar

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// full is a request in which everything is set.
func full() Request {
	return Request{
		Principal: Entity{
			Type: "Actor", ID: "mia", Parents: []Parent{{"Role", "care"}},
			Attributes: Record{"kind": "employee", "host": Record{"shift": true, "risk": int64(10)}},
		},
		Action: "sim.change",
		Resource: Entity{
			Type: "Line", ID: "+15550100", Parents: []Parent{{"Shop", "north"}},
			Attributes: Record{"account": "acct-42"},
		},
		Context: Record{
			"now": noon, "ip": netip.MustParseAddr("10.1.2.3"),
			"subject": Record{"level": "owner", "methods": []string{"sms"}},
			"params":  Record{"amount": int64(50)},
		},
	}
}

// The attributes of full, each of which can be unset.
var unsets = map[string]func(*Request){
	"principal in":            func(r *Request) { r.Principal.Parents = nil },
	"principal.kind":          func(r *Request) { r.Principal.Attributes["kind"] = nil },
	"principal.host.shift":    func(r *Request) { delete(r.Principal.Attributes["host"].(Record), "shift") },
	"principal.host.risk":     func(r *Request) { r.Principal.Attributes["host"].(Record)["risk"] = nil },
	"resource in":             func(r *Request) { r.Resource.Parents = nil },
	"resource.account":        func(r *Request) { r.Resource.Attributes = nil },
	"context.now":             func(r *Request) { delete(r.Context, "now") },
	"context.ip":              func(r *Request) { r.Context["ip"] = netip.Addr{} },
	"context.subject.level":   func(r *Request) { r.Context["subject"].(Record)["level"] = nil },
	"context.subject.methods": func(r *Request) { r.Context["subject"].(Record)["methods"] = []string(nil) },
	"context.params.amount":   func(r *Request) { r.Context["params"].(Record)["amount"] = 50 }, // an int is not an int64: no type of ours
}

func without(names ...string) Request {
	r := full()
	for _, n := range names {
		unsets[n](&r)
	}
	return r
}

func TestDecide(t *testing.T) {
	const permitAll = `@id("all") permit (principal, action, resource);`
	for _, c := range []struct {
		because, text string
		unset         []string
		allow         bool
		voices        []Voice
	}{
		// AZ-01
		{because: "nobody permitted it", text: ``},
		{because: "a permit is enough", text: permitAll, allow: true, voices: []Voice{{Policy: "all"}}},
		{
			// AZ-02
			because: "a forbid beats any number of permits, and both are named",
			text:    permitAll + `@id("p") permit (principal, action, resource is Line); @id("f") forbid (principal, action, resource is Line) when { resource.account == "acct-42" };`,
			voices:  []Voice{{Policy: "all"}, {Policy: "f", Forbid: true}, {Policy: "p"}},
		},
		{
			because: "a policy on another action has nothing to say",
			text:    `forbid (principal, action == Action::"line.read", resource); forbid (principal, action in [Action::"desk.open"], resource); forbid (principal, action in Action::"line.read", resource);` + permitAll,
			allow:   true, voices: []Voice{{Policy: "all"}},
		},
		{
			because: "a role is a parent",
			text:    `@id("care") permit (principal in Role::"care", action, resource); @id("boss") permit (principal in Role::"boss", action, resource);`,
			allow:   true, voices: []Voice{{Policy: "care"}},
		},
		{
			// AZ-03
			because: "an error in a permit does not count, and is reported",
			text:    `@id("p") permit (principal, action, resource) when { principal.host.risk + 9223372036854775807 > 0 };`,
			voices:  []Voice{{Policy: "p", Err: "integer overflow while attempting to add `10` with `9223372036854775807`"}},
		},
		{
			// AZ-03
			because: "an error in a forbid denies",
			text:    permitAll + `@id("f") forbid (principal, action, resource) when { principal.host.risk * 9223372036854775807 == 0 };`,
			voices:  []Voice{{Policy: "all"}, {Policy: "f", Forbid: true, Err: "integer overflow while attempting to multiply `10` by `9223372036854775807`"}},
		},
		{
			// AZ-03
			because: "unset is not zero; the risk of nobody is not below 60",
			text:    `@id("p") permit (principal, action, resource) when { principal.host.risk < 60 };`,
			unset:   []string{"principal.host.risk"},
			voices:  []Voice{{Policy: "p", Unset: "principal.host.risk"}},
		},
		{
			// AZ-03
			because: "a forbid that reads an unset attribute denies, though its condition is false for every value",
			text:    permitAll + `@id("f") forbid (principal, action, resource) when { principal.host.risk != principal.host.risk };`,
			unset:   []string{"principal.host.risk"},
			voices:  []Voice{{Policy: "all"}, {Policy: "f", Forbid: true, Unset: "principal.host.risk"}},
		},
		{
			because: "a forbid whose scope is elsewhere stays silent, whatever is unset",
			text:    permitAll + `forbid (principal == Actor::"bob", action, resource) when { principal.host.shift }; forbid (principal, action, resource is Desk) when { principal.host.shift };`,
			unset:   []string{"principal.host.shift"},
			allow:   true, voices: []Voice{{Policy: "all"}},
		},
		{
			because: "with roles unset, nobody knows whom a role's forbid spares",
			text:    permitAll + `@id("f") forbid (principal in Role::"boss", action, resource); @id("g") forbid (principal is Actor in Role::"boss", action, resource);`,
			unset:   []string{"principal in"},
			voices:  []Voice{{Policy: "all"}, {Policy: "f", Forbid: true, Unset: "principal in"}, {Policy: "g", Forbid: true, Unset: "principal in"}},
		},
		{
			because: "negation makes a permit of ignorance in Cedar, not here",
			text:    `@id("p") permit (principal, action, resource) unless { principal in Role::"boss" }; @id("q") permit (principal, action, resource) when { !(Actor::"mia" in Role::"boss") };`,
			unset:   []string{"principal in"},
			voices:  []Voice{{Policy: "p", Unset: "principal in"}, {Policy: "q", Unset: "principal in"}},
		},
		{
			because: "where a resource lies can be unset, too",
			text:    permitAll + `@id("f") forbid (principal, action, resource in Shop::"south"); @id("g") forbid (principal, action, resource is Line in Shop::"south"); @id("h") forbid (principal, action, resource) when { resource is Line in Shop::"south" };`,
			unset:   []string{"resource in"},
			voices:  []Voice{{Policy: "all"}, {Policy: "f", Forbid: true, Unset: "resource in"}, {Policy: "g", Forbid: true, Unset: "resource in"}, {Policy: "h", Forbid: true, Unset: "resource in"}},
		},
		{
			because: "times, addresses and sets are what they look like",
			text: `@id("p") permit (principal, action == Action::"sim.change", resource) when { context.now >= datetime("2026-03-01T12:00:00Z") && context.ip.isInRange(ip("10.0.0.0/8")) &&
				context.subject.methods.containsAny(["sms", "pwd"]) && context.now.toTime() == duration("12h") && resource in Shop::"north" && principal["kind"] like "emp*" };`,
			allow: true, voices: []Voice{{Policy: "p"}},
		},
	} {
		got := load(t, c.text).Decide(without(c.unset...))
		require.Equal(t, c.allow, got.Allow, c.because)
		require.Equal(t, c.voices, got.Voices, c.because)
	}
}

func TestDecideFailsClosed(t *testing.T) {
	permitAll := load(t, `permit (principal, action, resource);`)
	require.False(t, (&Set{}).Decide(full()).Allow, "the zero Set")
	require.False(t, Result{}.Allow, "the zero Result")
	undeclared := full()
	undeclared.Action = "line.delete"
	require.False(t, permitAll.Decide(undeclared).Allow, "an action that the schema does not know")
	require.False(t, load(t).Decide(full()).Allow, "an empty set")
}

func TestDetermining(t *testing.T) {
	r := Result{Voices: []Voice{{Policy: "a"}, {Policy: "b", Unset: "x"}}}
	require.Equal(t, []string{"a"}, r.Determining(), "a silenced permit settles nothing")
	r.Voices = append(r.Voices, Voice{Policy: "c", Forbid: true, Err: "overflow"})
	require.Equal(t, []string{"c"}, r.Determining(), "a forbid settles it, even one that failed")
	// AZ-03
	require.True(t, r.Voices[2].Counts(), "it takes part in the decision")
	// AZ-03
	require.False(t, r.Voices[1].Counts(), "the silenced permit does not")
}

// Random policies: every operator that can turn knowledge around, over every
// attribute of the schema.

var atoms = []string{
	`principal.host.shift`, `principal.host.risk < 60`, `principal.host.risk + 9223372036854775797 > 0`, `principal.host.risk * 9223372036854775807 == 0`,
	`principal.kind == "agent"`, `principal in Role::"care"`, `principal in Role::"boss"`, `principal is Actor in Role::"care"`,
	`resource in Shop::"north"`, `resource.account == "acct-42"`, `principal == Actor::"mia"`, `Actor::"mia" in Role::"care"`,
	`context.subject.methods.contains("sms")`, `context.subject.methods.containsAny(["face"])`, `context.subject.methods.isEmpty()`,
	`context.subject.level == "owner"`, `context.now > datetime("2026-01-01")`, `context.ip.isInRange(ip("10.0.0.0/8"))`,
	`{a: context.subject.level} == {a: "owner"}`, `[principal.kind].contains("employee")`, `true`, `false`,
}

func genBool(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth == 0 || rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			return rapid.SampledFrom(atoms).Draw(t, "atom")
		}
		a, b := genBool(depth-1).Draw(t, "a"), genBool(depth-1).Draw(t, "b")
		switch rapid.IntRange(0, 4).Draw(t, "op") {
		case 0:
			return "!(" + a + ")"
		case 1:
			return "(" + a + " && " + b + ")"
		case 2:
			return "(" + a + " || " + b + ")"
		case 3:
			return "(if " + a + " then " + b + " else " + genBool(depth-1).Draw(t, "c") + ")"
		}
		return "((" + a + ") == (" + b + "))"
	})
}

var genPolicy = rapid.Custom(func(t *rapid.T) string {
	pick := func(s ...string) string { return rapid.SampledFrom(s).Draw(t, "pick") }
	text := pick("permit", "permit", "permit", "forbid") + " (principal" +
		pick("", "", ` in Role::"care"`, ` in Role::"boss"`, ` == Actor::"mia"`, ` == Actor::"bob"`, ` is Actor in Role::"care"`) + ", action" +
		pick(` == Action::"sim.change"`, ` in [Action::"sim.change", Action::"line.read"]`, ` == Action::"line.read"`) + ", resource" +
		pick("", " is Line", ` in Shop::"north"`, ` in Shop::"south"`, ` is Line in Shop::"south"`) + ")"
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		text += pick(" when", " unless") + " { " + genBool(3).Draw(t, "body") + " }"
	}
	return text + ";"
})

// genCase draws policies that pass validation and what of the request is unset.
func genCase(t *rapid.T) (*Set, []string, []string) {
	texts := rapid.SliceOfN(genPolicy, 1, 5).Draw(t, "policies")
	s, err := Load(testSchema, []Source{{"r", strings.Join(texts, "\n")}})
	if err != nil { // the validator refuses comparing true with false, and the like
		t.Skip(err.Error())
	}
	unset := rapid.SliceOfDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(unsets))), rapid.ID).Draw(t, "unset")
	return s, texts, unset
}

// AZ-03: taking knowledge away never turns a deny into an allow, whatever the
// policies say and whatever else is unset.
func TestUnsettingNeverAllows(t *testing.T) {
	allowed, denied := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s, _, unset := genCase(t)
		before := s.Decide(without(unset...)).Allow
		if before {
			allowed++
		} else {
			denied++
		}
		for name := range unsets {
			after := s.Decide(without(append(slices.Clone(unset), name)...)).Allow
			if after && !before {
				t.Fatalf("unsetting %s as well allowed it", name)
			}
		}
	})
	require.Positive(t, allowed, "the generator must reach allows")
	require.Positive(t, denied, "and denies")
}

// Where everything is set, the answer is Cedar's own, but for forbids that fail.
func TestAgreesWithCedar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, texts, _ := genCase(t)
		plain, err := cedar.NewPolicySetFromBytes("r", []byte(strings.Join(texts, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		q := question{request: full()}
		q.convert()
		want, d := cedar.Authorize(plain, q.entities, q.cedar)
		got := s.Decide(full())

		failed, forbidFailed := 0, false
		for _, v := range got.Voices {
			if v.Unset != "" {
				t.Fatalf("%s is set", v.Unset)
			}
			if v.Err != "" {
				failed++
				forbidFailed = forbidFailed || v.Forbid
			}
		}
		if failed != len(d.Errors) {
			t.Fatalf("%d errors, Cedar reports %d", failed, len(d.Errors))
		}
		if forbidFailed {
			if got.Allow {
				t.Fatal("a forbid failed and did not deny")
			}
		} else if got.Allow != bool(want) || len(got.Determining()) != len(d.Reasons) {
			t.Fatalf("allow %v by %v, Cedar says %v by %v", got.Allow, got.Determining(), want, d.Reasons)
		}
	})
}

// AZ-04: the answer does not depend on the order of the policies.
func TestOrderMeansNothing(t *testing.T) {
	var policies []string
	for i := range 12 {
		effect := []string{"permit", "forbid"}[i%2]
		policies = append(policies, fmt.Sprintf(`@id("p%02d") %s (principal, action in [Action::"sim.change"], resource) when { %s };`, i, effect, atoms[i]))
	}
	want := load(t, strings.Join(policies, "\n")).Decide(without("principal.host.risk"))
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		r.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		cut := r.IntN(len(policies))
		got := load(t, strings.Join(policies[:cut], "\n"), strings.Join(policies[cut:], "\n")).Decide(without("principal.host.risk"))
		require.Equal(t, want, got)
	}
}
