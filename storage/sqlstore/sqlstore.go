// Package sqlstore keeps records in an SQL database through database/sql.
//
// Most programs call [New] once, hand the [Store] over, and [Store.Close] it
// before they close the database. The host brings the driver: this package
// imports none and sends nothing that depends on one.
//
//	db, err := sql.Open("sqlite", "symbolon.db") // any SQLite driver
//	store, err := sqlstore.New(ctx, db, sqlstore.SQLite, nil)
//
// On a server, [Migrate] makes the tables first. All records lie in one, named
// symbolon_records, and their values are JSON, unless the host seals them.
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

const (
	// SQLite is SQLite 3.37 or newer in a file, which any number of processes on
	// one machine may share. A file on a network drive is not safe: its locks lie.
	//
	// The store keeps connections of its own, one to write and a few to read, so it
	// needs no settings in the driver's data source name: WAL, synchronous=FULL, a
	// busy timeout, and immediate transactions that several waiting commits share.
	// A commit returns when it is on disk.
	SQLite Dialect = iota + 1

	// PostgreSQL is PostgreSQL 12 or newer, at its primary. Each call is one
	// statement on a connection of the pool, so the pool's size is the host's to
	// choose, and a proxy between may hand out another connection each time. Let
	// the driver prepare statements, as pgx does by itself; there are at most
	// 300. It is correct at every isolation level, and quickest at the usual one,
	// READ COMMITTED.
	PostgreSQL

	// MySQL is MySQL 8 or MariaDB 10.5, or newer, with InnoDB. A commit of several
	// ops is a transaction of one statement each. Set innodb_flush_log_at_trx_commit
	// and, where there is a binary log, sync_binlog to 1, or the store is
	// [storage.Ephemeral]. Keep innodb_lock_wait_timeout short, such as 5 s: as long
	// as that the server goes on waiting for a row on behalf of a caller that has
	// left.
	MySQL
)

// String returns the name of the constant.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

func (d Dialect) known() bool { return SQLite <= d && d <= MySQL }

// Options are the settings that have a default. The zero value of each field
// means the default.
type Options struct {
	// BusyTimeout is how long a commit in SQLite waits for another process that
	// is writing. Default 5 s.
	BusyTimeout time.Duration

	// Readers is how many connections to SQLite the store keeps for reading, so
	// how many reads run at once. Default 4.
	Readers int

	// SQLState returns the five characters of the SQL standard for an error of a
	// PostgreSQL or MySQL driver, and nothing for any other error. The default
	// knows pgx, pq and go-sql-driver/mysql; New tells when it does not
	// know the driver.
	SQLState func(error) string
}

func (o Options) withDefaults() Options {
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	if o.SQLState == nil {
		o.SQLState = sqlState
	}
	return o
}

// Store is a [storage.Store] in an SQL database. It is safe for concurrent use.
// Make one with [New].
//
// It is no [storage.Waker]: to be told of a commit takes a connection that
// database/sql cannot lend, so whoever waits polls.
type Store struct {
	engine engine
}

var (
	_ storage.Store       = (*Store)(nil)
	_ storage.Ephemeral   = (*Store)(nil)
	_ storage.Sweeper     = (*Store)(nil)
	_ storage.Clock       = (*Store)(nil)
	_ storage.Snapshotter = (*Store)(nil)
)

// engine is what a dialect does. The arguments have been checked.
type engine interface {
	half
	commit(ctx context.Context, b storage.Batch) error
	sweep(ctx context.Context, before time.Time, limit int) (int, error)
	now(ctx context.Context) (time.Time, error)
	snapshot(ctx context.Context, read func(storage.Reader) error) error
	ephemeral() string
	close() error
}

// errClosed answers every call after Close.
var errClosed = errors.New("the store is closed")

// New returns a store in db, which speaks d. With nil opts it has the defaults.
// It looks whether the server is set up as the store needs it and whether the
// tables are those of this version, see [Migrate]. The caller closes the store
// first and db after it.
func New(ctx context.Context, db *sql.DB, d Dialect, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o = o.withDefaults()
	wrong := wrongTarget(db, d)
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
	e, err := open(ctx, db, d, o)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open %v: %w", d, err)
	}
	return &Store{engine: e}, nil
}

func wrongTarget(db *sql.DB, d Dialect) (wrong []error) {
	if db == nil {
		wrong = append(wrong, errors.New("db is required"))
	}
	if !d.known() {
		wrong = append(wrong, fmt.Errorf("%v is none of: SQLite, PostgreSQL, MySQL", d))
	}
	return wrong
}

func open(ctx context.Context, db *sql.DB, d Dialect, o Options) (engine, error) {
	if d == SQLite {
		return openSQLite(ctx, db, o)
	}
	if err := schemas[d].fits(ctx, db); err != nil {
		return nil, err
	}
	if d == PostgreSQL {
		return openPostgres(ctx, db, o)
	}
	return openMySQL(ctx, db, o)
}

// Ephemeral implements [storage.Ephemeral]. It is empty unless the server is set
// up to answer before its disk has what was committed.
func (s *Store) Ephemeral() string { return s.engine.ephemeral() }

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

// sweepStep is how many records one statement of a Sweep removes, so for how many
// it keeps others waiting.
const sweepStep = 500

// Sweep implements [storage.Sweeper].
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	swept := 0
	for swept < limit {
		step := min(limit-swept, sweepStep)
		n, err := s.engine.sweep(ctx, before, step)
		if errors.Is(err, storage.ErrConflict) && ctx.Err() == nil {
			continue // somebody was writing what we met, and has written it now
		}
		if err != nil {
			return swept, fmt.Errorf("sqlstore: sweep: %w", err)
		}
		if swept += n; n < step {
			break
		}
	}
	return swept, nil
}

// Now implements [storage.Clock].
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	now, err := s.engine.now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("sqlstore: now: %w", err)
	}
	return now, nil
}

// Snapshot implements [storage.Snapshotter]. On SQLite it takes one connection
// more than Options.Readers + 1.
func (s *Store) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if err := s.engine.snapshot(ctx, read); err != nil {
		return fmt.Errorf("sqlstore: snapshot: %w", err)
	}
	return nil
}
