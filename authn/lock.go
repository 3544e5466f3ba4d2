package authn

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

// Unlock opens the lock on an actor's password, or releases a hold, on the word
// of another employee, who says why. It is a decision: call it inside of the
// Begin and End of a Grant. Nobody unlocks themselves (LK-17). The count of
// consecutive failures stays (S9); a password that has died of them is refused
// with [ReasonDead] and must be set anew. More than a few unlocks in a day are
// refused with [ReasonLimit]. One that is not locked stays as it is, and that is
// no error. Two people who unlock each other within 30 days are on record as
// "unlock.reciprocal", and ActorsOptions.Alert is told (S9).
func (a *Actors) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := a.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.Unlock(ctx, id)
}

// Hold keeps an employee out on the word of another, under the terms of
// [Actors.Unlock]: every session and token of theirs ends with it, and no
// password lets them in until somebody else unlocks. Neither time nor a new
// password opens a hold.
func (a *Actors) Hold(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := a.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.Hold(ctx, id)
}

// onWordOf returns the hand that does to an account what another person wants.
func (a *Actors) onWordOf(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) (Host, error) {
	f, err := a.live(ctx, by)
	if err != nil {
		return Host{}, err
	}
	actor, err := a.parts.Actor(ctx, id)
	if err != nil {
		return Host{}, fmt.Errorf("authn: %w", err)
	}
	return Host{actors: a, reason: reason, by: &f}, others(f, actor.Person)
}

// others refuses who is no person, or may be the very one whom it is about. By
// person, not by account: a second login must not free the first (S22).
func others(by symbolon.Facts, person symbolon.PersonID) error {
	if !by.Actor.Kind.Human() || symbolon.SamePerson(by.Actor.Person, person) {
		return refuse(ReasonNotYours)
	}
	return nil
}

// Unlock is [Actors.Unlock] on the host's own word.
func (h Host) Unlock(ctx context.Context, id symbolon.ActorID) error {
	r, err := h.ruling(ctx, id, "account.unlocked", lockout.Unlock())
	if err == nil && h.by != nil && !h.dry { // the host is no colleague
		err = h.actors.favour(ctx, h.by.Actor.Person, &r)
	}
	if err != nil {
		return err
	}
	opened, err := h.actors.rule(ctx, r)
	if opened && r.mutual != nil {
		h.actors.alert(*r.mutual)
	}
	return err
}

// Hold is [Actors.Hold] on the host's own word: the telephone call of somebody
// whose laptop was stolen.
func (h Host) Hold(ctx context.Context, id symbolon.ActorID) error {
	r, err := h.ruling(ctx, id, "account.held", lockout.Hold())
	if err != nil {
		return err
	}
	name := stamp.ActorName(string(id))
	r.reads = []string{name}
	r.ends = func(tx *table.Tx) error {
		party, _, err := table.Get[stamp.Party](tx.View, name)
		if err != nil {
			return err
		}
		return table.Put(tx, name, party.Next(tx.Now()), time.Time{})
	}
	_, err = h.actors.rule(ctx, r)
	return err
}

func (h Host) ruling(ctx context.Context, id symbolon.ActorID, event string, e lockout.Event) (ruling, error) {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return ruling{}, err
	}
	if !actor.Kind.Human() {
		return ruling{}, invalid("actor", "is no person, and has no password that could be locked: revoke its keys")
	}
	a, acc := h.actors, of(actor)
	lim, err := a.limits(ctx, acc)
	if err != nil {
		return ruling{}, failed(err)
	}
	r := ruling{event: e, shard: acc.shard, lock: acc.lock(), policy: lim.lockout, person: actor.Person, dry: h.dry}
	auditID, err := table.NewID(a.parts.Rand, "")
	if err == nil {
		r.tell, err = a.notice(Notice{Actor: id, Event: event})
	}
	r.rec = h.record(auditID, event, actor, nil)
	return r, failed(err)
}

// Unlock opens the lock on a customer's codes by one method, or releases a hold,
// under the same terms as [Actors.Unlock].
func (s *Subjects) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, m symbolon.Method, reason string) error {
	h, err := s.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.Unlock(ctx, id, m)
}

// Hold keeps a customer from proving anything by one method, under the terms of
// [Actors.Unlock], and voids what they have proved until now. Neither time nor a
// new binding opens a hold.
func (s *Subjects) Hold(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, m symbolon.Method, reason string) error {
	h, err := s.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.Hold(ctx, id, m)
}

func (s *Subjects) onWordOf(ctx context.Context, by symbolon.Principal, id symbolon.SubjectID, reason string) (SubjectHost, error) {
	f, err := s.actors.live(ctx, by)
	if err != nil {
		return SubjectHost{}, err
	}
	subject, err := s.parts.Subject(ctx, id)
	if err != nil {
		return SubjectHost{}, fmt.Errorf("authn: %w", err)
	}
	return SubjectHost{subjects: s, reason: reason, by: &f}, others(f, subject.Person)
}

