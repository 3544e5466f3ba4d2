package cedar

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const testSchema = `
entity Role;
entity Shop;
entity Actor in [Role] { kind: String, host: { shift: Bool, risk: Long } };
entity Line in [Shop] { account: String };
entity Desk { open: Bool };
action "sim.change" appliesTo { principal: [Actor], resource: [Line], context: {
	now: datetime, ip: ipaddr, subject: { level: String, methods: Set<String> }, params: { amount: Long } } };
action "line.read" appliesTo { principal: [Actor], resource: [Line], context: {
	now: datetime, ip: ipaddr, subject: { level: String, methods: Set<String> }, params: {} } };
action "desk.open" appliesTo { principal: [Actor], resource: [Desk], context: { now: datetime } };
`

func load(t testing.TB, texts ...string) *Set {
	t.Helper()
	var sources []Source
	for i, text := range texts {
		sources = append(sources, Source{Name: string(rune('a'+i)) + ".cedar", Text: text})
	}
	s, err := Load(testSchema, sources)
	require.NoError(t, err)
	return s
}

func TestLoadRefuses(t *testing.T) {
	line := `permit (principal, action in [Action::"sim.change", Action::"line.read"], resource is Line)`
	for _, c := range []struct {
		because, text string
		want          []string
	}{
		{"a syntax error is named with its line", "permit (principal, action, resource);\npermit (principal action, resource);", []string{"p.cedar:2: "}},
		{"an unfinished text is one", "permit (", []string{"p.cedar:1: "}},
		{"a misspelt attribute would never hold", "\n" + line + ` when { context.subject.levle == "owner" };`, []string{"p.cedar:2: ", "levle"}},
		{"so would a misspelt action", `permit (principal, action == Action::"sim.chnage", resource);`, []string{"sim.chnage"}},
		{"a type that does not exist", `permit (principal, action, resource is Lime);`, []string{"Lime"}},
		{"a comparison of two types", line + ` when { principal.host.risk < "60" };`, []string{"p.cedar:1: "}},
		{"an attribute that only some of the actions have", line + ` when { context.params.amount < 5 };`, []string{"amount"}},
		{"the same in a scope that names no action", `permit (principal, action, resource) when { context.subject.level == "owner" };`, []string{"subject"}},
		{"`has` asks what the loader already knows", line + ` when { principal has host && principal.host has risk };`, []string{"`has host` is not needed", "`has risk` is not needed"}},
		{"a chain of `has` is one question", line + ` when { principal has host.risk };`, []string{"`has risk`"}},
		{"a whole record could hide an unset attribute", line + ` when { context.subject == context.subject };`, []string{"context.subject is a record"}},
		{"so could the whole context", line + ` when { [context].contains(context) };`, []string{"context is a record"}},
		{"an attribute behind a choice is not known from looking", line + ` when { (if principal.kind == "agent" then principal else principal).host.shift };`, []string{`read "host" straight`}},
		{"an attribute of a literal is none of this request", line + ` when { Actor::"mia".host.shift };`, []string{`read "host" straight`}},
		{"an unknown attribute in a branch never taken", line + ` when { false && context.nothing };`, []string{"context.nothing is not declared"}},
		{"two policies of one name could not be told apart in the audit", "@id(\"x\")" + line + ";\n@id(\"x\")" + line + ";", []string{`p.cedar:2: @id "x" is taken by the policy at p.cedar:1`}},
		{"nor could one without a name", "@id " + line + ";", []string{"@id has 1 to 128"}},
		{"a name with a line break would forge log lines", "@id(\"a\\nb\")" + line + ";", []string{"@id has 1 to 128"}},
		{"everything wrong is reported at once", line + " when { context.a };\n" + line + " when { context.b };\n" + line + ` when { principal has kind };`, []string{"p.cedar:1: ", "p.cedar:2: ", "p.cedar:3: "}},
		{"nesting would exhaust the stack, and with it the process", strings.Repeat("(", maxPolicy+2), []string{"more than 32768 bytes"}},
		{"nor does a semicolon in a string end a policy", line + ` when { "` + strings.Repeat(`;\"`, maxPolicy/2) + `" == "" };`, []string{"more than 32768 bytes"}},
		{"nor one in a comment", line + "\n" + strings.Repeat("//;\n", maxPolicy/4) + ";", []string{"more than 32768 bytes"}},
	} {
		s, err := Load(testSchema, []Source{{"p.cedar", c.text}})
		require.Error(t, err, c.because)
		require.Nil(t, s, c.because)
		for _, want := range c.want {
			require.ErrorContains(t, err, want, c.because)
		}
		require.NotContains(t, err.Error(), "<input>", c.because)
	}
}

func TestLoadErrorsAreTheSameEachTime(t *testing.T) {
	text := `permit (principal, action, resource) when { context.a && principal.b && resource.c };`
	_, first := Load(testSchema, []Source{{"p", text}})
	for range 50 {
		_, err := Load(testSchema, []Source{{"p", text}})
		require.EqualError(t, err, first.Error(), "maps are walked in random order")
	}
}

func TestLoadRefusesSchema(t *testing.T) {
	for because, text := range map[string]string{
		"it does not parse":           "entity",
		"a type is missing":           `action "x" appliesTo { principal: [Nobody], resource: [Nobody], context: {} };`,
		"the index knows no groups":   `entity A; action "all"; action "x" in ["all"] appliesTo { principal: A, resource: A, context: {} };`,
		"an attribute without a type": "entity A { x: };",
	} {
		_, err := Load(text, nil)
		require.ErrorContains(t, err, "schema", because)
	}
}

func TestDigest(t *testing.T) {
	digest := func(sources ...Source) string {
		s, err := Load(testSchema, sources)
		require.NoError(t, err)
		return s.Digest()
	}
	a, b := Source{"a", "permit (principal, action, resource);"}, Source{"b", "forbid (principal, action, resource);"}
	require.Equal(t, digest(a, b), digest(b, a), "the order of files means nothing")
	require.NotEqual(t, digest(a, b), digest(a), "a policy less")
	require.NotEqual(t, digest(a), digest(Source{"b", a.Text}), "another name")
	require.NotEqual(t, digest(a, b), digest(Source{"a", a.Text + b.Text}), "the same text in one file")
	require.Len(t, digest(), 64, "the empty set has one, too")
}

// FuzzLoad: any text is a set or an error; nothing panics, and what loads can
// be asked.
func FuzzLoad(f *testing.F) {
	f.Add(`permit (principal in Role::"care", action == Action::"sim.change", resource is Line) when { context.params.amount < 60 };`)
	f.Add(`@id("x") forbid (principal, action, resource) unless { principal.host.shift };`)
	f.Add(`permit (principal is Actor in Role::"x", action, resource) when { principal has kind };`)
	f.Add(`permit (principal, action, resource) when { if true then context.now == datetime("2026-01-01") else -9223372036854775808 * -1 == 1 };`)
	f.Add(`permit (principal, action, resource) when { resource in Shop::"a" || ip("::1").isLoopback() || "a" like "*\*" };//`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Load(testSchema, []Source{{"f", text}})
		if err != nil {
			require.Nil(t, s)
			require.Contains(t, err.Error(), "f:", "no file in the error")
			return
		}
		for _, action := range []string{"sim.change", "line.read", "desk.open", "nothing"} {
			r := s.Decide(Request{Principal: Entity{Type: "Actor", ID: "a"}, Action: action, Resource: Entity{Type: "Line", ID: "l"}})
			if r.Allow {
				require.NotEmpty(t, r.Determining())
			}
		}
	})
}
