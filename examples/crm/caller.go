package main

import (
	"net/http"

	"github.com/symbolon-auth/symbolon"
)

// callHeader names the call that a request is about. It makes a claim, not a
// proof, so a token that speaks for both goes without it.
const callHeader = "Interaction"

// VerifyRequest returns who is calling: whoever the token names, if their
// session lives, and with the call's customer as claimed if the request names a
// call that was routed to them.
func (s *server) VerifyRequest(r *http.Request) (symbolon.Principal, error) {
	ctx := r.Context()
	p, err := s.tokens.VerifyRequest(r)
	if err != nil {
		return symbolon.Principal{}, err
	}
	if err := s.actors.Touch(ctx, p); err != nil { // a sign of life: moves the idle end of the session
		return symbolon.Principal{}, err
	}
	if call := r.Header.Get(callHeader); call != "" {
		return s.subjects.Join(ctx, p, symbolon.InteractionID(call))
	}
	return p, nil
}

// byClaim sends a request that names a call one way, and any other another.
func byClaim(claimed, proved http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(callHeader) != "" {
			claimed.ServeHTTP(w, r)
			return
		}
		proved.ServeHTTP(w, r)
	})
}
