package enginetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// servers are the SQL servers.
var servers = []struct {
	name, driver string
	dialect      sqlstore.Dialect
	empty        func(t *testing.T) string // a place without tables
}{
	{"PostgreSQL", "pgx", sqlstore.PostgreSQL, func(t *testing.T) string {
		return engines.EmptyPostgresSchema(t, engines.Require(t, engines.Postgres))
	}},
	{"MariaDB", "mysql", sqlstore.MySQL, func(t *testing.T) string {
		return engines.EmptyMySQLDatabase(t, engines.Require(t, engines.MySQL))
	}},
}

func pool(t *testing.T, driver, at string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestNewSaysWhatTheTablesNeed(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			db := pool(t, server.driver, server.empty(t))
			_, err := sqlstore.New(t.Context(), db, server.dialect, nil)
			require.ErrorContains(t, err, "call sqlstore.Migrate")

			require.NoError(t, sqlstore.Migrate(t.Context(), db, server.dialect))
			s, err := sqlstore.New(t.Context(), db, server.dialect, nil)
			require.NoError(t, err)
			require.NoError(t, commit(t.Context(), s, put("a", "1")))
			require.NoError(t, sqlstore.Migrate(t.Context(), db, server.dialect), "again, beside a store at work")
			found, err := s.Get(t.Context(), "fleet", "a")
			require.NoError(t, err)
			require.Equal(t, "1", string(found[0].Value))

			_, err = db.Exec("INSERT INTO symbolon_schema (version) VALUES (1000)")
			require.NoError(t, err)
			_, err = sqlstore.New(t.Context(), db, server.dialect, nil)
			require.ErrorContains(t, err, "version 1000")
			require.ErrorContains(t, err, "upgrade the program")
			require.ErrorContains(t, sqlstore.Migrate(t.Context(), db, server.dialect), "upgrade the program")
		})
	}
}

// Whoever has tools of their own applies the text, and it fits.
func TestSchemaIsWhatMigrateApplies(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			at := server.empty(t)
			if server.dialect == sqlstore.MySQL {
				at += "?multiStatements=true"
			}
			db := pool(t, server.driver, at)
			for range 2 { // safe to run again
				_, err := db.Exec(sqlstore.Schema(server.dialect))
				require.NoError(t, err)
			}
			s, err := sqlstore.New(t.Context(), db, server.dialect, nil)
			require.NoError(t, err)
			require.NoError(t, commit(t.Context(), s, put("a", "1")))
			require.NoError(t, sqlstore.Migrate(t.Context(), db, server.dialect), "and Migrate finds nothing to do")
		})
	}
	db := pool(t, "sqlite", file(t))
	_, err := db.Exec(sqlstore.Schema(sqlstore.SQLite))
	require.NoError(t, err)
	require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.SQLite))
	require.Empty(t, sqlstore.Schema(0))
	require.ErrorContains(t, sqlstore.Migrate(t.Context(), db, 0), "Dialect(0) is none of")
}

// Sixteen processes start at once, and each migrates.
func TestMigrateFromManyAtOnce(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			at := server.empty(t)
			if server.driver == "pgx" {
				at += "&default_transaction_isolation=serializable"
			}
			require.NoError(t, each(16, func(int) error {
				db, err := sql.Open(server.driver, at)
				if err != nil {
					return err
				}
				defer db.Close()
				if err := sqlstore.Migrate(context.Background(), db, server.dialect); err != nil {
					return err
				}
				_, err = sqlstore.New(context.Background(), db, server.dialect, nil)
				return err
			}))
		})
	}
	path := file(t)
	require.NoError(t, each(16, func(int) error {
		_, closeAll, err := engines.OpenSQLite(context.Background(), path)
		if err != nil {
			return err
		}
		return closeAll()
	}))
}

