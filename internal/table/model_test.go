package table_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// order is the record that every update of the model reads and writes: the ids
// in it say in which order they took effect.
const order = "order"

var records = []string{"x/0", "x/1", "x/2"}

var errRefused = errors.New("refused")

// plan is one update: what it reads, and what it does to what it reads.
type plan struct {
	id      string
	names   []string          // order among them; the first decides on the gate
	does    map[string]string // by name: "put", "delete", "check" or ""
	removes string            // a record that it has not read, or ""
	refuses int               // it refuses on every so many-th state; 0: on none
	leaves  time.Duration     // when its caller leaves; 0: never

	saw map[string][]string // by the function's last run that did not find its own effect
	err error
}

func drawPlan(t *rapid.T, id string) *plan {
	p := &plan{id: id, does: map[string]string{}}
	p.names = append(slices.Clone(rapid.Permutation(records).Draw(t, "records")[:rapid.IntRange(0, 3).Draw(t, "reads")]), order)
	for _, name := range p.names[:len(p.names)-1] {
		p.does[name] = rapid.SampledFrom([]string{"put", "put", "delete", "check", ""}).Draw(t, "does")
	}
	if unread := slices.DeleteFunc(slices.Clone(records), func(n string) bool { return slices.Contains(p.names, n) }); len(unread) > 0 &&
		rapid.IntRange(0, 9).Draw(t, "removes") == 0 {
		p.removes = unread[0]
	}
	if rapid.IntRange(0, 2).Draw(t, "same gate") > 0 {
		slices.Reverse(p.names)
	}
	if rapid.IntRange(0, 3).Draw(t, "may refuse") == 0 {
		p.refuses = rapid.IntRange(1, 4).Draw(t, "refuses")
	}
	if rapid.IntRange(0, 5).Draw(t, "may leave") == 0 {
		p.leaves = time.Duration(rapid.IntRange(1, 1000).Draw(t, "leaves")) * time.Microsecond
	}
	return p
}

// update is the plan as a function for Update. It writes to the plan as real ones
// write to their caller's variables.
func (p *plan) update(tx *table.Tx) error {
	saw, all := map[string][]string{}, map[string]count{}
	for _, name := range p.names {
		c, ok, err := table.Get[count](tx.View, name)
		if err != nil {
			return err
		}
		if all[name] = c; ok {
			saw[name] = slices.Clone(c.IDs)
		}
	}
	if slices.Contains(saw[order], p.id) {
		return nil
	}
	if p.saw = saw; p.refuses > 0 && len(saw[order])%p.refuses == 0 {
		return errRefused
	}
	write := func(name string) error {
		c := all[name]
		c.IDs = append(c.IDs, p.id)
		return table.Put(tx, name, c, time.Time{})
	}
	var errs []error
	for name, what := range p.does {
		switch what {
		case "put":
			errs = append(errs, write(name))
		case "delete":
			tx.Delete(name)
		case "check":
			tx.Check(name)
		}
	}
	if p.removes != "" {
		tx.Remove(p.removes)
	}
	row, err := table.NewRow("audit/"+p.id, count{}, time.Time{})
	tx.Add(row)
	return errors.Join(append(errs, err, write(order))...)
}

// replay does to the state what the plan says.
func (p *plan) replay(state map[string][]string) {
	for name, what := range p.does {
		switch what {
		case "put":
			state[name] = append(state[name], p.id)
		case "delete":
			delete(state, name)
		}
	}
	if p.removes != "" {
		delete(state, p.removes)
	}
	state[order] = append(state[order], p.id)
}

// Property: whatever many goroutines change at once, over a line that loses
// replies, with refusals and callers that leave, is what the same updates do one
// after another. Each has exactly one effect if it was told so, none if it
// refused, and at most one if its caller left; each saw what it would have seen
// in its turn, and refused on something that really was.
func TestUpdatesAreAsIfOneAfterAnother(t *testing.T) {
	var changes, commits int64 // that were applied
	rapid.Check(t, func(rt *rapid.T) {
		far := &slow{Store: memory.New()}
		store := storagetest.Strict(t, far)
		if every := rapid.IntRange(3, 8).Draw(rt, "replies lost"); every < 8 {
			store = storagetest.Lossy(store, every)
		}
		spaces := make([]*table.Space, rapid.IntRange(1, 2).Draw(rt, "processes"))
		for i := range spaces {
			spaces[i] = space(store)
		}
		plans := make([]*plan, rapid.IntRange(2, 32).Draw(rt, "updates"))
		for i := range plans {
			plans[i] = drawPlan(rt, fmt.Sprint(i))
		}
		var wg sync.WaitGroup
		for i, p := range plans {
			wg.Go(func() { p.carryOut(spaces[i%len(spaces)]) })
		}
		wg.Wait()

		is := stored(rt, spaces[0])
		state := map[string][]string{}
		for _, id := range is[order] {
			n, err := strconv.Atoi(id)
			require.NoError(rt, err)
			p := plans[n]
			seen := map[string][]string{}
			for _, name := range p.names {
				if ids, ok := state[name]; ok {
					seen[name] = slices.Clone(ids)
				}
			}
			require.Equal(rt, seen, p.saw, "update %s did not see what was there in its turn", id)
			p.replay(state)
		}
		require.Equal(rt, state, is)
		for _, p := range plans {
			switch done := slices.Contains(is[order], p.id); {
			case errors.Is(p.err, errRefused):
				require.False(rt, done)
				n := min(len(is[order]), len(p.saw[order]))
				require.True(rt, slices.Equal(is[order][:n], p.saw[order]), "%s refused on what never was: %v", p.id, p.saw[order])
			case p.leaves > 0 && errors.Is(p.err, storage.ErrUnavailable): // who knows
			default:
				require.NoError(rt, p.err)
				require.True(rt, done)
			}
		}
		rows, _, err := spaces[0].Scan(context.Background(), 0, "audit/", "", storage.MaxScan)
		require.NoError(rt, err)
		require.Len(rt, rows, len(is[order]))
		changes, commits = changes+int64(len(is[order])), commits+far.applied.Load()
	})
	require.Less(t, commits, changes, "none shared a commit, so this test shows nothing")
}

func (p *plan) carryOut(s *table.Space) {
	ctx, cancel := context.WithCancel(context.Background())
	if p.leaves > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.leaves)
	}
	defer cancel()
	_, p.err = s.Update(ctx, 0, p.names, p.update)
}

// stored returns what the records say.
func stored(t *rapid.T, s *table.Space) map[string][]string {
	v, err := s.Read(context.Background(), 0, append(slices.Clone(records), order)...)
	require.NoError(t, err)
	is := map[string][]string{}
	for _, name := range append(slices.Clone(records), order) {
		c, ok, err := table.Get[count](v, name)
		require.NoError(t, err)
		if ok {
			is[name] = c.IDs
		}
	}
	return is
}

// slow is a store that takes long enough for a line to form, and counts what it
// applies.
type slow struct {
	storage.Store
	applied atomic.Int64
}

func (s *slow) Commit(ctx context.Context, b storage.Batch) error {
	time.Sleep(100 * time.Microsecond)
	err := s.Store.Commit(ctx, b)
	if err == nil {
		s.applied.Add(1)
	}
	return err
}
