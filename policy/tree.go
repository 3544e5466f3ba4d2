package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Tree is the organisations of a realm, as stored. Several may work on one store. It is safe for concurrent use.
type Tree struct {
	realm     *symbolon.Realm
	parts     symbolon.RealmParts
	space     *table.Space
	authority Authority
	opt       Options
	mac       func(name string, body []byte) []byte // its key lies in the closure, where no %+v finds it
	last      atomic.Pointer[snapshot]              // what was read last; never older than what it replaced
	turn      chan struct{}                         // changes of this process take turns: only processes conflict

	mu      sync.Mutex
	reading *reading // of all nodes, if one is under way
}

// Options are what a Tree may be told. Nil means the defaults.
type Options struct {
	Methods []symbolon.Method // the second factors there are; an organisation that names another is refused; nil: any may be named
	Wait    time.Duration     // how long a change waits for approval; 72 hours by default, 30 days at most
}

const (
	defaultWait = 72 * time.Hour
	maxWait     = 30 * 24 * time.Hour
	maxTime     = 5 * time.Second // a change that has not found its turn by then is refused
)

// New returns the realm's Tree; it starts empty, and [Tree.AsHost] makes the first organisation. The error names
// everything that is missing or wrong.
func New(r *symbolon.Realm, a Authority, opts *Options) (*Tree, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	need(r != nil, "a Realm")
	need(a != nil, "an Authority")
	need(o.Wait > 0 && o.Wait <= maxWait, "Wait of at most 30 days")
	if wrong != nil {
		return nil, fmt.Errorf("policy: %w: New needs %s", symbolon.ErrInvalid, strings.Join(wrong, "; "))
	}
	o.Methods = slices.Clone(o.Methods)
	p := r.Parts(seal.Ours())
	return &Tree{realm: r, parts: p, space: table.New(p.Store, p.Tenant, p.Now, p.Rand), authority: a, opt: o,
		mac: mac(p.Derive("policy")), turn: make(chan struct{}, 1)}, nil
}

// String names the realm.
func (t *Tree) String() string { return "policy.Tree of " + t.realm.String() }

// Effective returns what holds at an organisation; with several, for a person who belongs to all of them, the strictest
// of each field (C11). It asks the store once, and reads the tree only when that has changed. The error wraps
// [ErrRefused] for an organisation that is not in the tree or a person whom the strictest leaves no method, and
// symbolon.ErrUnavailable while the tree cannot be read. Either way nobody comes in.
func (t *Tree) Effective(ctx context.Context, orgs ...symbolon.OrgID) (Effective, error) {
	s, err := t.load(ctx)
	if err != nil {
		return Effective{}, failed(err)
	}
	return s.forest.Effective(orgs...)
}

// Forest returns the whole tree as it stands.
func (t *Tree) Forest(ctx context.Context) (*Forest, error) {
	s, err := t.load(ctx)
	if err != nil {
		return nil, failed(err)
	}
	return s.forest, nil
}

// Plan computes a change as [Forest.Plan] does, on the tree as it stands, and stores nothing (B8).
func (t *Tree) Plan(ctx context.Context, steps ...Step) (Difference, error) {
	s, err := t.load(ctx)
	if err != nil {
		return Difference{}, failed(err)
	}
	_, d, err := t.plan(s.forest, steps)
	return d, failed(err)
}

func (t *Tree) plan(f *Forest, steps []Step) (*Forest, Difference, error) {
	var b Breaches
	for _, s := range steps {
		b = append(b, t.unknown(s)...)
	}
	after, d, err := f.Plan(steps...)
	if more := (Breaches)(nil); errors.As(err, &more) {
		b = append(b, more...)
	}
	if b == nil && len(f.touched(after)) > MaxSteps {
		b = Breaches{{Org: steps[0].org, Reason: fmt.Sprintf("is part of a change that touches more than %d organisations; make several", MaxSteps)}}
	}
	if b != nil {
		return nil, Difference{}, b
	}
	return after, d, nil
}

// unknown names the methods and classes of a step that nobody could ever use (PO-26).
func (t *Tree) unknown(s Step) (b Breaches) {
	check := func(f Field, what string, known func(string) bool) {
		for _, name := range s.settings[f].list() {
			if !known(name) {
				b = append(b, Breach{Org: s.org, Field: f, Value: s.settings[f], Reason: fmt.Sprintf("names %q, which is no %s", name, what)})
			}
		}
	}
	check(VerificationClasses, "class of this realm", func(name string) bool {
		return slices.ContainsFunc(t.parts.Classes, func(c symbolon.Class) bool { return c.Name == name })
	})
	check(SecondFactorMethods, "second factor that there is", func(name string) bool {
		return t.opt.Methods == nil || slices.Contains(t.opt.Methods, symbolon.Method(name))
	})
	return b
}
