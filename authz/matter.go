package authz

import (
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/cedar"
)

// matter is one request with all that is known about it. It is data: what
// becomes of it depends on nothing else.
type matter struct {
	guard     *Guard
	principal symbolon.Principal
	facts     symbolon.Facts
	request   Request
	spec      Spec
	now       time.Time
}

// floor returns everything that holds against the matter, whatever the policies
// say (S4).
func (m matter) floor() (refused []Reason) {
	f := m.facts
	if !m.now.Before(f.Limits.NotAfter) {
		refused = append(refused, Expired)
	}
	if f.Actor.Disabled {
		refused = append(refused, ActorDisabled)
	}
	account := m.request.Resource.Account
	switch {
	case m.spec.Concern == OfNone:
		if account != "" { // else a customer's record would open without the customer
			refused = append(refused, HasAccount)
		}
		return refused
	case f.Claimed == nil || f.Interaction.ID == "":
		return append(refused, NoSubject)
	}
	if m.spec.Concern != OfClaimed && !m.proved() {
		refused = append(refused, NotProved)
	}
	if account == "" || account != f.Claimed.Account { // AZ-07
		refused = append(refused, ForeignAccount)
	}
	if symbolon.SamePerson(f.Actor.Person, f.Claimed.Person) { // AZ-16, S22
		refused = append(refused, SamePerson)
	}
	return refused
}

// proved reports whether the customer proved anything that counts for this
// action: a code that was sent for another one does not (S15).
func (m matter) proved() bool {
	return m.facts.Proved && !m.facts.SubjectProof.For(string(m.request.Action)).IsZero()
}

// question puts the matter into the words of the schema.
func (m matter) question() cedar.Request {
	f, r := m.facts, m.request
	actor := m.proofs(f.ActorProof)
	actor["id"] = string(f.Actor.ID)
	actor["kind"] = f.Actor.Kind.String()
	actor["org"] = known(f.Actor.Org)
	actor["entitlements"] = f.Actor.Entitlements
	actor["host"] = m.host(m.guard.host.Actor, f.Actor.Attributes)

	context := cedar.Record{
		"now":     m.now,
		"purpose": known(r.Purpose),
		"params":  params(r.Params),
		"env":     m.host(m.guard.host.Environment, r.Environment),
	}
	if m.spec.Concern != OfNone && f.Claimed != nil {
		subject := m.proofs(f.SubjectProof)
		subject["id"] = string(f.Claimed.ID)
		subject["org"] = known(f.Claimed.Org)
		subject["host"] = m.host(m.guard.host.Subject, f.Claimed.Attributes)
		if f.Claimed.Level != 0 {
			subject["level"] = f.Claimed.Level.String()
		}
		context["subject"] = subject
		context["interaction"] = cedar.Record{"id": string(f.Interaction.ID), "channel": known(f.Interaction.Channel)}
	}
	return cedar.Request{
		Principal: cedar.Entity{Type: "Actor", ID: string(f.Actor.ID), Attributes: actor, Parents: roles(f.Actor.Roles)},
		Action:    string(r.Action),
		Resource: cedar.Entity{Type: r.Resource.Type, ID: r.Resource.ID, Parents: []cedar.Parent{}, Attributes: cedar.Record{
			"id":      r.Resource.ID,
			"account": known(r.Resource.Account),
			"host":    m.host(m.guard.host.Resources[r.Resource.Type], r.Resource.Attributes),
		}},
		Context: context,
	}
}

// roles keeps apart what the directory does not know and what it knows to be
// none.
func roles(names []string) []cedar.Parent {
	if names == nil {
		return nil
	}
	out := make([]cedar.Parent, len(names))
	for i, name := range names {
		out[i] = cedar.Parent{Type: "Role", ID: name}
	}
	return out
}

// known turns an empty text into an attribute that is not set.
func known[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// proofs are the attributes by which policies read what a party proved for this
// action. Of each method the newest proof counts.
func (m matter) proofs(v symbolon.Verification) cedar.Record {
	v = newest(v.For(string(m.request.Action)))
	methods, classes, provedAt := []string{}, []string{}, cedar.Record{}
	for _, p := range v.Proofs {
		methods = append(methods, string(p.Method))
		provedAt[string(p.Method)] = p.At
	}
	for _, c := range m.guard.parts.Classes {
		if c.Reached(v.Methods()) {
			classes = append(classes, c.Name)
		}
	}
	out := cedar.Record{"methods": methods, "classes": classes, "provedAt": provedAt}
	if !v.IsZero() {
		out["verifiedAt"] = v.Since()
	}
	return out
}

func newest(v symbolon.Verification) symbolon.Verification {
	proofs := slices.SortedStableFunc(slices.Values(v.Proofs), func(a, b symbolon.Proof) int { return b.At.Compare(a.At) })
	var out symbolon.Verification
	for _, p := range proofs {
		if !slices.Contains(out.Methods(), p.Method) {
			out.Proofs = append(out.Proofs, p)
		}
	}
	return out
}

// host passes on what was declared, has the declared type and is fresh enough;
// everything else stays unset (AZ-18).
func (m matter) host(declared map[string]Attribute, given symbolon.Attributes) cedar.Record {
	out := cedar.Record{}
	for name, a := range declared {
		v := given[name]
		if !a.Type.holds(v) {
			continue
		}
		// A Value without a time is two thousand years old, one from the future
		// would stay fresh for too long.
		if age := m.now.Sub(v.At()); a.MaxAge > 0 && (age > a.MaxAge || age < -skew) {
			continue
		}
		out[name] = v.Any()
	}
	return out
}

func params(p Params) cedar.Record {
	out := cedar.Record{}
	for name, v := range p {
		out[name] = v.Any()
	}
	return out
}
