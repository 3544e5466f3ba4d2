package symbolon_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// clocked is a store with a clock of its own.
type clocked struct{ *memory.Store }

func (clocked) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func realmAt(t *testing.T, s storage.Store, now func() time.Time) *symbolon.Realm {
	t.Helper()
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: s, Secret: secret,
		Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{}}, &symbolon.RealmOptions{Now: now})
	require.NoError(t, err)
	return r
}

// S26: whose clock is off by more than two seconds does not serve, and serves again when it is set.
func TestAClockThatIsOff(t *testing.T) {
	get := func(r *symbolon.Realm) error {
		_, err := r.Parts(seal.Ours()).Store.Get(context.Background(), "acme/00", "x")
		return err
	}
	t.Run("beside the store's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var off atomic.Int64 // nanoseconds
			r := realmAt(t, clocked{memory.New()}, func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
			require.NoError(t, get(r))
			off.Store(int64(3 * time.Second))
			require.NoError(t, get(r), "it is looked at once a minute")
			time.Sleep(time.Minute)
			require.ErrorIs(t, get(r), symbolon.ErrUnavailable)
			require.ErrorIs(t, get(r), storage.ErrClock)
			off.Store(0)
			time.Sleep(4 * time.Second)
			require.NoError(t, get(r))
		})
	})
	t.Run("among the others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := memory.New()
			var off atomic.Int64
			off.Store(-int64(time.Minute))
			right, slow := realmAt(t, store, nil), realmAt(t, store, func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
			require.NoError(t, get(right))
			require.ErrorIs(t, get(slow), symbolon.ErrUnavailable, "a minute behind, and nobody had to watch")
			require.ErrorIs(t, get(slow), storage.ErrClock)
			off.Store(0)
			time.Sleep(2 * time.Second)
			require.NoError(t, get(slow))

			off.Store(int64(time.Minute))
			require.NoError(t, get(right))
			time.Sleep(2 * time.Minute)
			for range 3 { // for a while nobody knows
				require.NoError(t, get(right))
				time.Sleep(30 * time.Second)
				_ = get(slow)
				time.Sleep(30 * time.Second)
			}
			require.ErrorIs(t, get(slow), storage.ErrClock, "a minute ahead")
			require.NoError(t, get(right), "who does not follow it")
		})
	})
	t.Run("alone, and set back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var off atomic.Int64
			off.Store(int64(time.Hour))
			r := realmAt(t, memory.New(), func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
			require.NoError(t, get(r))
			off.Store(0)
			require.NoError(t, get(r), "nobody else has said that it was right before")
		})
	})
}

// S26: a clock that was set back is looked at before the next call, not when it
// has caught up with the time of the last look.
func TestAClockThatWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Int64
		r := realmAt(t, clocked{memory.New()}, func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
		_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
		require.NoError(t, err)
		off.Store(-int64(time.Hour))
		_, err = r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
		require.ErrorIs(t, err, storage.ErrClock)
	})
}

// S26: when to look does not go by the clock that is looked at. One that stands
// still, or is set back again and again by as much as has passed, is found.
func TestAClockThatDoesNotPass(t *testing.T) {
	for _, row := range []struct {
		because string
		shows   func(began, now time.Time) time.Time
		within  time.Duration
	}{
		{"it stands still", func(began, _ time.Time) time.Time { return began }, 61 * time.Second},
		{"it is set back by 50 s every 50 s", func(began, now time.Time) time.Time {
			return began.Add(now.Sub(began) % (50 * time.Second))
		}, 51 * time.Second},
		{"it runs at nine tenths", func(began, now time.Time) time.Time { return began.Add(now.Sub(began) * 9 / 10) }, 61 * time.Second},
		{"it runs late by a little", func(began, now time.Time) time.Time { return began.Add(now.Sub(began) * 99 / 100) }, 5 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			r := realmAt(t, clocked{memory.New()}, func() time.Time { return row.shows(began, time.Now()).Round(0) })
			for {
				_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
				if err != nil {
					require.ErrorIs(t, err, storage.ErrClock, row.because)
					return
				}
				require.LessOrEqual(t, time.Since(began), row.within, row.because)
				time.Sleep(time.Second)
			}
		})
	}
}

// S26: after a sleep of the machine, in which no time has passed for the process,
// the clocks are compared before it serves.
func TestAMachineThatSlept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		r := realmAt(t, clocked{memory.New()}, func() time.Time { return time.Now().Add(time.Duration(slept.Load())) })
		_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
		require.NoError(t, err)
		slept.Store(int64(time.Hour))
		_, err = r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
		require.ErrorIs(t, err, storage.ErrClock)
	})
}

// faraway is a store without a clock, at the end of a long line.
type faraway struct{ *memory.Store }

