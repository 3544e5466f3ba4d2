package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

func (s *server) signedIn(then func(http.ResponseWriter, *http.Request, symbolon.Principal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.VerifyRequest(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		then(w, r, p)
	})
}

func (s *server) allowed(a authz.Action, what func(*http.Request) (authz.Request, error), then func(http.ResponseWriter, *http.Request, authz.Grant)) http.Handler {
	return s.signedIn(func(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
		q, err := what(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		q.Action = a
		g, err := s.guard.Authorize(r.Context(), p, q)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		then(w, r, g)
	})
}

func (s *server) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *server) refuse(w http.ResponseWriter, _ *http.Request, err error) {
	var step *authz.StepUpError
	switch {
	case errors.Is(err, errTooLarge):
		answer(w, 413, object{"error": err.Error()})
	case errors.Is(err, symbolon.ErrInvalid):
		answer(w, 400, object{"error": err.Error()})
	case errors.Is(err, symbolon.ErrNotFound):
		answer(w, 404, object{"error": "not found"})
	case errors.As(err, &step):
		party, needs := step.First()
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_user_authentication", acr_values="%s", party="%s"`, needs[0].Class, party))
		answer(w, 401, object{"error": "insufficient_user_authentication"})
	case errors.Is(err, authz.ErrDenied):
		answer(w, 403, object{"error": "denied"})
	case errors.Is(err, symbolon.ErrRefused):
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		answer(w, 401, object{"error": "refused"})
	default:
		answer(w, 503, object{"error": "unavailable"})
	}
}