// The host's settings of the driver and of the session do not matter to the
// contract.
func TestEveryWayToTalkToPostgreSQLKeepsTheContract(t *testing.T) {
	settings := []string{
		"default_transaction_isolation=serializable",
		"default_query_exec_mode=simple_protocol", // nothing is prepared, as behind some proxies
		"default_query_exec_mode=exec",
		"default_transaction_isolation=repeatable%20read",
		"statement_cache_capacity=4",
		"plan_cache_mode=force_generic_plan",
		"enable_indexscan=off&enable_bitmapscan=off", // rows are met in another order
	}
	for _, setting := range settings[:times(2, len(settings))] {
		t.Run(setting, func(t *testing.T) {
			at := engines.Fresh(t, "PostgreSQL").At + "&" + setting
			storagetest.Run(t, func(t *testing.T) storage.Store { return handle(t, "PostgreSQL", at) })
		})
	}
}

// G6: a database may be set to sort as a dictionary does.
func TestADictionaryDoesNotSortNames(t *testing.T) {
	server := engines.Require(t, engines.Postgres)
	db := pool(t, "pgx", server)
	name := "symbolon_" + strings.ToLower(rand.Text())
	if _, err := db.Exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"); err != nil {
		engines.Missing(t, "this PostgreSQL knows no dictionaries: "+err.Error())
	}
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		require.NoError(t, err)
	})
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name
	there := pool(t, "pgx", u.String())
	var before bool
	require.NoError(t, there.QueryRow("SELECT 'a' < 'B'").Scan(&before))
	require.True(t, before, "it does sort so")
	require.NoError(t, sqlstore.Migrate(t.Context(), there, sqlstore.PostgreSQL))
	storagetest.Run(t, func(t *testing.T) storage.Store { return handle(t, "PostgreSQL", u.String()) })
}

func TestEveryWayToTalkToMariaDBKeepsTheContract(t *testing.T) {
	settings := []string{
		"tx_isolation=%27SERIALIZABLE%27",
		"interpolateParams=true",
		"charset=latin1",
		"sql_mode=%27%27",
	}
	for _, setting := range settings[:times(1, len(settings))] {
		t.Run(setting, func(t *testing.T) {
			at := engines.Fresh(t, "MariaDB").At + "?" + setting
			storagetest.Run(t, func(t *testing.T) storage.Store { return handle(t, "MariaDB", at) })
		})
	}
}

func handle(t *testing.T, engine, at string) storage.Store {
	t.Helper()
	s, closeAll, err := engines.Connect(t.Context(), engine, at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = closeAll() })
	return s
}

func TestNewRefusesServersAndDriversThatItCannotUse(t *testing.T) {
	pg, my := engines.Fresh(t, "PostgreSQL").At, engines.Fresh(t, "MariaDB").At
	mute := &sqlstore.Options{SQLState: func(error) string { return "" }}
	for _, row := range []struct {
		because string
		db      *sql.DB
		dialect sqlstore.Dialect
		opts    *sqlstore.Options
		says    string
	}{
		{"a conflict would look like a fault", pool(t, "pgx", pg), sqlstore.PostgreSQL, mute, "set Options.SQLState"},
		{"a deadlock would look like a fault", pool(t, "mysql", my), sqlstore.MySQL, mute, "set Options.SQLState"},
		{"a Put that finds a live record counts one row too", pool(t, "mysql", my+"?clientFoundRows=true"), sqlstore.MySQL, nil, "without clientFoundRows"},
		{"nobody listens", pool(t, "pgx", "postgres://postgres@127.0.0.1:1/test"), sqlstore.PostgreSQL, nil, "open PostgreSQL"},
		{"it is another database", pool(t, "mysql", my), sqlstore.PostgreSQL, nil, "open PostgreSQL"},
		{"it is another database", pool(t, "pgx", pg), sqlstore.MySQL, nil, "open MySQL"},
	} {
		_, err := sqlstore.New(t.Context(), row.db, row.dialect, row.opts)
		require.ErrorContains(t, err, row.says, row.because)
	}
}

