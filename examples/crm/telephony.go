package main

import (
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
)

// exchange is the actor of the demo data that telephony signs in as.
const exchange symbolon.ActorID = "exchange"

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
		refuse(w, err)
		return
	}
	call, err := s.subjects.Open(r.Context(), by, authn.Call{ID: in.ID, Channel: in.Channel, Agent: in.Agent, Subject: in.Subject})
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusCreated, object{"interaction": call})
}

// renewCall says that the call lasts. Without it the call is over when its lease
// runs out, whatever became of the exchange.
func (s *server) renewCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	done(w, s.subjects.Renew(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}

// endCall says that somebody hung up. What the customer proved ends with it.
func (s *server) endCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	done(w, s.subjects.End(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}
