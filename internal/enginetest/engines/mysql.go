package engines

import (
	"context"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// MySQL is the variable that names a server of MySQL or MariaDB and a user who may
// make databases there, such as root@tcp(127.0.0.1:3306)/test.
const MySQL = "SYMBOLON_TEST_MYSQL"

// mariaDB gives each test a database on that server.
var mariaDB = kind{
	name: "MariaDB",
	fresh: func(t testing.TB) string {
		t.Helper()
		return MySQLDatabase(t, Require(t, MySQL))
	},
	connect: func(ctx context.Context, at string) (storage.Store, func() error, error) {
		return openSQL(ctx, "mysql", at, sqlstore.MySQL)
	},
	via: func(at, addr string) (there, before string, err error) {
		c, err := mysql.ParseDSN(at)
		if err != nil {
			return "", "", err
		}
		before, c.Addr = c.Addr, addr
		return c.FormatDSN(), before, nil
	},
}

// MySQLDatabase makes a database with the tables on the server of a data source
// name, and returns the name of that. It is dropped when t ends.
func MySQLDatabase(t testing.TB, server string) string {
	t.Helper()
	at := EmptyMySQLDatabase(t, server)
	if err := migrate("mysql", at, sqlstore.MySQL); err != nil {
		t.Fatal(err)
	}
	return at
}

// EmptyMySQLDatabase is MySQLDatabase without the tables.
func EmptyMySQLDatabase(t testing.TB, server string) string {
	t.Helper()
	at, err := mysql.ParseDSN(server)
	if err != nil {
		t.Fatal(err)
	}
	at.DBName = fresh()
	if err := carryOut("mysql", server, "CREATE DATABASE "+at.DBName); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := carryOut("mysql", server, "DROP DATABASE "+at.DBName); err != nil {
			t.Error(err)
		}
	})
	return at.FormatDSN()
}