// A server that may forget is named, and what must last is refused there.
func TestAServerThatMayForgetIsEphemeral(t *testing.T) {
	at := engines.Fresh(t, "PostgreSQL").At
	require.Empty(t, storage.Forgets(handle(t, "PostgreSQL", at)))
	require.Contains(t, storage.Forgets(handle(t, "PostgreSQL", at+"&synchronous_commit=off")), "synchronous_commit")
	require.Empty(t, storage.Forgets(engines.Fresh(t, "MariaDB").Open(t)))
	require.Empty(t, storage.Forgets(engines.Fresh(t, "SQLite").Open(t)))
}

// A server of MySQL has two places in which a commit can be forgotten: its own log,
// and the binary log, by which it decides after a crash what was committed.
func TestAMySQLServerThatMayForgetIsEphemeral(t *testing.T) {
	s := engines.StartMariaDB(t, "--log-bin", "--server-id=1")
	s.Do(t, "CREATE DATABASE app")
	db := pool(t, "mysql", s.DSN+"app")
	require.NoError(t, sqlstore.Migrate(t.Context(), db, sqlstore.MySQL))
	for _, row := range []struct{ flush, sync, says string }{
		{"1", "1", ""},
		{"2", "1", "innodb_flush_log_at_trx_commit = 2"},
		{"0", "0", "innodb_flush_log_at_trx_commit = 0"},
		{"1", "0", "sync_binlog = 0"}, // the default of MariaDB
		{"1", "100", "sync_binlog = 100"},
	} {
		s.Do(t, "SET GLOBAL innodb_flush_log_at_trx_commit = "+row.flush, "SET GLOBAL sync_binlog = "+row.sync)
		st, err := sqlstore.New(t.Context(), db, sqlstore.MySQL, nil)
		require.NoError(t, err)
		if row.says == "" {
			require.Empty(t, storage.Forgets(st))
		} else {
			require.Contains(t, storage.Forgets(st), row.says)
			require.Contains(t, storage.Forgets(st), "set it to 1")
		}
		_, err = openDurably(st)
		require.Equal(t, row.says == "", err == nil, "%v: what must last does not lie there", err)
	}

	s.Do(t, "SET GLOBAL read_only = 1")
	_, err := sqlstore.New(t.Context(), db, sqlstore.MySQL, nil)
	require.ErrorContains(t, err, "connect to the primary", "root may write there, and should not")
	s.Do(t, "SET GLOBAL read_only = 0")
	_, err = sqlstore.New(t.Context(), db, sqlstore.MySQL, nil)
	require.NoError(t, err)
}

// openDurably makes a realm, which asks how its store forgets.
func openDurably(s storage.Store) (*symbolon.Realm, error) {
	secret, err := symbolon.NewSecret("test", make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: s, Secret: secret,
		Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{}}, nil)
}

// G7: a deadlock that the server ended left nothing behind, so it is a conflict.
// Batches hardly get there among themselves, see TestBatchesDoNotWaitInACircle, but
// the host may lock rows too.
func TestADeadlockIsAConflict(t *testing.T) {
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			e := engines.Fresh(t, server.name)
			s, db := e.Open(t), pool(t, server.driver, e.At)
			a, b := put("a", "1"), put("b", "1")
			require.NoError(t, commit(t.Context(), s, a, b))

			tx, err := db.Begin()
			require.NoError(t, err)
			defer tx.Rollback()
			for n := range 20 { // MariaDB gives up who has written less
				_, err = tx.Exec(fmt.Sprintf("INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES ('host', '%d', '', '0123456789abcdef', 0)", n))
				require.NoError(t, err)
			}
			_, err = tx.Exec("UPDATE symbolon_records SET expires = 0 WHERE shard = 'fleet' AND name = 'b' OR shard = 'fleet' AND name = 'b ' ")
			require.NoError(t, err)
			_, err = tx.Exec("SELECT 1 FROM symbolon_records WHERE shard = 'fleet' AND name = 'b' FOR UPDATE")
			require.NoError(t, err)
			result := make(chan error)
			go func() { result <- commit(t.Context(), s, replaced(a, "2"), replaced(b, "2")) }() // locks a, waits for b
			time.Sleep(200 * time.Millisecond)
			_, err = tx.Exec("SELECT 1 FROM symbolon_records WHERE shard = 'fleet' AND name = 'a' FOR UPDATE")
			require.NoError(t, err)
			require.ErrorIs(t, <-result, storage.ErrConflict)
			require.NoError(t, tx.Rollback())
			require.NoError(t, commit(t.Context(), s, replaced(a, "3"), replaced(b, "3")), "and nothing was applied")
		})
	}
}

