package floors

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// byHand is the best that one would write for one purpose, which knows its
// tables, where the library makes do with Get and Commit.
type byHand struct {
	live    func(ctx context.Context, c int) error // are both records of the caller there
	counted func(ctx context.Context, c int) error // replace one record
	opened  func(ctx context.Context, c int) error // one session more, and the sixth last one away
}

// maxSessions is how many sessions an employee may have.
const maxSessions = 5

// library returns what the library does, beside what one would write by hand.
// Each caller has records of its own.
func library(ctx context.Context, engine string, s storage.Store, h byHand, floor map[string][3]float64) (all []Pair, err error) {
	space := table.New(s, "floors", time.Now, rand.Reader)
	stamps := make([]seal.Stamps, most)
	for c := range stamps {
		stamps[c] = seal.Stamps{Actor: fmt.Sprint("a", c), ActorEpoch: 1, Session: "s/1"}
		shard, names := stamp.Actor(stamps[c])
		if _, err := space.Update(ctx, shard, names, func(tx *table.Tx) error {
			if err := table.Put(tx, names[0], stamp.Party{Epoch: 1}, time.Time{}); err != nil {
				return err
			}
			return table.Put(tx, names[1], struct{}{}, time.Time{})
		}); err != nil {
			return nil, err
		}
	}
	for i, callers := range []int{1, 8, most} {
		add := func(name string, plain func(context.Context, int) error, store Work) {
			all = append(all, Pair{Engine: engine, Name: name, Callers: callers, Floor: floor[name][i], Store: store,
				Plain: func(ctx context.Context, c int, _ int64) error { return plain(ctx, c) }})
		}
		add("liveness", h.live, func(ctx context.Context, c int, _ int64) error {
			return stamp.Check(ctx, space, stamps[c])
		})
		add("counter", h.counted, func(ctx context.Context, c int, _ int64) error {
			return count(ctx, space, fmt.Sprint("count/", c))
		})
		add("session with limit", h.opened, func(ctx context.Context, c int, n int64) error {
			return open(ctx, space, fmt.Sprint("a", c), fmt.Sprint(n))
		})
	}
	return all, nil
}

// open opens a session as authn does: a row for it, and the list of all, from
// which the oldest is dropped.
func open(ctx context.Context, space *table.Space, actor, id string) error {
	type sessions struct {
		IDs []string `json:"ids"`
	}
	index := table.Name("actor", actor, "sessions")
	_, err := space.Update(ctx, 1, []string{index}, func(tx *table.Tx) error {
		all, _, err := table.Get[sessions](tx.View, index)
		if err != nil {
			return err
		}
		if all.IDs = append(all.IDs, id); len(all.IDs) > maxSessions {
			tx.Remove(table.Name("actor", actor, "s", all.IDs[0]))
			all.IDs = all.IDs[1:]
		}
		row, err := table.NewRow(table.Name("actor", actor, "s", id), all, time.Time{})
		if err != nil {
			return err
		}
		tx.Add(row)
		return table.Put(tx, index, all, time.Time{})
	})
	return err
}

// libraryTexts are the statements of a dialect. Sessions are numbered by a record
// of their owner, whose lock is their order: the next puts a row and removes the
// one that is by five older. Where one statement does all of that, put and remove
// are empty.
type libraryTexts struct{ live, seed, counted, next, put, remove string }

// newByHand prepares the statements and the records that they change.
func newByHand(ctx context.Context, db *sql.DB, t libraryTexts) (h byHand, err error) {
	var live, seed, counted, next, put, remove *sql.Stmt
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{{&live, t.live}, {&seed, t.seed}, {&counted, t.counted}, {&next, t.next}, {&put, t.put}, {&remove, t.remove}} {
		if p.text == "" {
			continue
		}
		if *p.stmt, err = db.PrepareContext(ctx, p.text); err != nil {
			return byHand{}, err
		}
	}
	for c := range most {
		for _, name := range []string{"live/%d", "live/%d/s", "count/%d", "numbers/%d"} {
			if _, err := seed.ExecContext(ctx, shard, fmt.Sprintf(name, c), value, draw()); err != nil {
				return byHand{}, err
			}
		}
	}
	h.live = func(ctx context.Context, c int) error {
		rows, err := live.QueryContext(ctx, shard, fmt.Sprintf("live/%d", c), fmt.Sprintf("live/%d/s", c))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var value, version []byte
			var expires int64
			if err := rows.Scan(&name, &value, &version, &expires); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	h.counted = func(ctx context.Context, c int) error {
		_, err := counted.ExecContext(ctx, value, draw(), shard, fmt.Sprintf("count/%d", c))
		return err
	}
	h.opened = func(ctx context.Context, c int) error {
		_, err := next.ExecContext(ctx, shard, fmt.Sprintf("numbers/%d", c), value, draw())
		return err
	}
	if t.put != "" {
		h.opened = func(ctx context.Context, c int) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			var n int64
			name := fmt.Sprintf("numbers/%d", c)
			if err := tx.StmtContext(ctx, next).QueryRowContext(ctx, shard, name).Scan(&n); err != nil {
				return err
			}
			if _, err := tx.StmtContext(ctx, put).ExecContext(ctx, shard, fmt.Sprintf("%s/%d", name, n), value, draw()); err != nil {
				return err
			}
			if _, err := tx.StmtContext(ctx, remove).ExecContext(ctx, shard, fmt.Sprintf("%s/%d", name, n-maxSessions)); err != nil {
				return err
			}
			return tx.Commit()
		}
	}
	return h, nil
}

const (
	insert = `INSERT INTO symbolon_records (shard, name, value, version, expires)`
	renew  = `UPDATE symbolon_records SET expires = expires + 1`
)

func postgresLibrary() libraryTexts {
	return libraryTexts{
		live:    `SELECT name, value, version, expires FROM symbolon_records WHERE shard = $1 AND name IN ($2, $3)`,
		seed:    insert + ` VALUES ($1, $2, $3, $4, 0)`,
		counted: `UPDATE symbolon_records SET value = $1, version = $2 WHERE shard = $3 AND name = $4`,
		next: `WITH number AS (` + renew + ` WHERE shard = $1 AND name = $2 RETURNING expires AS n),
			removed AS (DELETE FROM symbolon_records r USING number WHERE r.shard = $1 AND r.name = $2 || '/' || (n - 5)) ` +
			insert + ` SELECT $1, $2 || '/' || n, $3, $4, 0 FROM number`,
	}
}

func sqliteLibrary() libraryTexts {
	return libraryTexts{
		live:    `SELECT name, value, version, expires FROM symbolon_records WHERE shard = ? AND name IN (?, ?)`,
		seed:    insert + ` VALUES (?, ?, ?, ?, 0)`,
		counted: `UPDATE symbolon_records SET value = ?, version = ? WHERE shard = ? AND name = ?`,
		next:    renew + ` WHERE shard = ? AND name = ? RETURNING expires`,
		put:     insert + ` VALUES (?, ?, ?, ?, 0)`,
		remove:  `DELETE FROM symbolon_records WHERE shard = ? AND name = ?`,
	}
}
