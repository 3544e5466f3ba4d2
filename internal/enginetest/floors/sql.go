package floors

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// shard is where everybody works, and value what they write.
const shard = "floors"

var value = make([]byte, 256)

// most is the largest number of callers.
const most = 64

// Hand is what one would write by hand for a database, each statement prepared
// once and sent in one round trip where there is one.
type Hand struct {
	get, put, swap *sql.Stmt
	batch          func(ctx context.Context, name, audit, due string, old, v []byte) error
}

// texts are the statements of a dialect.
type texts struct{ get, put, swap string }

func newHand(ctx context.Context, db *sql.DB, t texts) (h Hand, err error) {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{{&h.get, t.get}, {&h.put, t.put}, {&h.swap, t.swap}} {
		if *p.stmt, err = db.PrepareContext(ctx, p.text); err != nil {
			return Hand{}, err
		}
	}
	return h, nil
}

// PostgreSQL returns the pairs for a pool and a store on it.
func PostgreSQL(ctx context.Context, db *sql.DB, s storage.Store) ([]Pair, error) {
	const put = `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`
	h, err := newHand(ctx, db, texts{
		get:  `SELECT name, value, version, expires FROM symbolon_records WHERE shard = $1 AND name = $2`,
		put:  put,
		swap: `UPDATE symbolon_records SET value = $1, version = $2, expires = $3 WHERE shard = $4 AND name = $5 AND version = $6 AND (expires = 0 OR expires > $7)`,
	})
	if err != nil {
		return nil, err
	}
	batch, err := db.PrepareContext(ctx, `WITH swapped AS (
			UPDATE symbolon_records SET value = $2, version = $3, expires = $4
			WHERE shard = $1 AND name = $5 AND version = $6 AND (expires = 0 OR expires > $7) RETURNING 1),
		added AS (INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES ($1, $8, $9, $10, $11), ($1, $12, $13, $14, $15)
			ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires)
		SELECT 1 / count(*) FROM swapped`)
	if err != nil {
		return nil, err
	}
	h.batch = func(ctx context.Context, name, audit, due string, old, v []byte) error {
		var one int
		return batch.QueryRowContext(ctx, shard, value, v, 0, name, old, time.Now().UnixMilli(),
			audit, value, draw(), 0, due, value, draw(), 0).Scan(&one)
	}
	all := pairs("PostgreSQL", h, s, map[string][3]float64{
		"Get": {0.85, 0.85, 0.85}, "Put": {0.90, 0.90, 0.90}, "compare and swap": {0.85, 0.85, 0.85}, "batch of 3": {0.90, 0.90, 0.90},
	})
	for _, p := range []Pair{{Callers: 1, Floor: 0.75}, {Callers: most, Floor: 2}} {
		p.Engine, p.Name = "PostgreSQL", "one hot record"
		p.Plain = func(ctx context.Context, _ int, n int64) error {
			_, err := h.put.ExecContext(ctx, shard, "hot/plain", value, draw(), 0)
			return err
		}
		p.Store = counter(s)
		all = append(all, p)
	}
	byHand, err := newByHand(ctx, db, postgresLibrary())
	if err != nil {
		return nil, err
	}
	does, err := library(ctx, "PostgreSQL", s, byHand, map[string][3]float64{
		"liveness": {0.80, 0.80, 0.80}, "counter": {0.65, 0.65, 0.65}, "session with limit": {0.65, 0.65, 0.65},
	})
	if err != nil {
		return nil, err
	}
	return append(all, does...), h.prepare(ctx, s)
}

