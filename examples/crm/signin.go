package main

import (
	"errors"
	"net/http"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
)

// signIn turns a login and a password into a token for the employee alone. An
// unknown login, a wrong password and a locked account look the same. A desktop
// that was signed in from is known from then on: strangers who guess at a login
// do not lock its owner out.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	in, err := read[struct{ Login, Password string }](r)
	if err != nil {
		refuse(w, r, err)
		return
	}
	p, err := s.actors.SignInFrom(r.Context(), desktopOf(r), in.Login, in.Password)
	switch {
	case errors.Is(err, symbolon.ErrRefused):
		w.Header().Set("WWW-Authenticate", "Bearer")
		answer(w, http.StatusUnauthorized, object{"error": "unauthorized"})
	case err != nil:
		refuse(w, r, err)
	default:
		if d, err := s.actors.Remember(r.Context(), p); err == nil {
			http.SetCookie(w, &http.Cookie{Name: deviceCookie, Value: d.Reveal(), Path: "/sign-in", MaxAge: 90 * 24 * 60 * 60,
				HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
		}
		s.issue(w, r, p)
	}
}

const deviceCookie = "device"

func desktopOf(r *http.Request) authn.Device {
	c, err := r.Cookie(deviceCookie)
	if err != nil {
		return authn.Device{}
	}
	return authn.DeviceFromString(c.Value)
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
