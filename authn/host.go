package authn

import (
	"context"
	"crypto/sha256"
	"errors"
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
	dry    bool
	by     *symbolon.Facts // the employee on whose word it is done; nil: the host's own
}

// AsHost returns the host's own hand, for a reason that stands in the audit,
// such as "set-up" or the number of a ticket. It must not be reachable from a
// request.
func (a *Actors) AsHost(reason string) Host { return Host{actors: a, reason: reason} }

// DryRun returns the same hand with nothing in it: what it is asked to do is
// computed and checked against what is stored, and nothing is stored (B8).
func (h Host) DryRun() Host {
	h.dry = true
	return h
}

// SetPassword binds a new password to an actor of the directory, for a first
// day or a migration: it is held to the rules, ends every session and token of
// the actor, and opens a lock. The error wraps symbolon.ErrInvalid and lists
// every broken rule, or symbolon.ErrNotFound if the directory has no such actor.
// Where people choose their own, use ResetPassword and [Actors.ChangePassword].
func (h Host) SetPassword(ctx context.Context, id symbolon.ActorID, pw string) error {
	return h.newPassword(ctx, id, "password.set", password.Change{New: pw, Reset: true}, posted{})
}

// ResetPassword sends an employee a temporary password through the Notifier, and
// shows it to nobody else (B9, AN-37). What it replaces is void at once, and so
// is every session.
func (h Host) ResetPassword(ctx context.Context, id symbolon.ActorID) error {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return err
	}
	a := h.actors
	if a.box == nil {
		return invalid("Options.Notifier", "is missing: without one nobody learns the temporary password")
	}
	lim, err := h.limits(ctx, actor)
	if err != nil {
		return err
	}
	pw, err := lim.rules.Generate(a.parts.Rand)
	if err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrUnavailable, err)
	}
	item, err := a.notice(Notice{Actor: id, Event: "password.reset", Password: NewCode(pw)})
	if err != nil {
		return failed(err)
	}
	return h.newPassword(ctx, id, "password.reset", password.Change{New: pw, Reset: true, Temporary: true}, item)
}

func (h Host) newPassword(ctx context.Context, id symbolon.ActorID, event string, c password.Change, item posted) error {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return err
	}
	lim, err := h.limits(ctx, actor)
	if err != nil {
		return err
	}
	a, acc := h.actors, of(actor)
	c.About, c.Sources = a.about(actor, "", ""), a.opt.Sources
	return h.bind(ctx, acc, lim.lockout, event, item, func(was password.Record) (password.Record, error) {
		slot, err := a.hasher(acc).Acquire(ctx)
		if err != nil {
			return was, ErrBusy
		}
		defer slot.Release()
		rec, err := lim.rules.Change(ctx, slot, was, c, a.parts.Now())
		if err != nil {
			err = passwordError(err)
		}
		return rec, err
	})
}

// Import binds a password that another system hashed: in the PHC format, as
// bcrypt, scrypt, PBKDF2 or sha-crypt, or in one that the Hasher was given a
// comparer for. The rules cannot be applied to it; it is hashed as new ones are
// when its owner next signs in. What it replaces stays in the history (PW-18),
// and its owner is told.
func (h Host) Import(ctx context.Context, id symbolon.ActorID, hash string) error {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return err
	}
	lim, err := h.limits(ctx, actor)
	if err != nil {
		return err
	}
	acc := of(actor)
	hasher := h.actors.hasher(acc)
	parsed, err := hasher.Parse(hash)
	if err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	if parsed, err = hasher.Seal(parsed); err != nil {
		return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	return h.bind(ctx, acc, lim.lockout, "password.imported", posted{}, func(was password.Record) (password.Record, error) {
		next := password.Record{Hash: parsed.Reveal(), Set: h.actors.parts.Now(), Former: was.Former}
		if was.Hash != "" && !was.Temporary && was.Hash != next.Hash { // nobody chose a temporary one
			next.Former = append([]string{was.Hash}, was.Former...)
		}
		next.Former = next.Former[:min(len(next.Former), max(lim.rules.History-1, 0))]
		return next, nil
	})
}

