// Package attempt checks one guess at a secret: it reserves a place, looks at
// the secret only if there was one, and settles.
//
// Callers make one [Gate] and call [Gate.Run] with a [Try]. The guess is counted
// in a commit of its own before the secret is looked at, so that of any number
// of parallel guesses, over any number of processes, no more are evaluated than
// the policy allows. A guess at an unknown account, a wrong one, and any guess
// at a locked account make the same calls: one read, two commits, one check.
package attempt

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

const (
	maxWaiters = 64                     // goroutines that wait at one secret while others use up its last places
	maxWait    = 3 * time.Second        // how long they wait before they are turned away, uncounted
	minPause   = 10 * time.Millisecond  // between two looks
	maxPause   = 100 * time.Millisecond // with jitter, so that they do not look in step
	maxBack    = 64                     // reservations that are being taken back at once
	maxCheck   = time.Minute            // how long a reservation is renewed while its guess is compared
	maxLooks   = 3                      // comparisons of one guess, where the secret is replaced again and again
)

// Gate runs attempts in one Space. It is safe for concurrent use.
type Gate struct {
	space *table.Space
	rand  io.Reader

	mu          sync.Mutex
	waiting     map[string]int // by lock name
	withdrawing int
}

// New returns a Gate that draws reservation ids from rand.
func New(space *table.Space, rand io.Reader) *Gate {
	return &Gate{space: space, rand: rand, waiting: map[string]int{}}
}

// Try is one guess. All of its names lie in Shard.
type Try struct {
	Shard  table.Shard
	Lock   string   // name of the record with the lockout.State
	Secret string   // name of the record that holds what is compared
	Still  string   // name of the record that must say the same when it is settled, or it is compared anew; Secret if empty. The commit is not held to it: what Settle writes must be void if it has moved
	With   []string // further names that Verify and Settle read
	Policy lockout.Policy

	// Unbound allows guesses where there is no secret, at an account that does
	// not exist or has none: the lock is then born with the first guess, and so
	// behaves like any other. Where there is a secret, its lock was born with it,
	// and if that is absent every guess is refused (S8).
	Unbound bool

	// Known tells, by what was read, whether the guess comes from a device that is
	// known to be the owner's, which has a lane of its own (S24). It is asked when the
	// guess is reserved, and the answer holds until it is settled. Nil: it does not.
	Known func(*table.View) bool
	// Acquire takes what the check needs, such as a hashing slot, before the
	// guess is counted: a full pool must not turn right secrets into failures
	// (S23). Nil if it needs nothing.
	Acquire func(context.Context) (Checker, error)

	// Settle adds what follows from the answer to the commit that settles. It
	// may run several times; an error refuses the attempt and is returned.
	Settle func(*table.Tx, lockout.Answer) error

	known bool // what Known said
}

// Checker compares the guess.
type Checker interface {
	Verify(*table.View) bool // looks at the secret that was read
	Dummy(*table.View)       // takes as long, and lets nobody in
	Release()                // gives back what Acquire took
}

// Run makes the attempt. Only the verdict Granted lets anybody in. An error
// means that the attempt could not be settled; it is refused, and if the secret
// was looked at its reservation counts as a failure when the lease ends. A verdict of Busy was
// not counted.
func (g *Gate) Run(ctx context.Context, t Try) (lockout.Answer, error) {
	answer, err := g.once(ctx, t)
	if err != nil || answer.Verdict != lockout.Busy || !g.queue(t.Lock) {
		return answer, err
	}
	defer g.leave(t.Lock)
	// The slot is given back by now: waiting here must not keep others from hashing.
	patience, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	for {
		select {
		case <-time.After(minPause + rand.N(maxPause-minPause)):
		case <-patience.Done():
			return answer, nil
		}
		if answer, err = g.once(ctx, t); err != nil || answer.Verdict != lockout.Busy {
			return answer, err
		}
	}
}

