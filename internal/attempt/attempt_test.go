package attempt_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

const lock, secret = "actor/mia/lock/pwd", "actor/mia/password"

type stored struct {
	Secret string `json:"secret"`
}

// vault is one secret behind a lock, and counts who looks at it.
type vault struct {
	t        testing.TB
	spaces   []*table.Space
	gates    []*attempt.Gate
	compared atomic.Int64
	dummies  atomic.Int64
	slow     time.Duration
}

func newVault(t testing.TB, store storage.Store, processes int) *vault {
	t.Helper()
	v := &vault{t: t}
	for range processes {
		s := table.New(store, "acme", time.Now, rand.Reader)
		v.spaces = append(v.spaces, s)
		v.gates = append(v.gates, attempt.New(s, rand.Reader))
	}
	v.bind("right")
	return v
}

func (v *vault) bind(s string) {
	v.t.Helper()
	_, err := v.spaces[0].Update(v.t.Context(), 0, []string{lock, secret}, func(tx *table.Tx) error {
		if err := attempt.Born(tx, lock, lockout.Policy{}); err != nil {
			return err
		}
		return table.Put(tx, secret, stored{s}, time.Time{})
	})
	require.NoError(v.t, err)
}

func (v *vault) guess(process int, s string) (lockout.Answer, error) {
	return v.gates[process%len(v.gates)].Run(v.t.Context(), attempt.Try{
		Lock: lock, Secret: secret, Unbound: true,
		Acquire: func(context.Context) (attempt.Checker, error) { return guess{v, s}, nil },
		Settle:  func(*table.Tx, lockout.Answer) error { return nil },
	})
}

type guess struct {
	*vault
	s string
}

func (g guess) Verify(view *table.View) bool {
	g.compared.Add(1)
	time.Sleep(g.slow)
	rec, ok, err := table.Get[stored](view, secret)
	return err == nil && ok && rec.Secret == g.s
}

func (g guess) Dummy(*table.View) { g.dummies.Add(1); time.Sleep(g.slow) }
func (g guess) Release()          {}

// burst makes n guesses at once, over all processes, and counts the verdicts.
func (v *vault) burst(n int, s string) map[lockout.Verdict]int {
	var mu sync.Mutex
	got := map[lockout.Verdict]int{}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			answer, err := v.guess(i, s)
			if err != nil {
				v.t.Error(err)
			}
			mu.Lock()
			got[answer.Verdict]++
			mu.Unlock()
		})
	}
	wg.Wait()
	return got
}

// LK-09: of any number of parallel guesses five are compared, in one process or four, and if replies are lost.
func TestTwoHundredParallelGuesses(t *testing.T) {
	for _, c := range []struct {
		name      string
		store     storage.Store
		processes int
	}{
		{"one process", memory.New(), 1},
		{"four processes", memory.New(), 4},
		{"lost replies", storagetest.Lossy(memory.New(), 5), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVault(t, storagetest.Strict(t, c.store), c.processes)
			v.slow = 5 * time.Millisecond
			got := v.burst(200, "wrong")
			require.EqualValues(t, 5, v.compared.Load(), "compared with the secret")
			require.Zero(t, got[lockout.Granted])
			require.EqualValues(t, 200-got[lockout.Busy], v.compared.Load()+v.dummies.Load(), "AN-47: each guess that was answered cost one check")
			answer, err := v.guess(0, "right")
			require.NoError(t, err)
			require.Equal(t, lockout.Locked, answer.Verdict, "LK-08: the right secret of a locked account")
			require.EqualValues(t, 5, v.compared.Load(), "and it was not looked at")
		})
	}
}

// LK-10: the owner's own parallel sign-ins all succeed; they wait for each other's reservations.
func TestFortyParallelRightSecrets(t *testing.T) {
	for _, processes := range []int{1, 4} {
		v := newVault(t, memory.New(), processes)
		v.slow = 5 * time.Millisecond
		require.Equal(t, map[lockout.Verdict]int{lockout.Granted: 40}, v.burst(40, "right"), "%d processes", processes)
	}
}