// RevokePassword keeps an employee's password from letting anybody in, on the
// suspicion that others know it (PW-06), and ends their sessions.
func (h Host) RevokePassword(ctx context.Context, id symbolon.ActorID) error {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return err
	}
	acc := of(actor)
	item, err := h.actors.notice(Notice{Actor: id, Event: "password.revoked"})
	if err != nil {
		return failed(err)
	}
	err = h.commit(ctx, actor, "password.revoked", true, nil, []string{acc.secret()}, func(tx *table.Tx) error {
		rec, ok, err := table.Get[password.Record](tx.View, acc.secret())
		if err != nil || !ok {
			return err
		}
		item.add(tx)
		return table.Put(tx, acc.secret(), rec.Revoke(), time.Time{})
	})
	if err == nil && !h.dry {
		item.start(ctx, acc.shard)
	}
	return err
}

// errMoved says that a password is another one than that from which its
// successor was computed.
var errMoved = errors.New("the password was replaced meanwhile")

// bind computes a password record from the one that is stored, and stores it only
// in the place of that: hashing takes so long that somebody else may replace it
// meanwhile, whose password would then be missing from the history. In that case
// it begins anew.
func (h Host) bind(ctx context.Context, acc account, limits lockout.Policy, event string, item posted, next func(was password.Record) (password.Record, error)) error {
	a := h.actors
	for {
		v, err := a.space.Read(ctx, acc.shard, acc.secret())
		if err != nil {
			return failed(err)
		}
		was, _, err := table.Get[password.Record](v, acc.secret())
		if err != nil {
			return failed(err)
		}
		rec, err := next(was)
		if err != nil {
			return err
		}
		rec.Set = rec.Set.Truncate(time.Second)
		if item.box == nil && was.Hash != "" { // a first password surprises nobody (PW-25)
			if item, err = a.notice(Notice{Actor: acc.actor.ID, Event: event}); err != nil {
				return failed(err)
			}
		}
		err = h.commit(ctx, acc.actor, event, true, nil, []string{acc.lock(), acc.secret()}, func(tx *table.Tx) error {
			if !v.Same(tx.View, acc.secret()) {
				return errMoved
			}
			if err := attempt.Born(tx, acc.lock(), limits); err != nil {
				return err
			}
			item.add(tx)
			return table.Put(tx, acc.secret(), rec, time.Time{})
		})
		if errors.Is(err, errMoved) {
			continue
		}
		if err == nil && !h.dry {
			item.start(ctx, acc.shard)
		}
		return err
	}
}

// NewKey makes a key for a service or a software agent of the directory. It is
// shown here once and never again. Several keys may be valid at a time, so that
// one can be replaced.
func (h Host) NewKey(ctx context.Context, id symbolon.ActorID) (Key, error) {
	actor, err := h.actor(ctx, id)
	if err != nil {
		return Key{}, err
	}
	if actor.Kind.Human() {
		return Key{}, invalid("actor", "is a person, who signs in and has no key")
	}
	a := h.actors
	keyID, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return Key{}, failed(err)
	}
	secret := make([]byte, keySecret)
	if _, err := io.ReadFull(a.parts.Rand, secret); err != nil {
		return Key{}, fmt.Errorf("authn: %w: draw a key: %w", symbolon.ErrUnavailable, err)
	}
	name := keyName(id, keyID)
	err = h.commit(ctx, actor, "key.made", false, map[string]string{"key": keyID}, []string{name}, func(tx *table.Tx) error {
		sum := sha256.Sum256(secret)
		return table.Put(tx, name, keyRecord{sum[:], tx.Now().Truncate(time.Second)}, time.Time{})
	})
	if err != nil || h.dry {
		return Key{}, err
	}
	return a.newKey(id, keyID, secret), nil
}

func keyName(id symbolon.ActorID, keyID string) string {
	return stamp.SessionName(string(id), "key/"+keyID)
}

// Keys lists an actor's keys, also of one whom the directory no longer knows.
func (h Host) Keys(ctx context.Context, id symbolon.ActorID) ([]KeyInfo, error) {
	if err := h.usable(); err != nil {
		return nil, err
	}
	var keys []KeyInfo
	prefix := table.Name("actor", string(id), "key") + "/"
	for after := ""; ; {
		rows, next, err := h.actors.space.Scan(ctx, table.ShardOf("actor", string(id)), prefix, after, 64)
		if err != nil {
			return nil, failed(err)
		}
		for _, row := range rows {
			rec, err := table.Decode[keyRecord](row)
			if err != nil {
				return nil, failed(err)
			}
			keys = append(keys, KeyInfo{ID: row.Name[len(prefix):], Made: rec.Made})
		}
		if after = next; next == "" {
			return keys, nil
		}
	}
}

