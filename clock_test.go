package symbolon_test

import (
	"context"
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
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var off atomic.Int64
			off.Store(-int64(time.Minute))
			right, slow := realmAt(t, store, nil), realmAt(t, store, func() time.Time { return time.Now().Add(time.Duration(off.Load())) })
			go func() { _ = right.WatchClock(ctx) }()
			time.Sleep(time.Second)
			go func() { _ = slow.WatchClock(ctx) }()
			synctest.Wait()
			require.NoError(t, get(right))
			require.ErrorIs(t, get(slow), symbolon.ErrUnavailable, "a minute behind")
			off.Store(0)
			time.Sleep(2 * time.Second)
			require.NoError(t, get(slow))
			stop()
		})
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
		go func() { _ = r.WatchClock(ctx) }()
		synctest.Wait()
		for range 3 {
			began := time.Now()
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			_, err := r.Parts(seal.Ours()).Store.Get(short, "acme/00", "x")
			cancel()
			require.Error(t, err)
			require.LessOrEqual(t, time.Since(began), 100*time.Millisecond)
			time.Sleep(time.Second)
		}
		stop()
	})
}
