package storage_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// timed is a store with a clock, which shows what it is told.
type timed struct {
	*memory.Store
	show func() (time.Time, error)
}

func (s timed) Now(context.Context) (time.Time, error) { return s.show() }

// wrapped hides the clock of the store inside, as an encrypting store does.
type wrapped struct {
	storage.Store
	inner storage.Store
}

func (w wrapped) Unwrap() storage.Store { return w.inner }

// S26: beside a store's clock, two seconds either way are the limit. The store reads
// its clock at some time between the question and the answer: who could be off by
// more does not serve, however long that took, and who cannot does.
func TestAClockIsMeasuredByTheStores(t *testing.T) {
	for _, row := range []struct {
		because string
		skew    time.Duration // of the store's clock
		took    time.Duration // the store, until it reads its clock
		back    time.Duration // the answer, until it is here
		says    string
		off     bool
	}{
		{because: "they agree"},
		{because: "a second is nothing", skew: time.Second},
		{because: "nor is two seconds behind", skew: -storage.MaxSkew},
		{because: "we are behind: what is expired would live", skew: storage.MaxSkew + time.Millisecond, says: "behind the store's", off: true},
		{because: "we are ahead: what lives would be expired", skew: -storage.MaxSkew - time.Millisecond, says: "ahead of the store's", off: true},
		{because: "an hour is seen through a slow line", skew: time.Hour, took: time.Minute, says: "behind the store's", off: true},
		{because: "an hour ahead as well", skew: -time.Hour, back: time.Minute, says: "ahead of the store's", off: true},
		{because: "a slow question proves that we are right", took: 1100 * time.Millisecond},
		{because: "a slow answer does", back: 1100 * time.Millisecond},
		{because: "the very limit", took: time.Second, back: time.Second, skew: storage.MaxSkew / 2},
		{because: "too slow to tell", took: storage.MaxSkew + time.Millisecond, says: "could be off"},
		{because: "too slow an answer to tell", back: storage.MaxSkew + time.Millisecond, says: "could be off"},
		{because: "2.9 s behind, beyond doubt", skew: 2900 * time.Millisecond, took: 900 * time.Millisecond, says: "behind the store's", off: true},
		{because: "2.9 s behind, and perhaps 2", skew: 2900 * time.Millisecond, back: 950 * time.Millisecond, says: "could be off"},
		{because: "2.9 s ahead, and perhaps 2", skew: -2900 * time.Millisecond, took: 950 * time.Millisecond, says: "could be off"},
	} {
		now := t0
		inner := timed{memory.New(), func() (time.Time, error) {
			at := now.Add(row.took + row.skew)
			now = now.Add(row.took + row.back)
			return at, nil
		}}
		for _, s := range []storage.Store{inner, wrapped{inner.Store, inner}} {
			err := storage.WatchClock(s, func() time.Time { return now }, rand.Reader).Check(t.Context())
			require.Equal(t, row.off, errors.Is(err, storage.ErrClock), "%s: %v", row.because, err)
			if row.says == "" {
				require.NoError(t, err, row.because)
			} else {
				require.ErrorContains(t, err, row.says, row.because)
			}
		}
	}
	down := errors.New("down")
	s := timed{memory.New(), func() (time.Time, error) { return time.Time{}, down }}
	err := storage.WatchClock(s, time.Now, rand.Reader).Check(t.Context())
	require.ErrorIs(t, err, down)
	require.NotErrorIs(t, err, storage.ErrClock)
}

// S26: one slow answer out of three does not keep a process that is right from serving.
func TestAClockIsMeasuredAgainWhereThereIsDoubt(t *testing.T) {
	now, asked := t0, 0
	s := timed{memory.New(), func() (time.Time, error) {
		if asked++; asked < 3 {
			now = now.Add(3 * time.Second)
		}
		return now, nil
	}}
	require.NoError(t, storage.WatchClock(s, func() time.Time { return now }, rand.Reader).Check(t.Context()))
	require.Equal(t, 3, asked)
}

// fleet is some processes around a store without a clock.
type fleet struct {
	t     *testing.T
	store storage.Store
	now   time.Time // what a right clock shows
	skew  map[string]time.Duration
	watch map[string]*storage.ClockWatch
}

func newFleet(t *testing.T) *fleet {
	return &fleet{t, memory.New(), t0, map[string]time.Duration{}, map[string]*storage.ClockWatch{}}
}

