package authz

import (
	"context"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

const (
	maxFactors = 3   // nobody is asked for more at a time
	maxTries   = 200 // all sets of up to 3 of 10 methods; more would let a deny cost more than a sign-in
)

// hidden is what must not shine through what is asked of a customer who has
// proved nothing yet (S13): what the host knows about them and their resource.
var hidden = []string{
	"resource", "context.interaction.id",
	"context.subject.id", "context.subject.org", "context.subject.level", "context.subject.host",
}

// step is one method that one party could prove.
type step struct {
	party  Party
	method symbolon.Method
}

// needs tries what each party could prove, the smallest sets first, and returns
// what would turn a deny into an allow. Most denies are final.
func (g *Guard) needs(ctx context.Context, m matter, floor []Reason) []Need {
	if g.methods == nil || !m.curable(floor) {
		return nil
	}
	actor, subject, err := g.methods.Usable(ctx, m.principal)
	if err != nil {
		return nil // it is a deny in any case, and is recorded as one
	}
	steps := append(stepsOf(Subject, subject), stepsOf(Actor, actor)...)
	tries := maxTries
	for size := 1; size <= maxFactors; size++ {
		var found [][]step
		for set := range subsets(steps, size) {
			if tries--; tries < 0 {
				break
			}
			if g.would(m, set) {
				found = append(found, set)
			}
		}
		if found != nil {
			return m.name(found)
		}
	}
	return nil
}

// curable reports whether proofs could change what the floor said. As long as
// the customer has proved nothing, whose account it is does not count: whoever
// asks is not told, for a pre-verification view as little as for the rest.
func (m matter) curable(floor []Reason) bool {
	if m.spec.Concern == OfNone || m.proved() {
		return len(floor) == 0
	}
	rest := visible(floor)
	return len(rest) == 0 || len(rest) == 1 && rest[0] == NotProved
}

func visible(floor []Reason) []Reason {
	return slices.DeleteFunc(slices.Clone(floor), func(r Reason) bool { return r == ForeignAccount || r == SamePerson })
}

// would reports whether the matter were allowed with fresh proofs. As long as
// the customer has proved nothing, it reports whether it might be for some
// customer.
func (g *Guard) would(m matter, steps []step) bool {
	unproved := m.spec.Concern != OfNone && !m.proved()
	m = m.with(steps)
	if !unproved {
		return g.judge(m, false).Allowed
	}
	q := m.question()
	return len(visible(m.floor())) == 0 && g.actorSet.May(q, hidden...) && g.subjectSet.May(q, hidden...)
}

// with returns the matter as if the steps had been taken just now.
func (m matter) with(steps []step) matter {
	for _, s := range steps {
		p := symbolon.Proof{Method: s.method, At: m.now}
		switch s.party {
		case Actor:
			m.facts.ActorProof = m.facts.ActorProof.With(p)
		case Subject:
			p.Interaction, p.For = m.facts.Interaction.ID, string(m.request.Action)
			m.facts.SubjectProof, m.facts.Proved = m.facts.SubjectProof.With(p), true
		}
	}
	return m
}

// name turns sets of steps into needs: those of the first set, and for each of
// its parties what else would do if the other party did the same.
func (m matter) name(found [][]step) (needs []Need) {
	for _, party := range []Party{Subject, Actor} {
		other := Actor + Subject - party
		if len(of(party, found[0])) == 0 {
			continue
		}
		for _, set := range found {
			if slices.Equal(of(other, set), of(other, found[0])) {
				needs = append(needs, m.need(party, of(party, set)))
			}
		}
	}
	return needs
}

// need names the class of which the methods are the missing part.
func (m matter) need(party Party, methods []symbolon.Method) Need {
	v := m.facts.ActorProof
	if party == Subject {
		v = m.facts.SubjectProof
	}
	proved := v.For(string(m.request.Action)).Methods()
	reached := append(slices.Clone(proved), methods...)
	n := Need{Party: party, Methods: methods, Renew: !slices.ContainsFunc(methods, missing(proved))}
	for _, c := range m.guard.parts.Classes {
		for _, set := range c.Sets {
			if !slices.ContainsFunc(set, missing(reached)) && !slices.ContainsFunc(methods, missing(set)) {
				n.Class = c.Name
				return n
			}
		}
	}
	names := make([]string, len(methods))
	for i, one := range methods {
		names[i] = string(one)
	}
	n.Class = strings.Join(names, "+")
	return n
}

// missing returns what finds a method that is not among all.
func missing(all []symbolon.Method) func(symbolon.Method) bool {
	return func(one symbolon.Method) bool { return !slices.Contains(all, one) }
}

func of(party Party, steps []step) (methods []symbolon.Method) {
	for _, s := range steps {
		if s.party == party {
			methods = append(methods, s.method)
		}
	}
	return methods
}

func stepsOf(party Party, methods []symbolon.Method) []step {
	methods = slices.Clone(methods)
	slices.Sort(methods)
	var out []step
	for _, one := range slices.Compact(methods) {
		out = append(out, step{party, one})
	}
	return out
}

// subsets yields every set of so many steps, in the order of the steps.
func subsets(steps []step, size int) func(yield func([]step) bool) {
	return func(yield func([]step) bool) {
		var choose func(chosen, from []step) bool
		choose = func(chosen, from []step) bool {
			if len(chosen) == size {
				return yield(slices.Clone(chosen))
			}
			for i := range from {
				if !choose(append(chosen, from[i]), from[i+1:]) {
					return false
				}
			}
			return true
		}
		choose(nil, steps)
	}
}
