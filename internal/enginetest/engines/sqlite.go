package engines

import (
	"context"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // SQLite in Go, no C compiler needed

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

var sqlite = kind{
	name:  "SQLite",
	fresh: func(t testing.TB) string { return filepath.Join(t.TempDir(), "symbolon.db") },
	connect: func(ctx context.Context, at string) (storage.Store, func() error, error) {
		return OpenSQLite(ctx, at)
	},
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
	return openSQL(ctx, "sqlite", path, sqlstore.SQLite)
}
