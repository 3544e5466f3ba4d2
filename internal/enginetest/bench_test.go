package enginetest

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
)

// BenchmarkSQLite sets the store beside the same statement, prepared, on the
// plain driver: WAL, synchronous=FULL, one connection that writes, immediate
// transactions. Values have 256 bytes and each caller has a record of its own;
// a batch swaps it and appends to a log and a queue, as a change does with its
// audit and its notice.
func BenchmarkSQLite(b *testing.B) {
	value := string(make([]byte, 256))
	for _, callers := range []int{1, 8, 64} {
		bench := func(name string, engine string, prepare func(b *testing.B) func(caller, n int) error) {
			b.Run(fmt.Sprintf("%s/%s/callers=%d", name, engine, callers), func(b *testing.B) {
				f := prepare(b)
				var next atomic.Int64
				b.ResetTimer()
				_ = each(callers, func(c int) error {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if err := f(c, int(n)); err != nil {
							b.Error(err)
							return err
						}
					}
					return nil
				})
			})
		}
		ctx := context.Background()
		bench("Get", "plain", func(b *testing.B) func(int, int) error {
			p := newPlain(b)
			return p.get
		})
		bench("Get", "store", func(b *testing.B) func(int, int) error {
			s := engines.SQLite(b, b.TempDir()+"/bench.db")
			for c := range 64 {
				if err := commit(ctx, s, put(fmt.Sprint(c), value)); err != nil {
					b.Fatal(err)
				}
			}
			return func(c, _ int) error {
				_, err := s.Get(ctx, "fleet", fmt.Sprint(c))
				return err
			}
		})
		bench("Put", "plain", func(b *testing.B) func(int, int) error {
			p := newPlain(b)
			return func(c, _ int) error { return p.put(fmt.Sprint(c), value) }
		})
		bench("Put", "store", func(b *testing.B) func(int, int) error {
			s := engines.SQLite(b, b.TempDir()+"/bench.db")
			return func(c, _ int) error { return commit(ctx, s, put(fmt.Sprint(c), value)) }
		})
		bench("CompareAndSwap", "plain", func(b *testing.B) func(int, int) error {
			p := newPlain(b)
			last := make([]storage.Version, 64)
			return func(c, _ int) error { return p.swap(fmt.Sprint(c), &last[c], value) }
		})
		bench("CompareAndSwap", "store", func(b *testing.B) func(int, int) error {
			s := engines.SQLite(b, b.TempDir()+"/bench.db")
			last := make([]storage.Version, 64)
			return func(c, _ int) error {
				o := put(fmt.Sprint(c), value)
				if o.Cond, o.If = storage.Match, last[c]; o.If.IsZero() {
					o.Cond = storage.Any
				}
				last[c] = o.Version
				return commit(ctx, s, o)
			}
		})
		bench("BatchOf3", "plain", func(b *testing.B) func(int, int) error {
			p := newPlain(b)
			last := make([]storage.Version, 64)
			return func(c, n int) error { return p.batch(c, n, &last[c], value) }
		})
		bench("BatchOf3", "store", func(b *testing.B) func(int, int) error {
			s := engines.SQLite(b, b.TempDir()+"/bench.db")
			last := make([]storage.Version, 64)
			return func(c, n int) error {
				o := put(fmt.Sprint(c), value)
				if o.Cond, o.If = storage.Match, last[c]; o.If.IsZero() {
					o.Cond = storage.Any
				}
				last[c] = o.Version
				return commit(ctx, s, o, put(fmt.Sprintf("audit/%09d", n), value), put(fmt.Sprintf("due/%09d", n), value))
			}
		})
	}
}

// plain is what one would write by hand.
type plain struct {
	db                     *sql.DB
	getOne, putOne, swapIt *sql.Stmt
}

const plainPut = `INSERT INTO symbolon_records (shard, name, value, version, expires) VALUES (?, ?, ?, ?, ?)
	ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`

func newPlain(b *testing.B) *plain {
	path := b.TempDir() + "/bench.db"
	_, closeAll, err := engines.OpenSQLite(b.Context(), path) // makes the table
	if err == nil {
		err = closeAll()
	}
	if err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	p := &plain{db: db}
	prepare := func(query string) *sql.Stmt {
		stmt, err := db.Prepare(query)
		if err != nil {
			b.Fatal(err)
		}
		return stmt
	}
	p.getOne = prepare(`SELECT name, value, version, expires FROM symbolon_records WHERE shard = ? AND name = ?`)
	p.putOne = prepare(plainPut)
	p.swapIt = prepare(`UPDATE symbolon_records SET value = ?, version = ?, expires = ? WHERE shard = ? AND name = ? AND version = ? AND (expires = 0 OR expires > ?)`)
	for c := range 64 {
		if err := p.put(fmt.Sprint(c), string(make([]byte, 256))); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

func (p *plain) get(c, _ int) error {
	var name string
	var value, version []byte
	var expires int64
	return p.getOne.QueryRow("fleet", fmt.Sprint(c)).Scan(&name, &value, &version, &expires)
}

func (p *plain) put(name, value string) error {
	v := put(name, value).Version
	_, err := p.putOne.Exec("fleet", name, []byte(value), v[:], 0)
	return err
}

func (p *plain) swap(name string, last *storage.Version, value string) error {
	v := put(name, value).Version
	if last.IsZero() {
		*last = v
		_, err := p.putOne.Exec("fleet", name, []byte(value), v[:], 0)
		return err
	}
	done, err := p.swapIt.Exec([]byte(value), v[:], 0, "fleet", name, last[:], time.Now().UnixMilli())
	return p.one(done, err, last, v)
}

func (p *plain) one(done sql.Result, err error, last *storage.Version, v storage.Version) error {
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d rows changed, %w", n, err)
	}
	*last = v
	return nil
}

func (p *plain) batch(c, n int, last *storage.Version, value string) error {
	tx, err := p.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	v := put("", value).Version
	if last.IsZero() {
		_, err = tx.Stmt(p.putOne).Exec("fleet", fmt.Sprint(c), []byte(value), v[:], 0)
		*last = v
	} else {
		var done sql.Result
		done, err = tx.Stmt(p.swapIt).Exec([]byte(value), v[:], 0, "fleet", fmt.Sprint(c), last[:], time.Now().UnixMilli())
		err = p.one(done, err, last, v)
	}
	if err != nil {
		return err
	}
	for _, kind := range []string{"audit", "due"} {
		v := put("", value).Version
		if _, err := tx.Stmt(p.putOne).Exec("fleet", fmt.Sprintf("%s/%09d", kind, n), []byte(value), v[:], 0); err != nil {
			return err
		}
	}
	return tx.Commit()
}
