package authn

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
)

// Host is the host application itself at work: it provisions credentials. It is
// never a Principal, and what it does is audited with its reason.
type Host struct {
	actors *Actors
	reason string
}

// AsHost returns the host's own hand, for a reason that stands in the audit,
// such as "set-up" or the number of a ticket. It must not be reachable from a
// request.
func (a *Actors) AsHost(reason string) Host { return Host{a, reason} }

// SetPassword binds a new password to an actor of the directory: it is held to
// the rules, ends every session and token of the actor, and opens a lock. The
// error wraps symbolon.ErrInvalid and lists every broken rule, or
// symbolon.ErrNotFound if the directory has no such actor.
func (h Host) SetPassword(ctx context.Context, id symbolon.ActorID, pw string) error {
	if err := h.actors.opt.Rules.Check(pw); err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	slot, err := h.actors.opt.Hasher.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrUnavailable, err)
	}
	hash, err := slot.Hash(pw)
	slot.Release()
	if err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	return h.bind(ctx, id, "password.set", hash)
}

// Import binds a password that another system hashed, in the PHC format or in
// one that the Hasher was given a comparer for. The rules cannot be applied to
// it.
func (h Host) Import(ctx context.Context, id symbolon.ActorID, hash string) error {
	parsed, err := h.actors.opt.Hasher.Parse(hash)
	if err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	return h.bind(ctx, id, "password.imported", parsed)
}

func (h Host) bind(ctx context.Context, id symbolon.ActorID, event string, hash password.Hash) error {
	a := h.actors
	return h.provision(ctx, id, event, func(actor symbolon.Actor) ([]string, func(*table.Tx) error) {
		acc := of(actor)
		names := []string{acc.lock(), acc.secret()}
		return names, func(tx *table.Tx) error {
			if err := attempt.Born(tx, acc.lock(), a.opt.Lockout); err != nil {
				return err
			}
			rec := passwordRecord{Hash: hash.Reveal(), Set: tx.Now().Truncate(time.Second)}
			return table.Put(tx, acc.secret(), rec, time.Time{})
		}
	}, true)
}

// NewKey makes a key for an actor of the directory. It is shown here once and
// never again. Several keys may be valid at a time, so that one can be replaced.
func (h Host) NewKey(ctx context.Context, id symbolon.ActorID) (Key, error) {
	a := h.actors
	keyID, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return Key{}, failed(err)
	}
	secret := make([]byte, keySecret)
	if _, err := io.ReadFull(a.parts.Rand, secret); err != nil {
		return Key{}, fmt.Errorf("authn: %w: draw a key: %w", symbolon.ErrUnavailable, err)
	}
	err = h.provision(ctx, id, "key.made", func(actor symbolon.Actor) ([]string, func(*table.Tx) error) {
		name := stamp.SessionName(string(actor.ID), "key/"+keyID)
		return []string{name}, func(tx *table.Tx) error {
			sum := sha256.Sum256(secret)
			return table.Put(tx, name, keyRecord{sum[:], tx.Now().Truncate(time.Second)}, time.Time{})
		}
	}, false)
	if err != nil {
		return Key{}, err
	}
	return a.newKey(id, keyID, secret), nil
}

// RevokeKey ends a key and whatever came in by it. A key that is revoked
// already, or was never made here, is no error.
func (h Host) RevokeKey(ctx context.Context, k Key) error {
	id, keyID, _, ok := h.actors.splitKey(k)
	if !ok {
		return nil
	}
	return h.provision(ctx, id, "key.revoked", func(actor symbolon.Actor) ([]string, func(*table.Tx) error) {
		name := stamp.SessionName(string(actor.ID), "key/"+keyID)
		return []string{name}, func(tx *table.Tx) error {
			tx.Delete(name)
			return nil
		}
	}, false)
}

// EndSessions ends every session and token of an actor at once, and whatever came
// in by their keys until now: after a dismissal, or a loss (SE-08, SE-09).
func (h Host) EndSessions(ctx context.Context, id symbolon.ActorID) error {
	return h.provision(ctx, id, "sessions.ended", func(actor symbolon.Actor) ([]string, func(*table.Tx) error) {
		return nil, func(*table.Tx) error { return nil }
	}, true)
}

// provision commits a change to an actor's credentials with its audit record.
// With end, the actor's epoch moves, which ends everything that came from the
// former credentials (SE-08).
func (h Host) provision(ctx context.Context, id symbolon.ActorID, event string,
	change func(symbolon.Actor) ([]string, func(*table.Tx) error), end bool) error {
	a := h.actors
	if h.reason == "" {
		return invalid("reason", "is empty: say in AsHost why the host does this")
	}
	actor, err := a.parts.Actor(ctx, id)
	if err != nil {
		return fmt.Errorf("authn: %w", err)
	}
	auditID, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	stampName := stamp.ActorName(string(id))
	names, write := change(actor)
	_, err = a.space.Update(ctx, of(actor).shard, append(names, stampName), func(tx *table.Tx) error {
		party, ok, err := table.Get[stamp.Party](tx.View, stampName)
		if err != nil {
			return err
		}
		if end || !ok {
			party = party.Next(tx.Now())
			if err := table.Put(tx, stampName, party, time.Time{}); err != nil {
				return err
			}
		}
		if err := write(tx); err != nil {
			return err
		}
		return audit.Record{ID: auditID, Event: event, Outcome: audit.Succeeded, Actor: id, Org: actor.Org, Host: h.reason}.Add(tx)
	})
	return failed(err)
}

// Unlock opens the lock on an actor's password on the word of another employee,
// who says why. It is a decision: call it inside of the Begin and End of a
// Grant. Nobody unlocks themselves (LK-17), and the count of consecutive
// failures stays (S9).
func (a *Actors) Unlock(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	if reason == "" {
		return invalid("reason", "is empty: an unlock is recorded with one")
	}
	f, err := a.live(ctx, by)
	if err != nil {
		return err
	}
	actor, err := a.parts.Actor(ctx, id)
	if err != nil {
		return fmt.Errorf("authn: %w", err)
	}
	// By person, not by account: a second login must not free the first (S22).
	if !f.Actor.Kind.Human() || symbolon.SamePerson(f.Actor.Person, actor.Person) {
		return refuse(ReasonNotYours)
	}
	auditID, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	acc := of(actor)
	_, err = a.space.Update(ctx, acc.shard, []string{acc.lock()}, func(tx *table.Tx) error {
		before, after, err := attempt.Apply(tx, acc.lock(), a.opt.Lockout, lockout.Unlock())
		if err != nil {
			return err
		}
		rec := audit.About(by)
		rec.ID, rec.Event, rec.Outcome, rec.Reason = auditID, "account.unlocked", audit.Succeeded, reason
		rec.Resource = "Actor/" + string(id)
		rec.Detail = map[string]string{"before": before.Phase.String(), "after": after.Phase.String()}
		return rec.Add(tx)
	})
	return failed(err)
}