// RevokeKey ends one of an actor's keys and whatever came in by it. A key that is
// revoked already, or was never made, is no error. The directory is not asked:
// the key of somebody who was dismissed is revoked all the same.
func (h Host) RevokeKey(ctx context.Context, id symbolon.ActorID, keyID string) error {
	if _, err := symbolon.ParseID[string](keyID); err != nil {
		return fmt.Errorf("authn: key: %w", err)
	}
	if _, err := symbolon.ParseID[symbolon.ActorID](string(id)); err != nil {
		return fmt.Errorf("authn: actor: %w", err)
	}
	name := keyName(id, keyID)
	return h.commit(ctx, symbolon.Actor{ID: id}, "key.revoked", false, map[string]string{"key": keyID}, []string{name}, func(tx *table.Tx) error {
		tx.Delete(name)
		return nil
	})
}

// EndSessions ends every session and token of an actor at once, and whatever came
// in by their keys until now: after a dismissal, or a loss (SE-08, SE-09). The
// keys themselves stay; see RevokeKey. The directory is not asked.
func (h Host) EndSessions(ctx context.Context, id symbolon.ActorID) error {
	if _, err := symbolon.ParseID[symbolon.ActorID](string(id)); err != nil {
		return fmt.Errorf("authn: actor: %w", err)
	}
	return h.commit(ctx, symbolon.Actor{ID: id}, "sessions.ended", true, nil, nil, func(*table.Tx) error { return nil })
}

// limits returns what holds for an actor, who must have a place in the tree.
func (h Host) limits(ctx context.Context, actor symbolon.Actor) (limits, error) {
	lim, err := h.actors.limits(ctx, of(actor))
	switch {
	case err != nil:
		return limits{}, failed(err)
	case lim.unplaced:
		return limits{}, invalid("actor", "belongs to an organisation that is not in the policy tree")
	}
	return lim, nil
}

// usable reports what a Host lacks that AsHost did not make, or made with no reason.
func (h Host) usable() error {
	if h.actors == nil || h.reason == "" {
		return invalid("reason", "is empty: say why this is done")
	}
	return nil
}

// actor returns whom the directory knows by an id, to bind a credential to.
func (h Host) actor(ctx context.Context, id symbolon.ActorID) (symbolon.Actor, error) {
	if err := h.usable(); err != nil {
		return symbolon.Actor{}, err
	}
	a, err := h.actors.parts.Actor(ctx, id)
	if err != nil {
		return a, fmt.Errorf("authn: %w", err)
	}
	return a, nil
}

// commit stores a change to an actor's credentials with its audit record. With
// end, the actor's epoch moves, which ends everything that came from the former
// credentials (SE-08).
func (h Host) commit(ctx context.Context, actor symbolon.Actor, event string, end bool, detail map[string]string,
	names []string, write func(*table.Tx) error) error {
	if err := h.usable(); err != nil {
		return err
	}
	a := h.actors
	auditID, err := table.NewID(a.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	stampName := stamp.ActorName(string(actor.ID))
	change := func(tx *table.Tx) error {
		party, ok, err := table.Get[stamp.Party](tx.View, stampName)
		if err != nil {
			return err
		}
		if end || !ok {
			if err := table.Put(tx, stampName, party.Next(tx.Now()), time.Time{}); err != nil {
				return err
			}
		}
		if err := write(tx); err != nil {
			return err
		}
		return h.record(auditID, event, actor, detail).Add(tx)
	}
	return failed(a.core.commit(ctx, h.dry, of(actor).shard, append(names, stampName), change))
}

// record tells what was done to an actor's account: by the host, or on the word
// of another.
func (h Host) record(id, event string, of symbolon.Actor, detail map[string]string) audit.Record {
	r := audit.Record{ID: id, Event: event, Outcome: audit.Succeeded, Actor: of.ID, Org: of.Org, Host: h.reason, Detail: detail}
	if h.by != nil {
		r.Actor, r.Org, r.ActorMethods = h.by.Actor.ID, h.by.Actor.Org, h.by.ActorProof.Methods()
		r.Host, r.Reason, r.Resource = "", h.reason, "Actor/"+string(of.ID)
	}
	return r
}
