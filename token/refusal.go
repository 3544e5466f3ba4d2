package token

import (
	"fmt"

	"github.com/symbolon-auth/symbolon"
)

// ErrRefused is wrapped by every refusal of a token, and its text is all that a
// refusal says: whoever tries tokens must not learn which check stopped them
// (TK-19). It wraps [symbolon.ErrRefused].
var ErrRefused = fmt.Errorf("token: %w: the token is not valid; sign in again", symbolon.ErrRefused)

// Refusal is the error that Verify returns for a token. Its text is that of
// [ErrRefused] for all of them; Reason is for the host's log and must not be sent to
// whoever sent the token.
type Refusal struct {
	Reason string // which rule the token broke; never a part of the token
}

// Error returns the same text for every refusal.
func (*Refusal) Error() string { return ErrRefused.Error() }

// Unwrap returns [ErrRefused].
func (*Refusal) Unwrap() error { return ErrRefused }

// Format keeps the reason out of %+v and %#v, which end up in answers by accident.
func (r *Refusal) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.Error()) }

func refuse(reason string) error { return &Refusal{reason} }
