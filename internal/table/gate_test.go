package table_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// Whoever waits leaves with its context, to the millisecond, and its function
// does not run after that: it would write to its caller's variables (the race
// detector looks). A store that hangs keeps the gate shut no longer than somebody
// waits for it.
func TestWhoeverLeavesIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, memory.New())
		for i := range 40 {
			patience := time.Duration(1+i) * trip / 4
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			begun, runs := time.Now(), 0
			crowd.come(ctx, []string{"x/1"}, func(tx *table.Tx) error {
				runs++
				return one(fmt.Sprint(i))(tx)
			}, func(err error) {
				cancel()
				require.ErrorIs(t, err, storage.ErrUnavailable)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, patience, time.Since(begun))
				runs++
			})
			if i == 20 {
				crowd.far.hangs.Store(true)
			}
		}
		crowd.wg.Wait()
		crowd.far.hangs.Store(false)
		begun := time.Now()
		crowd.come(t.Context(), []string{"x/1"}, one("last"), fine(t))
		crowd.wg.Wait()
		require.Equal(t, trip, time.Since(begun), "the gate is open")
	})
}

// Of many who never stop, nobody waits longer than for the
// commit on its way and its own.
func TestABusyRecordIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := &distant{Store: memory.New()}
		s := space(far)
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 50 {
					begun := time.Now()
					_, err := s.Update(t.Context(), 0, []string{"x/1"}, func(tx *table.Tx) error {
						c, _, err := table.Get[count](tx.View, "x/1")
						c.N++
						return errors.Join(err, table.Put(tx, "x/1", c, time.Time{}))
					})
					require.NoError(t, err)
					require.LessOrEqual(t, time.Since(begun), 2*trip)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 64*50, read(t, s, "x/1").N)
	})
}

// Beside a process that writes without a break, a crowd gets through: it asks for
// less each time that the other was faster.
func TestACrowdWinsBesideOneThatIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		crowd, other, begun := newCrowd(t, store), space(store), time.Now()
		var left atomic.Int32
		rewrite := func(tx *table.Tx) error {
			c, _, err := table.Get[count](tx.View, "x/1")
			c.N++
			return errors.Join(err, table.Put(tx, "x/1", c, time.Time{}))
		}
		for range 64 {
			left.Add(1)
			crowd.come(t.Context(), []string{"x/1"}, func(tx *table.Tx) error {
				time.Sleep(trip / 10) // what a function costs, large for once
				return rewrite(tx)
			}, func(err error) {
				left.Add(-1)
				require.NoError(t, err)
			})
		}
		for left.Load() > 0 {
			time.Sleep(3 * trip)
			_, err := other.Update(t.Context(), 0, []string{"x/1"}, rewrite)
			require.NoError(t, err)
		}
		crowd.wg.Wait()
		require.Less(t, time.Since(begun), time.Second)
	})
}

// A store that is down keeps a crowd no longer than one caller.
func TestACrowdIsToldTogetherThatTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd, begun := newCrowd(t, &falling{Store: memory.New()}), time.Now()
		for i := range 100 {
			crowd.come(t.Context(), []string{"x/1"}, one(fmt.Sprint(i)), func(err error) { require.ErrorIs(t, err, errDown) })
		}
		crowd.wg.Wait()
		require.Less(t, time.Since(begun), 500*time.Millisecond)
	})
}

// A store that panics does so on the goroutines of those who asked, where the host can recover it, and the gate goes on.
func TestAPanicOfTheStoreIsEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bomb := &exploding{Store: memory.New()}
		crowd := newCrowd(t, bomb)
		bomb.armed.Store(true)
		for i := range 3 {
			crowd.wg.Go(func() {
				require.PanicsWithValue(t, "boom", func() {
					_, _ = crowd.space.Update(t.Context(), 0, []string{"x/1"}, one(fmt.Sprint(i)))
				})
			})
		}
		synctest.Wait()
		time.Sleep(10 * trip)
		synctest.Wait()
		crowd.come(t.Context(), []string{"x/1"}, one("after"), fine(t))
		crowd.wg.Wait()
		require.Equal(t, []string{"first", "after"}, read(t, crowd.space, "x/1").IDs)
	})
}

// exploding is a store whose next commit with more than one count panics.
type exploding struct {
	storage.Store
	armed atomic.Bool
}

func (e *exploding) Commit(ctx context.Context, b storage.Batch) error {
	if len(b.Ops) > 2 && e.armed.CompareAndSwap(true, false) {
		panic("boom")
	}
	return e.Store.Commit(ctx, b)
}

// falling is a store that goes down after its first commit.
type falling struct {
	storage.Store
	down bool
}

func (f *falling) Commit(ctx context.Context, b storage.Batch) error {
	if f.down {
		return errDown
	}
	f.down = true
	return f.Store.Commit(ctx, b)
}
