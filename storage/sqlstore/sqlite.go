package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// sqliteSchema: the key is the table, so a read is one walk down one tree. TEXT
// compares by bytes in a database whose encoding is UTF-8, which is checked.
// expires is in milliseconds since 1970, 0 for never.
const sqliteSchema = `CREATE TABLE IF NOT EXISTS symbolon_records (
	shard   TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	value   BLOB    NOT NULL,
	version BLOB    NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (shard, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS symbolon_records_expires ON symbolon_records (expires) WHERE expires > 0;
`

// sqlite is the engine for SQLite: one connection that writes for everybody,
// and a few that read meanwhile.
//
// SQLite has one writer at a time anyway. Left to a pool, writers meet in the
// busy handler, which is neither fair nor quick, and a transaction that reads
// first and writes later fails at once, whatever the timeout says.
type sqlite struct {
	db      *sql.DB
	options Options

	group  *group
	writer *session // of the group's goroutine alone; nil: open one

	readers chan *session // Options.Readers of them, in use or here; nil: open one
	gone    chan struct{}
	once    sync.Once
}

func openSQLite(ctx context.Context, db *sql.DB, o Options) (*sqlite, error) {
	e := &sqlite{db: db, options: o, readers: make(chan *session, o.Readers), gone: make(chan struct{})}
	w, err := e.openWriter(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.patiently(func() error { return e.prepare(ctx, w) }); err != nil {
		w.discard()
		return nil, err
	}
	e.writer = w
	for range o.Readers {
		e.readers <- nil
	}
	e.group = newGroup(e.begin, e.commitGroup, e.undo)
	return e, nil
}

// open takes a connection out of the pool and sets it up, which a data source
// name would do for each driver in another way.
func (e *sqlite) open(ctx context.Context, pragmas ...string) (*session, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(conn)
	for _, p := range pragmas {
		err := e.patiently(func() error {
			_, err := conn.ExecContext(ctx, "PRAGMA "+p)
			return err
		})
		if err != nil {
			s.discard()
			return nil, fmt.Errorf("PRAGMA %s: %w", p, err)
		}
	}
	return s, nil
}

func (e *sqlite) openWriter(ctx context.Context) (*session, error) {
	// No busy timeout: see patiently. FULL: a commit that has returned survives a
	// power cut; fullfsync: on a Mac too.
	return e.open(ctx, "busy_timeout = 0", "synchronous = FULL", "fullfsync = ON")
}

func (e *sqlite) openReader(ctx context.Context) (*session, error) {
	return e.open(ctx, fmt.Sprintf("busy_timeout = %d", e.options.BusyTimeout.Milliseconds()), "query_only = ON")
}

// prepare brings the file into the state that the store relies on.
func (e *sqlite) prepare(ctx context.Context, w *session) error {
	for pragma, want := range map[string]string{"encoding": "UTF-8", "synchronous": "2"} {
		got, err := w.pragma(ctx, pragma)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("PRAGMA %s is %s, and must be %s", pragma, got, want)
		}
	}
	mode, err := w.pragma(ctx, "journal_mode = WAL")
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal_mode is %q and cannot become WAL: the database must be a file on a local disk", mode)
	}
	steps := schemas[SQLite]
	version, err := steps.version(ctx, w.conn)
	if err != nil || version == len(steps.steps) {
		return err
	}
	for _, do := range []func() error{
		func() error { return w.run(ctx, "BEGIN IMMEDIATE") },
		func() error { return steps.apply(ctx, w.conn) },
		func() error { return w.run(ctx, "COMMIT") },
	} {
		if err := do(); err != nil {
			_ = w.run(context.WithoutCancel(ctx), "ROLLBACK")
			return fmt.Errorf("create the tables, which takes SQLite 3.37 or newer: %w", err)
		}
	}
	return nil
}

// patiently calls f until it no longer finds the file locked by another process.
// SQLite's own busy timeout asks ten times a second: next to a process that
// writes without a break one could wait for minutes, and at some steps, such as
// the change to WAL, SQLite does not wait at all.
func (e *sqlite) patiently(f func() error) error {
	const shortest, longest = 100 * time.Microsecond, 2 * time.Millisecond
	begun := time.Now()
	for pause := shortest; ; pause = min(pause*3/2, longest) {
		err := f()
		if err == nil || !locked(err) {
			return err
		}
		if time.Since(begun) > e.options.BusyTimeout {
			return fmt.Errorf("another process has been writing for all of Options.BusyTimeout, %v: %w", e.options.BusyTimeout, err)
		}
		time.Sleep(pause/2 + rand.N(pause))
	}
}

// locked reports whether err is SQLITE_BUSY, for which each driver has a type of
// its own, but all of them the text of SQLite.
func locked(err error) bool { return strings.Contains(err.Error(), "database is locked") }

