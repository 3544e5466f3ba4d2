package authz

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// grantLife is how long a Grant can be used (S10): long enough to reach the
// business code, too short to be kept for later.
const grantLife = 30 * time.Second

// Grant is the proof that one action, on one resource and with these parameters,
// was allowed just now to one actor for one customer. Only [Guard.Authorize]
// makes one. Business code takes it as a parameter and acts on what it says, not
// on what the caller says. The zero Grant allows nothing, and reading it panics.
type Grant struct{ granted *granted }

type granted struct {
	guard  *Guard
	id     string // of the decision
	matter matter
	params [sha256.Size]byte
	until  time.Time
}

func (g *Guard) grant(m matter, d Decision) Grant {
	return Grant{&granted{guard: g, id: d.ID, matter: m, params: m.request.Params.digest(), until: m.now.Add(grantLife)}}
}

func (g Grant) get() *granted {
	if g.granted == nil {
		panic("authz: the zero Grant was read; only Guard.Authorize gives one")
	}
	return g.granted
}

// Principal returns on whose behalf who acts.
func (g Grant) Principal() symbolon.Principal { return g.get().matter.principal }

// Action returns what was allowed.
func (g Grant) Action() Action { return g.get().matter.request.Action }

// Resource returns on what it was allowed: what business code acts on.
func (g Grant) Resource() Resource { return g.get().matter.request.Resource.clone() }

// Params returns with which parameters it was allowed.
func (g Grant) Params() Params { return maps.Clone(g.get().matter.request.Params) }

// Decision returns the id by which the audit ties together what was decided and
// what was done.
func (g Grant) Decision() string { return g.get().id }

// String returns "sim.change on Line +15550100, mia for cust-42".
func (g Grant) String() string {
	if g.granted == nil {
		return "no grant"
	}
	return fmt.Sprintf("%s on %s, %s", g.Action(), g.Resource(), g.Principal())
}

// MarshalJSON refuses: a Grant does not leave the process that gave it.
func (Grant) MarshalJSON() ([]byte, error) {
	return nil, errors.New("authz: a Grant does not marshal")
}

// Holds reports whether a Grant of this Guard allows an action now, as an error
// that wraps [ErrDenied], or nil. It is enough for code that only reads, and acts
// on what the Grant says of resource and parameters; it does not use the Grant up.
func (g *Guard) Holds(gr Grant, a Action) error {
	if why := g.refuses(gr, a); why != "" {
		return &DeniedError{Reason: why}
	}
	return nil
}

// refuses returns why a Grant does not hold; empty if it does.
func (g *Guard) refuses(gr Grant, a Action) Reason {
	now := g.parts.Now()
	switch {
	case gr.granted == nil || gr.granted.guard != g: // one that permits all gives genuine Grants, too (S17)
		return GrantForeign
	case gr.Action() != a:
		return GrantOther
	case !now.Before(gr.granted.until):
		return GrantExpired
	case !now.Before(gr.granted.matter.facts.Limits.NotAfter):
		return Expired
	}
	return ""
}
