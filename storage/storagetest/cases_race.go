package storagetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Many callers at once, over two handles, a few rounds each: enough that a read
// before the write, in a transaction or not, lets two of them through.
const (
	callers = 64
	rounds  = 8
)

var raceCases = []contractCase{
	{
		name: "one-creates",
		rule: "of any number of concurrent Puts with Absent on one name exactly one returns nil, and the others ErrConflict",
		run: func(x *trial) {
			x.oneWins(func(t *trial) func(int) []storage.Op {
				return func(i int) []storage.Op { return []storage.Op{create("a", fmt.Sprint(i))} }
			})
		},
	},
	{
		name: "one-replaces",
		rule: "of any number of concurrent Puts with Match on one version exactly one returns nil, and the others ErrConflict",
		run: func(x *trial) {
			x.oneWins(func(t *trial) func(int) []storage.Op {
				old := t.commit(put("a", "old")).Version
				return func(i int) []storage.Op { return []storage.Op{replace("a", old, fmt.Sprint(i))} }
			})
		},
	},
	{
		name: "one-takes",
		rule: "of any number of concurrent Deletes with Match on one version exactly one returns nil, and what it puts in the same batch is what stays",
		run: func(x *trial) {
			x.oneWins(func(t *trial) func(int) []storage.Op {
				old := t.commit(put("ticket", "old")).Version
				return func(i int) []storage.Op {
					return []storage.Op{put("a", fmt.Sprint(i)), removeIf("ticket", old)}
				}
			})
		},
	},
	{
		name: "expired-is-replaced-once",
		rule: "of any number of concurrent Puts with Absent on an expired record exactly one returns nil",
		run: func(x *trial) {
			x.oneWins(func(t *trial) func(int) []storage.Op {
				t.commit(expiring(put("a", "old"), t.now.Add(time.Minute)))
				t.now = t.now.Add(time.Hour)
				return func(i int) []storage.Op { return []storage.Op{create("a", fmt.Sprint(i))} }
			})
		},
	},
	{
		name: "one-replaces-all",
		rule: "of any number of concurrent batches that replace the same records, in whatever order they name them and however many there are, exactly one returns nil, and all records are of that one",
		run: func(x *trial) {
			other := x.handle()
			for _, n := range []int{2, 3, 4, 5, 9, storage.MaxOps} {
				t := x.in(fmt.Sprint(x.shard, "/", n))
				names, olds := make([]string, n), make([]storage.Version, n)
				for i := range n {
					names[i] = fmt.Sprintf("%02d", i)
					olds[i] = t.commit(put(names[i], "old")).Version
				}
				handles := [2]*trial{t, t.on(other)}
				winner := t.single(race(callers/2, func(i int) error {
					ops := make([]storage.Op, n)
					for at, j := range rand.Perm(n) {
						ops[at] = replace(names[j], olds[j], fmt.Sprint(i))
					}
					return handles[i%2].try(ops...)
				}))
				for _, r := range t.get(names...) {
					if string(r.Value) != fmt.Sprint(winner) {
						t.failf("caller %d won, but %q is of caller %q", winner, r.Name, r.Value)
					}
				}
			}
		},
	},
	{
		name: "one-of-everything",
		rule: "of any number of concurrent batches of all kinds of ops exactly one returns nil, whichever of their conditions the others break, and nothing of the others is there",
		run: func(x *trial) {
			other := x.handle()
			for round := range rounds {
				t := x.in(fmt.Sprint(x.shard, "/", round))
				checked := t.commit(put("checked", "old")).Version
				replaced := t.commit(put("replaced", "old")).Version
				removed := t.commit(put("removed", "old")).Version
				handles := [2]*trial{t, t.on(other)}
				winner := t.single(race(callers/2, func(i int) error {
					mine := fmt.Sprint(i)
					ops := []storage.Op{ // each of the last three alone lets one through
						check("checked", checked), put("put", mine), remove("nothing"), create("mine "+mine, mine),
						create("created", mine), replace("replaced", replaced, mine), removeIf("removed", removed),
					}
					return handles[i%2].try(ops[:4+1+round%3]...)
				}))
				mine := fmt.Sprint(winner)
				for _, r := range t.get("put", "created") {
					if string(r.Value) != mine {
						t.failf("caller %d won, but %q is of caller %q", winner, r.Name, r.Value)
					}
				}
				t.lists("mine ", "", callers, "mine "+mine)
			}
		},
	},
	{
		name: "guard-record",
		rule: "of two batches that each rely on the other's record being absent and rewrite one common guard record with Match, exactly one returns nil",
		run: func(x *trial) {
			other := x.handle()
			for round := range rounds * 4 {
				t, handles := x.pair(round, other)
				guard := t.commit(put("guard", "0")).Version
				errs := race(2, func(i int) error {
					mine := fmt.Sprint("side ", i)
					return handles[i].try(create(mine, "here"), replace("guard", guard, mine))
				})
				t.single(errs)
			}
		},
	},
	{
		name: "check-holds-until-the-commit",
		rule: "a checked record cannot change between the check and the commit: of two batches that each check what the other changes or deletes, at most one returns nil",
		run: func(x *trial) {
			other := x.handle()
			for round := range rounds * 4 {
				t, handles := x.pair(round, other)
				a, b := put("0", "old"), put("1", "old")
				t.commit(a, b)
				olds := []storage.Version{a.Version, b.Version}
				errs := race(2, func(i int) error {
					change := replace(fmt.Sprint(i), olds[i], "new")
					if round%2 == 0 {
						change = removeIf(fmt.Sprint(i), olds[i])
					}
					ops := []storage.Op{check(fmt.Sprint(1-i), olds[1-i]), change}
					for n := range round % 4 * 2 { // and among more ops
						ops = append(ops, put(fmt.Sprint("besides ", i, n), "1"))
					}
					return handles[i].try(ops...)
				})
				if errs[0] == nil && errs[1] == nil {
					x.failf("both batches were applied, although each changed what the other had checked")
				}
				for _, err := range errs {
					if err != nil && !errors.Is(err, storage.ErrConflict) {
						x.failf("a batch that lost returned %q, which is not ErrConflict", err)
					}
				}
			}
		},
	},
	{
		name: "sums-are-kept",
		rule: "concurrent transfers between records lose and make nothing, and every Get of both sides sees a moment at which the sum was right",
		run: func(x *trial) {
			const accounts, workers, transfers, start = 4, 8, 25, 1000
			handles := []*trial{x, x.on(x.handle())}
			var names []string
			for i := range accounts {
				names = append(names, fmt.Sprint("account ", i))
				x.commit(put(names[i], amount(start)))
			}
			for _, err := range race(workers, func(w int) error {
				t := handles[w%len(handles)]
				for n := range transfers {
					from := (w + n) % accounts
					to := (from + 1 + n%(accounts-1)) % accounts
					if err := t.transfer(names, from, to, int64(n%7), accounts*start); err != nil {
						return err
					}
				}
				return nil
			}) {
				x.must(err, "transfer")
			}
			if sum := total(x.get(names...)); sum != accounts*start {
				x.failf("the sum is %d, not %d", sum, accounts*start)
			}
		},
	},
	{
		name: "a-hot-record-moves",
		rule: "writers of one record that read again after ErrConflict all come through, and no increment is lost",
		run: func(x *trial) {
			const workers, each = 8, 25
			handles := []*trial{x, x.on(x.handle())}
			x.commit(put("hot", amount(0)))
			for _, err := range race(workers, func(w int) error {
				for range each {
					if err := handles[w%len(handles)].transfer([]string{"hot"}, 0, 0, 1, -1); err != nil {
						return err
					}
				}
				return nil
			}) {
				x.must(err, "increment")
			}
			if got := total(x.get("hot")); got != workers*each {
				x.failf("%d increments left %d", workers*each, got)
			}
		},
	},
	{
		name: "a-cancelled-commit-is-whole",
		rule: "a commit whose context ends returns soon; whatever it returned, all of it happened or nothing, and nil means that it did",
		run: func(x *trial) {
			errs := race(callers, func(i int) error {
				ctx, cancel := context.WithTimeout(x.ctx, rand.N(2*time.Millisecond))
				defer cancel()
				t := *x
				t.ctx = ctx
				begun := time.Now()
				err := t.try(put(fmt.Sprint("left ", i), "1"), put(fmt.Sprint("right ", i), "1"))
				if took := time.Since(begun); took > 10*time.Second {
					return fmt.Errorf("returned %v after its context had ended", took)
				}
				if err == nil {
					return nil
				}
				return errCancelled
			})
			for i, err := range errs {
				if err != nil && err != errCancelled {
					x.must(err, "cancelled commit")
				}
				both := x.get(fmt.Sprint("left ", i), fmt.Sprint("right ", i))
				left, right := !both[0].Version.IsZero(), !both[1].Version.IsZero()
				if left != right {
					x.failf("half of a cancelled batch was applied")
				}
				if err == nil && !left {
					x.failf("Commit returned nil and nothing was applied")
				}
			}
		},
	},
}