func (f faraway) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := wait(ctx); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, shard, names...)
}

func (f faraway) Commit(ctx context.Context, b storage.Batch) error {
	if err := wait(ctx); err != nil {
		return err
	}
	return f.Store.Commit(ctx, b)
}

func wait(ctx context.Context) error {
	select {
	case <-time.After(150 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// S26, AU-25: where a look takes longer than any caller has, it is done for those
// who come after.
func TestALookThatOutlivesItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := realmAt(t, faraway{memory.New()}, nil)
		get := func() error {
			short, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
			defer cancel()
			_, err := r.Parts(seal.Ours()).Store.Get(short, "acme/00", "x")
			return err
		}
		require.ErrorIs(t, get(), symbolon.ErrUnavailable)
		require.NoError(t, get())
	})
}

// slowly tells the time after a while, and counts how often it is asked.
type slowly struct {
	clocked
	asked *atomic.Int64
}

func (s slowly) Now(ctx context.Context) (time.Time, error) {
	s.asked.Add(1)
	time.Sleep(500 * time.Millisecond)
	return time.Now(), nil
}

// S26: of many calls at once one looks. The first ones wait for it, because nobody
// knows anything yet; later ones go by what was known.
func TestOneLooksForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowly{clocked{memory.New()}, new(atomic.Int64)}
		r := realmAt(t, s, nil)
		burst := func() (longest time.Duration) {
			var took [50]time.Duration
			var all sync.WaitGroup
			for i := range took {
				all.Go(func() {
					began := time.Now()
					_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
					require.NoError(t, err)
					took[i] = time.Since(began)
				})
			}
			all.Wait()
			slices.Sort(took[:])
			require.Equal(t, 500*time.Millisecond, took[49])
			return took[48]
		}
		require.Equal(t, 500*time.Millisecond, burst(), "at first all wait")
		require.EqualValues(t, 1, s.asked.Load())
		time.Sleep(time.Minute)
		require.Zero(t, burst(), "then only the one that looks")
		require.EqualValues(t, 2, s.asked.Load())
	})
}

// S26: who leaves while the clocks are compared does not spoil it for the others.
func TestTheFirstToLookMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slowly{clocked{memory.New()}, new(atomic.Int64)}
		r := realmAt(t, s, nil)
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		left := make(chan error)
		go func() {
			_, err := r.Parts(seal.Ours()).Store.Get(short, "acme/00", "x")
			left <- err
		}()
		synctest.Wait() // it looks
		go func() { require.ErrorIs(t, <-left, symbolon.ErrUnavailable) }()
		_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
		require.NoError(t, err)
		require.EqualValues(t, 1, s.asked.Load())
	})
}

// untold is a store that works and does not tell the time.
type untold struct {
	clocked
	since *atomic.Bool
}

func (u untold) Now(context.Context) (time.Time, error) {
	if u.since.Load() {
		return time.Time{}, errors.New("not for you")
	}
	return time.Now(), nil
}

// S26: a clock that cannot be compared is not taken for right: at once when it
// never was, and after three minutes when it was.
func TestAClockThatCannotBeCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := untold{clocked{memory.New()}, new(atomic.Bool)}
		get := func(r *symbolon.Realm) error {
			_, err := r.Parts(seal.Ours()).Store.Get(t.Context(), "acme/00", "x")
			return err
		}
		r := realmAt(t, u, nil)
		require.NoError(t, get(r))
		u.since.Store(true)
		require.ErrorIs(t, get(realmAt(t, u, nil)), symbolon.ErrUnavailable, "never")
		for range 2 {
			time.Sleep(time.Minute)
			require.NoError(t, get(r))
		}
		time.Sleep(time.Minute)
		require.ErrorIs(t, get(r), symbolon.ErrUnavailable, "too long ago")
		require.NotErrorIs(t, get(r), storage.ErrClock)
		u.since.Store(false)
		require.NoError(t, get(r), "and at once again")
	})
}

// silent is a store with a clock, of which neither answers.
type silent struct{ clocked }

func (silent) Now(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

func (silent) Get(ctx context.Context, _ string, _ ...string) ([]storage.Record, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// AU-25: a store that hangs holds no call beyond its own deadline, however the clocks are compared.
func TestAHungStoreHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		r := realmAt(t, silent{clocked{memory.New()}}, nil)
		defer stop()
		for range 3 {
			began := time.Now()
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			_, err := r.Parts(seal.Ours()).Store.Get(short, "acme/00", "x")
			cancel()
			require.Error(t, err)
			require.LessOrEqual(t, time.Since(began), 100*time.Millisecond)
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second) // the last look ends by itself
	})
}
