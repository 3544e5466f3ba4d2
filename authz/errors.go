package authz

import (
	"errors"
	"fmt"

	"github.com/symbolon-auth/symbolon"
)

// ErrDenied is wrapped by every refusal of this package, and wraps
// symbolon.ErrRefused. Its text never says why.
var ErrDenied = fmt.Errorf("authz: %w", symbolon.ErrRefused)

// Reason is why something was refused, for administrators and the audit.
type Reason string

// What the floor refuses before any policy is asked (S4).
const (
	ForeignRealm   Reason = "the principal is nobody, or of another realm"
	Expired        Reason = "the principal counts no longer"
	NotLive        Reason = "session, interaction or verification has ended"
	ActorDisabled  Reason = "the actor is disabled"
	PartyChanged   Reason = "what the directories say of actor or customer has changed"
	NoSubject      Reason = "no customer is served"
	NotProved      Reason = "the customer proved nothing that counts for this action"
	ForeignAccount Reason = "the resource does not belong to this customer's account"
	SamePerson     Reason = "actor and customer are, or may be, the same person"
	HasAccount     Reason = "the action concerns nobody, but the resource has an account"
)

// NoPermit is the reason when no policy permitted it, or only one set did.
const NoPermit Reason = "not permitted by both sides"

// What is refused of a Grant (S10).
const (
	GrantForeign Reason = "the grant is of another guard"
	GrantExpired Reason = "the grant is too old"
	GrantOther   Reason = "the grant is for another action or other parameters"
	GrantUsed    Reason = "the grant was used before"
	EffectEnded  Reason = "the act has ended"
	NotHuman     Reason = "only a person can say so"
)

// DeniedError says no: as far as the Guard knows, nothing that either party could
// prove would change it. Its text is constant; the fields are for administrators.
type DeniedError struct {
	Reason   Reason
	Decision Decision // zero if a Grant was refused
}

// Error returns the text of [ErrDenied].
func (*DeniedError) Error() string { return ErrDenied.Error() }

// Unwrap returns [ErrDenied].
func (*DeniedError) Unwrap() error { return ErrDenied }

// StepUpError says that one of the two must prove more, and which (AZ-27). If
// Needs names both parties, both must; of several Needs of one party, one is
// enough. Nothing in it depends on the customer's data until the customer has
// proved who they are (S13).
type StepUpError struct{ Needs []Need }

// Error returns the text of [ErrDenied].
func (*StepUpError) Error() string { return ErrDenied.Error() }

// Unwrap returns [ErrDenied].
func (*StepUpError) Unwrap() error { return ErrDenied }

// First returns the party who steps up first, and its needs, of which one is
// enough. The customer comes first: the employee is there in any case.
func (e *StepUpError) First() (Party, []Need) { return first(e.Needs) }

func unavailable(err error) error {
	if errors.Is(err, symbolon.ErrUnavailable) {
		return fmt.Errorf("authz: %w", err)
	}
	return fmt.Errorf("authz: %w: %w", symbolon.ErrUnavailable, err)
}
