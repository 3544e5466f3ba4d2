package lockout

import "time"

// Event is one thing that happened to a secret. Make it with the functions below; the zero Event is refused.
type Event struct {
	kind  kind
	id    string
	known bool
}

// Known returns the same Reserve, Right, Wrong, Release or Tick of a guess from a device that is known to be the owner's: it has a
// lane of its own, with as many failures and locks, so that strangers who lock the account do not lock out its owner
// (S24). What is settled must be reserved in the same lane. A hold on somebody's word, disuse and death close both lanes, an
// unlock opens both, and what counts for the secret itself, the consecutive failures and the Budget, counts from both.
func (e Event) Known() Event {
	e.known = true
	return e
}

type kind uint8

const (
	reserve kind = iota + 1
	right
	wrong
	release
	unlock
	hold
	reset
	rebind
	tick
)

// Reserve asks for permission to look at the secret, under an id drawn for this attempt alone (128 random bits). Asked
// again with the same id, it is admitted again and its lease starts anew; it still takes one place only. An empty id is
// refused.
func Reserve(id string) Event { return Event{kind: reserve, id: id} }

// Right settles the reservation: the secret was right. Settle in the commit that stores what follows from it.
func Right(id string) Event { return Event{kind: right, id: id} }

// Wrong settles the reservation: the secret was wrong.
func Wrong(id string) Event { return Event{kind: wrong, id: id} }

// Release takes a reservation back, uncounted. It is for whoever gave up before the secret was looked at, and for nobody
// else: a guess that was evaluated must be settled, or guessing is free. An unknown or lapsed id changes nothing.
func Release(id string) Event { return Event{kind: release, id: id} }

// Unlock opens a lock, a hold, or what was out of use, on the word of an authorized person; on an open State it changes nothing. It never
// clears the count of consecutive failures, never refills a Budget, never revives a dead secret, and is carried out so
// often a day as the Policy says.
func Unlock() Event { return Event{kind: unlock} }

// Hold locks until an Unlock, on the word of an administrator.
func Hold() Event { return Event{kind: hold} }

// Reset tells that the owner replaced the secret after proof by another factor. It opens a timed lock, but neither a hold,
// nor what was out of use, nor a dead secret; consecutive failures and the Budget stay. Checks under way are void: they look at the secret that is gone.
func Reset() Event { return Event{kind: reset} }

// Rebind tells that a new secret was bound, with all the proof that binding needs. Everything is cleared, the count of
// consecutive failures and the Budget too; only a hold, of an administrator or for disuse, stays until an Unlock. A further code by the same way to the same
// customer is not a new secret.
func Rebind() Event { return Event{kind: rebind} }

// Tick only lets time pass. Its answer's Phase is where the State stands.
func Tick() Event { return Event{kind: tick} }

// guess reports whether the event is about one guess, not about the secret.
func (e Event) guess() bool {
	return e.kind == reserve || e.kind == right || e.kind == wrong || e.kind == release || e.kind == tick
}

// Verdict is what to do after an event.
type Verdict uint8

// The zero Verdict is none of these and permits nothing.
const (
	Admit   Verdict = iota + 1 // Reserve: look at the secret now, then settle
	Busy                       // Reserve: others use up the attempts left; wait a little or refuse; nothing was counted
	Locked                     // any: refused; never look at the secret; nothing was counted, no lock was extended
	Granted                    // Right: let them in
	Denied                     // Right, Wrong: do not; a settled, lapsed or unknown id counts nothing more
	Done                       // Release, Unlock, Hold, Reset, Rebind, Tick: carried out
	Capped                     // Unlock: carried out too often in the last day; nothing changed
)

// String returns the verdict's name in lower case.
func (v Verdict) String() string {
	return name(int(v), "none", "admit", "busy", "locked", "granted", "denied", "done", "capped")
}

// Phase is where a State stands. It is for the audit and for administrators: outside, every phase looks the same.
type Phase uint8

// Unknown is the zero Phase and refuses, as do all but Open.
const (
	Unknown Phase = iota // no usable record, or an invalid Policy
	Open                 // attempts are left
	Full                 // all that are left are under way
	Timed                // locked until the answer's Until
	Held                 // locked until an administrator unlocks
	Dead                 // DeadAfter consecutive failures: a new secret must be bound
	Delayed              // the last failure is too fresh: wait until the answer's Until
	Spent                // the Budget is used up until the answer's Until, or until a new secret is bound
	Dormant              // out of use for so long that it is held until an administrator unlocks
)

// Shut reports whether somebody must unlock, or wait for the end of a lock.
func (p Phase) Shut() bool { return p == Timed || p == Held || p == Dormant }

// String returns the phase's name in lower case.
func (p Phase) String() string {
	return name(int(p), "unknown", "open", "full", "timed", "held", "dead", "delayed", "spent", "dormant")
}

// Answer tells what to do after an event, and what the audit should know.
type Answer struct {
	Verdict Verdict
	Phase   Phase     // after the event
	Tripped bool      // this event, or the time before it, locked, held or killed the secret, or used it up: tell once
	Until   time.Time // end of the lock, wait or use that holds now, or of a lock that tripped and is over; else zero

	// Of a Granted, what its owner may want to know: how many failures came just before, and how long the secret had not
	// been used; 0 if that is not known.
	Failures int
	Unused   time.Duration
}

func name(i int, names ...string) string {
	if i >= len(names) {
		return "invalid"
	}
	return names[i]
}
