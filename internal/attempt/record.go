package attempt

import (
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

type record struct {
	lockout.State

	// Decoy is where an account that is closed would stand if it were not. Guesses
	// run against it as well, and only to be told that it is busy: else a burst of
	// them would tell a closed account, which is never busy, from one that is open
	// or unknown.
	Decoy *lockout.State `json:"decoy,omitempty"`
}

// next is Next of the State, and of the decoy of one that is closed.
func (r record) next(p lockout.Policy, e lockout.Event, now time.Time) (record, lockout.Answer) {
	state, answer := p.Next(r.State, e, now)
	if !state.Closed() {
		return record{State: state}, answer
	}
	decoy := reopened(state)
	if r.Decoy != nil {
		decoy = *r.Decoy
	}
	decoy, seen := p.Next(decoy, e, now)
	if decoy.Closed() { // guessed to death, as an unknown account would be, whose decoy begins there
		decoy = reopened(decoy)
	}
	if answer.Verdict == lockout.Locked && seen.Verdict == lockout.Busy {
		answer.Verdict = lockout.Busy
	}
	return record{state, &decoy}, answer
}

// reopened returns what a State would be if nobody had closed it.
func reopened(s lockout.State) lockout.State {
	return lockout.State{Born: true, Fails: s.Fails, Reservations: s.Reservations, Until: max(s.Until, 0), Locks: s.Locks, Known: s.Known, At: s.At}
}

// Born writes the lock of a secret that is being bound, in the same commit. A
// lock that is there already goes through a Rebind, which keeps an
// administrator's hold.
func Born(tx *table.Tx, lock string, p lockout.Policy) error {
	rec, ok, err := table.Get[record](tx.View, lock)
	if err != nil {
		return err
	}
	if !ok {
		rec = record{State: lockout.NewState()}
	}
	rec.State, _ = p.Next(rec.State, lockout.Rebind(), tx.Now())
	return table.Put(tx, lock, rec, time.Time{})
}

// Apply carries out an administrator's event on a lock and returns the answer,
// and where it stood before. A hold also takes where nothing is bound yet: what
// is bound later is held.
func Apply(tx *table.Tx, lock string, p lockout.Policy, e lockout.Event) (before, after lockout.Answer, err error) {
	rec, ok, err := table.Get[record](tx.View, lock)
	if err != nil {
		return before, after, err
	}
	if !ok && e == lockout.Hold() {
		rec, ok = record{State: lockout.NewState()}, true
	}
	_, before = p.Next(rec.State, lockout.Tick(), tx.Now())
	if _, known := p.Next(rec.State, lockout.Tick().Known(), tx.Now()); !before.Phase.Shut() {
		before = known
	}
	rec.State, after = p.Next(rec.State, e, tx.Now())
	if !ok {
		return before, after, nil
	}
	return before, after, table.Put(tx, lock, rec, time.Time{})
}