func (g *Gate) once(ctx context.Context, t Try) (lockout.Answer, error) {
	check, err := t.Acquire(ctx)
	if err != nil {
		return lockout.Answer{}, err
	}
	defer check.Release()
	id, err := table.NewID(g.rand, "")
	if err != nil {
		return lockout.Answer{}, err
	}

	var reserved lockout.Answer
	view, err := g.space.Update(ctx, t.Shard, t.names(), func(tx *table.Tx) (err error) {
		t.known = t.Known != nil && t.Known(tx.View)
		reserved, err = t.step(tx, lockout.Reserve(id))
		return err
	})
	if err != nil {
		g.withdraw(ctx, t, id)
		return lockout.Answer{}, err
	}
	if reserved.Verdict == lockout.Busy {
		return reserved, nil
	}

	if reserved.Verdict != lockout.Admit {
		check.Dummy(view) // a locked account costs what an open one does (AN-47)
		return g.settle(ctx, t, reserved, view, func(*table.View) (lockout.Event, error) { return lockout.Wrong(id), nil })
	}
	renew, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCheck)
	defer cancel()
	for n := 1; ; n++ {
		right := g.compare(renew, t, id, check, view)
		settled, err := g.settle(ctx, t, reserved, view, func(now *table.View) (lockout.Event, error) {
			still := view.Same(now, cmp.Or(t.Still, t.Secret))
			switch {
			case right && still:
				return lockout.Right(id), nil
			case (right || !still && !view.Same(now, t.Secret)) && n < maxLooks:
				return lockout.Event{}, errMoved
			}
			return lockout.Wrong(id), nil
		})
		if !errors.Is(err, errMoved) {
			return settled, err
		}
		// Whoever knows the secret that there is now has made no failure, and the one of
		// before lets nobody in any more: the same guess is compared with what is there.
		// A guesser gains one more secret to be compared with for each that was replaced
		// while he was looked at, which he cannot bring about.
		if view, err = g.space.Read(context.WithoutCancel(ctx), t.Shard, t.names()...); err != nil {
			return lockout.Answer{}, err
		}
	}
}

// errMoved says that another secret is there than the one that was compared.
var errMoved = errors.New("attempt: the secret was replaced meanwhile")

// settle commits what came of a guess: the event that the state of now makes of it.
func (g *Gate) settle(ctx context.Context, t Try, reserved lockout.Answer, view *table.View,
	event func(now *table.View) (lockout.Event, error)) (settled lockout.Answer, err error) {
	// Whoever hangs up now does not stop the count.
	_, err = g.space.Continue(context.WithoutCancel(ctx), view, func(tx *table.Tx) error {
		e, err := event(tx.View)
		if err != nil {
			return err
		}
		if settled, err = t.step(tx, e); err != nil {
			return err
		}
		settled.Tripped = settled.Tripped || reserved.Tripped
		if reserved.Verdict != lockout.Admit {
			settled.Verdict = reserved.Verdict
		}
		return t.Settle(tx, settled)
	})
	if err != nil {
		return lockout.Answer{}, err
	}
	return settled, nil
}

func (t Try) names() []string { return append([]string{t.Lock, t.Secret}, t.With...) }

// step applies an event and writes the state back even if nothing changed, so
// that the number of commits does not tell a locked account from an open one.
func (t Try) step(tx *table.Tx, e lockout.Event) (lockout.Answer, error) {
	rec, ok, err := table.Get[record](tx.View, t.Lock)
	if err != nil {
		return lockout.Answer{}, err
	}
	if !ok && t.Unbound && !tx.Has(t.Secret) {
		rec, ok = record{State: lockout.NewState()}, true
	}
	if t.known {
		e = e.Known()
	}
	var answer lockout.Answer
	rec, answer = rec.next(t.Policy, e, tx.Now())
	if !ok || answer.Verdict == lockout.Busy {
		return answer, nil
	}
	return answer, table.Put(tx, t.Lock, rec, time.Time{})
}

func (g *Gate) queue(lock string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[lock] >= maxWaiters {
		return false
	}
	g.waiting[lock]++
	return true
}

func (g *Gate) leave(lock string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting[lock]--; g.waiting[lock] <= 0 {
		delete(g.waiting, lock)
	}
}
