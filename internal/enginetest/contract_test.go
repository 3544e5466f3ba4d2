package enginetest

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sealed"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// S26: Match and Check fail on a record that is expired at Batch.Now.
// S27: text is never put into SQL, and what is checked cannot change before the
// commit: the cases names-are-bytes, a-prefix-is-literal and
// check-holds-until-the-commit.
func TestEveryEngineKeepsTheContract(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		storagetest.Run(t, func(t *testing.T) storage.Store { return e.Open(t) })
	})
}

// What is sealed needs room, which every engine has: a value of the greatest length
// fits, and so does a batch.
func TestASealedStoreKeepsTheContract(t *testing.T) {
	keys, err := sealed.NewLocal([]byte("32 random bytes, kept elsewhere!"))
	require.NoError(t, err)
	for _, name := range []string{"SQLite", "MariaDB", "PostgreSQL", "Redis"}[:times(2, 4)] {
		t.Run(name, func(t *testing.T) {
			e := engines.Fresh(t, name)
			storagetest.Run(t, func(t *testing.T) storage.Store {
				s, err := sealed.New(e.Open(t), keys, nil)
				require.NoError(t, err)
				return s
			})
		})
	}
}

func TestCheckWithoutATestSaysTheSame(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "symbolon.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	require.NoError(t, storagetest.Check(t.Context(), func() (storage.Store, error) {
		return sqlstore.New(t.Context(), db, sqlstore.SQLite, nil)
	}))
}
