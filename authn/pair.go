package authn

import (
	"context"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// unlocks is who unlocked a person lately, over all of their accounts (S22). It
// is for the report of pairs who unlock each other: two who share a guess budget
// by opening each other's locks (S9).
type unlocks struct {
	By []unlocker `json:"by"` // the latest last, each person once
}

type unlocker struct {
	Person symbolon.PersonID `json:"person"`
	At     time.Time         `json:"at"`
}

const (
	keepUnlocks  = 30 * 24 * time.Hour
	maxUnlockers = 256 // as many colleagues in a month; the first of more are forgotten
)

func (u unlocks) with(by symbolon.PersonID, now time.Time) unlocks {
	kept := slices.DeleteFunc(slices.Clone(u.By), func(o unlocker) bool { return o.Person == by || !now.Before(o.At.Add(keepUnlocks)) })
	kept = append(kept, unlocker{by, now.Truncate(time.Second)})
	return unlocks{kept[max(0, len(kept)-maxUnlockers):]}
}

func unlocksOf(p symbolon.PersonID) (table.Shard, string) {
	return table.ShardOf("person", string(p)), table.Name("person", string(p), "unlocked")
}

// favour remembers what one person is about to do for another, and adds to the
// ruling the report that the other did the same. What would open nothing is none.
func (a *Actors) favour(ctx context.Context, by symbolon.PersonID, r *ruling) error {
	would := *r
	would.dry = true
	if opens, err := a.rule(ctx, would); err != nil || !opens {
		return nil // which the ruling itself is about to find out, and to record
	}
	since, err := a.pair(ctx, by, r.person)
	if err != nil || since.IsZero() {
		return failed(err)
	}
	m := r.rec
	m.Event, m.Outcome, m.Reason = "unlock.reciprocal", audit.Succeeded, "the two unlocked each other"
	m.Detail = map[string]string{"by": string(by), "of": string(r.person), "since": formatTime(since)}
	m.ID, err = table.NewID(a.parts.Rand, "")
	r.mutual = &m
	return failed(err)
}

// pair remembers that one person is about to unlock another, and returns when the
// other last did as much for the one, within 30 days; the zero time for never.
//
// The two memories lie in different shards, and no commit covers both. So the
// own one is written first and the other's read after: of two who unlock each
// other at the same time, at least one sees both. What is remembered of an unlock
// that then fails, because the store went down in between or somebody else was
// faster, can only report too much.
func (a *Actors) pair(ctx context.Context, by, of symbolon.PersonID) (time.Time, error) {
	shard, name := unlocksOf(of)
	_, err := a.space.Update(ctx, shard, []string{name}, func(tx *table.Tx) error {
		u, _, err := table.Get[unlocks](tx.View, name)
		if err != nil {
			return err
		}
		return table.Put(tx, name, u.with(by, tx.Now()), tx.Now().Add(keepUnlocks))
	})
	if err != nil {
		return time.Time{}, err
	}
	shard, name = unlocksOf(by)
	v, err := a.space.Read(ctx, shard, name)
	if err != nil {
		return time.Time{}, err
	}
	u, _, err := table.Get[unlocks](v, name)
	if err != nil {
		return time.Time{}, err
	}
	for _, o := range u.By {
		if o.Person == of && v.Now().Before(o.At.Add(keepUnlocks)) {
			return o.At, nil
		}
	}
	return time.Time{}, nil
}
