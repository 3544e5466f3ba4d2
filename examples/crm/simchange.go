package main

import (
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
)

// A change of SIM is the most wanted prize of a fraudster: who has the line has
// every code that is sent to it. It is decided first and done in a second
// request, under the Grant of the first, so that what was shown to the employee
// and what happens are the same.

type simChange struct{ ICCID string }

var iccid = regexp.MustCompile(`^[0-9]{18,22}$`)

func (c simChange) params() authz.Params { return authz.Params{"iccid": symbolon.StringValue(c.ICCID)} }

// theLine says what POST /lines/{number}/sim-changes is about. The new card is a
// parameter: the Grant is for this card and no other.
func (s *server) theLine(r *http.Request) (httpauth.Asked, error) {
	in, err := read[simChange](r)
	if err == nil && !iccid.MatchString(in.ICCID) {
		err = fmt.Errorf("%w: iccid has 18 to 22 digits", symbolon.ErrInvalid)
	}
	number := r.PathValue("number")
	l := s.book.line(number)
	return httpauth.Asked{
		Resource: authz.Resource{
			Type: "Line", ID: number, Account: s.book.account(number),
			Attributes: symbolon.Attributes{"barred": symbolon.BoolValue(l.Barred)},
		},
		Params:      in.params(),
		Interaction: callOf(r),
	}, err
}

// decideSIM keeps the Grant for the confirmation.
func (s *server) decideSIM(w http.ResponseWriter, _ *http.Request, g authz.Grant) {
	s.changes.keep(g)
	answer(w, http.StatusCreated, object{"id": g.Decision(), "expires_in": int(grantLife.Seconds())})
}

// confirmSIM uses the Grant up, once, and does what it allows. That the caller
// is not somebody else is checked here; that the Grant is fresh, unused and for
// this very card, and that nobody has hung up meanwhile, Begin checks.
func (s *server) confirmSIM(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
	in, err := read[simChange](r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	g, ok := s.changes.of(p, r.PathValue("id"))
	if !ok {
		answer(w, http.StatusNotFound, object{"error": "not_found"})
		return
	}
	effect, err := s.guard.Begin(r.Context(), g, changeSIM, in.params())
	if err != nil {
		refuse(w, r, err)
		return
	}
	line, card := g.Resource(), text(g, "iccid") // what was allowed, not what was asked for
	former := s.book.swapSIM(line, card)
	if err := effect.End(r.Context(), audit.Succeeded, map[string]string{"iccid": card, "former": former}); err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, object{"line": line.ID, "iccid": card, "for": g.Principal().String()})
}

// swapSIM puts a new card into a line and returns the former one.
func (b *book) swapSIM(on authz.Resource, iccid string) (former string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[on.ID]
	former, l.ICCID = l.ICCID, iccid
	b.lines[on.ID] = l
	return former
}

const grantLife = 30 * time.Second // of a Grant; nothing is gained by keeping it for longer

// changes are the Grants that wait for their confirmation. They stay in this
// process, like every Grant; with several behind one address, send both requests
// to the same.
type changes struct {
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	grant authz.Grant
	until time.Time
}

func newChanges() *changes { return &changes{kept: map[string]kept{}} }

func (c *changes) keep(g authz.Grant) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, k := range c.kept {
		if now.After(k.until) {
			delete(c.kept, id)
		}
	}
	c.kept[g.Decision()] = kept{g, now.Add(grantLife)}
}

// of returns a Grant to those to whom it was given: the same employee in the
// same call. A used one stays until it expires, so that a second confirmation
// meets the guard, which records it.
func (c *changes) of(p symbolon.Principal, id string) (authz.Grant, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[id]
	if !ok {
		return authz.Grant{}, false
	}
	given := k.grant.Principal()
	thisCall, _ := p.Interaction()
	itsCall, _ := given.Interaction()
	return k.grant, given.Actor().ID == p.Actor().ID && itsCall.ID == thisCall.ID
}