// SQLite returns the pairs for a store in a file, and a pool on it with one
// connection that writes in immediate transactions, WAL and synchronous=FULL.
func SQLite(ctx context.Context, db *sql.DB, s storage.Store) ([]Pair, error) {
	h, err := newHand(ctx, db, texts{
		get: `SELECT name, value, version, expires FROM symbolon_records WHERE shard = ? AND name = ?`,
		put: `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`,
		swap: `UPDATE symbolon_records SET value = ?, version = ?, expires = ? WHERE shard = ? AND name = ? AND version = ? AND (expires = 0 OR expires > ?)`,
	})
	if err != nil {
		return nil, err
	}
	h.batch = func(ctx context.Context, name, audit, due string, old, v []byte) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := h.exchange(ctx, tx.StmtContext(ctx, h.swap), name, old, v); err != nil {
			return err
		}
		for _, name := range []string{audit, due} {
			if _, err := tx.StmtContext(ctx, h.put).ExecContext(ctx, shard, name, value, draw(), 0); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	all := pairs("SQLite", h, s, map[string][3]float64{
		"Get": {0.85, 0.85, 0.85}, "Put": {0.90, 3, 8}, "compare and swap": {0.80, 1.5, 6}, "batch of 3": {0.90, 2, 6},
	})
	byHand, err := newByHand(ctx, db, sqliteLibrary())
	if err != nil {
		return nil, err
	}
	does, err := library(ctx, "SQLite", s, byHand, map[string][3]float64{
		"liveness": {0.70, 0.70, 0.70}, "counter": {0.90, 2, 5}, "session with limit": {1, 2.5, 4},
	})
	if err != nil {
		return nil, err
	}
	return append(all, does...), h.prepare(ctx, s)
}

// prepare puts the records that everybody reads, on both sides.
func (h Hand) prepare(ctx context.Context, s storage.Store) error {
	for c := range most {
		name := fmt.Sprint("read/", c)
		if _, err := h.put.ExecContext(ctx, shard, name, value, draw(), 0); err != nil {
			return err
		}
		if err := commit(ctx, s, put(name)); err != nil {
			return err
		}
	}
	return nil
}

// pairs returns the four operations at 1, 8 and 64 callers. Each caller has
// records of its own. A batch exchanges one and adds two, as a change does with
// its entry in the audit and its notice.
func pairs(engine string, h Hand, s storage.Store, floor map[string][3]float64) (all []Pair) {
	for i, callers := range []int{1, 8, most} {
		add := func(name string, plain, store Work) {
			all = append(all, Pair{Engine: engine, Name: name, Callers: callers, Floor: floor[name][i], Plain: plain, Store: store})
		}
		add("Get", func(ctx context.Context, c int, _ int64) error {
			var name string
			var value, version []byte
			var expires int64
			return h.get.QueryRowContext(ctx, shard, fmt.Sprint("read/", c)).Scan(&name, &value, &version, &expires)
		}, func(ctx context.Context, c int, _ int64) error {
			_, err := s.Get(ctx, shard, fmt.Sprint("read/", c))
			return err
		})
		add("Put", func(ctx context.Context, c int, _ int64) error {
			_, err := h.put.ExecContext(ctx, shard, fmt.Sprint("put/", c), value, draw(), 0)
			return err
		}, func(ctx context.Context, c int, _ int64) error {
			return commit(ctx, s, put(fmt.Sprint("put/", c)))
		})
		add("compare and swap", h.chain("swap/", func(ctx context.Context, name string, old, v []byte, _ int64) error {
			return h.exchange(ctx, h.swap, name, old, v)
		}), chain(s, "swap/", func(o storage.Op, _ int64) []storage.Op { return []storage.Op{o} }))
		add("batch of 3", h.chain("actor/", func(ctx context.Context, name string, old, v []byte, n int64) error {
			return h.batch(ctx, name, fmt.Sprint("audit/", n), fmt.Sprint("due/", n), old, v)
		}), chain(s, "actor/", func(o storage.Op, n int64) []storage.Op {
			return []storage.Op{o, put(fmt.Sprint("audit/", n)), put(fmt.Sprint("due/", n))}
		}))
	}
	return all
}

func (h Hand) exchange(ctx context.Context, stmt *sql.Stmt, name string, old, v []byte) error {
	done, err := stmt.ExecContext(ctx, value, v, 0, shard, name, old, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d rows changed (%w)", n, err)
	}
	return nil
}

// chain lets each caller replace what it wrote last, on the plain driver.
func (h Hand) chain(prefix string, replace func(ctx context.Context, name string, old, v []byte, n int64) error) Work {
	var last [most][]byte
	return func(ctx context.Context, c int, n int64) error {
		old, v, name := last[c], draw(), fmt.Sprint(prefix, "plain/", c)
		last[c] = v
		if old == nil {
			_, err := h.put.ExecContext(ctx, shard, name, value, v, 0)
			return err
		}
		return replace(ctx, name, old, v, n)
	}
}

// chain lets each caller replace what it wrote last, in the store.
func chain(s storage.Store, prefix string, ops func(o storage.Op, n int64) []storage.Op) Work {
	var last [most]storage.Version
	return func(ctx context.Context, c int, n int64) error {
		o := put(fmt.Sprint(prefix, "store/", c))
		old := last[c]
		last[c] = o.Version
		if old.IsZero() {
			return commit(ctx, s, o)
		}
		o.Cond, o.If = storage.Match, old
		return commit(ctx, s, ops(o, n)...)
	}
}

// counter counts in one record, as the library changes all of its records.
func counter(s storage.Store) Work {
	space := table.New(s, "floors", time.Now, rand.Reader)
	return func(ctx context.Context, _ int, _ int64) error { return count(ctx, space, "hot") }
}

// count adds one in a record.
func count(ctx context.Context, space *table.Space, name string) error {
	type count struct {
		N int64 `json:"n"`
	}
	_, err := space.Update(ctx, 0, []string{name}, func(tx *table.Tx) error {
		c, _, err := table.Get[count](tx.View, name)
		if err != nil {
			return err
		}
		c.N++
		return table.Put(tx, name, c, time.Time{})
	})
	return err
}

func draw() []byte {
	v, err := storage.NewVersion(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return v[:]
}

func put(name string) storage.Op {
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: value, Version: storage.Version(draw())}
}

func commit(ctx context.Context, s storage.Store, ops ...storage.Op) error {
	return s.Commit(ctx, storage.Batch{Shard: shard, Now: time.Now(), Ops: ops})
}
