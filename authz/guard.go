package authz

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/cedar"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Guard decides, gives Grants, and lets what they allow begin once. Everything
// that it does is audited. It is safe for concurrent use, and refuses the
// Principals of another realm and the Grants of another Guard (S17).
type Guard struct {
	realm   *symbolon.Realm
	parts   symbolon.RealmParts
	space   *table.Space
	actions Actions
	host    Schema
	methods Methods
	schema  string

	actorSet, subjectSet *cedar.Set
}

// Config is what every Guard needs.
type Config struct {
	ActorSet   Policies // what the employee may do
	SubjectSet Policies // what the customer's side allows; not asked for actions that concern nobody
	Actions    Actions
}

// Options is what a Guard may be told. Nil means the defaults.
type Options struct {
	Schema  Schema  // the host's own attributes; none by default
	Methods Methods // who can prove what; without it no refusal says what to prove
}

// Methods tells by which methods each party of a Principal could prove
// something now. It is asked on a deny. Its answer about the customer depends on
// policy, channel and organisation, never on this customer (S13).
type Methods interface {
	Usable(ctx context.Context, p symbolon.Principal) (actor, subject []symbolon.Method, err error)
}

// NewGuard returns the realm's Guard. The error wraps symbolon.ErrInvalid and
// names everything that is missing or wrong at once: of a policy that does not
// hold under the schema, the file, the line and the reason.
func NewGuard(r *symbolon.Realm, c Config, opts *Options) (*Guard, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	customer := len(c.Actions) == 0 // whether any action concerns one, as most do
	for _, a := range c.Actions {
		customer = customer || a.Concern != OfNone
	}
	var wrong []string
	need := func(ok bool, what ...string) {
		if !ok {
			wrong = append(wrong, what...)
		}
	}
	need(r != nil, "a Realm")
	need(len(c.Actions) > 0, "Config.Actions")
	need(c.ActorSet.given, "Config.ActorSet")
	need(c.SubjectSet.given || !customer, "Config.SubjectSet")
	need(false, c.Actions.wrong()...)
	need(false, o.Schema.wrong(c.Actions)...)
	if len(wrong) > 0 {
		err := fmt.Errorf("authz: %w: NewGuard needs %s", symbolon.ErrInvalid, strings.Join(wrong, "; "))
		return nil, errors.Join(err, c.ActorSet.err, c.SubjectSet.err)
	}

	p := r.Parts(seal.Ours())
	g := &Guard{
		realm: r, parts: p, space: table.New(p.Store, p.Tenant, p.Now, p.Rand),
		actions: cloneActions(c.Actions), host: o.Schema.clone(), methods: o.Methods,
	}
	known := methodsOf(p.Classes)
	g.schema = schemaText(g.actions, g.host, known, func(Concern) bool { return true })
	var actorErr, subjectErr error
	g.actorSet, actorErr = c.ActorSet.load(g.schema)
	g.subjectSet, subjectErr = c.SubjectSet.load(schemaText(g.actions, g.host, known, func(c Concern) bool { return c != OfNone }))
	if actorErr != nil || subjectErr != nil {
		return nil, errors.Join(setError("actor", actorErr), setError("subject", subjectErr))
	}
	return g, nil
}

func setError(which string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("authz: %w: the %s's set of policies:\n%w", symbolon.ErrInvalid, which, err)
}

// Schema returns what policies can read, as a Cedar schema, for editors and for
// people.
func (g *Guard) Schema() string { return g.schema }

// Declared returns how an action was declared, and whether it was.
func (g *Guard) Declared(a Action) (Spec, bool) {
	s, ok := g.actions[a]
	s.Params = maps.Clone(s.Params)
	return s, ok
}

// Decide says whether a request is allowed and why, for a screen that shows what
// is possible. Nothing may be done on the strength of it, and it leaves no
// trace. The error wraps symbolon.ErrInvalid for a request that the declarations
// do not know, and symbolon.ErrUnavailable if the store fails; the Decision then
// denies.
func (g *Guard) Decide(ctx context.Context, p symbolon.Principal, r Request) (Decision, error) {
	_, d, err := g.decide(ctx, p, r)
	return d, err
}