// AN-47, S23: a burst does not tell an account that is held from one that is open, or from one that does not exist: as many
// are refused, as many are told to come back, and afterwards all of them are for as long as a lock lasts.
func TestABurstDoesNotTellWhoIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := func(prepare func(*vault)) (told [][2]int, looks int64) {
			v := newVault(t, memory.New(), 1)
			v.slow = 50 * time.Millisecond
			prepare(v)
			for range 23 { // longer than any secret lives
				for range 2 {
					got := v.burst(75, "wrong")
					told = append(told, [2]int{got[lockout.Denied] + got[lockout.Locked], got[lockout.Busy]})
				}
				time.Sleep(time.Hour)
			}
			return told, v.compared.Load()
		}
		change := func(f func(*table.Tx) error) func(*vault) {
			return func(v *vault) {
				_, err := v.spaces[0].Update(t.Context(), 0, []string{lock, secret}, f)
				require.NoError(t, err)
			}
		}
		open, looks := counts(func(*vault) {})
		require.EqualValues(t, lockout.DeadAfter, looks)
		require.Positive(t, open[0][1], "some are told to come back")
		require.Zero(t, open[1][1], "and none while it is locked")
		unknown, _ := counts(change(func(tx *table.Tx) error { tx.Delete(lock); tx.Delete(secret); return nil }))
		require.Equal(t, open, unknown)
		held, looks := counts(change(func(tx *table.Tx) error {
			_, _, err := attempt.Apply(tx, lock, lockout.Policy{}, lockout.Hold())
			return err
		}))
		require.Equal(t, open, held)
		require.Zero(t, looks, "LK-08: none of which was looked at")
		dead, looks := counts(change(func(tx *table.Tx) error {
			s := lockout.NewState()
			s.Consecutive = lockout.DeadAfter
			return table.Put(tx, lock, s, time.Time{})
		}))
		require.Equal(t, open, dead)
		require.Zero(t, looks)
	})
}

// What is opened again is as new, whatever was guessed while it was closed.
func TestADecoyLeavesNothingBehind(t *testing.T) {
	v := newVault(t, memory.New(), 1)
	apply := func(e lockout.Event) {
		_, err := v.spaces[0].Update(t.Context(), 0, []string{lock}, func(tx *table.Tx) error {
			_, _, err := attempt.Apply(tx, lock, lockout.Policy{}, e)
			return err
		})
		require.NoError(t, err)
	}
	apply(lockout.Hold())
	v.burst(10, "wrong")
	for range 3 {
		answer, err := v.guess(0, "right")
		require.NoError(t, err)
		require.Equal(t, lockout.Locked, answer.Verdict)
		require.Equal(t, lockout.Held, answer.Phase, "the audit is told the truth")
		require.False(t, answer.Tripped)
	}
	apply(lockout.Unlock())
	answer, err := v.guess(0, "right")
	require.NoError(t, err)
	require.Equal(t, lockout.Granted, answer.Verdict)
	require.Zero(t, answer.Failures)
	view, err := v.spaces[0].Read(t.Context(), 0, lock)
	require.NoError(t, err)
	rec, _, err := table.Get[map[string]any](view, lock)
	require.NoError(t, err)
	require.NotContains(t, rec, "decoy")
}

// S8: whoever deletes a lock opens nothing.
func TestADeletedLockRefuses(t *testing.T) {
	v := newVault(t, memory.New(), 1)
	_, err := v.spaces[0].Update(t.Context(), 0, []string{lock}, func(tx *table.Tx) error { tx.Delete(lock); return nil })
	require.NoError(t, err)
	answer, err := v.guess(0, "right")
	require.NoError(t, err)
	require.Equal(t, lockout.Locked, answer.Verdict)
	require.Zero(t, v.compared.Load())

	_, err = v.spaces[0].Update(t.Context(), 0, []string{secret}, func(tx *table.Tx) error { tx.Delete(secret); return nil })
	require.NoError(t, err)
	for range 5 {
		answer, err = v.guess(0, "right")
		require.NoError(t, err)
		require.Equal(t, lockout.Denied, answer.Verdict, "with the secret gone too there is nothing to guess")
	}
	answer, err = v.guess(0, "right")
	require.NoError(t, err)
	require.Equal(t, lockout.Locked, answer.Verdict, "and it locks like any other account")
}

