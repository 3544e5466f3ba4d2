package sqlstore

import (
	"strings"

	"github.com/symbolon-auth/symbolon/storage"
)

// A commit is one statement, so one round trip and one transaction, and it is
// correct at READ COMMITTED, although a statement there sees the table as it was
// when it began:
//
//   - Who changes or checks a row locks it first. If it had to wait, PostgreSQL
//     looks at the newest version of the row and decides the WHERE clause again.
//     A row that was replaced or deleted meanwhile is then no longer found.
//   - An insert meets rows that are newer than the statement, by the index.
//   - A lock holds until the end of the commit, FOR SHARE too, so what was
//     checked cannot change before.
//
// Each op that has a condition counts the rows that it found, one or none. The
// statement divides by the product of the counts: if one is zero, that is an
// error, and it undoes everything.
//
// Rows are locked in the order of their names, so batches do not wait for each
// other in a circle. One exception is left: a row that was removed and made again
// after the statement began is met by the insert alone, behind rows of later
// names. Where three batches of many ops meet so, PostgreSQL ends one of them
// after deadlock_timeout, and it is a conflict like any other.
//
// A Delete with Any has nothing to lock when it finds nothing, so it takes what
// was there when the commit began. Who depends on absence rewrites a guard
// record, as everywhere.

// fewOps is up to how many ops have a part of the text each. The text then
// depends on the kinds of the ops in the order of their names, of which there
// are six to the power of their number, and a connection keeps a plan for each.
const fewOps = 3

const (
	upsert     = `INSERT INTO symbolon_records AS r (shard, name, value, version, expires) `
	onConflict = ` ON CONFLICT (shard, name) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires`
)

// loneOp returns the statement for a batch of one op, which is not a Check.
func loneOp(b storage.Batch) *statement {
	s := &statement{mark: dollar, args: make([]any, 0, 7)}
	s.op(b.Ops, s.arg(b.Shard), b.Now.UnixMilli())
	return s
}

// manyOps returns the statement for any batch. It fails to divide when a
// condition does not hold.
func manyOps(b storage.Batch) *statement {
	ops := byName(b.Ops)
	if len(ops) > fewOps {
		return opsInTable(b.Shard, ops, b.Now.UnixMilli())
	}
	return opByOp(b.Shard, ops, b.Now.UnixMilli())
}

// opByOp gives each op, or each run of Puts of one kind, a table expression of
// its own. They are carried out in the order in which the product mentions them,
// and what it does not mention comes last.
func opByOp(shard string, ops []storage.Op, now int64) *statement {
	s := &statement{mark: dollar, args: make([]any, 0, 1+6*len(ops))}
	s.Grow(512 * len(ops))
	in := s.arg(shard)
	product := ""
	for i, next := 0, 0; i < len(ops); i = next {
		next = i + 1
		for next < len(ops) && ops[i].Act == storage.Put && ops[i].Cond != storage.Match && kindOf(ops[next]) == kindOf(ops[i]) {
			next++
		}
		name := names[i]
		s.add([...]string{`WITH `, `, `}[min(i, 1)], name, ` AS (`)
		s.op(ops[i:next], in, now)
		if ops[i].Act != storage.Check {
			s.add(` RETURNING 1`)
		}
		s.add(`)`)
		switch {
		case ops[i].Cond != storage.Any:
			product += ` * ((SELECT count(*) FROM ` + name + `) / ` + count[next-i] + `)`
		case next < len(ops): // asked all the same, for the order
			product += ` * (SELECT 1 + 0 * count(*) FROM ` + name + `)`
		}
	}
	s.add(` SELECT 1 / (1`, product, `)`)
	return s
}

var (
	names = [fewOps]string{"a", "b", "c"}
	count = [fewOps + 1]string{"0", "1", "2", "3"}
)

