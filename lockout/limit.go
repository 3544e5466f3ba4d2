package lockout

import (
	"cmp"
	"slices"
	"time"
)

// find returns the place of a reservation, or -1.
func (m *machine) find(id string) int {
	return slices.IndexFunc(m.Reservations, func(r Reservation) bool { return r.ID == id })
}

// left is how many more guesses may be looked at before the outcome of those under way is known.
func (m *machine) left() int {
	others := len(m.Known.Reservations) // which may turn out to be failures, too
	most := min(m.Max-len(m.Fails), DeadAfter-m.Consecutive-others)
	if m.Budget > 0 {
		most = min(most, m.Budget-len(m.Spent)-others)
	}
	if m.DelayFrom > 0 { // beyond it one at a time, or those in parallel would not wait for each other
		most = min(most, max(m.DelayFrom-len(m.Fails), 1))
	}
	return most - len(m.Reservations)
}

// spent returns until when the budget is used up, or 0.
func (m *machine) spent() Instant {
	if m.Budget == 0 || len(m.Spent) < m.Budget {
		return 0
	}
	return m.Spent[len(m.Spent)-m.Budget].add(BudgetPeriod + time.Millisecond) // one that is exactly that old still counts
}

// delayed returns until when the last failure makes everybody wait, or 0.
func (m *machine) delayed() Instant {
	n := len(m.Fails)
	if wait := m.Wait(n); wait > 0 && m.Fails[n-1].add(wait) > m.now {
		return m.Fails[n-1].add(wait)
	}
	return 0
}

func (m *machine) dead() bool   { return m.Consecutive >= DeadAfter }
func (m *machine) locked() bool { return m.Until != 0 || m.dead() || m.shut() < 0 }

// shut returns the Until of the other lane if it closes this one too: what strangers lock is theirs, but not what an
// administrator has closed, or disuse.
func (m *machine) shut() Instant {
	if m.known && m.Known.Until < held {
		return m.Known.Until
	}
	return 0
}

// phase returns where the State stands, and until when.
func (m *machine) phase() (Phase, Instant) {
	switch {
	case m.dead():
		return Dead, m.Until
	case min(m.Until, m.shut()) == dormant:
		return Dormant, dormant
	case min(m.Until, m.shut()) < 0:
		return Held, held
	case m.Until > 0:
		return Timed, m.Until
	case m.spent() > 0:
		return Spent, m.spent()
	case m.delayed() > 0:
		return Delayed, m.delayed()
	case m.left() <= 0:
		return Full, 0
	}
	return Open, 0
}

func byDeadline(a, b Reservation) int { return cmp.Compare(a.Deadline, b.Deadline) }
