// Package lockout makes guessing slow, without ever reading a clock, a store or a secret.
//
// It is one pure function. [Policy.Next] takes what is remembered about one secret of one account (a [State]), what has
// just happened (an [Event]) and the time, and returns what to remember and what to do (an [Answer]). Whoever checks a
// secret first commits [Reserve], looks at the secret only when the answer is [Admit], and then commits [Right] or
// [Wrong] with the same id. Guesses are thus counted before they are checked: any number of them in parallel, over any
// number of processes, get at most Max evaluations, and those from known devices ([Event.Known]) as many of their own.
//
// Use it for everything that can be guessed: passwords, one-time codes, recovery codes, customers' PINs. Each has a
// State of its own. Limiting the rate of requests is another matter and not done here.
package lockout

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// DeadAfter is the number of consecutive failures after which a secret is dead (NIST SP 800-63B-4 3.2.2): no unlock
// revives it, a new one must be bound.
const DeadAfter = 100

// BudgetPeriod is the time in which a secret may be guessed at wrongly no more often than the Budget of its Policy.
const BudgetPeriod = 30 * 24 * time.Hour

// DefaultUnlocks is how many unlocks a day are carried out.
const DefaultUnlocks = 3

// Policy says how many failures lock, and for how long. The zero Policy is [Default]; any other is used as it stands and
// must pass [Policy.Validate], or [Policy.Next] refuses everything. A changed policy applies from the next event on; the
// end of a lock that was already given stays.
type Policy struct {
	Max      int           // failures within Window that lock, 1 to DeadAfter
	Window   time.Duration // how long a failure counts; one that is exactly this old still does
	Lock     time.Duration // how long a lock lasts, from the failure that tripped it; 0 holds until an administrator unlocks
	Lease    time.Duration // how long a check of the secret may take before it counts as failed, at most Window; package authn renews it, for a minute
	MaxLocks int           // timed locks without a success in between, after which the next one holds; 0 is no limit

	// Budget is how many failures in a BudgetPeriod use up a secret: it is refused until the oldest of them is that old, or
	// a new one is bound. No success, no unlock and no other code sent refills it. It is for secrets that few guesses find,
	// such as codes; 0 is none, and the most is DeadAfter.
	Budget int

	// From the failure DelayFrom on, each is followed by a wait, see [Policy.Wait], and only one guess at a time is under
	// way. 0 is no wait; else it is below Max, and Delay and MaxDelay are set, with MaxDelay at most Window.
	DelayFrom       int
	Delay, MaxDelay time.Duration

	// MaxUnlocks is how many unlocks within 24 hours are carried out: two colleagues, or one under pressure, must not give a
	// guesser as many attempts as he likes. 0 is DefaultUnlocks, negative any number.
	MaxUnlocks int

	// Dormant closes a secret that was neither right nor bound nor unlocked for longer than that, until an administrator
	// unlocks: whoever finds the password of somebody who left long ago comes too late (PCI DSS 8.2.6 demands 90 days). 0 is
	// never, and the least is Window.
	Dormant time.Duration
}

// Default returns the policy of five failures in a trailing quarter of an hour, locked for half an hour from the fifth.
func Default() Policy {
	return Policy{Max: 5, Window: 15 * time.Minute, Lock: 30 * time.Minute, Lease: 10 * time.Second}
}

// Codes returns the policy for codes of a few digits: that of Default, and no more than ten failures in a BudgetPeriod.
func Codes() Policy {
	p := Default()
	p.Budget = 10
	return p
}

// Wait returns how long the next guess is refused after that many failures within the Window: Delay after the failure
// DelayFrom, twice as long after each further one, and never longer than MaxDelay.
func (p Policy) Wait(failures int) time.Duration {
	if p.DelayFrom == 0 || failures < p.DelayFrom {
		return 0
	}
	wait := p.Delay
	for range failures - p.DelayFrom {
		if wait >= p.MaxDelay/2 {
			return p.MaxDelay
		}
		wait *= 2
	}
	return wait
}

// Validate reports every field that is out of bounds, all in one error. Durations count in whole milliseconds.
func (p Policy) Validate() error {
	p = p.orDefault()
	var bad []string
	wrong := func(is bool, format string, args ...any) {
		if is {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	wrong(p.Max < 1 || p.Max > DeadAfter, "Max is %d, must be 1 to %d", p.Max, DeadAfter)
	wrong(p.Window < time.Millisecond, "Window is %v, must be at least 1ms", p.Window)
	wrong(p.Lock != 0 && p.Lock < time.Millisecond, "Lock is %v, must be at least 1ms, or 0 to hold until an administrator unlocks", p.Lock)
	wrong(p.Lease < time.Millisecond, "Lease is %v, must be at least 1ms", p.Lease)
	wrong(p.Lease > p.Window, "Lease is %v, must not exceed Window, which is %v", p.Lease, p.Window)
	wrong(p.MaxLocks < 0, "MaxLocks is %d, must not be negative", p.MaxLocks)
	wrong(p.Dormant != 0 && p.Dormant < p.Window, "Dormant is %v, must be 0, or at least Window, which is %v", p.Dormant, p.Window)
	wrong(p.Budget < 0 || p.Budget > DeadAfter, "Budget is %d, must be 0 to %d", p.Budget, DeadAfter)
	wrong(p.DelayFrom < 0 || p.DelayFrom > 0 && p.DelayFrom >= p.Max, "DelayFrom is %d, must be 0, or 1 to below Max, which is %d", p.DelayFrom, p.Max)
	if p.DelayFrom == 0 {
		wrong(p.Delay != 0 || p.MaxDelay != 0, "DelayFrom is 0, but Delay or MaxDelay is set")
	} else {
		wrong(p.Delay < time.Millisecond, "Delay is %v, must be at least 1ms", p.Delay)
		wrong(p.MaxDelay < p.Delay || p.MaxDelay > p.Window, "MaxDelay is %v, must be Delay to Window, which are %v and %v", p.MaxDelay, p.Delay, p.Window)
	}
	return failed(bad)
}

// ValidatePCI is Validate with what PCI DSS 8.3.4 demands: at most ten failures lock, for half an hour or until identity
// is confirmed.
func (p Policy) ValidatePCI() error {
	p = p.orDefault()
	var bad []string
	if p.Max > 10 {
		bad = append(bad, fmt.Sprintf("Max is %d, PCI DSS 8.3.4 demands at most 10", p.Max))
	}
	if p.Lock != 0 && p.Lock < 30*time.Minute {
		bad = append(bad, fmt.Sprintf("Lock is %v, PCI DSS 8.3.4 demands at least 30m, or 0", p.Lock))
	}
	return errors.Join(p.Validate(), failed(bad))
}

func failed(bad []string) error {
	if bad == nil {
		return nil
	}
	return errors.New("lockout: Policy." + strings.Join(bad, "; Policy."))
}

// orDefault returns the default for the zero Policy and any other unchanged.
func (p Policy) orDefault() Policy {
	if p == (Policy{}) {
		return Default()
	}
	return p
}
