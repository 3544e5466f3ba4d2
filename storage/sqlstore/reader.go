package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon/storage"
)

// reader reads records through a pool or a transaction.
type reader struct {
	ask  func(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	mark mark
}

// columns are what records are read from, in this order.
const columns = `SELECT name, value, version, expires FROM symbolon_records`

func (r reader) get(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
	s := &statement{mark: r.mark}
	s.add(columns, ` WHERE shard = `, s.arg(shard), ` AND name IN (`, s.arg(names[0]))
	for i := 1; i < places(len(names)); i++ {
		s.add(`, `, s.arg(names[min(i, len(names)-1)]))
	}
	s.add(`)`)
	rows, err := r.ask(ctx, s.String(), s.args...)
	if err != nil {
		return nil, err
	}
	found, err := collect(rows, len(names), every)
	if err != nil {
		return nil, err
	}
	return inOrder(found, names), nil
}

func (r reader) scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	s := &statement{mark: r.mark}
	s.add(columns, ` WHERE shard = `, s.arg(shard), ` AND name > `, s.arg(after), ` AND name >= `, s.arg(prefix))
	if end, ok := beyond(prefix); ok { // no pattern, so no wildcards: the names with a prefix follow each other
		s.add(` AND name < `, s.arg(end))
	}
	s.add(` ORDER BY name LIMIT `, s.arg(limit))
	rows, err := r.ask(ctx, s.String(), s.args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, limit, every)
}

// moment lets read see the table as REPEATABLE READ keeps it in PostgreSQL and in
// InnoDB: as of the first statement of a transaction.
func moment(ctx context.Context, db *sql.DB, mark mark, read func(storage.Reader) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written, so there is nothing to commit
	r := reader{tx.QueryContext, mark}
	if _, err := r.get(ctx, "symbolon", []string{"moment"}); err != nil {
		return err
	}
	return read(past{r})
}

// past checks the arguments for whoever reads in a snapshot.
type past struct{ half }

// half is the reading half of an engine.
type half interface {
	get(ctx context.Context, shard string, names []string) ([]storage.Record, error)
	scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error)
}

func (p past) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := storage.ValidNames(shard, names); err != nil {
		return nil, err
	}
	return p.get(ctx, shard, names)
}

func (p past) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		return nil, err
	}
	return p.scan(ctx, shard, prefix, after, limit)
}

// collect reads records as long as keep says so, at most as many as there can be,
// and closes rows.
func collect(rows *sql.Rows, most int, keep func(*storage.Record) bool) (found []storage.Record, err error) {
	defer rows.Close() // or the connection would go on reading the past
	for len(found) < most && rows.Next() {
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

// named returns the record of that name, or the zero Record. The list is short.
func named(found []storage.Record, name string) storage.Record {
	for _, r := range found {
		if r.Name == name {
			return r
		}
	}
	return storage.Record{Name: name}
}

// inOrder returns one record for each of the names.
func inOrder(found []storage.Record, names []string) []storage.Record {
	if len(found) == 1 && len(names) == 1 {
		return found // the usual case, and no second copy
	}
	all := make([]storage.Record, len(names))
	for i, name := range names {
		all[i] = named(found, name)
	}
	return all
}

// beyond returns the first name after all that begin with prefix, in UTF-8, whose
// order by bytes is that of the code points; ok is false when there is none.
func beyond(prefix string) (name string, ok bool) {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xd7ff: // surrogates are no characters
			return prefix + "\ue000", true
		case last < utf8.MaxRune:
			return prefix + string(last+1), true
		}
	}
	return "", false
}
