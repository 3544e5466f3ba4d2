package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/symbolon-auth/symbolon"
)

const maxBody = 16 << 10 // bytes: the largest is a sign-in, with a password of 1024 characters

// read decodes a body of one JSON object into a T, and refuses what T has no
// member for: whoever writes "icid" should not be left to wonder.
func read[T any](r *http.Request) (T, error) {
	var v T
	dec := json.NewDecoder(r.Body) // which routes has bounded
	dec.DisallowUnknownFields()
	err := dec.Decode(&v)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.Join(more, errors.New("something follows the JSON object"))
		}
	}
	if err != nil {
		return v, fmt.Errorf("%w: the body: %w", symbolon.ErrInvalid, err)
	}
	return v, nil
}

// object is a small JSON answer.
type object map[string]any

// done answers what has no result but that it was done.
func done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // tokens and customers' data stay in no cache
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has hung up
}
