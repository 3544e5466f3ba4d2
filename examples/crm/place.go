package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // SQLite in Go: no C compiler

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// place is where the data lies. Everything else in this server is the same
// whatever the engine.
type place struct {
	engine string        // sqlite, postgres, mysql or memory
	dsn    string        // of a server, as its driver understands it
	file   string        // of SQLite; the keys lie beside it, whatever the engine
	kept   storage.Store // memory that outlives the server, or nil
	redis  string        // the URL of a Redis for what may be lost, or empty
	prefix string        // of the keys there; the default of redisstore if empty
}

// newPlace checks what was asked for, and makes nothing yet.
func newPlace(engine, dsn, redis, file string) (place, error) {
	p := place{engine: engine, dsn: dsn, file: file}
	if durable, both := strings.CutSuffix(engine, "+redis"); both && durable == "postgres" {
		p.engine, p.redis = durable, redis
	}
	switch p.engine {
	case "sqlite", "memory":
		if dsn != "" {
			return place{}, fmt.Errorf("-dsn goes with -store postgres or mysql, not with %s", engine)
		}
	case "postgres", "mysql":
		if dsn == "" {
			return place{}, fmt.Errorf("-store %s needs -dsn, which says where the server is", engine)
		}
	default:
		return place{}, fmt.Errorf("-store %q: want sqlite, postgres, postgres+redis, mysql or memory", engine)
	}
	if strings.ContainsAny(file, "?#") {
		return place{}, fmt.Errorf("-db %q: a path without ? and #, which mean something else to the driver", file)
	}
	if file == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return place{}, fmt.Errorf("no place for the database, name one with -db: %w", err)
		}
		p.file = filepath.Join(cache, "symbolon-crm", "crm.db")
		if p.engine != "sqlite" {
			p.file = filepath.Join(cache, "symbolon-crm", p.engine)
		}
	}
	return p, nil
}

// stores is what lies in a place.
type stores struct {
	durable   storage.Store
	ephemeral storage.Store // what may be lost; nil: it lies in durable, too
	letGo     func() error
}

func (p place) open(ctx context.Context) (stores, error) {
	durable, letGo, err := p.openDurable(ctx)
	if err != nil || p.redis == "" {
		return stores{durable: durable, letGo: letGo}, err
	}
	ephemeral, letGoToo, err := p.openEphemeral(ctx)
	if err != nil {
		return stores{}, errors.Join(err, letGo())
	}
	return stores{durable, ephemeral, func() error { return errors.Join(letGoToo(), letGo()) }}, nil
}

// openDurable returns a store, and what lets go of it.
func (p place) openDurable(ctx context.Context) (storage.Store, func() error, error) {
	if err := os.MkdirAll(filepath.Dir(p.file), 0o700); err != nil {
		return nil, nil, err
	}
	switch p.engine {
	case "postgres":
		return openSQL(ctx, "pgx", p.dsn, sqlstore.PostgreSQL)
	case "mysql":
		return openSQL(ctx, "mysql", p.dsn, sqlstore.MySQL)
	case "memory":
		if p.kept == nil {
			p.kept = memory.New()
		}
		return p.kept, func() error { return nil }, nil
	}
	f, err := os.OpenFile(p.file, os.O_CREATE|os.O_RDWR, 0o600) // for its owner alone
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	return openSQL(ctx, "sqlite", p.file, sqlstore.SQLite)
}

// openSQL makes the tables, if they are not there, and a store in them. The
// store goes first when both are closed.
func openSQL(ctx context.Context, driver, dsn string, d sqlstore.Dialect) (storage.Store, func() error, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	if d != sqlstore.SQLite {
		db.SetMaxOpenConns(16) // a burst waits here, and leaves something of the server to others
	}
	if err := sqlstore.Migrate(ctx, db, d); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	s, err := sqlstore.New(ctx, db, d, nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return s, func() error { return errors.Join(s.Close(), db.Close()) }, nil
}

// String says where the data lies, without a password.
func (p place) String() string {
	switch p.engine {
	case "memory":
		return "memory, until the server ends"
	case "postgres":
		if c, err := pgx.ParseConfig(p.dsn); err == nil {
			return fmt.Sprintf("PostgreSQL at %s:%d, database %s%s", c.Host, c.Port, c.Database, p.redisAt())
		}
	case "mysql":
		if c, err := mysql.ParseDSN(p.dsn); err == nil {
			return fmt.Sprintf("MySQL at %s, database %s", c.Addr, c.DBName)
		}
	}
	return p.file
}

// keys is where the keys lie.
func (p place) keys() string { return p.file + ".keys" }
