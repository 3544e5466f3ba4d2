package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/enginetest/fleet"
	"github.com/symbolon-auth/symbolon/storage"
)

const (
	processes  = 4
	goroutines = 16
	rounds     = 20
	transfers  = 25
)

// Each process sends each round 16 callers after one name. However many there
// are, each name has one winner.
func TestOneWinnerInFourProcesses(t *testing.T) {
	engines.EachShared(t, func(t *testing.T, e engines.Engine) {
		sum := 0
		for i, line := range fleet.Run(t, processes, "single-winner", e.Name, e.At) {
			won, err := strconv.Atoi(line)
			require.NoError(t, err)
			t.Logf("process %d won %d of %d", i, won, rounds)
			sum += won
		}
		require.Equal(t, rounds, sum)

		found, err := e.Open(t).Scan(t.Context(), "fleet", "prize/", "", storage.MaxScan)
		require.NoError(t, err)
		require.Len(t, found, rounds)
	})
}

func singleWinner(m *fleet.Member) (string, error) {
	ctx := context.Background()
	s, closeAll, err := engines.Connect(ctx, m.Args[0], m.Args[1])
	if err != nil {
		return "", err
	}
	var won atomic.Int64
	for round := range rounds {
		m.Ready()
		if err := each(goroutines, func(int) error {
			o := put(fmt.Sprintf("prize/%02d", round), fmt.Sprint("process ", m.Number))
			o.Cond = storage.Absent
			err := commit(ctx, s, o)
			if err == nil {
				won.Add(1)
			}
			if errors.Is(err, storage.ErrConflict) {
				return nil
			}
			return err
		}); err != nil {
			return "", err
		}
	}
	return fmt.Sprint(won.Load()), closeAll()
}

// Money moves between two records in all processes at once, and none is lost.
func TestSumsAreKeptInFourProcesses(t *testing.T) {
	engines.EachShared(t, func(t *testing.T, e engines.Engine) {
		s := e.Open(t)
		require.NoError(t, commit(t.Context(), s, put("left", "1000"), put("right", "1000")))
		fleet.Run(t, processes, "transfer", e.Name, e.At)
		left, right, _, err := balances(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, 2000, left+right)
		require.Equal(t, 1000+processes*transfers, left, "each transfer moved 1 to the left, once")
	})
}

func transfer(m *fleet.Member) (string, error) {
	ctx := context.Background()
	s, closeAll, err := engines.Connect(ctx, m.Args[0], m.Args[1])
	if err != nil {
		return "", err
	}
	m.Ready()
	for done := 0; done < transfers; {
		left, right, found, err := balances(ctx, s)
		if err != nil {
			return "", err
		}
		if left+right != 2000 {
			return "", fmt.Errorf("one Get saw %d and %d", left, right)
		}
		l, r := put("left", fmt.Sprint(left+1)), put("right", fmt.Sprint(right-1))
		l.Cond, l.If = storage.Match, found[0].Version
		r.Cond, r.If = storage.Match, found[1].Version
		switch err := commit(ctx, s, l, r); {
		case err == nil:
			done++
		case !errors.Is(err, storage.ErrConflict):
			return "", err
		}
	}
	return "done", closeAll()
}

func balances(ctx context.Context, s storage.Store) (left, right int, found []storage.Record, err error) {
	if found, err = s.Get(ctx, "fleet", "left", "right"); err != nil {
		return 0, 0, nil, err
	}
	if left, err = strconv.Atoi(string(found[0].Value)); err != nil {
		return 0, 0, nil, err
	}
	right, err = strconv.Atoi(string(found[1].Value))
	return left, right, found, err
}

// each runs n calls of f at once.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func put(name, value string) storage.Op {
	v, err := storage.NewVersion(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte(value), Version: v}
}

func commit(ctx context.Context, s storage.Store, ops ...storage.Op) error {
	return s.Commit(ctx, storage.Batch{Shard: "fleet", Now: time.Now(), Ops: ops})
}
