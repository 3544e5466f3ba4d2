package enginetest

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// tally is a record that finds its own effects again.
type tally struct {
	N    int            `json:"n"`
	Done map[string]int `json:"done"` // by caller, the last that it counted
}

// AU-24: one commit in five is applied and then reported as a broken connection.
// A thousand mutations have a thousand effects, in the record and beside it, from
// as many processes as callers and from two whose callers share commits.
func TestLostRepliesCountOnce(t *testing.T) {
	const callers = 8
	mutations := times(200, 1000)
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		for _, processes := range []int{callers, 2} {
			lose(t, e.Open(t), fmt.Sprint("of-", processes), callers, processes, mutations)
		}
	})
}

func lose(t *testing.T, s storage.Store, tenant string, callers, processes, mutations int) {
	spaces := make([]*table.Space, processes)
	for i := range spaces {
		spaces[i] = table.New(storagetest.Lossy(s, 5), tenant, time.Now, rand.Reader)
	}
	var next atomic.Int64
	require.NoError(t, each(callers, func(c int) error {
		space := spaces[c%processes]
		for n := int(next.Add(1)); n <= mutations; n = int(next.Add(1)) {
			_, err := space.Update(t.Context(), 0, []string{"tally"}, func(tx *table.Tx) error {
				all, _, err := table.Get[tally](tx.View, "tally")
				if err != nil {
					return err
				}
				me := fmt.Sprint(c)
				if all.Done[me] == n {
					return nil // arrived, although nobody said so
				}
				if all.Done == nil {
					all.Done = map[string]int{}
				}
				all.N++
				all.Done[me] = n
				effect, err := table.NewRow("effect/"+rand.Text(), struct{}{}, time.Time{})
				if err != nil {
					return err
				}
				tx.Add(effect)
				return table.Put(tx, "tally", all, time.Time{})
			})
			if err != nil {
				return fmt.Errorf("mutation %d: %w", n, err)
			}
		}
		return nil
	}))
	space := table.New(s, tenant, time.Now, rand.Reader)
	view, err := space.Read(t.Context(), 0, "tally")
	require.NoError(t, err)
	all, _, err := table.Get[tally](view, "tally")
	require.NoError(t, err)
	require.Equal(t, mutations, all.N)
	effects, _, err := space.Scan(t.Context(), 0, "effect/", "", storage.MaxScan)
	require.NoError(t, err)
	require.Len(t, effects, mutations)
}
