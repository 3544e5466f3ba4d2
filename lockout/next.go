package lockout

import (
	"cmp"
	"slices"
	"time"
)

// drift is how far the time remembered in a State may run ahead of a node's own clock and still be its clock. So a slow
// node cannot reopen what a faster one has locked, and one node that is years ahead does not take the others with it.
//
// What it has written stays: its locks end when it said, its failures count. Of one State and one clock nobody can tell
// which of the two is wrong, and a lock that a clock could move nearer is one that a slow clock opens. It is left to an
// administrator, or to a new secret. That nodes do not disagree so far is seen to elsewhere: a realm refuses to serve while
// its clock is off that of the store.
const drift = 2 * time.Minute

// Next returns the State after the event, and what to do. It is pure and safe for concurrent use, and it never changes
// its argument: an optimistic loop may call it again with a newer State. Now is the caller's clock, in any location.
//
// Before the event itself, the time since the last one takes effect, in the order in which it would have been seen:
// checks whose lease ran out become failures, failures older than the window go, and a timed lock that is over leaves
// the record empty. So it makes no difference whether anybody looked in between.
func (p Policy) Next(s State, e Event, now time.Time) (State, Answer) {
	p = p.orDefault()
	if p.Validate() != nil || !s.sound() {
		return s, Answer{Verdict: Locked, Phase: Unknown} // absence is refusal, for every event
	}
	own := instant(now)
	m := machine{Policy: p, State: s.clone(), now: min(max(own, s.At), own.add(drift))}
	m.At = max(s.At, m.now)
	m.pass()
	m.turn()
	m.pass()
	if !e.known || !e.guess() {
		m.turn()
	}
	verdict := m.apply(e)
	phase, until := m.phase()
	if m.known {
		m.turn()
	}
	return m.State, Answer{Verdict: verdict, Phase: phase, Tripped: m.tripped, Until: cmp.Or(until, m.over).Time(),
		Failures: m.failures, Unused: m.unused}
}

// machine is one call of Next.
type machine struct {
	Policy
	State
	known   bool // turned: the lane is that of known devices, and Known is the other
	now     Instant
	tripped bool
	over    Instant // end of a lock that tripped and ended before now

	failures int // before what is granted
	unused   time.Duration
}

// turn makes the other lane the one that everything below is about.
func (m *machine) turn() {
	other := m.Known
	m.Known = m.lane()
	m.Fails, m.Reservations, m.Until, m.Locks = other.Fails, other.Reservations, other.Until, other.Locks
	m.known = !m.known
}

// pass lets the time until now take effect.
func (m *machine) pass() {
	for len(m.Reservations) > 0 && m.Reservations[0].Deadline <= m.now {
		lapsed := m.Reservations[0].Deadline
		m.Reservations = m.Reservations[1:]
		// The failure gets the time of its deadline. The time of this event would make an old lapse, found a day later,
		// count as fresh, and would let whoever chooses when to look choose when it counts. The time of the reservation
		// would be too early: the secret may have been looked at until the lease ran out.
		m.age(lapsed)
		m.fail(lapsed)
	}
	m.age(m.now)
	if m.trip() { // an organisation has lowered Max since
		m.age(m.now)
	}
}

// age drops what no longer counts at that time.
func (m *machine) age(at Instant) {
	if m.Until > 0 && m.Until <= at {
		if m.tripped {
			m.over = m.Until
		}
		m.Until, m.Fails = 0, nil
	}
	// Also where strangers have locked their lane until somebody unlocks: that alone leaves the other one open.
	if m.Dormant > 0 && m.Used > 0 && m.Until >= held && !m.known && m.Used.add(m.Dormant) < at {
		m.Until, m.Fails, m.tripped, m.over = dormant, nil, true, 0
	}
	m.Fails = drop(m.Fails, m.Window, at)
	m.Spent = drop(m.Spent, BudgetPeriod, at)
	m.Unlocks = drop(m.Unlocks, day, at)
}

const day = 24 * time.Hour

// drop takes out what is older than that.
func drop(times []Instant, old time.Duration, at Instant) []Instant {
	return slices.DeleteFunc(times, func(t Instant) bool { return t.add(old) < at })
}