// Batches that put the same names, given in any order and under any conditions, do
// not wait for each other in a circle: of those that the server has to break up
// there are none. (Where names are removed and made again all the time, there were
// 1 in 6,000 rounds of PostgreSQL, and 6 in 1,000 of MariaDB, which locks the gaps
// beside what was removed. They are conflicts, and lose nothing.)
func TestBatchesDoNotWaitInACircle(t *testing.T) {
	for _, row := range []struct {
		name  string
		open  func(*testing.T) *house
		count func(*testing.T, *house) int
	}{
		{"PostgreSQL", postgresHouse, func(t *testing.T, h *house) (n int) {
			require.NoError(t, h.admin.QueryRow("SELECT deadlocks FROM pg_stat_database WHERE datname = 'app'").Scan(&n))
			return n
		}},
		{"MariaDB", mariaDBHouse, func(t *testing.T, h *house) (n int) {
			require.NoError(t, h.admin.QueryRow("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'Innodb_deadlocks'").Scan(&n))
			return n
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := row.open(t)
			won := 0
			for round := range times(200, 1000) {
				shard := fmt.Sprint("round ", round)
				var through atomic.Int64
				require.NoError(t, each(connections, func(int) error {
					var ops []storage.Op
					for _, n := range mathrand.Perm(2 + 6*(round%2)) { // as text of its own, or as a table
						o := put(fmt.Sprint(n), "1")
						if mathrand.IntN(2) == 0 {
							o.Cond = storage.Absent
						}
						ops = append(ops, o)
					}
					err := h.store.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: ops})
					if err == nil {
						through.Add(1)
					} else if !errors.Is(err, storage.ErrConflict) {
						return err
					}
					return nil
				}))
				require.Positive(t, through.Load(), "round %d: of those who meet, one goes through", round)
				won += int(through.Load())
			}
			time.Sleep(1500 * time.Millisecond) // until the server has counted
			require.Zero(t, row.count(t, h), "deadlocks; %d batches went through", won)
		})
	}
}

// G7: a lock that is not given up in time is trouble, not a conflict.
func TestALockThatTimesOutIsNotAConflict(t *testing.T) {
	for _, row := range []struct{ engine, driver, setting, says string }{
		{"PostgreSQL", "pgx", "&lock_timeout=200ms", "lock timeout"},
		{"MariaDB", "mysql", "?innodb_lock_wait_timeout=1", "Lock wait timeout"},
	} {
		t.Run(row.engine, func(t *testing.T) {
			at := engines.Fresh(t, row.engine).At
			s := handle(t, row.engine, at+row.setting)
			a, b := put("a", "1"), put("b", "1")
			require.NoError(t, commit(t.Context(), s, a, b))
			tx, err := pool(t, row.driver, at).Begin()
			require.NoError(t, err)
			defer tx.Rollback()
			_, err = tx.Exec("SELECT 1 FROM symbolon_records WHERE shard = 'fleet' AND name = 'b' FOR UPDATE")
			require.NoError(t, err)
			for _, ops := range [][]storage.Op{{put("b", "2")}, {put("a", "2"), put("b", "2")}} {
				err := commit(t.Context(), s, ops...)
				require.ErrorContains(t, err, row.says)
				require.NotErrorIs(t, err, storage.ErrConflict)
			}
			require.NoError(t, tx.Rollback())
			require.NoError(t, commit(t.Context(), s, replaced(a, "2"), replaced(b, "2")), "and nothing was applied")
		})
	}
}