// A secret that is replaced while a guess is compared with the former one does not let that guess in, and does not make a
// failure of one that is right by now as well. One that is replaced again and again is given up.
func TestASecretReplacedMeanwhile(t *testing.T) {
	for _, c := range []struct {
		because string
		guess   string
		replace []string // after each comparison
		want    lockout.Verdict
		looks   int64
		failed  int
	}{
		{"nothing was replaced", "right", nil, lockout.Granted, 1, 0},
		{"the guess is not the new one", "right", []string{"new"}, lockout.Denied, 2, 1},
		{"it is the new one too", "right", []string{"right"}, lockout.Granted, 2, 0},
		{"it is, twice", "right", []string{"right", "right"}, lockout.Granted, 3, 0},
		{"and so on", "right", []string{"right", "right", "right", "right"}, lockout.Denied, 3, 1},
		{"whoever types the new one while it is being set is right", "new", []string{"new"}, lockout.Granted, 2, 0},
		{"also if there was another in between", "new", []string{"newer", "new"}, lockout.Granted, 3, 0},
		{"who knows neither has made one failure", "wrong", []string{"new"}, lockout.Denied, 2, 1},
		{"or none of many, with three looks and no more", "wrong", []string{"new", "newer", "newest", "wrong"}, lockout.Denied, 3, 1},
		{"a wrong one is not looked at again where the secret stays", "wrong", []string{"right"}, lockout.Denied, 1, 1},
	} {
		v := newVault(t, memory.New(), 1)
		answer, err := v.gates[0].Run(t.Context(), attempt.Try{
			Lock: lock, Secret: secret, Still: "actor/mia/stamp", With: []string{"actor/mia/stamp"},
			Acquire: func(context.Context) (attempt.Checker, error) { return &replacing{guess{v, c.guess}, c.replace}, nil },
			Settle:  func(*table.Tx, lockout.Answer) error { return nil },
		})
		require.NoError(t, err)
		require.Equal(t, c.want, answer.Verdict, c.because)
		require.Equal(t, c.looks, v.compared.Load(), c.because)
		view, err := v.spaces[0].Read(t.Context(), 0, lock)
		require.NoError(t, err)
		s, _, err := table.Get[lockout.State](view, lock)
		require.NoError(t, err)
		require.Equal(t, c.failed, s.Consecutive, c.because)
		require.Empty(t, s.Reservations, c.because)
	}
}

// S24: a guess is settled in the lane in which it was reserved, also if its device is no longer known by then: a right secret
// that is looked for in the other lane would lapse into a failure. The next one is a stranger's.
func TestADeviceForgottenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, memory.New(), 1)
		v.burst(6, "wrong")
		const device = "actor/mia/stamp"
		setDevice := func(known bool) {
			_, err := v.spaces[0].Update(t.Context(), 0, []string{device}, func(tx *table.Tx) error {
				if known {
					return table.Put(tx, device, stored{"known"}, time.Time{})
				}
				tx.Delete(device)
				return nil
			})
			require.NoError(t, err)
		}
		setDevice(true)
		try := func(during func()) lockout.Verdict {
			answer, err := v.gates[0].Run(t.Context(), attempt.Try{
				Lock: lock, Secret: secret, Still: device, With: []string{device},
				Known:   func(view *table.View) bool { return view.Has(device) },
				Acquire: func(context.Context) (attempt.Checker, error) { return interrupted{guess{v, "right"}, during}, nil },
				Settle:  func(*table.Tx, lockout.Answer) error { return nil },
			})
			require.NoError(t, err)
			return answer.Verdict
		}
		during := func() {
			setDevice(false)
			time.Sleep(4 * time.Second) // the lease is renewed meanwhile, so that the settlement sees it
		}
		require.Equal(t, lockout.Granted, try(during))
		require.Equal(t, lockout.Locked, try(func() {}), "which has no lane of its own any more")
		setDevice(true)
		time.Sleep(time.Minute)
		require.Equal(t, lockout.Granted, try(func() {}), "no failure is left")
		view, err := v.spaces[0].Read(t.Context(), 0, lock)
		require.NoError(t, err)
		s, _, err := table.Get[lockout.State](view, lock)
		require.NoError(t, err)
		require.Zero(t, s.Consecutive)
	})
}

