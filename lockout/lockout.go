// Package lockout makes guessing slow, without ever reading a clock, a store or a secret.
//
// It is one pure function. [Policy.Next] takes what is remembered about one secret of one account (a [State]), what has
// just happened (an [Event]) and the time, and returns what to remember and what to do (an [Answer]). Whoever checks a
// secret first commits [Reserve], looks at the secret only when the answer is [Admit], and then commits [Right] or
// [Wrong] with the same id. Guesses are thus counted before they are checked: any number of them in parallel, over any
// number of processes, get at most Max evaluations.
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

// Policy says how many failures lock, and for how long. The zero Policy is [Default]; any other is used as it stands and
// must pass [Policy.Validate], or [Policy.Next] refuses everything. A changed policy applies from the next event on; the
// end of a lock that was already given stays.
type Policy struct {
	Max      int           // failures within Window that lock, 1 to DeadAfter
	Window   time.Duration // how long a failure counts; one that is exactly this old still does
	Lock     time.Duration // how long a lock lasts, from the failure that tripped it; 0 holds until an administrator unlocks
	Lease    time.Duration // how long a check of the secret may take before it counts as failed, at most Window
	MaxLocks int           // timed locks without a success in between, after which the next one holds; 0 is no limit
}

// Default returns the policy of five failures in a trailing quarter of an hour, locked for half an hour from the fifth.
func Default() Policy {
	return Policy{Max: 5, Window: 15 * time.Minute, Lock: 30 * time.Minute, Lease: 10 * time.Second}
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
