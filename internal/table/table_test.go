package table_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

type count struct {
	N   int      `json:"n"`
	IDs []string `json:"ids,omitempty"`
}

func space(s storage.Store) *table.Space { return table.New(s, "acme", time.Now, rand.Reader) }

// add is a mutation as the rules ask for it: it finds its own effect by an id.
func add(ctx context.Context, s *table.Space, name, id string) error {
	_, err := s.Update(ctx, 0, []string{name}, func(tx *table.Tx) error {
		c, _, err := table.Get[count](tx.View, name)
		if err != nil {
			return err
		}
		for _, done := range c.IDs {
			if done == id {
				return nil
			}
		}
		c.N++
		c.IDs = append(c.IDs, id)
		return table.Put(tx, name, c, time.Time{})
	})
	return err
}

func read(t *testing.T, s *table.Space, name string) count {
	t.Helper()
	v, err := s.Read(t.Context(), 0, name)
	require.NoError(t, err)
	c, _, err := table.Get[count](v, name)
	require.NoError(t, err)
	return c
}

// AU-24: nobody's update is lost, with one process's gate and across processes.
func TestParallelUpdatesAllCount(t *testing.T) {
	for _, spaces := range []int{1, 4} {
		t.Run(fmt.Sprint(spaces, " processes"), func(t *testing.T) {
			store := storagetest.Strict(t, memory.New())
			all := make([]*table.Space, spaces)
			for i := range all {
				all[i] = space(store)
			}
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					if err := add(t.Context(), all[i%spaces], "x/1", fmt.Sprint(i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, 64, read(t, all[0], "x/1").N)
		})
	}
}

// A store that applies a commit and then loses the reply, one time in five.
func TestLostRepliesChangeNothingTwice(t *testing.T) {
	store := storagetest.Lossy(memory.New(), 5)
	s := space(store)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				if err := add(t.Context(), s, "x/1", fmt.Sprint(w, "-", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 200, read(t, s, "x/1").N)
}

// Rows that were added with a change whose reply was lost are found by their version.
func TestLostReplyOfAnAddedRow(t *testing.T) {
	lossy := storagetest.Lossy(memory.New(), 1) // every reply is lost
	s := space(lossy)
	runs := 0
	_, err := s.Update(t.Context(), 0, nil, func(tx *table.Tx) error {
		runs++
		op, err := table.NewRow("audit/1", count{N: 1}, time.Time{})
		tx.Add(op)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 1, runs)
}

func TestAnUpdateEnds(t *testing.T) {
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := add(ctx, space(memory.New()), "x/1", "a")
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("after five seconds of conflicts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := add(t.Context(), space(alwaysConflict{memory.New()}), "x/1", "a")
			require.ErrorIs(t, err, storage.ErrUnavailable)
			require.InDelta(t, 5, time.Since(began).Seconds(), 0.1)
		})
	})
	t.Run("when the store is down", func(t *testing.T) {
		err := add(t.Context(), space(down{memory.New()}), "x/1", "a")
		require.ErrorIs(t, err, storage.ErrUnavailable)
		require.ErrorIs(t, err, errDown)
	})
	t.Run("when the function says so, with nothing written", func(t *testing.T) {
		s, boom := space(memory.New()), errors.New("boom")
		_, err := s.Update(t.Context(), 0, []string{"x/1"}, func(tx *table.Tx) error {
			require.NoError(t, table.Put(tx, "x/1", count{N: 1}, time.Time{}))
			return boom
		})
		require.ErrorIs(t, err, boom)
		require.Zero(t, read(t, s, "x/1").N)
	})
}

type alwaysConflict struct{ storage.Store }

func (alwaysConflict) Commit(context.Context, storage.Batch) error { return storage.ErrConflict }

type down struct{ storage.Store }

var errDown = errors.New("no route to host")

func (down) Commit(context.Context, storage.Batch) error { return errDown }

// S26: a record is gone from the instant of its expiry on, whatever the engine still returns.
func TestExpiredRecordsAreAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := space(memory.New())
		put := func(n int, life time.Duration) {
			_, err := s.Update(t.Context(), 0, []string{"x/1"}, func(tx *table.Tx) error {
				return table.Put(tx, "x/1", count{N: n}, tx.Now().Add(life))
			})
			require.NoError(t, err)
		}
		put(1, time.Minute)
		time.Sleep(time.Minute - time.Millisecond)
		require.Equal(t, 1, read(t, s, "x/1").N)
		time.Sleep(time.Millisecond)
		require.Zero(t, read(t, s, "x/1").N)
		rows, _, err := s.Scan(t.Context(), 0, "x/", "", 10)
		require.NoError(t, err)
		require.Empty(t, rows)
		put(2, time.Minute) // its place is free
		require.Equal(t, 2, read(t, s, "x/1").N)
	})
}

