package engines

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// Postgres is the variable that names a server of PostgreSQL and a database in
// it, such as postgres://postgres@127.0.0.1:5432/test?sslmode=disable.
const Postgres = "SYMBOLON_TEST_POSTGRES"

// postgreSQL gives each test a schema in that database.
var postgreSQL = kind{
	name: "PostgreSQL",
	fresh: func(t testing.TB) string {
		t.Helper()
		return PostgresSchema(t, Require(t, Postgres))
	},
	connect: func(ctx context.Context, at string) (storage.Store, func() error, error) {
		return openSQL(ctx, "pgx", at, sqlstore.PostgreSQL)
	},
	via: func(at, addr string) (there, before string, err error) {
		u, err := url.Parse(at)
		if err != nil {
			return "", "", err
		}
		before, u.Host = u.Host, addr
		return u.String(), before, nil
	},
}

// PostgresSchema makes a schema with the tables in the database that is named by
// its URL, and returns the URL of the schema. It is dropped when t ends.
func PostgresSchema(t testing.TB, database string) string {
	t.Helper()
	at := EmptyPostgresSchema(t, database)
	if err := migrate("pgx", at, sqlstore.PostgreSQL); err != nil {
		t.Fatal(err)
	}
	return at
}

// EmptyPostgresSchema is PostgresSchema without the tables.
func EmptyPostgresSchema(t testing.TB, database string) string {
	t.Helper()
	at, drop, err := emptySchema(database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return at
}

// NewPostgresSchema is PostgresSchema for programs, which drop it themselves.
func NewPostgresSchema(database string) (at string, drop func() error, err error) {
	at, drop, err = emptySchema(database)
	if err != nil {
		return "", nil, err
	}
	if err := migrate("pgx", at, sqlstore.PostgreSQL); err != nil {
		return "", nil, errors.Join(err, drop())
	}
	return at, drop, nil
}

func emptySchema(database string) (at string, drop func() error, err error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", nil, err
	}
	name := fresh()
	if err := carryOut("pgx", database, "CREATE SCHEMA "+name); err != nil {
		return "", nil, err
	}
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	return u.String(), func() error { return carryOut("pgx", database, "DROP SCHEMA "+name+" CASCADE") }, nil
}

// fresh returns a name for a schema or a database that nobody else uses.
func fresh() string { return "symbolon_" + strings.ToLower(rand.Text()) }
