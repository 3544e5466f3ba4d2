package lockout

import (
	"slices"
	"time"
)

// State is what is remembered about the guesses at one secret. It is stored as JSON inside a record of the package that
// keeps the secret; the member names are a stored format and do not change. It holds nothing secret.
//
// The zero State refuses everything: a record that was deleted, or could not be read, must not open what it locked.
// A State begins as [NewState], in the commit that stores the secret.
type State struct {
	Born         bool          `json:"born"`                   // false only in the zero State
	Fails        []Instant     `json:"fails,omitempty"`        // failures within the window, oldest first, at most Max
	Reservations []Reservation `json:"reservations,omitempty"` // checks under way, next deadline first
	Until        Instant       `json:"until,omitempty"`        // end of the lock: 0 is open, below is until an administrator unlocks: -1 locked, -2 out of use, -3 on somebody's word
	Locks        int           `json:"locks,omitempty"`        // locks since the last success or unlock
	Known        Lane          `json:"known,omitzero"`         // of guesses from devices that are known
	Consecutive  int           `json:"consecutive,omitempty"`  // failures since the last success; only a new secret clears it otherwise
	Spent        []Instant     `json:"spent,omitempty"`        // failures within the BudgetPeriod, oldest first, where there is a Budget
	Unlocks      []Instant     `json:"unlocks,omitempty"`      // unlocks within a day, oldest first
	Used         Instant       `json:"used,omitempty"`         // when the secret was last right, bound or unlocked
	At           Instant       `json:"at,omitempty"`           // newest time seen; never runs back
}

// Lane is what is remembered of guesses of one kind, apart from those of the other: the first members of a [State], again.
type Lane struct {
	Fails        []Instant     `json:"fails,omitempty"`
	Reservations []Reservation `json:"reservations,omitempty"`
	Until        Instant       `json:"until,omitempty"`
	Locks        int           `json:"locks,omitempty"`
}

// Reservation is one check of the secret under way: counted as a failure already, until it is settled as right.
type Reservation struct {
	ID       string  `json:"id"`
	Deadline Instant `json:"deadline"` // when the check counts as failed, unless it is settled before
}

// Instant is a time in whole milliseconds since 1970 UTC, rounded down, as it is stored. 0 is never.
type Instant int64

// The Until of a State that only an administrator opens.
const (
	held    Instant = -1 // after failures
	dormant Instant = -2 // after long disuse
	ordered Instant = -3 // on an administrator's word
)

// year9999 bounds the clocks that are believed, so that no addition of a duration overflows.
const year9999 Instant = 253402300799999

// NewState returns the State of a secret that was just bound and that nobody has tried yet.
func NewState() State { return State{Born: true} }

// Closed reports whether the State is shut in a way that guesses alone do not bring about at once: on somebody's word, for
// disuse, or because the secret is dead. It is as of the last event.
func (s State) Closed() bool { return s.Until < held || s.Consecutive >= DeadAfter }

// Time returns the instant in UTC, and the zero Time for 0 and for negative instants.
func (i Instant) Time() time.Time {
	if i <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(i)).UTC()
}

// add returns the instant d later, in whole milliseconds.
func (i Instant) add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// instant rounds a clock's time down to what is stored.
func instant(t time.Time) Instant { return min(max(Instant(t.UnixMilli()), 0), year9999) }

// sound reports whether the State can have come from here. What cannot is treated like a missing record.
func (s State) sound() bool {
	return s.Born && s.Consecutive >= 0 && s.At >= 0 && s.At <= year9999 && s.Used >= 0 && s.Used <= year9999 &&
		s.lane().sound() && s.Known.sound() && s.Known.Until >= held && inOrder(s.Spent) && inOrder(s.Unlocks)
}

// lane returns that of unknown devices.
func (s State) lane() Lane { return Lane{s.Fails, s.Reservations, s.Until, s.Locks} }

func (l Lane) sound() bool {
	deadlines := make([]Instant, len(l.Reservations))
	for i, r := range l.Reservations {
		if deadlines[i] = r.Deadline; r.ID == "" {
			return false
		}
	}
	return l.Locks >= 0 && l.Until >= ordered && l.Until < tooFar && inOrder(l.Fails) && inOrder(deadlines)
}

// tooFar is what no clock that is believed and no duration lead to.
const tooFar = 2 * year9999

// inOrder reports whether the times are in order, and times.
func inOrder(times []Instant) bool {
	n := len(times)
	return n == 0 || slices.IsSorted(times) && times[0] >= 0 && times[n-1] < tooFar
}

// clone returns a State that shares no memory with s, so that Next never writes into its argument.
func (s State) clone() State {
	s.Fails = slices.Clone(s.Fails)
	s.Reservations = slices.Clone(s.Reservations)
	s.Known.Fails = slices.Clone(s.Known.Fails)
	s.Known.Reservations = slices.Clone(s.Known.Reservations)
	s.Spent = slices.Clone(s.Spent)
	s.Unlocks = slices.Clone(s.Unlocks)
	return s
}