// apply carries out the event at the time now.
func (m *machine) apply(e Event) Verdict {
	switch e.kind {
	case reserve:
		return m.reserve(e.id)
	case right, wrong:
		return m.settle(e)
	case release:
		if i := m.find(e.id); i >= 0 {
			m.Reservations = slices.Delete(m.Reservations, i, i+1)
		}
		return Done
	case unlock:
		return m.unlock()
	case hold:
		m.Until = ordered
		return Done
	case reset:
		return m.reset()
	case rebind:
		m.renew(0)
		return Done
	case tick:
		return Done
	}
	return Locked
}

func (m *machine) reserve(id string) Verdict {
	if m.locked() || id == "" {
		return Locked
	}
	deadline := m.now.add(m.Lease)
	switch i := m.find(id); {
	case i >= 0:
		m.Reservations[i].Deadline = max(deadline, m.Reservations[i].Deadline)
	case m.spent() > 0 || m.delayed() > 0:
		return Locked
	case m.left() <= 0:
		return Busy
	default:
		m.Reservations = append(m.Reservations, Reservation{ID: id, Deadline: deadline})
	}
	slices.SortStableFunc(m.Reservations, byDeadline)
	return Admit
}

func (m *machine) settle(e Event) Verdict {
	i := m.find(e.id)
	if i < 0 {
		return Denied // settled before, or lapsed: counted already
	}
	m.Reservations = slices.Delete(m.Reservations, i, i+1)
	switch {
	case e.kind == wrong:
		m.fail(m.now)
		return Denied
	case m.locked():
		return Denied // locked while the secret was being looked at; being right does not outrun an administrator
	}
	if m.failures = m.Consecutive; m.Used > 0 {
		m.unused = time.Duration(max(m.now-m.Used, 0)) * time.Millisecond
	}
	m.Fails, m.Locks, m.Consecutive, m.Used = nil, 0, 0, m.now
	return Granted
}

func (m *machine) unlock() Verdict {
	shut := m.Until != 0 || m.Known.Until != 0
	switch {
	case m.dead(), !shut && m.spent() > 0:
		return Locked // an unlock cannot help
	case !shut:
		return Done
	}
	if most := cmp.Or(m.MaxUnlocks, DefaultUnlocks); most > 0 && len(m.Unlocks) >= most {
		return Capped
	}
	m.Until, m.Fails, m.Locks, m.Used = 0, nil, 0, m.now
	m.Known.Until, m.Known.Fails, m.Known.Locks = 0, nil, 0
	m.Unlocks = append(m.Unlocks, m.now)
	slices.Sort(m.Unlocks)
	return Done
}

func (m *machine) reset() Verdict {
	if m.dead() || m.Until < 0 {
		return Locked
	}
	spent := m.Spent
	m.renew(m.Consecutive)
	m.Spent = spent // or whoever reads the owner's mail would draw a new budget with each reset
	return Done
}

// renew starts over with a new secret. Checks of the old one that are under way can no longer be settled, or a thief who
// holds the old password could be let in just after it was replaced.
func (m *machine) renew(consecutive int) {
	known := Lane{Until: min(m.Known.Until, 0)}
	until := min(m.Until, 0) // a hold is not the owner's to lift
	m.State = State{Born: true, Until: until, Known: known, Consecutive: consecutive, Unlocks: m.Unlocks, Used: m.now, At: m.At}
}

// fail counts one failure. While locked it adds to the consecutive ones only, and extends nothing.
func (m *machine) fail(at Instant) {
	m.Consecutive++
	m.tripped = m.tripped || m.Consecutive == DeadAfter
	if m.Budget > 0 {
		m.Spent = append(m.Spent, at)
		slices.Sort(m.Spent)
		m.tripped = m.tripped || len(m.Spent) == m.Budget
	}
	if m.Until != 0 {
		return
	}
	m.Fails = append(m.Fails, at)
	slices.Sort(m.Fails) // a slower node may settle after a faster one
	m.trip()
}

// trip locks when the failures reach Max, counted from the last of them, and reports whether it did.
func (m *machine) trip() bool {
	if m.Until != 0 || len(m.Fails) < m.Max {
		return false
	}
	m.Fails = m.Fails[len(m.Fails)-m.Max:]
	m.tripped = true
	if m.Lock == 0 || m.MaxLocks > 0 && m.Locks >= m.MaxLocks {
		m.Until = held
	} else {
		m.Until = m.Fails[m.Max-1].add(m.Lock)
	}
	m.Locks++
	return true
}
