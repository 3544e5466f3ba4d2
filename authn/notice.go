package authn

import (
	"context"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/outbox"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Notice tells an employee what happened to their account, or a customer what
// happened to a method by which they prove who they are.
type Notice struct {
	ID       string             // the same each time it is sent
	Actor    symbolon.ActorID   // the employee, or
	Subject  symbolon.SubjectID // the customer, by what was known of them before (S14)
	Event    string             // password.set, .imported, .changed, .reset, .revoked, account.locked, .held, .unlocked, signin.guessed (after many failures), .absent (after long absence); customer.locked, .held, .unlocked, .attempted (a proof for a guarded operation failed), method.bound
	Method   symbolon.Method    // with a Subject: the method
	At       time.Time
	Password Code // with password.reset: the temporary one
}

// Notifier delivers notices. The host knows how to reach people; this module does
// not. A customer's goes to another address than the method it is about, where
// there is one (AN-36). Notify may be called again for the same
// Notice until it returns nil; it returns soon after ctx ends, and is safe for
// concurrent use.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
}

// NotifierFunc is a function as a [Notifier].
type NotifierFunc func(ctx context.Context, n Notice) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, n Notice) error { return f(ctx, n) }

// RunNotices sends the notices whose first delivery failed, until ctx ends, and
// returns why it ended. A host with a Notifier starts it once in each process.
func (a *Actors) RunNotices(ctx context.Context) error {
	if a.box == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return a.box.Run(ctx)
}

const noticeLife = 7 * 24 * time.Hour // after which nobody is surprised any more

// posted is a notice on its way; where there is no Notifier, nothing.
type posted struct {
	box  *outbox.Box
	item outbox.Item
}

// notice prepares a notice for the commit of what it tells of (AU-10).
func (a *Actors) notice(n Notice) (posted, error) {
	if a.box == nil {
		return posted{}, nil
	}
	var err error
	if n.ID, err = table.NewID(a.parts.Rand, "n"); err != nil {
		return posted{}, err
	}
	n.At = a.parts.Now().Truncate(time.Second)
	payload, err := n.seal()
	if err != nil {
		return posted{}, err
	}
	item, err := a.box.Seal(payload, n.At.Add(noticeLife))
	return posted{a.box, item}, err
}

func (p posted) add(tx *table.Tx) {
	if p.box != nil {
		tx.Add(p.item.Op())
	}
}

func (p posted) start(ctx context.Context, sh table.Shard) {
	if p.box != nil {
		p.box.Start(ctx, sh, p.item)
	}
}
