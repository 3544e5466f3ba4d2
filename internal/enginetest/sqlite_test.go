package enginetest

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	storagetest.Run(t, func(t *testing.T) storage.Store {
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		s, err := sqlstore.New(t.Context(), db, sqlstore.SQLite, nil)
		require.NoError(t, err)
		t.Cleanup(func() { s.Close(); db.Close() })
		return s
	})
}
