package table_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// trip is how long the store of these tests takes to commit.
const trip = time.Millisecond

// distant is a store whose commits take a trip, or never end.
type distant struct {
	storage.Store
	hangs atomic.Bool
}

func (d *distant) Commit(ctx context.Context, b storage.Batch) error {
	way := time.After(trip)
	if d.hangs.Load() {
		way = nil
	}
	select {
	case <-way:
		return d.Store.Commit(ctx, b)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// crowd is a record at which one update is on its way, and those wait who come
// while it is. It runs in a synctest bubble.
type crowd struct {
	t     *testing.T
	store *storagetest.Counted
	far   *distant
	space *table.Space
	wg    sync.WaitGroup
}

func newCrowd(t *testing.T, inner storage.Store) *crowd {
	far := &distant{Store: inner}
	c := &crowd{t: t, far: far, store: storagetest.Counting(far)}
	c.space = space(c.store)
	c.come(t.Context(), []string{"x/1"}, one("first"), fine(t))
	return c
}

// come lets another caller arrive behind all those who are here.
func (c *crowd) come(ctx context.Context, names []string, f func(*table.Tx) error, then func(error)) {
	c.wg.Go(func() {
		_, err := c.space.Update(ctx, 0, names, f)
		then(err)
	})
	synctest.Wait()
}

// one counts in the record that everybody wants, and adds a row for it.
func one(id string) func(*table.Tx) error {
	return func(tx *table.Tx) error {
		c, _, err := table.Get[count](tx.View, "x/1")
		if err != nil {
			return err
		}
		for _, done := range c.IDs {
			if done == id {
				return nil
			}
		}
		c.N, c.IDs = c.N+1, append(c.IDs, id)
		row, err := table.NewRow("audit/"+id, count{N: 1}, time.Time{})
		tx.Add(row)
		return errors.Join(err, table.Put(tx, "x/1", c, time.Time{}))
	}
}

func (c *crowd) rows() (names []string) {
	rows, _, err := c.space.Scan(context.Background(), 0, "audit/", "", 1000)
	require.NoError(c.t, err)
	for _, r := range rows {
		names = append(names, strings.TrimPrefix(r.Name, "audit/"))
	}
	return names
}

func fine(t *testing.T) func(error) { return func(err error) { require.NoError(t, err) } }

// Those who wait share a read and a commit, in the order in which they came, and
// no batch leaves the bounds of the contract for it (Strict looks).
func TestWhoWaitsSharesACommit(t *testing.T) {
	for _, c := range []struct {
		waiting, commits int
		because          string
	}{
		{0, 1, "one alone is one commit"},
		{1, 2, "one that waits is alone, too"},
		{20, 2, "all who wait go together"},
		{31, 2, "31 rows and the record are 32 ops"},
		{32, 3, "the 32nd row goes with the next commit"},
		{100, 5, "100 = 31 + 31 + 31 + 7"},
	} {
		synctest.Test(t, func(t *testing.T) {
			crowd, begun := newCrowd(t, storagetest.Strict(t, memory.New())), time.Now()
			want := []string{"first"}
			for i := range c.waiting {
				want = append(want, fmt.Sprint(i))
				crowd.come(t.Context(), []string{"x/1"}, one(fmt.Sprint(i)), fine(t))
			}
			crowd.wg.Wait()
			require.Equal(t, time.Duration(c.commits)*trip, time.Since(begun), c.because)
			require.EqualValues(t, c.commits, crowd.store.Commits.Load(), c.because)
			require.EqualValues(t, c.commits, crowd.store.Gets.Load(), c.because)
			require.Equal(t, want, read(t, crowd.space, "x/1").IDs, "first come, first served")
			require.Len(t, crowd.rows(), 1+c.waiting)
		})
	}
}

// The values of a batch have a bound, too: who does not fit goes with the next.
func TestALargeRecordDoesNotCrowdOutOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, storagetest.Strict(t, memory.New()))
		for i := range 3 {
			names := make([]string, 12)
			for j := range names {
				names[j] = fmt.Sprintf("x/%d/%d", i, j)
			}
			crowd.come(t.Context(), append([]string{"x/1"}, names...), func(tx *table.Tx) error {
				err := one(fmt.Sprint(i))(tx)
				for _, name := range names {
					err = errors.Join(err, table.Put(tx, name, count{IDs: []string{strings.Repeat("x", storage.MaxValue-100)}}, time.Time{}))
				}
				return err
			}, fine(t))
		}
		crowd.wg.Wait()
		require.Equal(t, 4, read(t, crowd.space, "x/1").N)
		require.EqualValues(t, 3, crowd.store.Commits.Load(), "first; 0 and 1; 2")
	})
}