// interrupted is a comparison during which something happens.
type interrupted struct {
	guess
	during func()
}

func (i interrupted) Verify(view *table.View) bool {
	i.during()
	return i.guess.Verify(view)
}

type replacing struct {
	guess
	by []string
}

// Verify replaces the secret after it was looked at, and says so in the stamp. The
// lock is written too, as by a parallel sign-in, or the settlement would not see it.
func (r *replacing) Verify(view *table.View) bool {
	ok := r.guess.Verify(view)
	if len(r.by) == 0 {
		return ok
	}
	next := r.by[0]
	r.by = r.by[1:]
	_, err := r.spaces[0].Update(r.t.Context(), 0, []string{lock, secret, "actor/mia/stamp"}, func(tx *table.Tx) error {
		state, _, err := table.Get[lockout.State](tx.View, lock)
		if err != nil {
			return err
		}
		if err := table.Put(tx, lock, state, time.Time{}); err != nil {
			return err
		}
		if err := table.Put(tx, "actor/mia/stamp", stored{time.Now().String()}, time.Time{}); err != nil {
			return err
		}
		return table.Put(tx, secret, stored{next}, time.Time{})
	})
	require.NoError(r.t, err)
	return ok
}

// S23: a full pool refuses before anything is counted.
func TestAFullPoolCountsNothing(t *testing.T) {
	v := newVault(t, memory.New(), 1)
	full := errors.New("pool is full")
	for range 10 {
		_, err := v.gates[0].Run(t.Context(), attempt.Try{Lock: lock, Secret: secret,
			Acquire: func(context.Context) (attempt.Checker, error) { return nil, full }})
		require.ErrorIs(t, err, full)
	}
	answer, err := v.guess(0, "right")
	require.NoError(t, err)
	require.Equal(t, lockout.Granted, answer.Verdict)
}

// Whoever hangs up while the secret is compared does not stop the count.
func TestHangingUpStillCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, memory.New(), 1)
		v.slow = time.Second
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := v.gates[0].Run(ctx, attempt.Try{Lock: lock, Secret: secret,
				Acquire: func(context.Context) (attempt.Checker, error) { return guess{v, "wrong"}, nil },
				Settle:  func(*table.Tx, lockout.Answer) error { return nil }})
			require.NoError(t, err)
			cancel()
		}
		answer, err := v.guess(0, "right")
		require.NoError(t, err)
		require.Equal(t, lockout.Locked, answer.Verdict)
	})
}

// S23: a comparison that takes longer than a lease is not a failure.
func TestAComparisonSlowerThanTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, memory.New(), 1)
		v.slow = 35 * time.Second
		for range 8 {
			answer, err := v.guess(0, "right")
			require.NoError(t, err)
			require.Equal(t, lockout.Granted, answer.Verdict)
		}
	})
}

// S23: a comparison that never comes back is a failure at last, and keeps no place of the account's for ever: be it that it
// panics, or hangs.
func TestAComparisonThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			because string
			verify  func()
			after   time.Duration
		}{
			{"who panics keeps nothing", func() { panic("scheme: index out of range") }, 11 * time.Second},
			{"who hangs lets go after a minute and a lease", func() { time.Sleep(time.Hour) }, 71 * time.Second},
		} {
			v := newVault(t, memory.New(), 1)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					defer func() { _ = recover() }() // as a server does
					_, _ = v.gates[0].Run(t.Context(), attempt.Try{Lock: lock, Secret: secret,
						Acquire: func(context.Context) (attempt.Checker, error) { return broken{guess{v, "right"}, c.verify}, nil },
						Settle:  func(*table.Tx, lockout.Answer) error { return nil }})
				})
			}
			time.Sleep(c.after)
			view, err := v.spaces[0].Update(t.Context(), 0, []string{lock}, func(tx *table.Tx) error {
				_, _, err := attempt.Apply(tx, lock, lockout.Policy{}, lockout.Tick())
				return err
			})
			require.NoError(t, err)
			s, _, err := table.Get[lockout.State](view, lock)
			require.NoError(t, err)
			require.Empty(t, s.Reservations, c.because)
			require.Equal(t, 4, s.Consecutive, c.because)
			answer, err := v.guess(0, "right")
			require.NoError(t, err)
			require.Equal(t, lockout.Granted, answer.Verdict, c.because)
			wg.Wait()
		}
	})
}