// S8: a record that cannot be read is an error, never an absent one.
func TestRecordsThatCannotBeRead(t *testing.T) {
	for _, c := range []struct{ value, because string }{
		{``, "empty"}, {`{`, "truncated"}, {`[]`, "not an object"}, {`null`, "null"},
		{`{"n":1}`, "no format version"}, {`{"v":0,"n":1}`, "format zero"}, {`{"v":"1"}`, "format is a string"},
		{`{"v":2,"n":1}`, "written by a newer version"}, {`{"v":1,"n":"one"}`, "a member of the wrong type"},
		{`{"v":1,"n":1}{"v":1}`, "something follows it"},
		{`"n":1,"v":1}`, "its beginning is missing"}, {`{"n":"one","v":1}`, "a member of the wrong type before a format"},
		{`[{"n":1,"v":1}`, "truncated behind a format"}, {`{"n":1,"ids":{"n":1,"v":1}}`, "a format, but not its own"},
	} {
		store := memory.New()
		require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{
			{Act: storage.Put, Name: "x/1", Cond: storage.Any, Value: []byte(c.value), Version: storage.Version{1}}}}))
		s := space(store)
		v, err := s.Read(t.Context(), 0, "x/1")
		require.NoError(t, err)
		_, ok, err := table.Get[count](v, "x/1")
		require.ErrorIs(t, err, table.ErrCorrupt, c.because)
		require.False(t, ok)
		require.True(t, v.Has("x/1"))
	}
}

// In a fleet that is being upgraded, an old process keeps what a newer one wrote.
func TestUnknownMembersSurviveARewrite(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{
		{Act: storage.Put, Name: "x/1", Cond: storage.Any, Value: []byte(`{"v":1,"n":1,"ids":["old"],"newer":{"a":[1,2]}}`), Version: storage.Version{1}}}}))
	s := space(store)
	_, err := s.Update(t.Context(), 0, []string{"x/1"}, func(tx *table.Tx) error {
		return table.Put(tx, "x/1", count{N: 2}, time.Time{})
	})
	require.NoError(t, err)
	recs, err := store.Get(t.Context(), "acme/00", "x/1")
	require.NoError(t, err)
	require.JSONEq(t, `{"v":1,"n":2,"newer":{"a":[1,2]}}`, string(recs[0].Value), "ids is known, and was left out on purpose")
}

// S20: no component reaches into another's names, and none is too long.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{[]string{"actor", "mia", "lock", "pwd"}, "actor/mia/lock/pwd"},
		{[]string{"actor", "mia/lock", "pwd"}, "actor/mia%2flock/pwd"},
		{[]string{"actor", "m%2fa"}, "actor/m%252fa"},
		{[]string{"actor", "~x"}, "actor/%7ex"},
		{[]string{"actor", "Zoë'\"\\"}, "actor/Zo%c3%ab%27%22%5c"},
	} {
		require.Equal(t, c.want, table.Name(c.parts...))
	}
	long := table.Name("actor", strings.Repeat("é", 128), strings.Repeat("/", 128), strings.Repeat("x", 300))
	require.LessOrEqual(t, len(long), storage.MaxName)
	require.NotEqual(t, table.Name("a", strings.Repeat("é", 100)), table.Name("a", strings.Repeat("é", 101)))
	for i := range table.Shard(table.Shards) {
		back, ok := table.ParseShard(i.String())
		require.True(t, ok)
		require.Equal(t, i, back)
	}
	_, ok := table.ParseShard("40")
	require.False(t, ok)
}

// Fuzz target of stored records: damage is an error, never a panic, and what is read survives a rewrite.
func FuzzStoredRecord(f *testing.F) {
	for _, s := range []string{`{"v":1,"n":1}`, `{"v":1,"n":1,"ids":["a"],"x":{}}`, `{"v":2}`, `{`, ``, `{"v":1,"v":2}`, `{"v":1e0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > storage.MaxValue {
			t.Skip("no store takes it")
		}
		store := memory.New()
		err := store.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{
			{Act: storage.Put, Name: "x/1", Cond: storage.Any, Value: value, Version: storage.Version{1}}}})
		require.NoError(t, err)
		s := space(store)
		var before count
		_, err = s.Update(t.Context(), 0, []string{"x/1"}, func(tx *table.Tx) error {
			c, ok, err := table.Get[count](tx.View, "x/1")
			if err != nil {
				require.ErrorIs(t, err, table.ErrCorrupt)
				return err
			}
			require.True(t, ok)
			before = c
			return table.Put(tx, "x/1", c, time.Time{})
		})
		if err != nil {
			return
		}
		require.Equal(t, before.N, read(t, s, "x/1").N)
	})
}
