package authn

import (
	"context"

	"github.com/symbolon-auth/symbolon"
)

// ActorsDryRun computes what [Actors] would do about an account, and stores none
// of it (B8): whatever would be refused is refused, with the same error, and the
// rest returns nil. What the host does itself it tries with [Host.DryRun].
type ActorsDryRun struct{ actors *Actors }

// DryRun returns the changes to accounts, to be computed and not made.
func (a *Actors) DryRun() ActorsDryRun { return ActorsDryRun{a} }

// ChangePassword tells whether [Actors.ChangePassword] would go through. It must
// not be a free guess: the present password is looked at, counted and recorded
// exactly as there, and only the new one is not kept. It knows no device, so it may
// be locked where [Actors.ChangePasswordFrom] would not be.
func (d ActorsDryRun) ChangePassword(ctx context.Context, login, present, next string) error {
	return d.actors.changePassword(ctx, Device{}, login, present, next, true)
}

// ResetPassword tells whether [Actors.ResetPassword] would go through.
func (d ActorsDryRun) ResetPassword(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := d.actors.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.DryRun().ResetPassword(ctx, id)
}

// Unlock tells whether [Actors.Unlock] would go through.
func (d ActorsDryRun) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := d.actors.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.DryRun().Unlock(ctx, id)
}

// Hold tells whether [Actors.Hold] would go through.
func (d ActorsDryRun) Hold(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := d.actors.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.DryRun().Hold(ctx, id)
}

// SubjectsDryRun is [ActorsDryRun] for the locks of customers. What the host does
// itself it tries with [SubjectHost.DryRun].
type SubjectsDryRun struct{ subjects *Subjects }

// DryRun returns the changes to customers' locks, to be computed and not made.
func (s *Subjects) DryRun() SubjectsDryRun { return SubjectsDryRun{s} }

// Unlock tells whether [Subjects.Unlock] would go through.
func (d SubjectsDryRun) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, m symbolon.Method, reason string) error {
	h, err := d.subjects.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.DryRun().Unlock(ctx, id, m)
}

// Hold tells whether [Subjects.Hold] would go through.
func (d SubjectsDryRun) Hold(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, m symbolon.Method, reason string) error {
	h, err := d.subjects.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.DryRun().Hold(ctx, id, m)
}
