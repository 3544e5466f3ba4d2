package enginetest

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sealed"
)

// A statement that waits for a row at the server goes on waiting when its caller
// has left. What it writes then, under a key that is being retired, is sealed anew
// while the rotation lasts; what comes later is refused, and never passes for
// nothing or for good.
func TestALateWriteUnderARetiredKey(t *testing.T) {
	const refresh = 500 * time.Millisecond
	keys, err := sealed.NewLocal([]byte("32 random bytes, kept elsewhere!"))
	require.NoError(t, err)
	over := func(t *testing.T, s storage.Store) *sealed.Store {
		t.Helper()
		around, err := sealed.New(s, keys, &sealed.Options{Refresh: refresh})
		require.NoError(t, err)
		return around
	}
	for _, row := range []struct {
		because string
		held    time.Duration // the row, from when the rotation begins
		refused bool
	}{
		{"it comes while the rotation waits for the engine", 3 * refresh, false},
		{"it comes when the old key is gone", 6 * refresh, true},
	} {
		t.Run(row.because, func(t *testing.T) {
			e := engines.Fresh(t, "MariaDB")
			here, there := over(t, e.Open(t)), over(t, e.Open(t))
			write := func(o storage.Op) error {
				return there.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{o}})
			}
			require.NoError(t, write(put("first", "1")), "and it knows the key")
			tx := holds(t, pool(t, "mysql", e.At))

			left := make(chan error)
			go func() { left <- write(put("late", "2")) }()
			time.Sleep(100 * time.Millisecond) // it waits
			rotated := make(chan error)
			began := time.Now()
			go func() {
				_, err := here.Rotate(t.Context(), "acme")
				rotated <- err
			}()
			require.ErrorIs(t, <-left, context.DeadlineExceeded, "before the old key can be gone")
			if row.refused {
				require.NoError(t, <-rotated)
			}
			time.Sleep(time.Until(began.Add(row.held)))
			require.NoError(t, tx.Rollback())
			if !row.refused {
				require.NoError(t, <-rotated)
			}

			bare := e.Open(t)
			require.Eventually(t, func() bool {
				found, err := bare.Get(t.Context(), "acme/00", "late")
				return err == nil && !found[0].Version.IsZero()
			}, 5*time.Second, 10*time.Millisecond, "the server has written it")
			found, err := over(t, e.Open(t)).Get(t.Context(), "acme/00", "late")
			if row.refused {
				require.ErrorIs(t, err, sealed.ErrRefused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "2", string(found[0].Value))
		})
	}
}

// holds keeps the name late for itself until its transaction ends.
func holds(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.Exec("INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES ('acme/00', 'late', '', '0123456789abcdef', 0)")
	require.NoError(t, err)
	return tx
}
