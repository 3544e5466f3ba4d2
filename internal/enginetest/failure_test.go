package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// What happens to a line, and how long a call may take then: until its
// deadline when there is no answer.
var troubles = []struct {
	name  string
	begin func(*engines.Line)
}{
	{"the server is down", (*engines.Line).Cut},
	{"nothing arrives", (*engines.Line).Stall},
	{"no answer arrives", (*engines.Line).Mute},
}

const (
	deadline = 100 * time.Millisecond
	late     = deadline + 2*time.Second // on a busy machine
)

// G7, G8: trouble on the line is an error within the caller's deadline, never a
// conflict, and leaves whole batches. When it is over the store goes on.
func TestTroubleOnTheLineEndsWithinTheDeadline(t *testing.T) {
	for _, trouble := range troubles {
		t.Run(trouble.name, func(t *testing.T) {
			engines.EachServer(t, func(t *testing.T, e engines.Engine, line *engines.Line) {
				s := e.Open(t)
				before := put("before", "1")
				require.NoError(t, commit(t.Context(), s, before, put("besides", "1")))
				trouble.begin(line)

				calls := map[string]func(context.Context) error{
					"Get":           func(ctx context.Context) error { _, err := s.Get(ctx, "fleet", "before"); return err },
					"Scan":          func(ctx context.Context) error { _, err := s.Scan(ctx, "fleet", "", "", 9); return err },
					"Commit of one": func(ctx context.Context) error { return commit(ctx, s, put("alone", "1")) },
				}
				if x, ok := s.(storage.Sweeper); ok {
					calls["Sweep"] = func(ctx context.Context) error { _, err := x.Sweep(ctx, time.Now(), 9); return err }
				}
				if x, ok := s.(storage.Clock); ok {
					calls["Now"] = func(ctx context.Context) error { _, err := x.Now(ctx); return err }
				}
				if x, ok := s.(storage.Snapshotter); ok {
					calls["Snapshot"] = func(ctx context.Context) error {
						return x.Snapshot(ctx, func(storage.Reader) error { return nil })
					}
				}
				for i := range 8 {
					calls[fmt.Sprint("Commit of two ", i)] = func(ctx context.Context) error { return pair(ctx, s, "pairs", fmt.Sprint(i)) }
				}
				for name, call := range calls {
					ctx, cancel := context.WithTimeout(t.Context(), deadline)
					begun := time.Now()
					err := call(ctx)
					cancel()
					require.Error(t, err, name)
					require.NotErrorIs(t, err, storage.ErrConflict, name)
					require.NotErrorIs(t, err, storage.ErrInvalid, name)
					require.Less(t, time.Since(begun), late, name)
				}

				line.Restore()
				require.NoError(t, commit(t.Context(), s, put("after", "1"), replaced(before, "2")))
				everyBatchIsWhole(t, s, "pairs", nil)
			})
		})
	}
}

// replaced puts a new value in the place of an earlier Put.
func replaced(old storage.Op, value string) storage.Op {
	o := put(old.Name, value)
	o.Cond, o.If = storage.Match, old.Version
	return o
}

// A pool that is empty keeps a caller until its deadline, and no longer.
func TestAnEmptyPoolKeepsNobodyBeyondTheDeadline(t *testing.T) {
	for _, row := range []struct {
		engine, driver string
		dialect        sqlstore.Dialect
	}{
		{"PostgreSQL", "pgx", sqlstore.PostgreSQL},
		{"MariaDB", "mysql", sqlstore.MySQL},
	} {
		t.Run(row.engine, func(t *testing.T) {
			db, err := sql.Open(row.driver, engines.Fresh(t, row.engine).At)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			db.SetMaxOpenConns(2)
			s, err := sqlstore.New(t.Context(), db, row.dialect, nil)
			require.NoError(t, err)
			require.NoError(t, commit(t.Context(), s, put("a", "1"), put("b", "1")), "and two are enough")

			var taken [2]*sql.Conn
			for i := range taken {
				taken[i], err = db.Conn(t.Context())
				require.NoError(t, err)
			}
			for _, ops := range [][]storage.Op{{put("a", "2")}, {put("a", "2"), put("b", "2")}} {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				begun := time.Now()
				require.ErrorIs(t, commit(ctx, s, ops...), context.DeadlineExceeded)
				require.Less(t, time.Since(begun), late)
				cancel()
			}
			for _, conn := range taken {
				require.NoError(t, conn.Close())
			}
			require.NoError(t, commit(t.Context(), s, put("a", "3"), put("b", "3")))
		})
	}
}

// A server that takes no writes says so; that is no conflict, and it reads on.
func TestAReadOnlyServerIsNoConflict(t *testing.T) {
	at := engines.Fresh(t, "PostgreSQL").At
	db, err := sql.Open("pgx", at+"&default_transaction_read_only=on")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s, err := sqlstore.New(t.Context(), db, sqlstore.PostgreSQL, nil)
	require.NoError(t, err)
	for _, ops := range [][]storage.Op{{put("a", "1")}, {put("a", "1"), put("b", "1")}} {
		err := commit(t.Context(), s, ops...)
		require.ErrorContains(t, err, "read-only transaction")
		require.False(t, errors.Is(err, storage.ErrConflict))
	}
	found, err := s.Get(t.Context(), "fleet", "a")
	require.NoError(t, err)
	require.True(t, found[0].Version.IsZero())
}