// check lets a process look, and join when it has not.
func (f *fleet) check(name string) error {
	if f.watch[name] == nil {
		f.watch[name] = storage.WatchClock(f.store, func() time.Time { return f.now.Add(f.skew[name]) }, rand.Reader)
	}
	return f.watch[name].Check(f.t.Context())
}

func (f *fleet) good(name string) { f.t.Helper(); require.NoError(f.t, f.check(name)) }

func (f *fleet) off(name, says string) {
	f.t.Helper()
	err := f.check(name)
	require.ErrorIs(f.t, err, storage.ErrClock)
	require.ErrorContains(f.t, err, says)
}

func (f *fleet) pass(d time.Duration) { f.now = f.now.Add(d) }

// S26: without a clock in the store, the fleet at work is the measure.
func TestAClockIsMeasuredByTheFleet(t *testing.T) {
	const look = time.Minute
	t.Run("they agree", func(t *testing.T) {
		f := newFleet(t)
		f.skew["b"] = time.Second
		for range 10 {
			f.good("a")
			f.pass(look / 2)
			f.good("b")
			f.pass(look / 2)
		}
	})
	t.Run("one is behind", func(t *testing.T) {
		f := newFleet(t)
		f.good("a")
		f.skew["slow"] = -time.Hour
		for range 10 {
			f.off("slow", "1h0m0s behind")
			f.good("a")
			f.pass(look)
			f.good("a")
		}
		f.skew["slow"] = 0 // somebody sets it
		f.good("slow")
	})
	t.Run("one is ahead", func(t *testing.T) {
		f := newFleet(t)
		f.good("a")
		f.pass(look / 2)
		f.skew["fast"] = time.Hour
		f.good("fast") // for all it knows, nobody has been here for an hour
		for range 10 {
			f.pass(look / 2)
			f.good("a") // does not follow it
			f.pass(look / 2)
			f.off("fast", "ahead")
			f.pass(time.Second)
			f.off("fast", "ahead") // although nobody has written since
		}
		f.skew["fast"] = 0
		f.good("fast")
	})
	t.Run("one is ahead of a fleet that is quiet", func(t *testing.T) {
		f := newFleet(t)
		f.good("a")
		f.skew["fast"] = time.Hour
		for range 2 {
			f.good("fast") // and keeps its time to itself, until somebody confirms it
			f.pass(look)
		}
		f.good("a")
		f.pass(look)
		f.off("fast", "ahead")
	})
	t.Run("one that is alone is set right", func(t *testing.T) {
		f := newFleet(t)
		f.skew["a"] = time.Hour
		f.good("a")
		f.off("b", "behind")
		f.skew["a"] = 0
		f.good("a") // takes back what it has said
		f.good("b")
	})
	t.Run("the night passes", func(t *testing.T) {
		f := newFleet(t)
		f.good("a")
		f.pass(12 * time.Hour)
		f.watch["a"] = nil
		for range 10 {
			f.good("a")
			f.good("b")
			f.pass(look)
		}
	})
	t.Run("one that was far ahead has gone", func(t *testing.T) {
		f := newFleet(t)
		f.skew["fast"] = 24 * time.Hour
		f.good("fast") // the first is not measured
		for range 3 {
			f.off("a", "behind")
			f.pass(look)
		}
		f.good("a")    // nobody keeps the record any more
		f.good("fast") // it has been away for so long that it must ask first
		f.pass(look)
		f.good("a")
		f.off("fast", "ahead")
	})
	t.Run("two look at once", func(t *testing.T) {
		f := newFleet(t)
		f.store = racing{f.store, &f.now}
		for range 5 {
			f.good("a")
			f.pass(look)
		}
	})
	t.Run("the record is damaged", func(t *testing.T) {
		f := newFleet(t)
		f.good("a")
		v, err := storage.NewVersion(rand.Reader)
		require.NoError(t, err)
		require.NoError(t, f.store.Commit(t.Context(), storage.Batch{Shard: "symbolon", Now: f.now,
			Ops: []storage.Op{{Act: storage.Put, Name: "clock", Cond: storage.Any, Version: v, Value: []byte(`{"v":9}`)}}}))
		require.ErrorContains(t, f.check("a"), "cannot be read")
		require.ErrorContains(t, f.check("b"), "cannot be read")
	})
}

// racing lets another process write just before each commit.
type racing struct {
	storage.Store
	now *time.Time
}

func (r racing) Commit(ctx context.Context, b storage.Batch) error {
	now := *r.now
	other := storage.WatchClock(r.Store, func() time.Time { return now }, rand.Reader)
	if err := other.Check(ctx); err != nil {
		return err
	}
	return r.Store.Commit(ctx, b)
}
