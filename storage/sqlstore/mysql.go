package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// mysqlSchema: binary columns compare by bytes, without padding and without a
// character set. expires is in milliseconds since 1970, 0 for never.
const mysqlSchema = `CREATE TABLE IF NOT EXISTS symbolon_records (
	shard   VARBINARY(512) NOT NULL,
	name    VARBINARY(512) NOT NULL,
	value   MEDIUMBLOB     NOT NULL,
	version BINARY(16)     NOT NULL,
	expires BIGINT         NOT NULL,
	PRIMARY KEY (shard, name),
	KEY symbolon_records_expires (expires)
) ENGINE = InnoDB;
`

// mysql is the engine for MySQL and MariaDB. One op is one statement. Several
// are a transaction, in which each op says by the number of rows that it touched
// whether its condition held; a check locks its row. READ COMMITTED, because
// above it InnoDB locks the gaps between rows, in which inserts of strangers
// then wait for each other.
type mysql struct {
	db       *sql.DB
	sqlState func(error) string
	forgets  string

	mu    sync.Mutex
	stmts map[string]*sql.Stmt // about twenty; nil: closed
}

func openMySQL(ctx context.Context, db *sql.DB, o Options) (*mysql, error) {
	e := &mysql{db: db, sqlState: o.SQLState, stmts: make(map[string]*sql.Stmt)}
	var flush, packet, syncs int
	var binlog, readOnly string
	if err := db.QueryRowContext(ctx, `SELECT @@innodb_flush_log_at_trx_commit, @@max_allowed_packet, @@log_bin, @@sync_binlog, @@read_only`).
		Scan(&flush, &packet, &binlog, &syncs, &readOnly); err != nil {
		return nil, err
	}
	var wrong []error
	if !off(readOnly) { // even where this user may write: what is written to a replica is nobody's
		wrong = append(wrong, errors.New("the server is read_only, so it is a replica, which lags behind, or closed for a while: connect to the primary, or SET GLOBAL read_only = 0 there"))
	}
	// Between the nodes of a Galera cluster a lock on a row that was only checked means nothing, so Check would not hold (S27).
	var name, galera string
	switch err := db.QueryRowContext(ctx, `SHOW VARIABLES LIKE 'wsrep\_on'`).Scan(&name, &galera); {
	case errors.Is(err, sql.ErrNoRows): // MySQL, which has none
	case err != nil:
		return nil, err
	case !off(galera):
		wrong = append(wrong, errors.New("the server is a node of a Galera cluster (wsrep_on), which does not hold what one node has checked on another: use a server with replicas"))
	}
	if least := storage.MaxPage + 1<<16; packet < least {
		wrong = append(wrong, fmt.Errorf("max_allowed_packet is %d, and must be at least %d", packet, least))
	}
	switch {
	case flush != 1:
		e.forgets = fmt.Sprintf("the server is set to innodb_flush_log_at_trx_commit = %d, so a crash can forget what was committed just before: set it to 1", flush)
	case !off(binlog) && syncs != 1: // after a crash the server rolls back what its binary log has not
		e.forgets = fmt.Sprintf("the server has a binary log and is set to sync_binlog = %d, so a crash can forget what was committed just before: set it to 1", syncs)
	}
	// A driver whose errors we cannot read would make each deadlock look like a fault.
	_, err := db.ExecContext(ctx, `SIGNAL SQLSTATE '40001'`)
	if code := e.sqlState(err); code != serializationFailure {
		wrong = append(wrong, fmt.Errorf("the SQLSTATE of a serialization failure is %q, and must be %s: set Options.SQLState for this driver (%w)", code, serializationFailure, err))
	}
	// Nor could we tell a Put that found a live record from one that wrote.
	done, err := db.ExecContext(ctx, `UPDATE symbolon_schema SET version = version`)
	if err == nil {
		var found int64
		if found, err = done.RowsAffected(); found != 0 {
			wrong = append(wrong, errors.New("the driver counts rows that did not change: open db without clientFoundRows"))
		}
	}
	return e, errors.Join(append(wrong, err)...)
}

// off reports whether a variable of the server is, which some versions return as a
// number and some as a word.
func off(value string) bool { return value == "0" || strings.EqualFold(value, "OFF") }

func (e *mysql) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, stmt := range e.stmts {
		errs = append(errs, stmt.Close())
	}
	e.stmts = nil
	return errors.Join(errs...)
}

func (e *mysql) ephemeral() string { return e.forgets }

// prepared returns the statement, made on first use. Without it the driver would
// ask twice each time, or put arguments into the text.
func (e *mysql) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	e.mu.Lock()
	stmt, closed := e.stmts[text], e.stmts == nil
	e.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case stmt != nil:
		return stmt, nil
	}
	stmt, err := e.db.PrepareContext(ctx, text) // takes a while, so not under the lock
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stmts == nil {
		return nil, errors.Join(errClosed, stmt.Close())
	}
	if other := e.stmts[text]; other != nil {
		return other, stmt.Close()
	}
	e.stmts[text] = stmt
	return stmt, nil
}

