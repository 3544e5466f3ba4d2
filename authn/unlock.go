package authn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

// Unlock opens the lock on an actor's password on the word of another employee,
// who says why. It is a decision: call it inside of the Begin and End of a
// Grant. Nobody unlocks themselves (LK-17). The count of consecutive failures
// stays (S9); a password that has died of them is refused with [ReasonDead] and
// must be set anew. More than a few unlocks in a day are refused with
// [ReasonLimit].
func (a *Actors) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	actor, err := a.parts.Actor(ctx, id)
	if err != nil {
		return fmt.Errorf("authn: %w", err)
	}
	acc := of(actor)
	lim, err := a.limits(ctx, acc)
	if err != nil {
		return failed(err)
	}
	item, err := a.notice(Notice{Actor: id, Event: "account.unlocked"})
	if err != nil {
		return failed(err)
	}
	err = a.unlock(ctx, by, actor.Person, acc.shard, acc.lock(), lim.lockout, item,
		audit.Record{Event: "account.unlocked", Resource: "Actor/" + string(id), Reason: reason})
	if err == nil {
		item.start(ctx, acc.shard)
	}
	return err
}

// Unlock opens the lock on a customer's codes by one method, under the same
// terms as [Actors.Unlock].
func (s *Subjects) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, m symbolon.Method, reason string) error {
	if !slices.Contains(s.opt.Methods, m) {
		return invalid("method", fmt.Sprintf("must be one of %q", s.opt.Methods))
	}
	subject, err := s.parts.Subject(ctx, id)
	if err != nil {
		return fmt.Errorf("authn: %w", err)
	}
	cust, err := s.custody(ctx, by.Actor(), subject) // the same limits under which it was locked
	if err != nil {
		return failed(err)
	}
	return s.unlock(ctx, by, subject.Person, table.ShardOf("subject", string(id)), lockName(id, m), cust.lockout, posted{},
		audit.Record{Event: "customer.unlocked", Subject: id, Resource: "Subject/" + string(id), Reason: reason})
}

func (c *core) unlock(ctx context.Context, by symbolon.Principal, person symbolon.PersonID, shard table.Shard, lock string,
	policy lockout.Policy, item posted, rec audit.Record) error {
	if rec.Reason == "" {
		return invalid("reason", "is empty: an unlock is recorded with one")
	}
	f, err := c.live(ctx, by)
	if err != nil {
		return err
	}
	// By person, not by account: a second login must not free the first (S22).
	if !f.Actor.Kind.Human() || symbolon.SamePerson(f.Actor.Person, person) {
		return refuse(ReasonNotYours)
	}
	rec.Actor, rec.Org, rec.ActorMethods = f.Actor.ID, f.Actor.Org, f.ActorProof.Methods()
	if rec.ID, err = table.NewID(c.parts.Rand, ""); err != nil {
		return failed(err)
	}
	var after lockout.Answer
	_, err = c.space.Update(ctx, shard, []string{lock}, func(tx *table.Tx) error {
		var before lockout.Answer
		if before, after, err = attempt.Apply(tx, lock, policy, lockout.Unlock()); err != nil {
			return err
		}
		if rec.Outcome = audit.Failed; after.Verdict == lockout.Done {
			rec.Outcome = audit.Succeeded
			item.add(tx)
		}
		rec.Detail = map[string]string{"before": before.Phase.String(), "after": after.Phase.String()}
		return rec.Add(tx)
	})
	switch {
	case err == nil && after.Verdict == lockout.Capped:
		err = refuse(ReasonLimit)
	case err == nil && after.Verdict != lockout.Done:
		err = refuse(ReasonDead)
	}
	return failed(err)
}

// SubjectHost is the host application itself at work on what is known of
// customers' proofs. It is never a Principal, and what it does is audited with
// its reason.
type SubjectHost struct {
	subjects *Subjects
	reason   string
}

// AsHost returns the host's own hand, for a reason that stands in the audit. It
// must not be reachable from a request.
func (s *Subjects) AsHost(reason string) SubjectHost { return SubjectHost{s, reason} }

// Rebind binds a method of a customer anew, after as much proof of who they are
// as a first binding needs: its failures are forgotten, also where there were so
// many that it had died of them (LK-02). An administrator's hold stays.
func (h SubjectHost) Rebind(ctx context.Context, id symbolon.SubjectID, m symbolon.Method) error {
	if h.subjects == nil {
		return h.commit(ctx, id, "", nil, "", nil)
	}
	s := h.subjects
	if !slices.Contains(s.opt.Methods, m) {
		return invalid("method", fmt.Sprintf("must be one of %q", s.opt.Methods))
	}
	return h.commit(ctx, id, "method.bound", map[string]string{"method": string(m)}, lockName(id, m), func(tx *table.Tx) error {
		return attempt.Born(tx, lockName(id, m), s.opt.Lockout)
	})
}

// EndProofs voids everything that a customer has proved, in every interaction,
// and every token that carries it: after a report of fraud, or when their number
// has moved to somebody else.
func (h SubjectHost) EndProofs(ctx context.Context, id symbolon.SubjectID) error {
	name := stamp.SubjectName(string(id))
	return h.commit(ctx, id, "proofs.ended", nil, name, func(tx *table.Tx) error {
		c, _, err := table.Get[customer](tx.View, name)
		if err != nil {
			return err
		}
		c.Party = c.Next(tx.Now())
		return table.Put(tx, name, c, time.Time{})
	})
}

func (h SubjectHost) commit(ctx context.Context, id symbolon.SubjectID, event string, detail map[string]string, name string, write func(*table.Tx) error) error {
	if h.subjects == nil || h.reason == "" {
		return invalid("reason", "is empty: say in AsHost why the host does this")
	}
	if _, err := symbolon.ParseID[symbolon.SubjectID](string(id)); err != nil {
		return fmt.Errorf("authn: subject: %w", err)
	}
	auditID, err := table.NewID(h.subjects.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	_, err = h.subjects.space.Update(ctx, table.ShardOf("subject", string(id)), []string{name}, func(tx *table.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		return audit.Record{ID: auditID, Event: event, Outcome: audit.Succeeded, Subject: id, Host: h.reason, Detail: detail}.Add(tx)
	})
	return failed(err)
}
