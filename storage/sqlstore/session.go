package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
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
func (s *session) discard() {
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

func (s *session) pragma(ctx context.Context, p string) (value string, err error) {
	if err := s.conn.QueryRowContext(ctx, "PRAGMA "+p).Scan(&value); err != nil {
		return "", fmt.Errorf("PRAGMA %s: %w", p, err)
	}
	return value, nil
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

// query returns records as long as keep says so.
func (s *session) query(keep func(*storage.Record) bool, query string, args ...any) (found []storage.Record, err error) {
	stmt, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() // or the connection would go on reading the past
	for rows.Next() {
		var r storage.Record
		var version sql.RawBytes
		var expires int64
		if err := rows.Scan(&r.Name, &r.Value, &version, &expires); err != nil {
			return nil, err
		}
		if !keep(&r) {
			break
		}
		if copy(r.Version[:], version) != len(r.Version) || len(version) != len(r.Version) || r.Version.IsZero() {
			return nil, fmt.Errorf("the record %.64q is damaged: its version is %d bytes", r.Name, len(version))
		}
		if expires != 0 {
			r.ExpiresAt = time.UnixMilli(expires).UTC()
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

func every(*storage.Record) bool { return true }

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
		value   = o.Value
		expires int64
		now     = at.UnixMilli()
	)
	if value == nil {
		value = []byte{} // nil is NULL to a driver
	}
	if !o.ExpiresAt.IsZero() {
		expires = o.ExpiresAt.UnixMilli()
	}
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
		found, err = s.query(every, `SELECT name, x'', version, expires FROM symbolon_records WHERE shard = ? AND name IN (`+marks(n)+`)`, conditions...)
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

// named returns the record of that name, or the zero Record. The list is short.
func named(found []storage.Record, name string) storage.Record {
	for _, r := range found {
		if r.Name == name {
			return r
		}
	}
	return storage.Record{Name: name}
}
