package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "symbolon.db") }

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	_, err := sqlstore.New(t.Context(), nil, 0, &sqlstore.Options{BusyTimeout: -1, Readers: -1})
	for _, part := range []string{"db is required", "Dialect(0)", "Options.BusyTimeout", "Options.Readers"} {
		require.ErrorContains(t, err, part)
	}
}

func TestNewRefusesWhatItCannotKeepSafe(t *testing.T) {
	narrow := open(t, file(t))
	narrow.SetMaxOpenConns(2)
	wide := file(t)
	_, err := open(t, wide).Exec("PRAGMA encoding = 'UTF-16'; CREATE TABLE theirs (x)")
	require.NoError(t, err)
	for _, row := range []struct {
		because string
		db      *sql.DB
		says    string
	}{
		{"each connection would have a database of its own", open(t, ":memory:"), "must be a file"},
		{"the readers would wait for each other for ever", narrow, "Options.Readers + 1 = 5"},
		{"names would not sort by their bytes", open(t, wide), "must be UTF-8"},
		{"there is no such folder", open(t, filepath.Join(t.TempDir(), "no", "such", "folder.db")), "open SQLite"},
	} {
		_, err := sqlstore.New(t.Context(), row.db, sqlstore.SQLite, nil)
		require.ErrorContains(t, err, row.says, row.because)
	}
}

func TestRecordsOutliveTheStore(t *testing.T) {
	path := file(t)
	o := put("lock", "held")
	s, closeAll, err := engines.OpenSQLite(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, commit(t.Context(), s, o))
	require.NoError(t, closeAll())

	found, err := engines.SQLite(t, path).Get(t.Context(), "fleet", "lock")
	require.NoError(t, err)
	require.Equal(t, o.Record(), found[0])
}

// G7: a lock that is not given up in time is trouble, not a conflict: nobody
// should read again and go on.
func TestALockedFileIsNotAConflict(t *testing.T) {
	path := file(t)
	s, err := sqlstore.New(t.Context(), open(t, path), sqlstore.SQLite, &sqlstore.Options{BusyTimeout: 50 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })

	other, err := open(t, path).Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	for _, ops := range [][]storage.Op{{put("a", "1")}, {put("a", "1"), put("b", "1")}} {
		err = commit(t.Context(), s, ops...)
		require.Error(t, err)
		require.NotErrorIs(t, err, storage.ErrConflict)
		require.ErrorContains(t, err, "another process has been writing for all of Options.BusyTimeout")
	}
	_, err = s.Get(t.Context(), "fleet", "a") // readers need no lock
	require.NoError(t, err)

	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, commit(t.Context(), s, put("a", "1"), put("b", "1")))
}

// A caller with a deadline does not wait for the lock longer than that.
func TestACallerDoesNotWaitForALockBeyondItsDeadline(t *testing.T) {
	path := file(t)
	s := engines.SQLite(t, path)
	other, err := open(t, path).Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	begun := time.Now()
	require.ErrorIs(t, commit(ctx, s, put("a", "1")), context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 2*time.Second)
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
}