var errCancelled = errors.New("cancelled")

// pair returns a shard for the round, and x and another handle on it.
func (x *trial) pair(round int, other storage.Store) (*trial, [2]*trial) {
	t := x.in(fmt.Sprint(x.shard, "/", round))
	return t, [2]*trial{t, t.on(other)}
}

// oneWins lets callers commit at once what prepare gives each of them, and
// expects one winner, whose number is then the value of record "a".
func (x *trial) oneWins(prepare func(*trial) func(i int) []storage.Op) {
	other := x.handle()
	for round := range rounds {
		t := x.in(fmt.Sprint(x.shard, "/", round))
		ops := prepare(t)
		handles := [2]*trial{t, t.on(other)}
		winner := t.single(race(callers, func(i int) error { return handles[i%2].try(ops(i)...) }))
		if got := string(t.get("a")[0].Value); got != fmt.Sprint(winner) {
			x.failf("caller %d won, but the record is of caller %q", winner, got)
		}
	}
}

// single expects one nil among errs, and ErrConflict for the rest.
func (x *trial) single(errs []error) (winner int) {
	winners := 0
	for i, err := range errs {
		switch {
		case err == nil:
			winners++
			winner = i
		case !errors.Is(err, storage.ErrConflict):
			x.failf("a caller that lost got %q, which is not ErrConflict", err)
		}
	}
	if winners != 1 {
		x.failf("%d of %d concurrent commits returned nil", winners, len(errs))
	}
	return winner
}

