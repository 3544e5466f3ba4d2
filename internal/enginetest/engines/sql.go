package engines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/symbolon-auth/symbolon/storage/sqlstore"
)

// openSQL returns a store in a database, and what closes both.
func openSQL(ctx context.Context, driver, source string, d sqlstore.Dialect) (*sqlstore.Store, func() error, error) {
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, nil, fmt.Errorf("open %v: %w", d, err)
	}
	if d != sqlstore.SQLite {
		Limit(db)
	}
	s, err := sqlstore.New(ctx, db, d, nil)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return s, func() error { return errors.Join(s.Close(), db.Close()) }, nil
}

// Limit gives a pool a size with which four processes of a fleet fit into what
// servers allow.
func Limit(db *sql.DB) {
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
}

// carryOut runs statements on the server.
func carryOut(driver, source string, texts ...string) error {
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, text := range texts {
		if _, err := db.ExecContext(context.Background(), text); err != nil {
			return err
		}
	}
	return nil
}

// migrate makes the tables.
func migrate(driver, source string, d sqlstore.Dialect) error {
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	return sqlstore.Migrate(context.Background(), db, d)
}