// One process that writes without a break does not keep another out.
func TestAQuietProcessComesThroughBesideABusyOne(t *testing.T) {
	path := file(t)
	busy, quiet := engines.SQLite(t, path), engines.SQLite(t, path)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- each(32, func(g int) error {
			for ctx.Err() == nil {
				if err := commit(t.Context(), busy, put(fmt.Sprint("busy/", g), "1")); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	var longest time.Duration
	for n := range 20 {
		begun := time.Now()
		require.NoError(t, commit(t.Context(), quiet, put(fmt.Sprint("quiet/", n), "1")))
		longest = max(longest, time.Since(begun))
	}
	stop()
	require.NoError(t, <-ended)
	t.Logf("the longest of 20 waits was %v", longest)
	require.Less(t, longest, 3*time.Second)
}

// A statement that fails spoils the transaction that it shares. The others in it
// must not notice, and the store must go on.
func TestAFailingBatchHarmsNobody(t *testing.T) {
	path := file(t)
	s := engines.SQLite(t, path)
	_, err := open(t, path).Exec(`CREATE TRIGGER refuse BEFORE INSERT ON symbolon_records WHEN new.name = 'poison'
		BEGIN SELECT raise(ROLLBACK, 'no such luck'); END`)
	require.NoError(t, err)
	const n = 48
	errs := make([]error, n)
	_ = each(n, func(i int) error {
		if i%8 == 3 {
			errs[i] = s.Commit(t.Context(), storage.Batch{Shard: fmt.Sprint(i), Now: time.Now(), Ops: []storage.Op{put("first", "1"), put("poison", "1")}})
		} else {
			errs[i] = s.Commit(t.Context(), storage.Batch{Shard: fmt.Sprint(i), Now: time.Now(), Ops: []storage.Op{put("first", "1"), put("last", "1")}})
		}
		return nil
	})
	for i, err := range errs {
		found, getErr := s.Get(t.Context(), fmt.Sprint(i), "first", "last")
		require.NoError(t, getErr)
		if i%8 == 3 {
			require.ErrorContains(t, err, "no such luck")
			require.False(t, errors.Is(err, storage.ErrConflict))
			require.True(t, found[0].Version.IsZero())
		} else {
			require.NoError(t, err)
			require.False(t, found[0].Version.IsZero() || found[1].Version.IsZero())
		}
	}
	require.Error(t, commit(t.Context(), s, put("poison", "1")))
	require.NoError(t, commit(t.Context(), s, put("after", "1")))
}

// A batch that fails in the middle lets go of the file: its transaction is over,
// for this store and for every other process.
func TestAFailingBatchLetsGoOfTheFile(t *testing.T) {
	path := file(t)
	s, other := engines.SQLite(t, path), engines.SQLite(t, path)
	_, err := open(t, path).Exec(`CREATE TRIGGER refuse BEFORE INSERT ON symbolon_records WHEN new.name = 'poison'
		BEGIN SELECT raise(ABORT, 'no such luck'); END`)
	require.NoError(t, err)
	for range 3 {
		require.ErrorContains(t, commit(t.Context(), s, put("first", "1"), put("poison", "1")), "no such luck")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		require.NoError(t, commit(ctx, other, put("other", "1")))
		require.NoError(t, commit(ctx, s, put("a", "1"), put("b", "1")))
		cancel()
	}
	found, err := s.Get(t.Context(), "fleet", "first")
	require.NoError(t, err)
	require.True(t, found[0].Version.IsZero())
}

// The host may keep tables of its own in the file and use its pool meanwhile and
// afterwards, with the settings that it knows.
func TestThePoolStaysTheHosts(t *testing.T) {
	db := open(t, file(t))
	s, err := sqlstore.New(t.Context(), db, sqlstore.SQLite, nil)
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "s", "n") // so that a reader exists
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE theirs (x)")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "to close twice is harmless")
	for range 8 {
		conn, err := db.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		var readOnly int
		require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA query_only").Scan(&readOnly))
		require.Zero(t, readOnly)
	}
	require.Error(t, commit(t.Context(), s, put("a", "1")))
	_, err = s.Get(t.Context(), "s", "n")
	require.ErrorContains(t, err, "closed")
	_, err = s.Scan(t.Context(), "s", "", "", 1)
	require.ErrorContains(t, err, "closed")
	_, err = s.Sweep(t.Context(), time.Now(), 1)
	require.ErrorContains(t, err, "closed")
}

// S8: what somebody has damaged by hand is an error, not an absent record.
func TestADamagedRecordIsAnError(t *testing.T) {
	path := file(t)
	s := engines.SQLite(t, path)
	require.NoError(t, commit(t.Context(), s, put("lock", "held")))
	_, err := open(t, path).Exec("UPDATE symbolon_records SET version = x'00'")
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "fleet", "lock")
	require.ErrorContains(t, err, "damaged")
	_, err = s.Scan(t.Context(), "fleet", "", "", 1)
	require.ErrorContains(t, err, "damaged")
}
