package main

import (
	"errors"
	"net/http"

	"github.com/symbolon-auth/symbolon"
)

// signIn turns a login and a password into a token for the employee alone. An
// unknown login, a wrong password and a locked account look the same.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	in, err := read[struct{ Login, Password string }](r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	p, err := s.actors.SignIn(r.Context(), in.Login, in.Password)
	switch {
	case errors.Is(err, symbolon.ErrRefused):
		w.Header().Set("WWW-Authenticate", "Bearer")
		answer(w, http.StatusUnauthorized, object{"error": "unauthorized"})
	case err != nil:
		refuse(w, r, err)
	default:
		s.issue(w, r, p)
	}
}

// signOut ends the session, and every token that came from it.
func (s *server) signOut(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
	done(w, r, s.actors.SignOut(r.Context(), p))
}

// issue answers with a token for whoever is behind p: one person, or both.
func (s *server) issue(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
	raw, err := s.tokens.Issue(r.Context(), p)
	if err != nil {
		refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, object{"who": p.String(), "token": raw.Reveal()})
}