// transfer moves n from one record to another, reading again after each
// conflict. When sum is not negative it expects each reading to add up to it.
// From a record to itself it adds n.
func (x *trial) transfer(names []string, from, to int, n, sum int64) error {
	const tries = 500 // a conflict is the commit of somebody else, and there are 200 in all
	for range tries {
		found, err := x.store.Get(x.ctx, x.shard, names...)
		if err != nil {
			return err
		}
		if got := total(found); sum >= 0 && got != sum {
			return fmt.Errorf("one Get saw a sum of %d, not %d", got, sum)
		}
		time.Sleep(rand.N(20 * time.Microsecond)) // let the others in between
		ops := []storage.Op{replace(names[to], found[to].Version, amount(count(found[to])+n))}
		if from != to {
			ops = append(ops, replace(names[from], found[from].Version, amount(count(found[from])-n)))
		}
		if err := x.try(ops...); !errors.Is(err, storage.ErrConflict) {
			return err
		}
		time.Sleep(rand.N(time.Millisecond))
	}
	return fmt.Errorf("no progress after %d conflicts", tries)
}

func amount(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func count(r storage.Record) int64 {
	if len(r.Value) != 8 {
		return -1 << 40 // lost: no sum is right with this in it
	}
	return int64(binary.BigEndian.Uint64(r.Value))
}

func total(found []storage.Record) (sum int64) {
	for _, r := range found {
		sum += count(r)
	}
	return sum
}
