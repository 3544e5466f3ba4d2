package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// session is one connection with the statements that it has prepared. It is
// used by one goroutine at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newSession(conn *sql.Conn) *session {
	return &session{conn: conn, stmts: make(map[string]*sql.Stmt)}
}

// discard closes the connection itself. To hand it back to the host's pool
// would hand over our settings, and perhaps a transaction that is still open.
// The statements go first: database/sql does not close them, and for their sake
// SQLite would keep the connection open, with its transaction and its locks.
func (s *session) discard() {
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

func (s *session) pragma(ctx context.Context, p string) (value string, err error) {
	if err := s.conn.QueryRowContext(ctx, "PRAGMA "+p).Scan(&value); err != nil {
		return "", fmt.Errorf("PRAGMA %s: %w", p, err)
	}
	return value, nil
}

// run carries out a statement that is not worth preparing.
func (s *session) run(ctx context.Context, text string) error {
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

// prepared returns the statement, made on first use. There are about forty.
func (s *session) prepared(query string) (*sql.Stmt, error) {
	stmt, ok := s.stmts[query]
	if !ok {
		var err error
		if stmt, err = s.conn.PrepareContext(context.Background(), query); err != nil {
			return nil, err
		}
		s.stmts[query] = stmt
	}
	return stmt, nil
}

// exec returns how many rows the statement changed.
func (s *session) exec(query string, args ...any) (int64, error) {
	stmt, err := s.prepared(query)
	if err != nil {
		return 0, err
	}
	done, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

// query returns records as long as keep says so, at most that many.
func (s *session) query(most int, keep func(*storage.Record) bool, query string, args ...any) ([]storage.Record, error) {
	stmt, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, most, keep)
}

func (s *session) get(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	args := make([]any, 0, 1+len(names))
	args = append(args, shard)
	for _, name := range names {
		args = append(args, name)
	}
	found, err := s.query(len(names), every, sqliteGet[len(names)], args...) // one statement, so one moment
	if err != nil {
		return nil, err
	}
	return inOrder(found, names), nil
}

func (s *session) scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// The names with a prefix follow each other, so the scan begins at the first
	// and stops behind the last: no pattern, no upper bound to compute.
	from, compare := after, ">"
	if after < prefix || after == "" {
		from, compare = prefix, ">="
	}
	begins := func(r *storage.Record) bool { return strings.HasPrefix(r.Name, prefix) }
	return s.query(limit, begins, columns+` WHERE shard = ? AND name `+compare+` ? ORDER BY name LIMIT ?`, shard, from, limit)
}

// sqliteGet are the statements that get that many names.
var sqliteGet = func() (texts [1 + storage.MaxOps]string) {
	for n := 1; n < len(texts); n++ {
		texts[n] = columns + ` WHERE shard = ? AND name IN (` + marks(n) + `)`
	}
	return texts
}()

func marks(n int) string { return "?" + strings.Repeat(", ?", n-1) }

// The statements that write. Their conditions are those of storage.Op.Holds.
const (
	put = `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`
	putAbsent   = put + ` WHERE symbolon_records.expires > 0 AND symbolon_records.expires <= ?`
	putMatch    = `UPDATE symbolon_records SET value = ?, version = ?, expires = ?` + match
	remove      = `DELETE FROM symbolon_records WHERE shard = ? AND name = ?`
	removeMatch = `DELETE FROM symbolon_records` + match
	match       = ` WHERE shard = ? AND name = ? AND version = ? AND (expires = 0 OR expires > ?)`
)

// apply carries out one op under its condition, in one statement. It is not for
// Check.
func (s *session) apply(shard string, o storage.Op, at time.Time) error {
	var (
		changed int64
		err     error
		now     = at.UnixMilli()
	)
	value, expires := stored(o)
	switch {
	case o.Act == storage.Put && o.Cond == storage.Any:
		changed, err = s.exec(put, shard, o.Name, value, o.Version[:], expires)
	case o.Act == storage.Put && o.Cond == storage.Absent:
		changed, err = s.exec(putAbsent, shard, o.Name, value, o.Version[:], expires, now)
	case o.Act == storage.Put:
		changed, err = s.exec(putMatch, value, o.Version[:], expires, shard, o.Name, o.If[:], now)
	case o.Cond == storage.Match:
		changed, err = s.exec(removeMatch, shard, o.Name, o.If[:], now)
	default:
		_, err = s.exec(remove, shard, o.Name)
		changed = 1 // a delete of nothing is fine
	}
	if err == nil && changed == 0 {
		return storage.ErrConflict
	}
	return err
}

// applyAll carries out a batch inside a transaction that has locked out other
// writers: first all conditions, then all writes.
func (s *session) applyAll(b storage.Batch) error {
	conditions := make([]any, 0, 1+len(b.Ops))
	conditions = append(conditions, b.Shard)
	for _, o := range b.Ops {
		if o.Cond != storage.Any {
			conditions = append(conditions, o.Name)
		}
	}
	var found []storage.Record
	if n := len(conditions) - 1; n > 0 {
		var err error
		found, err = s.query(n, every, `SELECT name, x'', version, expires FROM symbolon_records WHERE shard = ? AND name IN (`+marks(n)+`)`, conditions...)
		if err != nil {
			return err
		}
	}
	for _, o := range b.Ops {
		if !o.Holds(named(found, o.Name), b.Now) {
			return storage.ErrConflict
		}
	}
	for _, o := range b.Ops {
		if o.Act == storage.Check {
			continue
		}
		o.Cond = storage.Any
		if err := s.apply(b.Shard, o, b.Now); err != nil {
			return err
		}
	}
	return nil
}
