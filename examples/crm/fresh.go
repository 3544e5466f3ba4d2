package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/symbolon-auth/symbolon/storage/memory"
)

// fresh returns a place of the same engine that nobody has used, and what
// removes it again: a file, a schema of PostgreSQL, a database of MySQL.
func (p place) fresh(ctx context.Context) (place, func() error, error) {
	dir, err := os.MkdirTemp("", "symbolon-crm-")
	if err != nil {
		return place{}, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	p.file = filepath.Join(dir, "crm.db")
	switch p.engine {
	case "memory":
		p.kept = memory.New()
	case "postgres", "mysql":
		drop, err := p.divide(ctx)
		if err != nil {
			return place{}, nil, errors.Join(err, remove())
		}
		if p.redis != "" {
			p.prefix = "symbolon-crm:" + rand.Text() + ":"
			remove = func() error { return errors.Join(p.removeKeys(), os.RemoveAll(dir)) }
		}
		return p, func() error { return errors.Join(drop(), remove()) }, nil
	}
	return p, remove, nil
}

// divide makes a part of a server's database of p.
func (p *place) divide(ctx context.Context) (drop func() error, err error) {
	name := "symbolon_crm_" + strings.ToLower(rand.Text()) // nothing in it needs quotes
	driver, server := p.engine, p.dsn
	begin, end := "CREATE DATABASE "+name, "DROP DATABASE "+name
	switch p.engine {
	case "postgres":
		driver, begin, end = "pgx", "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE"
		at, err := url.Parse(server)
		if err != nil || at.Host == "" {
			return nil, errors.New("-dsn: want a URL here, such as postgres://user@host:5432/database") // without err, which quotes it
		}
		q := at.Query()
		q.Set("search_path", name)
		at.RawQuery = q.Encode()
		p.dsn = at.String()
	case "mysql":
		at, err := mysql.ParseDSN(server)
		if err != nil {
			return nil, fmt.Errorf("-dsn: %w", err)
		}
		at.DBName = name
		p.dsn = at.FormatDSN()
	}
	db, err := sql.Open(driver, server)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, begin); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() error { // also when ctx has ended
		_, err := db.ExecContext(context.WithoutCancel(ctx), end)
		return errors.Join(err, db.Close())
	}, nil
}
