// Package httpauth puts a Guard in front of the handlers of net/http.
//
// Most programs call [New] once and wrap each handler with [Auth.Grant]: it
// checks the token, asks the Guard, and calls the handler with a Grant, or
// answers in its place. Whoever has no valid token learns nothing but that
// (AN-63); whoever may do it after proving more learns which of the two must
// prove what (RFC 9470, with one parameter more, because it knows one user
// only); everybody else learns that they may not, and never why (AZ-28).
package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

// Verifier checks the token of a request. *token.Tokens is one.
type Verifier interface {
	VerifyRequest(*http.Request) (symbolon.Principal, error)
}

// Joiner adds the claimed customer of an interaction to the Principal of an
// employee. *authn.Subjects is one.
type Joiner interface {
	Join(context.Context, symbolon.Principal, symbolon.InteractionID) (symbolon.Principal, error)
}

// Auth wraps handlers. It is safe for concurrent use.
type Auth struct {
	verify Verifier
	guard  *authz.Guard
	join   Joiner
	failed func(*http.Request, error)
}

// Options is what an Auth may be told. Nil means the defaults.
type Options struct {
	Join Joiner // for requests that name an interaction; without it they are refused

	// Failed is told what an answer does not say and the audit does not hold: that
	// a store or a directory is down, an error of the host's own, a request that
	// the declarations do not know, why a token was refused. Nil tells nobody.
	Failed func(*http.Request, error)
}

// New returns an Auth. The error wraps symbolon.ErrInvalid and names everything
// that is missing.
func New(v Verifier, g *authz.Guard, opts *Options) (*Auth, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	var missing []string
	if v == nil {
		missing = append(missing, "a Verifier")
	}
	if g == nil {
		missing = append(missing, "a Guard")
	}
	if missing != nil {
		return nil, fmt.Errorf("httpauth: %w: New needs %s", symbolon.ErrInvalid, strings.Join(missing, "; "))
	}
	if o.Failed == nil {
		o.Failed = func(*http.Request, error) {}
	}
	return &Auth{verify: v, guard: g, join: o.Join, failed: o.Failed}, nil
}

// refuse answers, and tells the host what it cannot see from the answer.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, symbolon.ErrUnavailable) || !known(err) {
		a.failed(r, err)
	}
	Refuse(w, err)
}

// Asked is what a request asks for, beside the action.
type Asked struct {
	Resource    authz.Resource
	Params      authz.Params
	Environment symbolon.Attributes
	Purpose     string

	// Interaction is the one in which the caller says that the customer is
	// served. A token that carries a customer must be of the same interaction;
	// to an employee's own token the claimed customer is added.
	Interaction symbolon.InteractionID
}

// Grant returns a handler that calls then with a Grant for an action, or
// refuses. It asks what only of callers with a valid token; an error of it that
// wraps symbolon.ErrInvalid is answered with 400, one that wraps
// symbolon.ErrUnavailable with 503, and a resource that does not exist
// (symbolon.ErrNotFound) like one that the caller may not touch, so that nobody
// can try out what exists. It panics for an action that was not declared, so that
// a slip of the pen shows at the start.
func (a *Auth) Grant(action authz.Action, what func(*http.Request) (Asked, error), then func(http.ResponseWriter, *http.Request, authz.Grant)) http.Handler {
	if _, ok := a.guard.Declared(action); !ok {
		panic(fmt.Sprintf("httpauth: the Guard's Config.Actions do not declare %q", string(action)))
	}
	return a.Principal(func(w http.ResponseWriter, r *http.Request, p symbolon.Principal) {
		asked, err := what(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		p, err = a.joined(r.Context(), p, asked.Interaction)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		grant, err := a.guard.Authorize(r.Context(), p, authz.Request{
			Action: action, Resource: asked.Resource, Params: asked.Params, Environment: asked.Environment, Purpose: asked.Purpose,
		})
		if err != nil {
			if errors.Is(err, symbolon.ErrInvalid) { // what the host made of the request
				a.failed(r, err)
			}
			a.refuse(w, r, err)
			return
		}
		then(w, r, grant)
	})
}

// Principal returns a handler that calls then with whoever holds the token of
// the request, or answers 401. It decides nothing about what they may do.
func (a *Auth) Principal(then func(http.ResponseWriter, *http.Request, symbolon.Principal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.verify.VerifyRequest(r)
		switch {
		case errors.Is(err, symbolon.ErrUnavailable):
			a.refuse(w, r, err)
		case err != nil || p.IsZero(): // a Verifier that returns nobody has let nobody in
			token := len(r.Header.Values("Authorization")) > 0
			if token && err != nil {
				a.failed(r, err)
			}
			unauthorized(w, token)
		default:
			then(w, r, p)
		}
	})
}

func (a *Auth) joined(ctx context.Context, p symbolon.Principal, id symbolon.InteractionID) (symbolon.Principal, error) {
	in, serving := p.Interaction()
	switch {
	case id == "" || serving && in.ID == id:
		return p, nil
	case serving || a.join == nil:
		return symbolon.Principal{}, authz.ErrDenied
	}
	return a.join.Join(ctx, p, id)
}
