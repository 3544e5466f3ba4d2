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
	w.line("entity Role;")
	w.line("entity Actor in [Role] {")
	w.line("  id: String, kind: String, org: String, entitlements: Set<String>,")
	w.proofs(methods)
	w.host("host", host.Actor)
	w.line("};")

	types := map[string]bool{} // whether a resource of the type has an account
	for _, a := range actions {
		if concerning(a.Concern) {
			types[a.On] = types[a.On] || a.Concern != OfNone
		}
	}
	for _, on := range slices.Sorted(maps.Keys(types)) {
		w.line("entity %s {", on)
		w.line("  id: String,")
		if types[on] {
			w.line("  account: String,")
		}
		w.host("host", host.Resources[on])
		w.line("};")
	}
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		if a := actions[name]; concerning(a.Concern) {
			w.action(name, a, host, methods)
		}
	}
	return w.String()
}

type schemaWriter struct{ strings.Builder }

func (w *schemaWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *schemaWriter) action(name Action, a Spec, host Schema, methods []symbolon.Method) {
	w.line("action %q appliesTo { principal: [Actor], resource: [%s], context: {", string(name), a.On)
	w.line("  now: datetime, purpose: String,")
	if a.Concern != OfNone {
		w.line("  interaction: { id: String, channel: String },")
		w.line("  subject: {")
		w.line("  id: String, org: String, level: String,")
		w.proofs(methods)
		w.host("host", host.Subject)
		w.line("  },")
	}
	params := map[string]Attribute{}
	for p, t := range a.Params {
		params[p] = Attribute{Type: t}
	}
	w.host("params", params)
	w.host("env", host.Environment)
	w.line("} };")
}

// proofs are the attributes by which a party's verification is read.
func (w *schemaWriter) proofs(methods []symbolon.Method) {
	w.line("  methods: Set<String>, classes: Set<String>, verifiedAt: datetime,")
	w.line("  provedAt: {")
	for _, m := range methods {
		w.line("    %q: datetime,", string(m))
	}
	w.line("  },")
}

func (w *schemaWriter) host(namespace string, attrs map[string]Attribute) {
	if len(attrs) == 0 {
		return
	}
	w.line("  %s: {", namespace)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		w.line("    %q: %s,", name, attrs[name].Type)
	}
	w.line("  },")
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