// Authorize decides, records the decision, and only then gives a Grant. The
// error wraps [ErrDenied] if it is refused; it is a [*StepUpError] where one of
// the two could change that by proving more, else a [*DeniedError]. It wraps
// symbolon.ErrUnavailable if the store fails: a sensitive action whose record
// cannot be written is refused.
func (g *Guard) Authorize(ctx context.Context, p symbolon.Principal, r Request) (Grant, error) {
	m, d, err := g.decide(ctx, p, r)
	if err != nil {
		return Grant{}, err
	}
	if err := g.record(ctx, m, m.decided(d)); err != nil && !m.spec.Insensitive {
		return Grant{}, err
	}
	switch {
	case d.Allowed:
		return g.grant(m, d), nil
	case len(d.Needs) > 0:
		return Grant{}, &StepUpError{Needs: d.Needs}
	case len(d.Floor) > 0:
		return Grant{}, &DeniedError{Reason: d.Floor[0], Decision: d}
	}
	return Grant{}, &DeniedError{Reason: NoPermit, Decision: d}
}

func (g *Guard) decide(ctx context.Context, p symbolon.Principal, r Request) (matter, Decision, error) {
	r = r.clone()
	if err := r.malformed(g.actions, g.host); err != nil {
		return matter{}, Decision{}, err
	}
	id, err := table.NewID(g.parts.Rand, "d-")
	if err != nil {
		return matter{}, Decision{}, unavailable(err)
	}
	m := matter{guard: g, request: r, spec: g.actions[r.Action], principal: p, now: g.parts.Now()}
	m.facts, err = symbolon.Unseal(seal.Ours(), g.realm, p)
	if err != nil { // whose ids these are, nobody in this realm can tell
		m.principal = symbolon.Principal{}
		return m, Decision{ID: id, Floor: []Reason{ForeignRealm}}, nil
	}
	dead, err := g.dead(ctx, m.facts.Stamps)
	if err != nil {
		return matter{}, Decision{}, err
	}
	d := g.judge(m, dead)
	if !d.Allowed {
		d.Needs = g.needs(ctx, m, d.Floor)
	}
	d.ID = id
	return m, d, nil
}

// dead asks the store whether what the Principal rests on has ended.
func (g *Guard) dead(ctx context.Context, st seal.Stamps) (bool, error) {
	err := stamp.Check(ctx, g.space, st)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, stamp.ErrDead):
		return true, nil
	}
	return true, unavailable(err)
}

// judge puts a matter to the floor and then to both sets.
func (g *Guard) judge(m matter, dead bool) Decision {
	d := Decision{Floor: m.floor(), ActorDigest: g.actorSet.Digest()}
	if m.spec.Concern != OfNone {
		d.SubjectDigest = g.subjectSet.Digest()
	}
	if dead {
		d.Floor = append(d.Floor, NotLive)
	}
	if len(d.Floor) > 0 {
		return d
	}
	q := m.question()
	d.Allowed = d.ask(Actor, g.actorSet, q)
	if m.spec.Concern != OfNone { // AZ-06: never a union; both are asked, so that all that spoke are named
		d.Allowed = d.ask(Subject, g.subjectSet, q) && d.Allowed
	}
	return d
}

func (d *Decision) ask(of Party, set *cedar.Set, q cedar.Request) bool {
	r := set.Decide(q)
	for _, v := range r.Voices {
		d.Voices = append(d.Voices, Voice{Set: of, Policy: v.Policy, Forbid: v.Forbid, Unset: v.Unset, Err: v.Err})
	}
	return r.Allow
}

func cloneActions(as Actions) Actions {
	out := maps.Clone(as)
	for name, a := range out {
		a.Params = maps.Clone(a.Params)
		out[name] = a
	}
	return out
}

func (s Schema) clone() Schema {
	out := Schema{maps.Clone(s.Actor), maps.Clone(s.Subject), maps.Clone(s.Resources), maps.Clone(s.Environment)}
	for on, attrs := range out.Resources {
		out.Resources[on] = maps.Clone(attrs)
	}
	return out
}

// skew is how far the clocks of a fleet may be apart.
const skew = time.Minute
