// Package engines opens stores for tests that should hold on every engine.
package engines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // SQLite in Go, no C compiler needed

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// Engine is one engine with some state of its own.
type Engine struct {
	Name string

	// Open returns a new handle on the state, closed when t ends.
	Open func(t testing.TB) storage.Store
}

// All returns each engine that runs in this process, with fresh state.
func All(t testing.TB) []Engine {
	m := memory.New()
	path := filepath.Join(t.TempDir(), "symbolon.db")
	return []Engine{
		{"memory", func(testing.TB) storage.Store { return m }},
		{"SQLite", func(t testing.TB) storage.Store { return SQLite(t, path) }},
	}
}

// SQLite returns a store in the file at path, closed when t ends.
func SQLite(t testing.TB, path string) *sqlstore.Store {
	t.Helper()
	s, closeAll, err := OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// OpenSQLite returns a store in the file at path, for workers that have no
// *testing.T, and what closes it.
func OpenSQLite(ctx context.Context, path string) (*sqlstore.Store, func() error, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	s, err := sqlstore.New(ctx, db, sqlstore.SQLite, nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return s, func() error {
		if err := s.Close(); err != nil {
			return err
		}
		return db.Close()
	}, nil
}
