package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
)

// What concerns no customer is decided by the employee's side alone, on things
// that have no account. A customer's lock is such a thing: it opens nothing of
// theirs, and they are not there to prove anything.

func theEmployee(r *http.Request) (httpauth.Asked, error) {
	in, err := read[struct{ Reason string }](r)
	if err == nil {
		err = explained(in.Reason)
	}
	return httpauth.Asked{
		Resource: authz.Resource{Type: "Employee", ID: r.PathValue("id")},
		Params:   authz.Params{"reason": symbolon.StringValue(in.Reason)},
	}, err
}

// theCustomersLock is one of several: there is one for each way in which codes
// reach a customer.
func theCustomersLock(r *http.Request) (httpauth.Asked, error) {
	in, err := read[struct {
		Method symbolon.Method
		Reason string
	}](r)
	if err == nil {
		err = explained(in.Reason)
	}
	return httpauth.Asked{
		Resource: authz.Resource{Type: "Customer", ID: r.PathValue("id")},
		Params:   authz.Params{"method": symbolon.StringValue(string(in.Method)), "reason": symbolon.StringValue(in.Reason)},
	}, err
}

func explained(reason string) error {
	if reason == "" {
		return fmt.Errorf("%w: the reason is missing, with which this is recorded", symbolon.ErrInvalid)
	}
	return nil
}

// unlockEmployee opens a colleague's lock. The library refuses to let anybody
// unlock themselves, by whichever account.
func (s *server) unlockEmployee(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	done(w, r, s.act(r.Context(), g, unlockAccount, func() error {
		return s.actors.Unlock(r.Context(), g.Principal(), symbolon.ActorID(g.Resource().ID), text(g, "reason"))
	}))
}

// holdEmployee signs a colleague out everywhere, and keeps them out until they are
// unlocked: a laptop was stolen.
func (s *server) holdEmployee(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	done(w, r, s.act(r.Context(), g, holdAccount, func() error {
		return s.actors.Hold(r.Context(), g.Principal(), symbolon.ActorID(g.Resource().ID), text(g, "reason"))
	}))
}

// unlockCustomer lets a customer's codes count again, by one method.
func (s *server) unlockCustomer(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	done(w, r, s.act(r.Context(), g, unlockCustomer, func() error {
		return s.subjects.Unlock(r.Context(), g.Principal(), symbolon.SubjectID(g.Resource().ID), symbolon.Method(text(g, "method")), text(g, "reason"))
	}))
}

// act does what a Grant allows between its Begin and its End, so that the record
// says what came of it.
func (s *server) act(ctx context.Context, g authz.Grant, a authz.Action, do func() error) error {
	effect, err := s.guard.Begin(ctx, g, a, g.Params())
	if err != nil {
		return err
	}
	outcome := audit.Succeeded
	if err = do(); err != nil {
		outcome = audit.Failed
	}
	if ended := effect.End(ctx, outcome, nil); err == nil {
		err = ended
	}
	return err
}

// text is a parameter with which something was allowed.
func text(g authz.Grant, name string) string {
	s, _ := g.Params()[name].Any().(string)
	return s
}

func theAudit(*http.Request) (httpauth.Asked, error) {
	return httpauth.Asked{Resource: authz.Resource{Type: "AuditLog", ID: "demo"}}, nil
}

// showAudit lists what was recorded, oldest first: of one customer, one
// employee or one call, or of all.
func (s *server) showAudit(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	if err := s.guard.Holds(g, readAudit); err != nil {
		refuse(w, r, err)
		return
	}
	q := r.URL.Query()
	page, err := s.log.List(r.Context(), audit.Query{
		Subject:     symbolon.SubjectID(q.Get("subject")),
		Actor:       symbolon.ActorID(q.Get("actor")),
		Interaction: symbolon.InteractionID(q.Get("interaction")),
		After:       q.Get("after"),
	})
	if err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, object{"records": page.Records, "next": page.Next})
}
