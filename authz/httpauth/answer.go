package httpauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

// answer is the body of every refusal.
type answer struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	Needs       []need `json:"needs,omitempty"`
}

// need is one way for one party to be let through.
type need struct {
	Party   string            `json:"party"`
	Class   string            `json:"acr"`
	Methods []symbolon.Method `json:"amr"`
	Renew   bool              `json:"renew,omitempty"`
}

// Refuse answers with what an error means to the caller: for handlers that are
// refused later on, such as by Guard.Begin. An error that is no refusal of ours
// is the host's own and shows nothing of itself. It takes a caller with a token
// for granted: a handler that takes passwords answers a refused one with 401
// itself.
func Refuse(w http.ResponseWriter, err error) {
	var up *authz.StepUpError
	var denied *authz.DeniedError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &up):
		stepUp(w, up)
	case errors.Is(err, symbolon.ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		write(w, http.StatusServiceUnavailable, answer{Error: "temporarily_unavailable"})
	case errors.As(err, &denied) && over(denied.Reason):
		unauthorized(w, true)
	case errors.Is(err, symbolon.ErrRefused), errors.Is(err, symbolon.ErrNotFound):
		write(w, http.StatusForbidden, answer{Error: "access_denied"})
	case errors.As(err, &large):
		write(w, http.StatusRequestEntityTooLarge, answer{Error: "invalid_request", Description: large.Error()})
	case errors.Is(err, symbolon.ErrInvalid): // its text names the caller's own field, and was written for them
		write(w, http.StatusBadRequest, answer{Error: "invalid_request", Description: err.Error()})
	default:
		write(w, http.StatusInternalServerError, answer{Error: "server_error"})
	}
}

// known reports whether Refuse can tell the caller what an error means.
func known(err error) bool {
	var large *http.MaxBytesError
	for _, class := range []error{symbolon.ErrRefused, symbolon.ErrNotFound, symbolon.ErrInvalid, symbolon.ErrUnavailable} {
		if errors.Is(err, class) {
			return true
		}
	}
	return errors.As(err, &large)
}

// over reports whether the token itself has come to its end.
func over(r authz.Reason) bool {
	return slices.Contains([]authz.Reason{authz.ForeignRealm, authz.Expired, authz.NotLive, authz.ActorDisabled}, r)
}

// unauthorized asks for a token, and says that one was refused only if there
// was one (RFC 6750 3). What would be needed for it, nobody learns (AN-63).
func unauthorized(w http.ResponseWriter, token bool) {
	if token {
		challenge(w, param{"error", "invalid_token"})
		write(w, http.StatusUnauthorized, answer{Error: "invalid_token"})
		return
	}
	challenge(w)
	write(w, http.StatusUnauthorized, answer{Error: "unauthorized"})
}

const insufficient = "insufficient_user_authentication" // RFC 9470 3

// stepUp names the party who steps up first and the classes of which one is
// enough, in order of preference (AN-60, AN-61). That both must, the body says.
func stepUp(w http.ResponseWriter, e *authz.StepUpError) {
	party, needs := e.First()
	var classes []string
	renew := len(needs) > 0
	for _, n := range needs {
		if !slices.Contains(classes, n.Class) {
			classes = append(classes, n.Class)
		}
		renew = renew && n.Renew
	}
	params := []param{{"error", insufficient}, {"acr_values", strings.Join(classes, " ")}}
	if renew { // they have proved all of it before; only age stands against them
		params = append(params, param{"max_age", "0"})
	}
	challenge(w, append(params, param{"party", party.String()})...)

	body := answer{Error: insufficient}
	for _, n := range e.Needs {
		body.Needs = append(body.Needs, need{Party: n.Party.String(), Class: n.Class, Methods: n.Methods, Renew: n.Renew})
	}
	write(w, http.StatusUnauthorized, body)
}

type param struct{ name, value string }

func challenge(w http.ResponseWriter, params ...param) {
	var list []string
	for _, p := range params {
		list = append(list, p.name+`="`+strings.Map(quotable, p.value)+`"`)
	}
	w.Header().Set("WWW-Authenticate", strings.TrimSpace("Bearer "+strings.Join(list, ", ")))
}

// quotable drops what would end the quoted value (RFC 6750 3): a host chooses
// the names of methods.
func quotable(r rune) rune {
	if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
		return -1
	}
	return r
}

func write(w http.ResponseWriter, status int, body answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone, and nobody is left to tell
}