// broken is a comparison of the host's that does not return.
type broken struct {
	guess
	verify func()
}

func (b broken) Verify(*table.View) bool { b.verify(); return false }

// flaky is a store that is down for a while.
type flaky struct {
	storage.Store
	from, to time.Time
}

func (f *flaky) Commit(ctx context.Context, b storage.Batch) error {
	if now := time.Now(); !now.Before(f.from) && now.Before(f.to) {
		return errors.New("connection refused")
	}
	return f.Store.Commit(ctx, b)
}

// S23: nor is one during which the store was down for less than the lease.
func TestAComparisonDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for from := range 12 {
			store := &flaky{Store: memory.New()}
			v := newVault(t, store, 1)
			for range 4 { // one more would lock
				_, err := v.guess(0, "wrong")
				require.NoError(t, err)
			}
			v.slow = 25 * time.Second
			store.from = time.Now().Add(time.Duration(from)*time.Second + time.Second)
			store.to = store.from.Add(5 * time.Second)
			answer, err := v.guess(0, "right")
			require.NoError(t, err)
			require.Equal(t, lockout.Granted, answer.Verdict, "down from second %d on", from+1)
		}
	})
}

// late is a store whose commits take their time, on the way there or back, whether or not the caller waits.
type late struct {
	storage.Store
	there, back time.Duration
}

func (l *late) Commit(ctx context.Context, b storage.Batch) error {
	done := make(chan error, 1)
	there, back := l.there, l.back
	go func() {
		time.Sleep(there)
		err := l.Store.Commit(context.WithoutCancel(ctx), b)
		time.Sleep(back)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// S23: right secrets of a client that is less patient than the store is fast are no failures, since nobody has looked at them.
func TestImpatientClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []late{{back: 1500 * time.Millisecond}, {there: 1500 * time.Millisecond}} {
			store := &late{Store: memory.New()}
			v := newVault(t, store, 2)
			store.there, store.back = c.there, c.back
			for i := range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				at := time.Now()
				_, err := v.gates[i%2].Run(ctx, attempt.Try{Lock: lock, Secret: secret,
					Acquire: func(context.Context) (attempt.Checker, error) { return guess{v, "right"}, nil },
					Settle:  func(*table.Tx, lockout.Answer) error { return nil }})
				require.Error(t, err)
				require.LessOrEqual(t, time.Since(at), time.Second, "who has enough is not kept")
				cancel()
				time.Sleep(4 * time.Second)
			}
			require.Zero(t, v.compared.Load())
			time.Sleep(10 * time.Second)
			synctest.Wait() // all that was taken back is
			store.there, store.back = 0, 0
			answer, err := v.guess(0, "right")
			require.NoError(t, err)
			require.Equal(t, lockout.Granted, answer.Verdict, "%v", c)
			require.Zero(t, answer.Failures, "%v", c)
		}
	})
}

// LK-16: a settlement that cannot be stored refuses, and counts when its lease is over.
func TestAnUnsettledGuessLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, memory.New(), 1)
		boom := errors.New("disk full")
		for range 5 {
			_, err := v.gates[0].Run(t.Context(), attempt.Try{Lock: lock, Secret: secret,
				Acquire: func(context.Context) (attempt.Checker, error) { return guess{v, "right"}, nil },
				Settle:  func(*table.Tx, lockout.Answer) error { return boom }})
			require.ErrorIs(t, err, boom)
		}
		answer, err := v.guess(0, "right")
		require.NoError(t, err)
		require.Equal(t, lockout.Busy, answer.Verdict, fmt.Sprint("all places are taken until their leases end: ", answer))
		time.Sleep(10 * time.Second)
		answer, err = v.guess(0, "right")
		require.NoError(t, err)
		require.Equal(t, lockout.Locked, answer.Verdict)
	})
}
