// Package policy passes settings down a tree of organisations, and lets nobody below loosen what was set above.
//
// Cloud operator, service owner, business, merchant: each organisation wishes what it likes to be stricter about, as
// [Settings], and inherits the rest. Most programs make one [Tree] with [New] and ask [Tree.Effective] for what holds
// for the organisations of the person who signs in. Administrators change it with [Tree.Change]; what would loosen
// anything for anybody waits until a second person has looked at the [Difference] and called [Tree.Approve], or somebody
// calls [Tree.Withdraw]. [Tree.Plan] computes any change and stores nothing, and [Explain] prints what holds and who has
// set it.
//
// [Forest] is the pure part, without a store, and [ReadFiles] reads one from files.
//
// The promise: at every moment, no organisation is looser than one above it. Over time, one can loosen as far as those
// above it leave it, and moving it can loosen it, but never by one person alone, and never unseen.
package policy

import (
	"errors"
	"fmt"

	"github.com/symbolon-auth/symbolon"
)

// ErrRefused is wrapped by every refusal: no authority, an approval of one's own change, an organisation that is not in
// the tree. Ask [Refusal] for the reason. It wraps symbolon.ErrRefused. What is wrong with a change itself is [Breaches].
var ErrRefused = fmt.Errorf("policy: %w", symbolon.ErrRefused)

// Refusal is the reason of a refusal, for the audit and for administrators; its text is the same for all. It is reached
// by errors.As.
type Refusal struct {
	Reason Reason
	detail string
}

// Error returns the same text for every reason.
func (r *Refusal) Error() string { return ErrRefused.Error() }

// Unwrap returns ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Detail returns what exactly it was, for administrators only.
func (r *Refusal) Detail() string { return r.detail }

// Reason is why somebody was refused.
type Reason string

// The reasons.
const (
	ReasonUnknown    Reason = "unknown"     // the organisation or the proposal is not there
	ReasonUnusable   Reason = "unusable"    // the organisations of a person leave no common method
	ReasonAuthority  Reason = "authority"   // they hold none where it is needed
	ReasonSamePerson Reason = "same person" // who proposed it, or may be
	ReasonNotHuman   Reason = "not human"   // software approves nothing (S29)
	ReasonOver       Reason = "over"        // their session is, or they have left: sign in again
	ReasonStale      Reason = "stale"       // the tree, or the authority of who proposed it, has changed since: propose it again
)

func refuse(r Reason, detail string) error { return &Refusal{r, detail} }

// failed says where an error comes from, unless it says so itself.
func failed(err error) error {
	var b Breaches
	if err == nil || errors.Is(err, ErrRefused) || errors.As(err, &b) {
		return err
	}
	return fmt.Errorf("policy: %w", err)
}
