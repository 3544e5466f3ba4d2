package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// postgresSchema: COLLATE "C" compares by bytes, whatever language the database
// is set to. expires is in milliseconds since 1970, 0 for never. There is room
// in each page for a new version of a row beside the old one: a record that does
// not expire then changes without touching an index.
const postgresSchema = `CREATE TABLE IF NOT EXISTS symbolon_records (
	shard   text   COLLATE "C" NOT NULL,
	name    text   COLLATE "C" NOT NULL,
	value   bytea  NOT NULL,
	version bytea  NOT NULL,
	expires bigint NOT NULL,
	PRIMARY KEY (shard, name)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS symbolon_records_expires ON symbolon_records (expires) WHERE expires > 0;
`

// postgres is the engine for PostgreSQL. It takes a connection out of the host's
// pool for one statement at a time, and leaves it to the driver to prepare it.
type postgres struct {
	db       *sql.DB
	sqlState func(error) string
	forgets  string
	closed   atomic.Bool
}

func openPostgres(ctx context.Context, db *sql.DB, o Options) (*postgres, error) {
	e := &postgres{db: db, sqlState: o.SQLState}
	var encoding, commits, fsync string
	var version int
	var standby bool
	err := db.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), current_setting('server_version_num')::int,
		current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery()`).
		Scan(&encoding, &version, &commits, &fsync, &standby)
	if err != nil {
		return nil, err
	}
	var wrong []error
	if encoding != "UTF8" {
		wrong = append(wrong, fmt.Errorf("the database has the encoding %s, and must have UTF8", encoding))
	}
	if version < 120000 {
		wrong = append(wrong, fmt.Errorf("the server is of version %d, and must be PostgreSQL 12 or newer", version/10000))
	}
	if standby {
		wrong = append(wrong, errors.New("the server is a standby, which lags behind: connect to the primary, in pgx with target_session_attrs=read-write"))
	}
	switch {
	case fsync == "off":
		e.forgets = "PostgreSQL is set to fsync = off, so a crash can lose everything"
	case commits == "off":
		e.forgets = "PostgreSQL is set to synchronous_commit = off, so a crash can forget what was committed just before"
	}
	// The one statement that fails on purpose. A driver whose errors we cannot
	// read would make every conflict look like a fault.
	_, err = db.ExecContext(ctx, `SELECT 1/0`)
	if code := e.sqlState(err); code != divisionByZero {
		wrong = append(wrong, fmt.Errorf("the SQLSTATE of a division by zero is %q, and must be %s: set Options.SQLState for this driver (%w)", code, divisionByZero, err))
	}
	return e, errors.Join(wrong...)
}

func (e *postgres) close() error {
	e.closed.Store(true)
	return nil
}

func (e *postgres) ephemeral() string { return e.forgets }

func (e *postgres) ask(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if e.closed.Load() {
		return nil, errClosed
	}
	return e.db.QueryContext(ctx, text, args...)
}

func (e *postgres) get(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
	return reader{e.ask, dollar}.get(ctx, shard, names)
}

func (e *postgres) scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	return reader{e.ask, dollar}.scan(ctx, shard, prefix, after, limit)
}

func (e *postgres) commit(ctx context.Context, b storage.Batch) error {
	if e.closed.Load() {
		return errClosed
	}
	err := e.apply(ctx, b)
	if code := e.sqlState(err); code == divisionByZero || undone(code) {
		return storage.ErrConflict
	}
	return err
}

func (e *postgres) apply(ctx context.Context, b storage.Batch) error {
	if len(b.Ops) == 1 && b.Ops[0].Act != storage.Check {
		s := loneOp(b)
		done, err := e.db.ExecContext(ctx, s.String(), s.args...)
		if err != nil {
			return err
		}
		changed, err := done.RowsAffected()
		if err == nil && changed == 0 && b.Ops[0].Cond != storage.Any {
			return storage.ErrConflict
		}
		return err
	}
	s := manyOps(b)
	var one int
	return e.db.QueryRowContext(ctx, s.String(), s.args...).Scan(&one)
}

func (e *postgres) sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if e.closed.Load() {
		return 0, errClosed
	}
	// The rows are locked as they are found, so what goes is what was expired; what
	// others are writing is left to them.
	done, err := e.db.ExecContext(ctx, `DELETE FROM symbolon_records WHERE (shard, name) IN
		(SELECT shard, name FROM symbolon_records WHERE expires > 0 AND expires <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before.UnixMilli(), limit)
	if undone(e.sqlState(err)) {
		return 0, storage.ErrConflict
	}
	if err != nil {
		return 0, err
	}
	swept, err := done.RowsAffected()
	return int(swept), err
}

func (e *postgres) now(ctx context.Context) (time.Time, error) {
	if e.closed.Load() {
		return time.Time{}, errClosed
	}
	var ms int64
	err := e.db.QueryRowContext(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint`).Scan(&ms)
	return time.UnixMilli(ms).UTC(), err
}

func (e *postgres) snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if e.closed.Load() {
		return errClosed
	}
	return moment(ctx, e.db, dollar, read)
}
