package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
	"github.com/symbolon-auth/symbolon/token"
)

// Who is calling is asked in two ways, each an httpauth.Verifier: people come
// with a token, the exchange with its key. What they may do is asked after that.

// sessions lets in whoever has a token, if their session lives.
type sessions struct {
	tokens *token.Tokens
	actors *authn.Actors
}

var _ httpauth.Verifier = sessions{}

// VerifyRequest implements [httpauth.Verifier].
func (s sessions) VerifyRequest(r *http.Request) (symbolon.Principal, error) {
	p, err := s.tokens.VerifyRequest(r)
	if err != nil {
		return symbolon.Principal{}, err
	}
	return p, s.actors.Touch(r.Context(), p) // a sign of life: moves the idle end of the session
}

// serviceKeys lets in whoever has a service key. Employees have none, so no
// desktop can invent a call or hide that it has ended (S3).
type serviceKeys struct{ actors *authn.Actors }

// VerifyRequest implements [httpauth.Verifier].
func (s serviceKeys) VerifyRequest(r *http.Request) (symbolon.Principal, error) {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return s.actors.SignInKey(r.Context(), authn.KeyFromString(key))
}

// callHeader names the call in which an employee asks for a customer who has
// proved nothing yet. A token that speaks for both goes without it.
const callHeader = "Interaction"

func callOf(r *http.Request) symbolon.InteractionID {
	return symbolon.InteractionID(r.Header.Get(callHeader))
}

// byClaim sends a request that names a call one way, and any other another.
func byClaim(claimed, proved http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if callOf(r) != "" {
			claimed.ServeHTTP(w, r)
			return
		}
		proved.ServeHTTP(w, r)
	})
}

// refuse answers an error that a handler met, as httpauth answers one of its own.
// What is wrong with the caller's own input is said; why somebody may not is for
// the audit; and what broke here is for the operator.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if !errors.Is(err, symbolon.ErrInvalid) && !errors.Is(err, symbolon.ErrRefused) && !errors.Is(err, symbolon.ErrNotFound) {
		failed(r, err)
	}
	httpauth.Refuse(w, err)
}

// failed tells the operator what neither an answer nor the audit says: the store
// or a directory is down, the fault is ours, or why a token was refused, which
// happens every day. It logs the route, not the address, which may name a customer.
func failed(r *http.Request, err error) {
	var badToken *token.Refusal
	var over *authn.Refusal
	switch {
	case errors.As(err, &badToken):
		slog.Info("a token was refused", "route", r.Pattern, "reason", badToken.Reason)
	case errors.As(err, &over):
		slog.Info("a session or a key was refused", "route", r.Pattern, "reason", over.Reason)
	default:
		slog.Error("a request could not be served", "route", r.Pattern, "err", err)
	}
}