// What one update asks for harms nobody who shares its commit.
func TestOnesFaultIsOnesOwn(t *testing.T) {
	boom := errors.New("boom")
	remove := func(name string) func(*table.Tx) error {
		return func(tx *table.Tx) error { tx.Remove(name); return nil }
	}
	put := func(name string, life time.Duration) func(*table.Tx) error {
		return func(tx *table.Tx) error { return table.Put(tx, name, count{N: 1}, tx.Now().Add(life)) }
	}
	both := func(f, g func(*table.Tx) error) func(*table.Tx) error {
		return func(tx *table.Tx) error { return errors.Join(f(tx), g(tx)) }
	}
	for _, c := range []struct {
		because string
		names   []string
		f       func(*table.Tx) error
		want    error
		there   bool // whether its row is
	}{
		{"an error ends only its own update, with nothing of it written", nil, both(one("odd"), func(*table.Tx) error { return boom }), boom, false},
		{"an op that no store takes", []string{"x/2"}, both(one("odd"), put("x/2", -60*365*24*time.Hour)), storage.ErrInvalid, false},
		{"two ops on one record", nil, both(one("odd"), one("odd")), storage.ErrInvalid, false},
		{"a name that no store takes", []string{strings.Repeat("x", storage.MaxName+1)}, one("odd"), storage.ErrInvalid, false},
		{"more names than a read takes", many(storage.MaxOps), one("odd"), storage.ErrInvalid, false},
		{"another list of names", []string{"x/2", "x/3"}, both(one("odd"), put("x/3", time.Hour)), nil, true},
		{"names that do not fit with the others' into one read", many(storage.MaxOps - 2), one("odd"), nil, true},
		{"a row that somebody in company added is removed", nil, both(one("odd"), remove("audit/a")), nil, true},
		{"nothing to write", nil, func(*table.Tx) error { return nil }, nil, false},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				crowd := newCrowd(t, memory.New()) // Strict would complain of what is invalid on purpose
				crowd.come(t.Context(), []string{"x/1", "x/2"}, one("a"), fine(t))
				crowd.come(t.Context(), append([]string{"x/1"}, c.names...), c.f, func(err error) { require.ErrorIs(t, err, c.want) })
				crowd.come(t.Context(), []string{"x/1", "x/2"}, one("b"), fine(t))
				crowd.wg.Wait()
				is := read(t, crowd.space, "x/1")
				require.Subset(t, is.IDs, []string{"a", "b"})
				if c.there {
					require.Contains(t, crowd.rows(), "odd")
				} else {
					require.NotContains(t, crowd.rows(), "odd")
					require.NotContains(t, is.IDs, "odd")
				}
			})
		})
	}
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("y/", i))
	}
	return names
}

// Of two rows under one name the second is not written over the first: an entry of
// the audit would be gone.
func TestARowIsNotLostToAnotherOfItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, memory.New())
		crowd.come(t.Context(), []string{"x/1"}, one("a"), fine(t))
		crowd.come(t.Context(), []string{"x/1"}, func(tx *table.Tx) error {
			row, err := table.NewRow("audit/a", count{N: 2}, time.Time{})
			tx.Add(row)
			return errors.Join(err, table.Put(tx, "x/1", count{}, time.Time{}))
		}, func(err error) { require.ErrorIs(t, err, storage.ErrUnavailable) })
		crowd.wg.Wait()
		require.Equal(t, 2, read(t, crowd.space, "x/1").N)
		require.Equal(t, 1, read(t, crowd.space, "audit/a").N)
	})
}

