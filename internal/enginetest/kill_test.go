package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/enginetest/fleet"
	"github.com/symbolon-auth/symbolon/storage"
)

// times returns how often a test does something: a few times, or as often as the
// bars say where SYMBOLON_FULL=1.
func times(few, full int) int {
	if os.Getenv("SYMBOLON_FULL") == "1" {
		return full
	}
	return few
}

// A process is killed while it writes. What it had been told is there, and of
// what it had not been told, all of a batch or nothing.
func TestWhatWasAcknowledgedOutlivesTheProcess(t *testing.T) {
	engines.EachShared(t, func(t *testing.T, e engines.Engine) {
		s := e.Open(t)
		acknowledged := 0
		for round := range times(5, 500) {
			shard := fmt.Sprint("round ", round)
			lines := fleet.Kill(t, 50*time.Millisecond, "acknowledge", e.Name, e.At, shard)
			acknowledged += len(lines)
			everyBatchIsWhole(t, s, shard, lines)
		}
		require.Positive(t, acknowledged)
		t.Logf("%d batches were acknowledged before the end, and are there", acknowledged)
	})
}

func acknowledge(m *fleet.Member) (string, error) {
	ctx := context.Background()
	s, _, err := engines.Connect(ctx, m.Args[0], m.Args[1])
	if err != nil {
		return "", err
	}
	m.Ready()
	return "", each(goroutines, func(g int) error {
		for n := 0; ; n++ {
			base := fmt.Sprintf("%d-%d", g, n)
			if err := pair(ctx, s, m.Args[2], base); err != nil {
				return err
			}
			fmt.Println(base)
		}
	})
}

// pair commits two records that belong together.
func pair(ctx context.Context, s storage.Store, shard, base string) error {
	return s.Commit(ctx, storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{put(base+"/a", "1"), put(base+"/b", "1")}})
}

// everyBatchIsWhole expects both records of each pair that was acknowledged, and
// of every other pair both or none.
func everyBatchIsWhole(t *testing.T, s storage.Store, shard string, acknowledged []string) {
	t.Helper()
	there := map[string]bool{}
	for after, more := "", true; more; {
		found, err := s.Scan(t.Context(), shard, "", after, storage.MaxScan)
		require.NoError(t, err)
		for _, r := range found {
			there[r.Name] = true
			after = r.Name
		}
		more = len(found) == storage.MaxScan
	}
	for _, base := range acknowledged {
		require.True(t, there[base+"/a"] && there[base+"/b"], "%s was acknowledged and is lost", base)
	}
	for name := range there {
		base := name[:strings.LastIndexByte(name, '/')]
		require.True(t, there[base+"/a"] && there[base+"/b"], "half a batch: %s", base)
	}
}

// The server of the database is killed under load. What it had answered is there
// when it is back, and nobody had to open the store again.
func TestWhatWasAcknowledgedOutlivesTheServer(t *testing.T) {
	server := engines.StartPostgres(t)
	at := engines.PostgresSchema(t, server.URL)
	s, closeAll, err := engines.Connect(t.Context(), "PostgreSQL", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = closeAll() })

	acknowledged, refused := 0, 0
	for round := range times(2, 20) {
		shard := fmt.Sprint("round ", round)
		var down atomic.Bool
		var lines [goroutines][]string
		var failed atomic.Int64
		writing := make(chan error)
		go func() {
			writing <- each(goroutines, func(g int) error {
				for n := 0; ; n++ {
					ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
					base := fmt.Sprintf("%d-%d", g, n)
					err := pair(ctx, s, shard, base)
					cancel()
					switch {
					case errors.Is(err, storage.ErrConflict):
						return fmt.Errorf("a lost server is no conflict: %w", err)
					case err == nil:
						lines[g] = append(lines[g], base)
					case down.Load():
						failed.Add(1)
						return nil
					case failed.Add(1) > goroutines: // each connection from before may be found dead once
						return err
					}
				}
			})
		}()
		time.Sleep(100*time.Millisecond + rand.N(200*time.Millisecond))
		down.Store(true)
		server.Kill()
		require.NoError(t, <-writing)
		require.Error(t, pair(t.Context(), s, shard, "down"))

		server.Start(t)
		for n := 0; pair(t.Context(), s, shard, fmt.Sprint("back ", n)) != nil; n++ {
			require.Less(t, n, goroutines, "without opening the store again")
		}
		all := slices.Concat(lines[:]...)
		everyBatchIsWhole(t, s, shard, all)
		acknowledged += len(all)
		refused += int(failed.Load())
	}
	require.Positive(t, acknowledged)
	t.Logf("%d batches were acknowledged before the server was killed, and are there; %d had an error", acknowledged, refused)
}
