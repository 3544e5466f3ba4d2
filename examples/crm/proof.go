package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz"
)

// challenge sends the customer a code for one operation. What it proves counts
// for nothing else.
func (s *server) challenge(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
	in, err := read[struct {
		Method    symbolon.Method
		Operation authz.Action
	}](r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	if _, known := actions[in.Operation]; !known {
		refuse(w, r, fmt.Errorf("%w: operation is not one of the actions", symbolon.ErrInvalid))
		return
	}
	claim, err := s.subjects.Join(r.Context(), p, symbolon.InteractionID(r.PathValue("call")))
	if err != nil {
		refuse(w, r, err)
		return
	}
	ch, err := s.subjects.Challenge(r.Context(), claim, in.Method, string(in.Operation))
	if err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, http.StatusCreated, object{"challenge": ch.ID, "expires": ch.Expires})
}

// answerChallenge takes what the customer read out. Whoever types it learns yes
// or no; on yes, the answer is a token that speaks for both.
func (s *server) answerChallenge(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
	in, err := read[struct{ Code string }](r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	claim, err := s.subjects.Join(r.Context(), p, symbolon.InteractionID(r.PathValue("call")))
	if err != nil {
		refuse(w, r, err)
		return
	}
	both, err := s.subjects.Confirm(r.Context(), claim, r.PathValue("challenge"), in.Code)
	if err != nil {
		refuse(w, r, err)
		return
	}
	s.issue(w, r, both)
}

// textMessages is an [authn.Sender] that prints what a gateway would send. The
// host knows the customer's number; Symbolon does not.
type textMessages struct {
	book    *book
	console *log.Logger // several are sent at a time, each on a goroutine of its own
}

// Send implements [authn.Sender].
func (t textMessages) Send(_ context.Context, m authn.Message) error {
	mobile := t.book.mobile(m.Subject)
	if mobile == "" {
		return nil // no error: the answer must not tell who has a telephone (S13)
	}
	return t.console.Output(0, fmt.Sprintf("[%s to %s] %s", m.Method, mobile, m.Text()))
}
