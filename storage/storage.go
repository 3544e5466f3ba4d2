// Package storage is the one thing that a host must provide: somewhere to keep
// records. Everything that Symbolon remembers goes through a [Store] of three
// methods.
//
// Most programs never call this package. They open an engine that is already
// here (memory for tests, sqlstore for SQL databases) and hand it over.
//
// To bring an engine of your own, implement [Store]: check what you are given
// with [ValidNames], [ValidScan] and [Batch.Validate], decide conditions with
// [Op.Holds] or with the same rule in the engine's language, and let
// storagetest.Run tell you what you missed. A store never learns what a
// session or a lockout is: rules live in the library, which reads a record,
// computes, and commits on the condition that nobody was faster.
//
// No transaction and no callback crosses the interface. A unit of work is data,
// a [Batch], so the caller's rollback cannot undo the count of a wrong password
// and no foreign code runs while a lock is held.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrConflict says that a condition of the batch did not hold and that nothing
// was applied. Read again, compute again, commit again.
var ErrConflict = errors.New("storage: a condition did not hold, nothing was applied")

// ErrInvalid says that a call lies outside the contract and that nothing was
// applied. It is a fault of the caller: trying again will not help. The error
// that wraps it names the op and the rule.
var ErrInvalid = errors.New("storage: outside the contract, nothing was applied")

// Version identifies one write of one record. The writer draws it at random,
// see [NewVersion], so a store only ever compares versions byte by byte: it
// needs no counter, and a record that is deleted and made again never wears an
// old version. The zero Version means that there is no record.
type Version [16]byte

// NewVersion draws a version from rand, which is crypto/rand.Reader outside
// tests.
func NewVersion(rand io.Reader) (Version, error) {
	var v Version
	if _, err := io.ReadFull(rand, v[:]); err != nil {
		return Version{}, fmt.Errorf("storage: draw a version: %w", err)
	}
	if v.IsZero() { // a broken source of randomness, never chance
		return Version{}, errors.New("storage: the random source gave only zeros")
	}
	return v, nil
}

// IsZero reports whether v stands for no record.
func (v Version) IsZero() bool { return v == Version{} }

// Record is one stored value. A Record with the zero [Version] stands for a
// name under which nothing is stored.
type Record struct {
	Name      string
	Value     []byte
	Version   Version
	ExpiresAt time.Time // zero is never; whole milliseconds, UTC
}

// Live reports whether r exists and is not expired at now. Both times count in
// whole milliseconds rounded down, so that every engine draws the same line:
// a record is expired from the millisecond of its ExpiresAt on.
func (r Record) Live(now time.Time) bool {
	if r.Version.IsZero() {
		return false
	}
	return r.ExpiresAt.IsZero() || r.ExpiresAt.UnixMilli() > now.UnixMilli()
}

// Store keeps records under a shard and a name. It is safe for concurrent use
// by many goroutines and, for engines that are shared, by many processes.
//
// Whoever implements Store promises all of this, and storagetest.Run checks it:
//
//   - G1. Get and Scan see every commit that has returned, from any handle on
//     the same state. No stale replica, no cache.
//   - G2. Commit applies all ops of a batch or none. When a condition does not
//     hold it returns an error that wraps [ErrConflict] and leaves no trace.
//   - G3. Conditions are decided in one atomic step with the writes. A separate
//     read before the write is not enough, in a transaction or not.
//   - G4. Versions are equal when their bytes are. After a delete and a new Put
//     an old version never matches.
//   - G5. A record whose ExpiresAt is not after Batch.Now counts as absent, for
//     Absent, Match and Check alike. The engine may remove such records late,
//     but never early, and by Batch.Now, not by a clock of its own. Get and
//     Scan may still return them.
//   - G6. Names sort by their bytes, whatever the collation, and every character
//     in them is itself: quotes, backslashes, % and _ mean nothing. Values are
//     any bytes.
//   - G7. A serialization failure or a deadlock that left nothing behind is
//     ErrConflict. A lost connection, a full disk, a lock that timed out is not.
//   - G8. When ctx ends, the call returns soon and with an error. The commit may
//     or may not have happened; the library finds out by reading. Updates that
//     wait for one record share a commit, whose ctx has the values of the first.
//
// What lies outside the limits or rules of this package is refused with an
// error that wraps [ErrInvalid]. Every other error than these two says that the
// outcome is unknown. Stores keep no reference to what they are given and hand
// out memory that the caller may change.
type Store interface {
	// Get returns one Record for each of the 1 to MaxOps distinct names, in
	// their order, all as of one moment. A name under which nothing is stored
	// gets a Record with that name and the zero Version.
	Get(ctx context.Context, shard string, names ...string) ([]Record, error)

	// Scan returns, in byte order, at most limit (1 to MaxScan) records of the
	// shard whose names begin with prefix and sort after the name after. Both
	// may be empty. Records that were put with Point may be left out. A result
	// shorter than limit is the end.
	Scan(ctx context.Context, shard, prefix, after string, limit int) ([]Record, error)

	// Commit applies the batch, or returns an error as laid down above. A nil
	// error says that it will still be there after a crash, as far as the engine
	// promises that at all.
	Commit(ctx context.Context, b Batch) error
}
