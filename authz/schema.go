package authz

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

// schemaText writes what policies can read, as a Cedar schema. The subject's set
// is never asked about an action that concerns nobody, so its schema leaves
// those out: a rule about the customer then needs no scope.
func schemaText(actions Actions, host Schema, methods []symbolon.Method, concerning func(Concern) bool) string {
	var w schemaWriter
	w.line("// When each method was last proved; one that was not is unset.")
	w.line("type Times = {")
	for _, m := range methods {
		w.line("  %q: datetime,", string(m))
	}
	w.line("};")
	w.line("type Interaction = { id: String, channel: String };")
	w.line("type Subject = {")
	w.line("  id: String, org: String, level: String,")
	w.proofs()
	w.fields("host", host.Subject)
	w.line("};")
	w.line("entity Role;")
	w.line("entity Actor in [Role] {")
	w.line("  id: String, kind: String, org: String, entitlements: Set<String>,")
	w.proofs()
	w.fields("host", host.Actor)
	w.line("};")

	account := map[string]bool{} // by type of resource: whether it has one
	for _, a := range actions {
		if concerning(a.Concern) {
			account[a.On] = account[a.On] || a.Concern != OfNone
		}
	}
	for _, on := range slices.Sorted(maps.Keys(account)) {
		w.line("entity %s {", on)
		w.line("  id: String,")
		if account[on] {
			w.line("  account: String,")
		}
		w.fields("host", host.Resources[on])
		w.line("};")
	}
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		if a := actions[name]; concerning(a.Concern) {
			w.action(name, a, host.Environment)
		}
	}
	return w.String()
}

type schemaWriter struct{ strings.Builder }

func (w *schemaWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *schemaWriter) action(name Action, a Spec, env map[string]Attribute) {
	w.line("action %q appliesTo { principal: Actor, resource: %s, context: {", string(name), a.On)
	if a.Concern != OfNone {
		w.line("  subject: Subject, interaction: Interaction,")
	}
	w.line("  now: datetime, purpose: String,")
	w.fields("params", a.params())
	w.fields("env", env)
	w.line("} };")
}

// proofs are the attributes by which a party's verification is read.
func (w *schemaWriter) proofs() {
	w.line("  methods: Set<String>, classes: Set<String>, verifiedAt: datetime, provedAt: Times,")
}

func (w *schemaWriter) fields(namespace string, attrs map[string]Attribute) {
	if len(attrs) == 0 {
		return
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		list = append(list, fmt.Sprintf("%q: %s", name, attrs[name].Type))
	}
	w.line("  %s: { %s },", namespace, strings.Join(list, ", "))
}

// params are the parameters of an action in the form of attributes.
func (s Spec) params() map[string]Attribute {
	out := map[string]Attribute{}
	for name, t := range s.Params {
		out[name] = Attribute{Type: t}
	}
	return out
}

// methodsOf returns every method that a policy may name: those that this module
// knows and those of the realm's classes.
func methodsOf(classes []symbolon.Class) []symbolon.Method {
	out := []symbolon.Method{symbolon.MethodPassword, symbolon.MethodSMS, symbolon.MethodCall, symbolon.MethodKey}
	for _, c := range classes {
		for _, set := range c.Sets {
			out = append(out, set...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