func (e *sqlite) ephemeral() string { return "" } // see prepare

// close waits for the writer, and for each reader to come home.
func (e *sqlite) close() error {
	e.once.Do(func() {
		close(e.gone)
		e.group.close()
		e.undo()
		for range e.options.Readers {
			if r := <-e.readers; r != nil {
				r.discard()
			}
		}
	})
	return nil
}

// The writer. A connection on which something failed is thrown away: that
// undoes its transaction, and nobody has to guess in what state it is.

func (e *sqlite) write() (*session, error) {
	if e.writer == nil {
		ctx, cancel := context.WithTimeout(context.Background(), e.options.BusyTimeout)
		defer cancel()
		w, err := e.openWriter(ctx)
		if err != nil {
			return nil, err
		}
		e.writer = w
	}
	return e.writer, nil
}

func (e *sqlite) begin() error {
	w, err := e.write()
	if err != nil {
		return err
	}
	return e.patiently(func() error {
		_, err := w.exec("BEGIN IMMEDIATE")
		return err
	})
}

func (e *sqlite) commitGroup() error {
	_, err := e.writer.exec("COMMIT")
	return err
}

func (e *sqlite) undo() {
	if e.writer != nil {
		e.writer.discard()
		e.writer = nil
	}
}

func (e *sqlite) commit(ctx context.Context, b storage.Batch) error {
	one := len(b.Ops) == 1 && b.Ops[0].Act != storage.Check
	b.Ops = slices.Clone(b.Ops) // a caller whose context ends leaves before the writer is done
	for i, o := range b.Ops {
		b.Ops[i].Value = bytes.Clone(o.Value)
	}
	return e.group.do(ctx, one, func() error {
		w, err := e.write()
		if err != nil {
			return err
		}
		if one {
			return e.patiently(func() error { return w.apply(b.Shard, b.Ops[0], b.Now) })
		}
		return w.applyAll(b)
	})
}

func (e *sqlite) sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	var swept int64
	err := e.group.do(ctx, true, func() error {
		w, err := e.write()
		if err != nil {
			return err
		}
		return e.patiently(func() (err error) {
			swept, err = w.exec(`DELETE FROM symbolon_records WHERE (shard, name) IN
				(SELECT shard, name FROM symbolon_records WHERE expires > 0 AND expires <= ? LIMIT ?)`,
				before.UnixMilli(), limit)
			return err
		})
	})
	if err != nil { // and swept belongs to the writer still
		return 0, err
	}
	return int(swept), nil
}

// The readers.

// read lends f a reader. Reads are short, so once begun they are not
// interrupted: drivers do that from a second goroutine for each statement, and
// some of them hit the statement after.
func (e *sqlite) read(ctx context.Context, f func(*session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var r *session
	select {
	case <-e.gone:
		return errClosed
	default:
	}
	select {
	case r = <-e.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.gone:
		return errClosed
	}
	defer func() { e.readers <- r }()
	if r == nil {
		var err error
		if r, err = e.openReader(ctx); err != nil {
			return err
		}
	}
	if err := f(r); err != nil {
		r.discard()
		r = nil
		return err
	}
	return ctx.Err()
}

func (e *sqlite) get(ctx context.Context, shard string, names []string) (found []storage.Record, err error) {
	err = e.read(ctx, func(r *session) (err error) {
		found, err = r.get(ctx, shard, names)
		return err
	})
	return found, err
}

func (e *sqlite) scan(ctx context.Context, shard, prefix, after string, limit int) (found []storage.Record, err error) {
	err = e.read(ctx, func(r *session) (err error) {
		found, err = r.scan(ctx, shard, prefix, after, limit)
		return err
	})
	return found, err
}

// now reads the clock that all processes on this machine share.
func (e *sqlite) now(ctx context.Context) (now time.Time, err error) {
	err = e.read(ctx, func(r *session) error {
		var ms int64
		err := r.conn.QueryRowContext(ctx, `SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)`).Scan(&ms)
		now = time.UnixMilli(ms).UTC()
		return err
	})
	return now, err
}

// snapshot reads inside a transaction, on a connection that no other reader
// waits for. Until it ends, what is written meanwhile stays in the WAL file.
func (e *sqlite) snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if most := e.db.Stats().MaxOpenConnections; most > 0 && most < e.options.Readers+2 {
		return fmt.Errorf("db allows %d open connections, and a snapshot needs one besides: Options.Readers + 2 = %d", most, e.options.Readers+2)
	}
	select {
	case <-e.gone:
		return errClosed
	default:
	}
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	defer r.discard() // which ends the transaction too
	if _, err := r.exec("BEGIN"); err != nil {
		return err
	}
	if _, err := r.get(ctx, "symbolon", []string{"moment"}); err != nil { // which it is from now on
		return err
	}
	return read(past{r})
}
