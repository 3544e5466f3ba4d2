package authn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// session is an employee's sign-in. Its record expires when the session ends,
// by idleness or by age, so that a missing record and an ended session are one.
type session struct {
	Opened time.Time `json:"opened"`
	Seen   time.Time `json:"seen"`
	End    time.Time `json:"end"`  // however active it is
	Idle   int64     `json:"idle"` // seconds of silence that end it
	stamp.Session
}

func (s session) idle() time.Duration { return time.Duration(s.Idle) * time.Second }
func (s session) expiry() time.Time   { return earlier(s.Seen.Add(s.idle()), s.End) }

// sessions is the one record of an actor that knows all of their sessions. Every
// change of one rewrites it, so that of many sign-ins at once no more than the
// limit stay open: counting rows would let all of them through.
type sessions struct {
	Open []openedSession `json:"open,omitempty"` // oldest first
}

type openedSession struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
}

// without returns the sessions that are live at now, but for one.
func (s sessions) without(id string, now time.Time) sessions {
	return sessions{slices.DeleteFunc(slices.Clone(s.Open), func(o openedSession) bool {
		return o.ID == id || !now.Before(o.Expires)
	})}
}

// with returns the live sessions and one more, or with a new end.
func (s sessions) with(id string, expires, now time.Time) sessions {
	for i, o := range s.Open {
		if o.ID == id {
			s = sessions{slices.Clone(s.Open)}
			s.Open[i].Expires = expires
			return s.without("", now)
		}
	}
	s = s.without("", now)
	s.Open = append(s.Open, openedSession{id, expires})
	return s
}

func (s sessions) put(tx *table.Tx, name string) error {
	var last time.Time
	for _, o := range s.Open {
		if o.Expires.After(last) {
			last = o.Expires
		}
	}
	if last.IsZero() {
		tx.Delete(name)
		return nil
	}
	return table.Put(tx, name, s, last)
}

func sessionsName(actor string) string { return table.Name("actor", actor, "sessions") }

// openSession adds a new session to a sign-in and returns the facts of its
// Principal. The id is new each time, so that no session can be fixed (SE-02).
// Whoever has as many as they may loses the oldest (SE-13).
func (a *Actors) openSession(tx *table.Tx, actor symbolon.Actor, epoch uint64, id string, lim limits) (symbolon.Facts, error) {
	now := tx.Now().Truncate(time.Second)
	orgs := stamp.Orgs(actor.Org, actor.Orgs...)
	s := session{Opened: now, Seen: now, End: now.Add(lim.absolute), Idle: int64(lim.idle / time.Second),
		Session: stamp.Session{Orgs: orgs, Place: lim.place}}
	key := "s/" + id
	op, err := table.NewRow(stamp.SessionName(string(actor.ID), key), s, s.expiry())
	if err != nil {
		return symbolon.Facts{}, err
	}
	tx.Add(op)
	index := sessionsName(string(actor.ID))
	all, _, err := table.Get[sessions](tx.View, index)
	if err != nil {
		return symbolon.Facts{}, err
	}
	all = all.with(id, s.expiry(), tx.Now())
	for len(all.Open) > lim.sessions {
		tx.Remove(stamp.SessionName(string(actor.ID), "s/"+all.Open[0].ID))
		all.Open = all.Open[1:]
	}
	if err := all.put(tx, index); err != nil {
		return symbolon.Facts{}, err
	}
	return symbolon.Facts{
		Actor:      actor,
		ActorProof: symbolon.Verification{}.With(symbolon.Proof{Method: symbolon.MethodPassword, At: now}),
		Limits:     symbolon.Limits{NotAfter: s.End, Token: lim.token},
		Stamps:     seal.Stamps{Actor: string(actor.ID), ActorEpoch: epoch, Session: key, Orgs: orgs, Place: lim.place},
	}, nil
}

