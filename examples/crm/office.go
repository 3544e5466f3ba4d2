package main

import (
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
)

// What concerns no customer is decided by the employee's side alone, on things
// that have no account.

func theEmployee(r *http.Request) (httpauth.Asked, error) {
	return httpauth.Asked{Resource: authz.Resource{Type: "Employee", ID: r.PathValue("id")}}, nil
}

// unlock opens a colleague's lock. The library refuses to let anybody unlock
// themselves, by whichever account.
func (s *server) unlock(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	in, err := read[struct{ Reason string }](r)
	if err != nil {
		refuse(w, err)
		return
	}
	effect, err := s.guard.Begin(r.Context(), g, unlockAccount, nil)
	if err != nil {
		refuse(w, err)
		return
	}
	outcome := audit.Succeeded
	err = s.actors.Unlock(r.Context(), g.Principal(), symbolon.ActorID(g.Resource().ID), in.Reason)
	if err != nil {
		outcome = audit.Failed
	}
	if ended := effect.End(r.Context(), outcome, nil); err == nil {
		err = ended
	}
	done(w, err)
}

func theAudit(*http.Request) (httpauth.Asked, error) {
	return httpauth.Asked{Resource: authz.Resource{Type: "AuditLog", ID: "demo"}}, nil
}

// showAudit lists what was recorded, oldest first: of one customer, one
// employee or one call, or of all.
func (s *server) showAudit(w http.ResponseWriter, r *http.Request, g authz.Grant) {
	if err := s.guard.Holds(g, readAudit); err != nil {
		refuse(w, err)
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
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, object{"records": page.Records, "next": page.Next})
}
