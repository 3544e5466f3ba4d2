package authn

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/policy"
)

// limits are what holds for one actor at the event at hand: what their
// organisations say, or the options where there is no tree. They are asked for
// anew each time, so that a change of policy applies from the next event on.
type limits struct {
	idle, absolute time.Duration
	sessions       int
	lockout        lockout.Policy
	rules          password.Policy
	token          time.Duration // zero: the issuer's default
	secondFactor   bool
	unplaced       bool   // an organisation of theirs is not in the tree
	place          string // where their organisations stand; empty where there is no tree
}

// limits returns what holds for an account. Of somebody whose organisation is
// not in the tree nothing is known, so every guess of theirs is refused, at the
// price of any other. An unknown login has an organisation too, see at.
func (a *Actors) limits(ctx context.Context, acc account) (limits, error) {
	own := limits{idle: a.opt.Idle, absolute: a.opt.Absolute, sessions: a.opt.Sessions, lockout: a.opt.Lockout, rules: a.opt.Rules}
	if a.opt.Policy == nil {
		return own, nil
	}
	e, err := a.at(ctx, acc)
	if err != nil {
		return limits{}, err
	}
	l := limits{
		idle:         e.Span(policy.SessionIdle),
		absolute:     e.Span(policy.SessionAbsolute),
		sessions:     e.Count(policy.SessionConcurrent),
		lockout:      e.Lockout(),
		rules:        e.Password(),
		token:        e.Span(policy.TokenAccess),
		secondFactor: e.Flag(policy.SecondFactorRequired),
		unplaced:     len(e.Orgs()) == 0,
		place:        e.Place(),
	}
	if l.sessions == 0 || l.sessions > maxSessions {
		l.sessions = maxSessions
	}
	return l, nil
}

// homes are the organisations among which unknown logins are dealt out.
type homes struct {
	forest *policy.Forest
	orgs   []symbolon.OrgID
}

// at returns what holds where an account belongs. An unknown login belongs
// somewhere, always to the same organisation as long as the tree stands: under
// guesses in parallel it is busy, waits and locks as somebody there would, so
// that neither a lenient nor a strict organisation tells who exists (S23). It
// asks the store as often as for anybody else.
func (a *Actors) at(ctx context.Context, acc account) (policy.Effective, error) {
	if !acc.phantom {
		return effective(ctx, a.opt.Policy, organisations(acc.actor)...)
	}
	f, err := a.opt.Policy.Forest(ctx)
	if err != nil {
		return policy.Effective{}, err
	}
	h := a.homes.Load()
	if h == nil || h.forest != f { // listed once for each change of the tree
		h = &homes{forest: f}
		for _, n := range f.Nodes() {
			h.orgs = append(h.orgs, n.Org)
		}
		a.homes.Store(h)
	}
	if len(h.orgs) == 0 {
		return policy.Effective{}, nil
	}
	return settled(f.Effective(h.orgs[acc.draw%len(h.orgs)]))
}

// effective returns what holds at organisations, and the zero Effective, which
// lets nobody in, where the tree refuses them.
func effective(ctx context.Context, t *policy.Tree, orgs ...symbolon.OrgID) (policy.Effective, error) {
	return settled(t.Effective(ctx, orgs...))
}

func settled(e policy.Effective, err error) (policy.Effective, error) {
	var refusal *policy.Refusal
	if errors.As(err, &refusal) {
		return policy.Effective{}, nil
	}
	return e, err
}

// organisations returns all to which an actor belongs; never none.
func organisations(a symbolon.Actor) []symbolon.OrgID {
	return append([]symbolon.OrgID{a.Org}, a.Orgs...)
}

// custody is what holds for one customer's proofs.
type custody struct {
	proof   time.Duration
	lockout lockout.Policy
	methods []symbolon.Method
	token   time.Duration // of a token that carries the customer; zero: the issuer's default
}

// custody returns what holds for the proofs that an actor takes of a customer:
// both organisations have a say, and the stricter of the two counts.
func (s *Subjects) custody(ctx context.Context, actor symbolon.Actor, subject symbolon.Subject) (custody, error) {
	return s.custodyAt(ctx, append(organisations(actor), subject.Org)...)
}

// custodyAt returns what all of these organisations together allow.
func (s *Subjects) custodyAt(ctx context.Context, orgs ...symbolon.OrgID) (custody, error) {
	own := custody{s.opt.Proof, s.opt.Lockout, s.opt.Methods, 0}
	if s.actors.opt.Policy == nil {
		return own, nil
	}
	e, err := effective(ctx, s.actors.opt.Policy, orgs...)
	if err != nil {
		return custody{}, err
	}
	c := custody{
		proof:   min(s.opt.Proof, e.Span(policy.VerificationFreshness)),
		lockout: e.Codes(),
		token:   e.Span(policy.TokenComposite),
		methods: slices.DeleteFunc(slices.Clone(s.opt.Methods), func(m symbolon.Method) bool { return !s.leads(m, e) }),
	}
	return c, nil
}

// leads reports whether a method is part of a class that the organisation
// allows. One that allows any class allows a method that is in none.
func (s *Subjects) leads(m symbolon.Method, e policy.Effective) bool {
	if _, any := e.Names(policy.VerificationClasses); any {
		return true
	}
	return slices.ContainsFunc(s.parts.Classes, func(c symbolon.Class) bool {
		return e.Allows(policy.VerificationClasses, c.Name) &&
			slices.ContainsFunc(c.Sets, func(set []symbolon.Method) bool { return slices.Contains(set, m) })
	})
}
