package storage

import (
	"fmt"
	"time"
)

// Cond is what must hold for an [Op]. The zero Cond is invalid, so that a
// forgotten condition is refused rather than taken for Any.
type Cond uint8

const (
	Any    Cond = iota + 1 // always holds
	Absent                 // nothing live is stored under the name
	Match                  // a live record of exactly the version Op.If is stored
)

// String returns the name of the constant.
func (c Cond) String() string {
	switch c {
	case Any:
		return "Any"
	case Absent:
		return "Absent"
	case Match:
		return "Match"
	}
	return fmt.Sprintf("Cond(%d)", uint8(c))
}

// Act is what an [Op] does. The zero Act is invalid.
type Act uint8

const (
	Put    Act = iota + 1 // write the record, with any condition
	Delete                // remove the record if there is one, with Any or Match
	Check                 // only hold the batch to the condition, which is Match
)

// String returns the name of the constant.
func (a Act) String() string {
	switch a {
	case Put:
		return "Put"
	case Delete:
		return "Delete"
	case Check:
		return "Check"
	}
	return fmt.Sprintf("Act(%d)", uint8(a))
}

// Op is one step of a [Batch].
//
// Delete with Any removes what was there when the commit began; an engine at READ
// COMMITTED may miss what another writer adds at that moment, and then a batch with
// other ops beside it is not as if the two had come one after the other. So both
// rewrite the same record, with Match or Absent: whoever adds and whoever removes.
// storagetest.Strict watches that; a batch of nothing else needs no such record.
//
// There is no Check for Absent: two batches that each check that the other's
// record is absent can both go through on an engine that locks only rows that
// exist. Whoever depends on absence rewrites a guard record with Match instead.
type Op struct {
	Act       Act
	Name      string
	Cond      Cond
	If        Version   // with Match: the version that must be stored
	Value     []byte    // with Put
	Version   Version   // with Put: a new one, see NewVersion
	ExpiresAt time.Time // with Put; zero is never; kept in whole milliseconds, rounded down
	Point     bool      // with Put: nobody looks for this name with Scan, so it may stay out of an ordered index
}

// Holds reports whether the condition of o is met when found is what the store
// has under o.Name (the zero Record when there is nothing). It is the one
// definition of G5: what is expired at now is not there, for no condition.
func (o Op) Holds(found Record, now time.Time) bool {
	live := found.Live(now)
	switch o.Cond {
	case Any:
		return true
	case Absent:
		return !live
	case Match:
		return live && found.Version == o.If
	}
	return false
}

// Batch is a unit of work: all of its ops are applied, or none.
type Batch struct {
	Shard string    // everything in it lies in this shard
	Now   time.Time // the library's clock, decides what is expired
	Ops   []Op      // 1 to MaxOps, each with another name

	// Room is by how many bytes each value may exceed MaxPage, and on average the
	// share of MaxBatch, because a wrapper such as storage/sealed has added them; 0 to
	// MaxRoom. Callers leave it alone, a wrapper adds what it adds.
	Room int
}

// Record returns what a store keeps after the Put o: its ExpiresAt in whole
// milliseconds, rounded down, so that every engine gives back the same.
func (o Op) Record() Record {
	r := Record{Name: o.Name, Value: o.Value, Version: o.Version}
	if !o.ExpiresAt.IsZero() {
		r.ExpiresAt = time.UnixMilli(o.ExpiresAt.UnixMilli()).UTC()
	}
	return r
}
