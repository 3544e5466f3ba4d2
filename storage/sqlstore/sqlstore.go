// Package sqlstore keeps records in an SQL database through database/sql.
//
// Most programs call [New] once, hand the [Store] over, and [Store.Close] it
// before they close the database. The host brings the driver: this package
// imports none and sends nothing that depends on one.
//
//	db, err := sql.Open("sqlite", "symbolon.db") // any SQLite driver
//	store, err := sqlstore.New(ctx, db, sqlstore.SQLite, nil)
//
// All records lie in one table, see [Schema].
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Dialect names the database behind a *sql.DB. The zero Dialect is invalid.
type Dialect uint8

// SQLite is SQLite 3.37 or newer in a file, which any number of processes on
// one machine may share. A file on a network drive is not safe: its locks lie.
//
// The store keeps connections of its own, one to write and a few to read, so it
// needs no settings in the driver's data source name: WAL, synchronous=FULL, a
// busy timeout, and immediate transactions that several waiting commits share.
// A commit returns when it is on disk.
const SQLite Dialect = 1

// Schema returns the statements that create the table of d, each safe to run
// again. New runs them itself for SQLite.
func Schema(d Dialect) string {
	switch d {
	case SQLite:
		return sqliteSchema
	}
	return ""
}

// Options are the settings that have a default. The zero value of each field
// means the default.
type Options struct {
	// BusyTimeout is how long a commit in SQLite waits for another process that
	// is writing. Default 5 s.
	BusyTimeout time.Duration

	// Readers is how many connections to SQLite the store keeps for reading, so
	// how many reads run at once. Default 4.
	Readers int
}

// Store is a [storage.Store] and a [storage.Sweeper] in an SQL database. It is
// safe for concurrent use. Make one with [New].
type Store struct {
	engine engine
}

var (
	_ storage.Store   = (*Store)(nil)
	_ storage.Sweeper = (*Store)(nil)
)

// engine is what a dialect does. The arguments have been checked.
type engine interface {
	get(ctx context.Context, shard string, names []string) ([]storage.Record, error)
	scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error)
	commit(ctx context.Context, b storage.Batch) error
	sweep(ctx context.Context, before time.Time, limit int) (int, error)
	close() error
}

// errClosed answers every call after Close.
var errClosed = errors.New("the store is closed")

// New returns a store in db, which speaks d. With nil opts it has the defaults.
// The caller closes the store first and db after it.
func New(ctx context.Context, db *sql.DB, d Dialect, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	var wrong []error
	if db == nil {
		wrong = append(wrong, errors.New("db is required"))
	}
	if d != SQLite {
		wrong = append(wrong, fmt.Errorf("Dialect(%d) is none of: SQLite", d))
	}
	if o.BusyTimeout < time.Millisecond {
		wrong = append(wrong, fmt.Errorf("Options.BusyTimeout is at least a millisecond, not %v", o.BusyTimeout))
	}
	if o.Readers < 0 {
		wrong = append(wrong, fmt.Errorf("Options.Readers is at least 1, not %d", o.Readers))
	}
	if db != nil && d == SQLite {
		if most := db.Stats().MaxOpenConnections; most > 0 && most < o.Readers+1 {
			wrong = append(wrong, fmt.Errorf("db allows %d open connections, but SQLite needs Options.Readers + 1 = %d", most, o.Readers+1))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	e, err := openSQLite(ctx, db, o)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open SQLite: %w", err)
	}
	return &Store{engine: e}, nil
}

// Close waits for the commits under way, lets go of the connections, and leaves
// the *sql.DB to the caller. Calls that come later return an error.
func (s *Store) Close() error {
	if err := s.engine.close(); err != nil {
		return fmt.Errorf("sqlstore: close: %w", err)
	}
	return nil
}

// Get implements [storage.Store].
func (s *Store) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := storage.ValidNames(shard, names); err != nil {
		return nil, err
	}
	found, err := s.engine.get(ctx, shard, names)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: get: %w", err)
	}
	return found, nil
}

// Scan implements [storage.Store].
func (s *Store) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		return nil, err
	}
	found, err := s.engine.scan(ctx, shard, prefix, after, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: scan: %w", err)
	}
	return found, nil
}

// Commit implements [storage.Store].
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	err := s.engine.commit(ctx, b)
	if err == nil || errors.Is(err, storage.ErrConflict) {
		return err
	}
	return fmt.Errorf("sqlstore: commit: %w", err)
}

// Sweep implements [storage.Sweeper].
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	swept, err := s.engine.sweep(ctx, before, limit)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: sweep: %w", err)
	}
	return swept, nil
}