// op adds what carries out a run of ops when their conditions hold, which are
// those of storage.Op.Holds, and otherwise touches no row. Several are Puts.
func (s *statement) op(run []storage.Op, shard string, now int64) {
	o := run[0]
	match := func() {
		s.add(` WHERE shard = `, shard, ` AND name = `, s.arg(o.Name), ` AND version = `, s.arg(o.If[:]), ` AND (expires = 0 OR expires > `, s.arg(now), `)`)
	}
	switch {
	case o.Act == storage.Put && o.Cond == storage.Match:
		value, expires := stored(o)
		s.add(`UPDATE symbolon_records SET value = `, s.arg(value), `, version = `, s.arg(o.Version[:]), `, expires = `, s.arg(expires))
		match()
	case o.Act == storage.Put:
		s.add(upsert, `VALUES `)
		for i, o := range run {
			value, expires := stored(o)
			s.add([...]string{`(`, `, (`}[min(i, 1)], shard, `, `, s.arg(o.Name), `, `, s.arg(value), `, `, s.arg(o.Version[:]), `, `, s.arg(expires), `)`)
		}
		s.add(onConflict)
		if o.Cond == storage.Absent {
			s.add(` WHERE r.expires > 0 AND r.expires <= `, s.arg(now))
		}
	case o.Act == storage.Check:
		s.add(`SELECT 1 FROM symbolon_records`)
		match()
		s.add(` FOR SHARE`)
	case o.Cond == storage.Match:
		s.add(`DELETE FROM symbolon_records`)
		match()
	default:
		s.add(`DELETE FROM symbolon_records WHERE shard = `, shard, ` AND name = `, s.arg(o.Name))
	}
}

// The kinds of ops in a table, as the text below names them.
const (
	putting    = 1
	creating   = 2
	removing   = 3
	replacing  = 4 // this and what follows has Match
	removingIf = 5
	checking   = 6
)

func kindOf(o storage.Op) int {
	switch {
	case o.Act == storage.Check:
		return checking
	case o.Act == storage.Put && o.Cond == storage.Any:
		return putting
	case o.Act == storage.Put && o.Cond == storage.Absent:
		return creating
	case o.Act == storage.Put:
		return replacing
	case o.Cond == storage.Match:
		return removingIf
	}
	return removing
}

// opsInTable hands the ops over as rows, so that the text depends on nothing but
// their number, rounded up. It locks all rows that there are, in order, before
// it does anything: each expression that writes asks for held. What it inserts it
// inserts in one go, whatever the condition, since a new name is locked too; then
// each Put with Any has written, and the count is short when one with Absent has
// not.
func opsInTable(shard string, ops []storage.Op, now int64) *statement {
	n := places(len(ops))
	s := &statement{mark: dollar, args: make([]any, 0, 2+6*n)}
	s.Grow(2048 + 64*n)
	in, at := s.arg(shard), s.arg(now)
	names := make([]string, n)
	s.add(`WITH op (name, kind, old, value, version, expires) AS (VALUES `)
	for i := range n {
		var name, old, value, version, expires any // an empty place finds no row
		kind := 0
		if i < len(ops) {
			o := ops[i]
			kind, name, old, version = kindOf(o), o.Name, o.If[:], o.Version[:]
			value, expires = stored(o)
		}
		if i > 0 {
			s.add(`, `)
		}
		names[i] = s.arg(name)
		s.add(`(`, names[i], `::text, `, s.arg(kind), `::int, `, s.arg(old), `::bytea, `,
			s.arg(value), `::bytea, `, s.arg(version), `::bytea, `, s.arg(expires), `::bigint)`)
	}
	s.add(`), held AS (SELECT name, version, expires FROM symbolon_records
		WHERE shard = `, in, ` AND name IN (`, strings.Join(names, `, `), `) ORDER BY name FOR UPDATE),
	met AS (SELECT 1 FROM op JOIN held USING (name)
		WHERE kind >= 4 AND held.version = op.old AND (held.expires = 0 OR held.expires > `, at, `)),
	put AS (`, upsert, `SELECT `, in, `, name, value, version, expires FROM op WHERE kind IN (1, 2)`, afterHeld, ` ORDER BY name COLLATE "C"`, onConflict, `
		WHERE r.expires > 0 AND r.expires <= `, at, ` OR r.name IN (SELECT name FROM op WHERE kind = 1) RETURNING 1),
	replaced AS (UPDATE symbolon_records AS r SET value = op.value, version = op.version, expires = op.expires
		FROM op WHERE r.shard = `, in, ` AND r.name = op.name AND op.kind = 4`, afterHeld, `),
	removed AS (DELETE FROM symbolon_records AS r USING op
		WHERE r.shard = `, in, ` AND r.name = op.name AND op.kind IN (3, 5)`, afterHeld, `)
	SELECT 1 / (CASE WHEN (SELECT count(*) FROM met) = (SELECT count(*) FROM op WHERE kind >= 4)
		AND (SELECT count(*) FROM put) = (SELECT count(*) FROM op WHERE kind IN (1, 2)) THEN 1 ELSE 0 END)`)
	return s
}

const afterHeld = ` AND (SELECT count(*) FROM held) >= 0`