// A panic is its caller's own, and the gate goes on.
func TestAPanicHarmsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, memory.New())
		crowd.come(t.Context(), []string{"x/1"}, one("a"), fine(t))
		crowd.wg.Go(func() {
			require.PanicsWithValue(t, "boom", func() {
				_, _ = crowd.space.Update(t.Context(), 0, []string{"x/1"}, func(*table.Tx) error { panic("boom") })
			})
		})
		synctest.Wait()
		crowd.come(t.Context(), []string{"x/1"}, one("b"), fine(t))
		crowd.wg.Wait()
		require.Equal(t, []string{"first", "a", "b"}, read(t, crowd.space, "x/1").IDs)
	})
}

// Who panics is not waited for: when the others have left a store that hangs, the gate opens.
func TestAPanicKeepsNoGateShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, memory.New())
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		crowd.come(soon, []string{"x/1"}, one("leaves"), func(err error) { require.Error(t, err) })
		crowd.wg.Go(func() {
			require.Panics(t, func() {
				_, _ = crowd.space.Update(soon, 0, []string{"x/1"}, func(*table.Tx) error { panic("boom") })
			})
		})
		synctest.Wait()
		time.Sleep(trip / 2)
		crowd.far.hangs.Store(true) // for the commit of those two; the first is under way
		time.Sleep(200 * time.Millisecond)
		crowd.far.hangs.Store(false)
		begun := time.Now()
		crowd.come(t.Context(), []string{"x/1"}, one("next"), fine(t))
		crowd.wg.Wait()
		require.Less(t, time.Since(begun), time.Second)
	})
}

// Continue starts from what it was given when it is alone, and from what is
// stored in company. What an update in company returns is what was committed, so
// that a Continue from it goes through without a read.
func TestContinueInCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd := newCrowd(t, memory.New())
		stale, err := crowd.space.Read(t.Context(), 0, "x/1")
		require.NoError(t, err)
		var after [3]*table.View
		for i, id := range []string{"a", "b", "c"} {
			crowd.wg.Go(func() {
				var err error
				after[i], err = crowd.space.Continue(t.Context(), stale, one(id))
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		crowd.wg.Wait()
		require.EqualValues(t, 2, crowd.store.Commits.Load())
		for _, v := range after {
			is, _, err := table.Get[count](v, "x/1")
			require.NoError(t, err)
			require.Equal(t, []string{"first", "a", "b", "c"}, is.IDs)
		}
		gets := crowd.store.Gets.Load()
		_, err = crowd.space.Continue(t.Context(), after[0], one("d"))
		require.NoError(t, err)
		require.Equal(t, []int64{gets, 3}, []int64{crowd.store.Gets.Load(), crowd.store.Commits.Load()})
	})
}

// A refusal in company rests on writes that are not stored yet. Here they never
// are: whoever took the seat leaves, and the seat is free for the next.
func TestNobodyIsRefusedForWhatDidNotHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := errors.New("the seat is taken")
		sit := func(id string) func(*table.Tx) error {
			return func(tx *table.Tx) error {
				switch who, ok, err := table.Get[count](tx.View, "seat"); {
				case err != nil || ok && who.IDs[0] == id:
					return err
				case ok:
					return taken
				}
				return table.Put(tx, "seat", count{IDs: []string{id}}, time.Time{})
			}
		}
		crowd := newCrowd(t, &refusing{Store: memory.New(), after: 1})
		names := []string{"x/1", "seat"}
		ctx, cancel := context.WithTimeout(t.Context(), 2*trip) // ends with the conflict
		defer cancel()
		crowd.come(ctx, names, sit("mia"), func(err error) { require.ErrorIs(t, err, context.DeadlineExceeded) })
		crowd.come(t.Context(), names, sit("tom"), fine(t))
		crowd.come(t.Context(), names, sit("eve"), func(err error) { require.ErrorIs(t, err, taken) })
		crowd.wg.Wait()
		require.Equal(t, []string{"tom"}, read(t, crowd.space, "seat").IDs)
	})
}

// refusing answers one commit with a conflict, after so many.
type refusing struct {
	storage.Store
	after int
}

func (r *refusing) Commit(ctx context.Context, b storage.Batch) error {
	if r.after--; r.after == -1 {
		return storage.ErrConflict
	}
	return r.Store.Commit(ctx, b)
}