// Touch tells that the employee is active, which moves the idle end of their
// session but never its absolute one (SE-04). It writes at most once in a
// fifteenth of the idle time. Whoever was moved to another organisation, or with
// their own, or is disabled by now, is signed in no more. Call it once a request.
func (a *Actors) Touch(ctx context.Context, p symbolon.Principal) error {
	f, err := symbolon.Unseal(seal.Ours(), a.realm, p)
	if err != nil {
		return failed(err)
	}
	lim, err := a.current(ctx, &f)
	if err != nil {
		return failed(err)
	}
	shard, names := stamp.Actor(f.Stamps)
	index := sessionsName(f.Stamps.Actor)
	var moved error
	_, err = a.space.Update(ctx, shard, append(names, index), func(tx *table.Tx) error {
		s, ok, err := table.Get[session](tx.View, names[1])
		if moved = s.Live(f.Stamps); moved == nil && ok && !s.End.IsZero() && lim.place != s.Place {
			moved = stamp.ErrDead // it is older than the tree
		}
		if err == nil && moved != nil { // the person, or their organisation (S7)
			tx.Delete(names[1])
			return nil
		}
		if err := stamp.ActorLive(tx.View, f.Stamps); err != nil {
			return err
		}
		if err != nil || !ok || s.End.IsZero() { // a key has no idle end
			return err
		}
		now := tx.Now().Truncate(time.Second)
		if now.Sub(s.Seen) < s.idle()/15 {
			return nil
		}
		// A policy that has become stricter meanwhile applies from now on.
		s.Seen, s.Idle = now, int64(lim.idle/time.Second)
		s.End = earlier(s.End, s.Opened.Add(lim.absolute))
		if err := table.Put(tx, names[1], s, s.expiry()); err != nil {
			return err
		}
		all, _, err := table.Get[sessions](tx.View, index)
		if err != nil {
			return err
		}
		return all.with(sessionID(f.Stamps), s.expiry(), tx.Now()).put(tx, index)
	})
	return failed(cmp.Or(err, moved))
}

// SignOut ends the employee's session, and with it every token that came from
// it (SE-07). Signing out twice is no error.
func (a *Actors) SignOut(ctx context.Context, p symbolon.Principal) error {
	f, err := symbolon.Unseal(seal.Ours(), a.realm, p)
	if err != nil {
		return failed(err)
	}
	id, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	shard, names := stamp.Actor(f.Stamps)
	index := sessionsName(f.Stamps.Actor)
	_, err = a.space.Update(ctx, shard, append(names, index), func(tx *table.Tx) error {
		s, _, err := table.Get[session](tx.View, names[1])
		if !tx.Has(names[1]) || err == nil && s.End.IsZero() { // gone already, or a key, which only the host revokes
			return nil
		}
		tx.Delete(names[1]) // a record that cannot be read is deleted too
		all, _, err := table.Get[sessions](tx.View, index)
		if err != nil {
			return err
		}
		if err := all.without(sessionID(f.Stamps), tx.Now()).put(tx, index); err != nil {
			return err
		}
		rec := audit.About(p)
		rec.ID, rec.Event, rec.Outcome = id, "signout", audit.Succeeded
		return rec.Add(tx)
	})
	return failed(err)
}

func sessionID(st seal.Stamps) string { return strings.TrimPrefix(st.Session, "s/") }

// live returns the facts of a Principal of this realm that is live right now,
// with the actor as the directory knows them now.
func (a *Actors) live(ctx context.Context, p symbolon.Principal) (symbolon.Facts, error) {
	f, err := symbolon.Unseal(seal.Ours(), a.realm, p)
	if err != nil {
		return symbolon.Facts{}, failed(err)
	}
	if err := a.check(ctx, &f); err != nil {
		return symbolon.Facts{}, failed(err)
	}
	return f, nil
}

// check asks the directory, the tree and the store whether facts still hold.
func (a *Actors) check(ctx context.Context, f *symbolon.Facts) error {
	if !a.parts.Now().Before(f.Limits.NotAfter) {
		return stamp.ErrDead
	}
	if _, err := a.current(ctx, f); err != nil {
		return err
	}
	return stamp.Check(ctx, a.space, f.Stamps)
}

// current brings facts up to what the directory and the tree say now, and returns
// what holds for the actor. Who is disabled by now is nobody (SE-08).
func (a *Actors) current(ctx context.Context, f *symbolon.Facts) (limits, error) {
	actor, err := a.parts.Actor(ctx, f.Actor.ID)
	if errors.Is(err, symbolon.ErrNotFound) {
		err = fmt.Errorf("%w: %w", stamp.ErrDead, err)
	}
	if err != nil {
		return limits{}, err
	}
	lim, err := a.limits(ctx, of(actor))
	f.Actor, f.Stamps.Orgs, f.Stamps.Place = actor, stamp.Orgs(actor.Org, actor.Orgs...), lim.place
	if err == nil && lim.unplaced {
		err = fmt.Errorf("%w: an organisation of theirs is not in the policy tree", stamp.ErrDead)
	}
	return lim, err
}
