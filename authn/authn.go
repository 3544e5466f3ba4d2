// Package authn answers who is there: the employee at the desk, the service
// behind it, and the customer on the phone.
//
// Most programs make one [Actors] and one [Subjects]. An employee comes in with
// [Actors.SignIn], a service such as telephony with [Actors.SignInKey]. Telephony
// opens an interaction for each contact with [Subjects.Open] and renews its
// lease while the call lasts. The employee who serves it joins with
// [Subjects.Join], has a code sent with [Subjects.Challenge], and types what the
// customer reads out into [Subjects.Confirm], which answers only yes or no. Each
// returns a symbolon.Principal, for the packages token and authz.
//
// Guesses are counted before they are checked. Unknown, wrong and locked look
// alike and cost alike; the reason is in the audit, and in a [*Refusal].
package authn

import (
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/stamp"
)

// ErrRefused is wrapped by every refusal: a wrong secret, a locked account, a
// session or call that is over. It wraps symbolon.ErrRefused.
var ErrRefused = fmt.Errorf("authn: %w", symbolon.ErrRefused)

// ErrBusy says that too many attempts are under way, at this account or in this
// process. It was not counted, and asking again helps, so it is no refusal: it
// wraps symbolon.ErrUnavailable.
var ErrBusy = fmt.Errorf("authn: %w: too many attempts at once; this one was not counted", symbolon.ErrUnavailable)

// Refusal is the reason of a refusal, for the audit and for administrators; its
// text is the same for all. It is reached by errors.As.
type Refusal struct {
	Reason Reason
	Until  time.Time // with ReasonLocked: the end of a timed lock, if it has one
	err    error
}

// Error returns the same text for every reason.
func (r *Refusal) Error() string { return ErrRefused.Error() }

// Unwrap returns ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Cause returns what was found underneath, or nil. It is not part of the error
// chain, so that no text of it reaches a screen.
func (r *Refusal) Cause() error { return r.err }

// Reason is why somebody was refused.
type Reason string

// The reasons.
const (
	ReasonUnknown  Reason = "unknown"   // no such actor, or none who signs in this way
	ReasonWrong    Reason = "wrong"     // the secret was wrong, or its code is used up or too old
	ReasonLocked   Reason = "locked"    // the secret was not looked at
	ReasonDead     Reason = "dead"      // too many failures in a row: unlocking does not help, a new secret must be bound
	ReasonChange   Reason = "change"    // the password was right, and must be changed before anything else: temporary, or expired
	ReasonRevoked  Reason = "revoked"   // the password lets nobody in any more; its owner needs a new one
	ReasonFactor   Reason = "factor"    // the organisation demands a second factor
	ReasonOver     Reason = "over"      // the session, the interaction or its lease has ended
	ReasonNotYours Reason = "not yours" // another actor's interaction, or not the kind of actor that may
	ReasonUsed     Reason = "used"      // this call id has been used
	ReasonLimit    Reason = "limit"     // as many codes as an interaction may send
)

func refuse(r Reason) error { return &Refusal{Reason: r} }

func invalid(field, why string) error {
	return fmt.Errorf("authn: %w: %s %s", symbolon.ErrInvalid, field, why)
}

// failed sorts an error of a directory, a store or the stamps into a refusal or
// an outage.
func failed(err error) error {
	var r *Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r), errors.Is(err, symbolon.ErrInvalid):
		return err
	case errors.Is(err, symbolon.ErrUnavailable):
		return fmt.Errorf("authn: %w", err)
	case errors.Is(err, stamp.ErrDead):
		return &Refusal{Reason: ReasonOver, err: err}
	case errors.Is(err, symbolon.ErrNotFound):
		return &Refusal{Reason: ReasonUnknown, err: err}
	case errors.Is(err, symbolon.ErrRefused):
		return &Refusal{Reason: ReasonNotYours, err: err}
	}
	// What cannot be read is refused, not taken for absent (S8).
	return fmt.Errorf("authn: %w: %w", symbolon.ErrUnavailable, err)
}
