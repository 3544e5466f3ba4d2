package main

import (
	"net/http"
	"strings"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
)

// exchange is the actor of the demo data that telephony signs in as.
const exchange symbolon.ActorID = "exchange"

// service lets in whoever has a service key. Employees have none, so no desktop
// can invent a call or hide that it has ended (S3).
func (s *server) service(then func(http.ResponseWriter, *http.Request, symbolon.Principal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		p, err := s.actors.SignInKey(r.Context(), authn.ParseKey(key))
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		then(w, r, p)
	})
}

// openCall says that a call has begun, to whom it was routed, and which customer
// it is said to be about. Sent twice, it answers twice the same.
func (s *server) openCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	in, err := read[struct {
		ID      string
		Channel string
		Agent   symbolon.ActorID
		Subject symbolon.SubjectID
	}](r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	call, err := s.subjects.Open(r.Context(), by, authn.Call{ID: in.ID, Channel: in.Channel, Agent: in.Agent, Subject: in.Subject})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	answer(w, http.StatusCreated, object{"interaction": call})
}

// renewCall says that the call lasts. Without it the call is over when its lease
// runs out, whatever became of the exchange.
func (s *server) renewCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	s.done(w, r, s.subjects.Renew(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}

// endCall says that somebody hung up. What the customer proved ends with it.
func (s *server) endCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	s.done(w, r, s.subjects.End(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}
