package authn

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// failures is at which customers an employee has failed to prove something
// lately. One who tries codes at many of them stays below the lock of each (LK-12).
type failures struct {
	At   []failure `json:"at,omitempty"` // the latest last, each customer once
	Told time.Time `json:"told,omitzero"`
}

type failure struct {
	Of string    `json:"of"` // keyed hash: whom an employee served is for the audit alone to say
	At time.Time `json:"at"`
}

const (
	watchTime   = 24 * time.Hour
	maxSuspects = 64 // they lie in one record
)

func (f failures) with(of string, now time.Time) failures {
	kept := slices.DeleteFunc(slices.Clone(f.At), func(o failure) bool { return o.Of == of || !now.Before(o.At.Add(watchTime)) })
	kept = append(kept, failure{of, now.Truncate(time.Second)})
	return failures{kept[max(0, len(kept)-maxSuspects):], f.Told}
}

// watch counts a proof that failed against the employee who asked for it, and
// sounds the alarm once a day. It alters nothing for the employee: colleagues who
// know how could otherwise stop each other's work (S23). Whoever hangs up before
// the answer is counted too.
func (s *Subjects) watch(ctx context.Context, claim symbolon.Principal, f symbolon.Facts) error {
	alarm := audit.About(claim)
	alarm.Event, alarm.Outcome, alarm.Reason = "employee.failing", audit.Succeeded, "proofs of many customers failed"
	var err error
	if alarm.ID, err = table.NewID(s.parts.Rand, ""); err != nil {
		return err
	}
	actor := string(f.Actor.ID)
	name := table.Name("actor", actor, "failing")
	of := hex.EncodeToString(s.codes("failing", actor, string(f.Claimed.ID))[:8])
	sound := false
	_, err = s.space.Update(context.WithoutCancel(ctx), table.ShardOf("actor", actor), []string{name}, func(tx *table.Tx) error {
		now := tx.Now()
		rec, _, err := table.Get[failures](tx.View, name)
		if err != nil {
			return err
		}
		rec = rec.with(of, now)
		if sound = len(rec.At) >= s.opt.Suspect && !now.Before(rec.Told.Add(watchTime)); sound {
			rec.Told = now.Truncate(time.Second)
			alarm.Detail = map[string]string{"customers": strconv.Itoa(len(rec.At))}
			if err := alarm.Add(tx); err != nil {
				return err
			}
		}
		return table.Put(tx, name, rec, now.Add(2*watchTime))
	})
	if err == nil && sound {
		s.actors.alert(alarm)
	}
	return err
}

// alert tells the host of what was recorded.
func (a *Actors) alert(rec audit.Record) {
	if a.opt.Alert != nil {
		rec.Time = a.parts.Now()
		a.opt.Alert(rec)
	}
}