func (e *mysql) ask(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := e.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (e *mysql) get(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
	return reader{e.ask, question}.get(ctx, shard, names)
}

func (e *mysql) scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	return reader{e.ask, question}.scan(ctx, shard, prefix, after, limit)
}

// The statements that write, besides those that SQLite has too. An insert that
// meets a row leaves it unchanged, and counts none, unless the row is expired;
// expires comes last, because each assignment sees those before it.
const (
	mysqlPut = `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES (?, ?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE value = VALUES(value), version = VALUES(version), expires = VALUES(expires)`
	mysqlPutAbsent = `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES (?, ?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE
			value = IF(expires > 0 AND expires <= ?, VALUES(value), value),
			version = IF(expires > 0 AND expires <= ?, VALUES(version), version),
			expires = IF(expires > 0 AND expires <= ?, VALUES(expires), expires)`
	mysqlCheck = `SELECT 1 FROM symbolon_records` + match + ` LOCK IN SHARE MODE`
)

func (e *mysql) commit(ctx context.Context, b storage.Batch) error {
	err := e.apply(ctx, b)
	if undone(e.sqlState(err)) {
		return storage.ErrConflict
	}
	return err
}

func (e *mysql) apply(ctx context.Context, b storage.Batch) error {
	steps := make([]step, len(b.Ops))
	for i, o := range byName(b.Ops) {
		// All of them now: with a connection in hand nobody waits for another.
		stmt, err := e.prepared(ctx, textOf(o))
		if err != nil {
			return err
		}
		steps[i] = step{stmt, o}
	}
	now := b.Now.UnixMilli()
	if len(steps) == 1 {
		return steps[0].run(ctx, b.Shard, now)
	}
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // which after the Commit does nothing
	for _, s := range steps {
		s.stmt = tx.StmtContext(ctx, s.stmt)
		if err := s.run(ctx, b.Shard, now); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func textOf(o storage.Op) string {
	switch {
	case o.Act == storage.Check:
		return mysqlCheck
	case o.Act == storage.Put && o.Cond == storage.Any:
		return mysqlPut
	case o.Act == storage.Put && o.Cond == storage.Absent:
		return mysqlPutAbsent
	case o.Act == storage.Put:
		return putMatch
	case o.Cond == storage.Match:
		return removeMatch
	}
	return remove
}

// step is an op and its statement.
type step struct {
	stmt *sql.Stmt
	op   storage.Op
}

// run carries out the op when its condition holds, which is that of
// storage.Op.Holds, and otherwise changes no row and returns ErrConflict.
func (s step) run(ctx context.Context, shard string, now int64) error {
	o := s.op
	value, expires := stored(o)
	var args []any
	switch {
	case o.Act == storage.Check:
		var one int
		err := s.stmt.QueryRowContext(ctx, shard, o.Name, o.If[:], now).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return storage.ErrConflict
		}
		return err
	case o.Act == storage.Put && o.Cond == storage.Any:
		args = []any{shard, o.Name, value, o.Version[:], expires}
	case o.Act == storage.Put && o.Cond == storage.Absent:
		args = []any{shard, o.Name, value, o.Version[:], expires, now, now, now}
	case o.Act == storage.Put:
		args = []any{value, o.Version[:], expires, shard, o.Name, o.If[:], now}
	case o.Cond == storage.Match:
		args = []any{shard, o.Name, o.If[:], now}
	default:
		args = []any{shard, o.Name}
	}
	done, err := s.stmt.ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	changed, err := done.RowsAffected()
	if err == nil && changed == 0 && o.Cond != storage.Any {
		return storage.ErrConflict
	}
	return err
}

func (e *mysql) sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	stmt, err := e.prepared(ctx, `DELETE FROM symbolon_records WHERE expires > 0 AND expires <= ? ORDER BY expires LIMIT ?`)
	if err != nil {
		return 0, err
	}
	done, err := stmt.ExecContext(ctx, before.UnixMilli(), limit)
	if undone(e.sqlState(err)) {
		return 0, storage.ErrConflict
	}
	if err != nil {
		return 0, err
	}
	swept, err := done.RowsAffected()
	return int(swept), err
}

func (e *mysql) now(ctx context.Context) (time.Time, error) {
	stmt, err := e.prepared(ctx, `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`) // no time zone, so no hour twice
	if err != nil {
		return time.Time{}, err
	}
	var us int64
	err = stmt.QueryRowContext(ctx).Scan(&us)
	return time.UnixMicro(us).UTC(), err
}

func (e *mysql) snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if _, err := e.prepared(ctx, columns+` LIMIT 0`); err != nil { // closed, or out of reach
		return err
	}
	return moment(ctx, e.db, question, read)
}