// Unlock is [Subjects.Unlock] on the host's own word.
func (h SubjectHost) Unlock(ctx context.Context, id symbolon.SubjectID, m symbolon.Method) error {
	r, err := h.ruling(ctx, id, m, "customer.unlocked", lockout.Unlock())
	if err != nil {
		return err
	}
	_, err = h.subjects.rule(ctx, r)
	return err
}

// Hold is [Subjects.Hold] on the host's own word: a message of the network that
// the customer's number has moved to another card.
func (h SubjectHost) Hold(ctx context.Context, id symbolon.SubjectID, m symbolon.Method) error {
	r, err := h.ruling(ctx, id, m, "customer.held", lockout.Hold())
	if err != nil {
		return err
	}
	name := stamp.SubjectName(string(id))
	r.reads = []string{name}
	r.ends = func(tx *table.Tx) error {
		c, _, err := table.Get[customer](tx.View, name)
		if err != nil {
			return err
		}
		if c.Party = c.Next(tx.Now()); !slices.Contains(c.Locks, m) { // the lock exists from now on (S8)
			c.Locks = append(slices.Clone(c.Locks), m)
		}
		return table.Put(tx, name, c, time.Time{})
	}
	_, err = h.subjects.rule(ctx, r)
	return err
}

func (h SubjectHost) ruling(ctx context.Context, id symbolon.SubjectID, m symbolon.Method, event string, e lockout.Event) (ruling, error) {
	if err := h.usable(); err != nil {
		return ruling{}, err
	}
	s := h.subjects
	if !slices.Contains(s.opt.Methods, m) {
		return ruling{}, invalid("method", fmt.Sprintf("must be one of %q", s.opt.Methods))
	}
	subject, err := s.parts.Subject(ctx, id)
	if err != nil {
		return ruling{}, fmt.Errorf("authn: %w", err)
	}
	orgs := []symbolon.OrgID{subject.Org}
	if h.by != nil { // the same limits under which it was locked
		orgs = append(orgs, organisations(h.by.Actor)...)
	}
	cust, err := s.custodyAt(ctx, orgs...)
	if err != nil {
		return ruling{}, failed(err)
	}
	r := ruling{event: e, shard: table.ShardOf("subject", string(id)), lock: lockName(id, m), policy: cust.lockout, dry: h.dry}
	auditID, err := table.NewID(s.parts.Rand, "")
	if err == nil {
		r.tell, err = s.actors.notice(Notice{Subject: id, Method: m, Event: event})
	}
	r.rec = h.record(auditID, event, id, map[string]string{"method": string(m)})
	return r, failed(err)
}

// ruling is what somebody has decided about a lock.
type ruling struct {
	event  lockout.Event
	shard  table.Shard
	lock   string
	policy lockout.Policy
	reads  []string              // by what ends
	ends   func(*table.Tx) error // what ends with it, in the same commit; nil: nothing
	tell   posted
	rec    audit.Record
	mutual *audit.Record     // that two unlocked each other; nil: they did not
	person symbolon.PersonID // whose lock it is
	dry    bool
}

// rule carries a ruling out, and reports whether it made a difference.
func (c *core) rule(ctx context.Context, r ruling) (changed bool, err error) {
	if r.policy.Validate() != nil && r.event == lockout.Hold() {
		r.policy = lockout.Default() // whose organisation is in no tree can be held all the same
	}
	var after lockout.Answer
	change := func(tx *table.Tx) error {
		before, now, err := attempt.Apply(tx, r.lock, r.policy, r.event)
		if err != nil {
			return err
		}
		shut := before.Phase.Shut()
		after, changed = now, now.Verdict == lockout.Done && (shut || r.event == lockout.Hold())
		rec := r.rec
		rec.Outcome, rec.Detail = audit.Failed, maps.Clone(rec.Detail)
		if rec.Detail == nil {
			rec.Detail = map[string]string{}
		}
		rec.Detail["before"], rec.Detail["after"] = before.Phase.String(), now.Phase.String()
		if changed {
			rec.Outcome = audit.Succeeded
			r.tell.add(tx)
			if r.ends != nil {
				if err := r.ends(tx); err != nil {
					return err
				}
			}
			if r.mutual != nil {
				if err := r.mutual.Add(tx); err != nil {
					return err
				}
			}
		}
		return rec.Add(tx)
	}
	if err = c.commit(ctx, r.dry, r.shard, append(r.reads, r.lock), change); err != nil {
		return false, failed(err)
	}
	switch {
	case after.Verdict == lockout.Capped:
		return false, refuse(ReasonLimit)
	case after.Verdict != lockout.Done:
		return false, refuse(ReasonDead)
	case changed && !r.dry:
		r.tell.start(ctx, r.shard)
	}
	return changed, nil
}

// commit stores a change, unless it is only to be computed (B8): then it goes
// through on what is stored now, or says why not, and nothing is stored.
func (c *core) commit(ctx context.Context, dry bool, shard table.Shard, names []string, change func(*table.Tx) error) error {
	if dry {
		return c.space.Try(ctx, shard, names, change)
	}
	_, err := c.space.Update(ctx, shard, names, change)
	return err
}
