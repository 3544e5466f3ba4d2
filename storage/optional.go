package storage

import (
	"context"
	"time"
)

// What a store may offer besides. Each is found by a type assertion, adds speed
// or comfort and never correctness, and the library gets by without it.

// Sweeper is implemented by stores whose engine does not remove expired records
// by itself. Sweep removes at most limit records that are expired at before, from
// all shards, and reports how many; fewer than limit means that none is left
// that nobody is writing. It works in short steps, so a large limit does not
// hold others up.
type Sweeper interface {
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// Clock is implemented by stores whose engine has a clock, which then is the
// clock of the fleet: see [ClockWatch]. Now returns what it shows, in UTC, at
// some moment between call and return. It decides nothing: what is expired, only
// Batch.Now says.
type Clock interface {
	Now(ctx context.Context) (time.Time, error)
}

// Waker is implemented by stores that can tell when something was committed to
// a shard. The channel receives, soon after a commit of any process, once for
// one or for several; a wake-up may be lost with the connection, so whoever
// waits also looks from time to time. The function ends it and closes the
// channel; it may be called again. Without a Waker one polls, with jitter.
type Waker interface {
	Wake(ctx context.Context, shard string) (<-chan struct{}, func(), error)
}

// Reader is the reading half of a [Store].
type Reader interface {
	Get(ctx context.Context, shard string, names ...string) ([]Record, error)
	Scan(ctx context.Context, shard, prefix, after string, limit int) ([]Record, error)
}

// Snapshotter is implemented by stores that can show all shards as of one
// moment, while others write. Snapshot calls read with a [Reader] of that moment,
// whose Scan leaves nothing out, not even what was put with Point, and returns
// what read returns. The Reader ends with the call and serves one goroutine. It
// holds a connection, and what the engine must keep for it, so read copies and
// does nothing else: above all it does not use the store.
//
// Without a Snapshotter a backup is consistent while writers are paused.
type Snapshotter interface {
	Snapshot(ctx context.Context, read func(Reader) error) error
}
