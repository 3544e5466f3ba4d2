package main

import (
	"context"
	"errors"
	"fmt"
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
		refuse(w, r, err)
		return
	}
	if err := s.bothKnown(r.Context(), in.Agent, in.Subject); err != nil {
		refuse(w, r, err)
		return
	}
	call, err := s.subjects.Open(r.Context(), by, authn.Call{ID: in.ID, Channel: in.Channel, Actor: in.Agent, Subject: in.Subject})
	if err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, http.StatusCreated, object{"interaction": call})
}

// bothKnown says whom nobody knows. The exchange is one of our own and may hear
// it; an employee learns only that they may not.
func (s *server) bothKnown(ctx context.Context, agent symbolon.ActorID, subject symbolon.SubjectID) error {
	var unknown []error
	if _, err := s.people.Actor(ctx, agent); errors.Is(err, symbolon.ErrNotFound) {
		unknown = append(unknown, fmt.Errorf("%w: no employee is called %q", symbolon.ErrInvalid, agent))
	}
	if _, err := s.book.Subject(ctx, subject); errors.Is(err, symbolon.ErrNotFound) {
		unknown = append(unknown, fmt.Errorf("%w: no customer is called %q", symbolon.ErrInvalid, subject))
	}
	return errors.Join(unknown...)
}

// renewCall says that the call lasts. Without it the call is over when its lease
// runs out, whatever became of the exchange.
func (s *server) renewCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	done(w, r, s.subjects.Renew(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}

// endCall says that somebody hung up. What the customer proved ends with it.
func (s *server) endCall(w http.ResponseWriter, r *http.Request, by symbolon.Principal) {
	done(w, r, s.subjects.End(r.Context(), by, symbolon.InteractionID(r.PathValue("call"))))
}
