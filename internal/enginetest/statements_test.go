package enginetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// asked counts what a driver sends.
type asked struct{ atomic.Int64 }

func (a *asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	a.Add(1)
	return ctx
}

func (a *asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// In PostgreSQL each call is one statement, so one round trip and one transaction,
// however many records it is about and whether its conditions hold or not.
func TestEachCallToPostgreSQLIsOneStatement(t *testing.T) {
	config, err := pgx.ParseConfig(engines.Fresh(t, "PostgreSQL").At)
	require.NoError(t, err)
	var sent asked
	config.Tracer = &sent
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	s, err := sqlstore.New(t.Context(), db, sqlstore.PostgreSQL, nil)
	require.NoError(t, err)
	one := func(what string, call func() error) {
		t.Helper()
		before := sent.Load()
		require.NoError(t, call(), what)
		require.EqualValues(t, 1, sent.Load()-before, what)
	}
	var names []string
	for _, n := range []int{1, 2, 3, 4, 8, storage.MaxOps} {
		var puts, more []storage.Op
		names = nil
		for i := range n {
			o := put(fmt.Sprintf("%d-%02d", n, i), "1")
			o.Cond = storage.Absent
			puts, names = append(puts, o), append(names, o.Name)
			switch i % 3 {
			case 0:
				more = append(more, replaced(o, "2"))
			case 1:
				more = append(more, storage.Op{Act: storage.Check, Name: o.Name, Cond: storage.Match, If: o.Version})
			default:
				more = append(more, storage.Op{Act: storage.Delete, Name: o.Name, Cond: storage.Match, If: o.Version})
			}
		}
		one(fmt.Sprintf("a Commit of %d", n), func() error { return commit(t.Context(), s, puts...) })
		one(fmt.Sprintf("a Get of %d", n), func() error { _, err := s.Get(t.Context(), "fleet", names...); return err })
		one(fmt.Sprintf("a conflict of %d", n), func() error {
			require.ErrorIs(t, commit(t.Context(), s, puts...), storage.ErrConflict)
			return nil
		})
		one(fmt.Sprintf("a Commit of %d of every kind", n), func() error { return commit(t.Context(), s, more...) })
	}
	one("a Scan", func() error { _, err := s.Scan(t.Context(), "fleet", "", "", storage.MaxScan); return err })
	one("a Sweep", func() error { _, err := s.Sweep(t.Context(), time.Now(), 100); return err })
}
