package enginetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
	"github.com/symbolon-auth/symbolon/storage/sealed"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// house is a store on a server of its own, to which everything can happen that
// happens to servers. What an engine does not know is nil.
type house struct {
	store    storage.Store
	admin    *sql.DB                         // may do everything on an SQL server
	line     *engines.Line                   // between the store and its server
	readOnly func(t *testing.T, is bool)     // the server takes no writes
	crowded  func(t *testing.T, is bool)     // the server ended its connections, and takes no others
	hoard    func(t *testing.T) (end func()) // somebody else in this process has the whole pool
	locked   func(t *testing.T) (end func()) // another process writes and does not come to an end
}

// connections are in each pool.
const connections = 4

var houses = []struct {
	name string
	open func(t *testing.T) *house
}{
	{"SQLite", sqliteHouse},
	{"PostgreSQL", postgresHouse},
	{"MariaDB", mariaDBHouse},
	{"Redis", redisHouse},
	{"sealed PostgreSQL", func(t *testing.T) *house {
		h := postgresHouse(t)
		keys, err := sealed.NewLocal([]byte("32 random bytes, kept elsewhere!"))
		require.NoError(t, err)
		h.store, err = sealed.New(h.store, keys, nil)
		require.NoError(t, err)
		return h
	}},
}

func postgresHouse(t *testing.T) *house {
	s := engines.StartPostgres(t)
	admin := pool(t, "pgx", s.URL)
	do := func(t *testing.T, texts ...string) {
		t.Helper()
		for _, text := range texts {
			_, err := admin.Exec(text)
			require.NoError(t, err)
		}
	}
	do(t, "CREATE ROLE app LOGIN", "CREATE DATABASE app OWNER app")
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	u.User, u.Path = url.User("app"), "/app"
	h := sqlHouse(t, "PostgreSQL", "pgx", u.String(), sqlstore.PostgreSQL)
	h.admin = admin
	h.readOnly = func(t *testing.T, is bool) {
		t.Helper()
		do(t, fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", is), "SELECT pg_reload_conf()")
		direct := pool(t, "pgx", u.String())
		require.Eventually(t, func() bool {
			var now bool
			return direct.QueryRow("SELECT current_setting('default_transaction_read_only')::bool").Scan(&now) == nil && now == is
		}, 10*time.Second, 10*time.Millisecond)
		time.Sleep(50 * time.Millisecond) // each process of the server hears of it by itself
	}
	h.crowded = func(t *testing.T, is bool) {
		t.Helper()
		if !is {
			do(t, "ALTER ROLE app CONNECTION LIMIT -1")
			return
		}
		do(t, "ALTER ROLE app CONNECTION LIMIT 0", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	}
	return h
}

func mariaDBHouse(t *testing.T) *house {
	s := engines.StartMariaDB(t)
	s.Do(t, "CREATE DATABASE app", "CREATE USER app", "GRANT ALL ON app.* TO app")
	at := strings.Replace(s.DSN, "root@", "app@", 1) + "app"
	h := sqlHouse(t, "MariaDB", "mysql", at, sqlstore.MySQL)
	h.admin = pool(t, "mysql", s.DSN)
	h.readOnly = func(t *testing.T, is bool) {
		t.Helper()
		s.Do(t, fmt.Sprintf("SET GLOBAL read_only = %t", is)) // root may write all the same, app may not
	}
	var holds *sql.DB
	h.crowded = func(t *testing.T, is bool) {
		t.Helper()
		if !is {
			require.NoError(t, holds.Close())
			s.Do(t, "ALTER USER app WITH MAX_USER_CONNECTIONS 0")
			return
		}
		s.Do(t, "ALTER USER app WITH MAX_USER_CONNECTIONS 1", "KILL USER app")
		holds = pool(t, "mysql", at)
		require.Eventually(t, func() bool { return holds.Ping() == nil }, 10*time.Second, 10*time.Millisecond)
	}
	return h
}

func sqlHouse(t *testing.T, engine, driver, at string, d sqlstore.Dialect) *house {
	there, line := engines.Through(t, engine, at)
	db := pool(t, driver, there)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	require.NoError(t, sqlstore.Migrate(t.Context(), db, d))
	s, err := sqlstore.New(t.Context(), db, d, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return &house{store: s, line: line, hoard: func(t *testing.T) func() {
		t.Helper()
		var taken [connections]*sql.Conn
		for i := range taken {
			taken[i], err = db.Conn(t.Context())
			require.NoError(t, err)
		}
		return func() {
			for _, conn := range taken {
				_ = conn.Close()
			}
		}
	}}
}

func redisHouse(t *testing.T) *house {
	r := engines.StartRedis(t)
	at, line := engines.Through(t, "Redis", r.Addr)
	o := engines.RedisOptions(strings.TrimSuffix(at, "/"))
	o.PoolSize, o.ReadTimeout = connections, 500*time.Millisecond
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(t.Context(), client, nil)
	require.NoError(t, err)
	set := func(name, on, off string) func(*testing.T, bool) {
		return func(t *testing.T, is bool) {
			t.Helper()
			value := off
			if is {
				value = on
			}
			r.Do(t, "config", "set", name, value)
		}
	}
	limit := set("maxclients", "1", "1000")
	return &house{
		store: believed{s}, line: line,
		readOnly: set("min-replicas-to-write", "1", "0"),
		crowded: func(t *testing.T, is bool) {
			t.Helper()
			if is {
				r.Do(t, "client", "kill", "type", "normal", "skipme", "yes")
			}
			limit(t, is)
		},
		hoard: func(t *testing.T) func() {
			t.Helper()
			var taken [connections]*redis.Conn
			for i := range taken {
				taken[i] = client.Conn()
				require.NoError(t, taken[i].Ping(t.Context()).Err())
			}
			return func() {
				for _, conn := range taken {
					_ = conn.Close()
				}
			}
		},
	}
}

func sqliteHouse(t *testing.T) *house {
	path := file(t)
	s, other := engines.SQLite(t, path), pool(t, "sqlite", path+"?_pragma=busy_timeout(5000)")
	do := func(t *testing.T, texts ...string) {
		t.Helper()
		for _, text := range texts {
			_, err := other.ExecContext(context.Background(), text)
			require.NoError(t, err)
		}
	}
	return &house{
		store: s,
		readOnly: func(t *testing.T, is bool) { // what the engine says on a disk that became read-only
			t.Helper()
			for _, what := range []string{"INSERT", "UPDATE", "DELETE"} {
				if is {
					do(t, fmt.Sprintf("CREATE TRIGGER refuse_%s BEFORE %[1]s ON symbolon_records BEGIN SELECT raise(ABORT, 'attempt to write a readonly database'); END", what))
				} else {
					do(t, "DROP TRIGGER refuse_"+what)
				}
			}
		},
		locked: func(t *testing.T) func() {
			t.Helper()
			conn, err := other.Conn(t.Context())
			require.NoError(t, err)
			_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
			require.NoError(t, err)
			return func() {
				_, err := conn.ExecContext(context.Background(), "ROLLBACK")
				require.NoError(t, err)
				_ = conn.Close()
			}
		},
	}
}
