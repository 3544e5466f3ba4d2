package storagetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// offers returns what a store may offer besides. A wrapper offers it when what it
// wraps does, see storage.Forgets.
func offers[T any](s storage.Store) (offered T, ok bool) {
	if offered, ok = s.(T); !ok {
		return offered, false
	}
	if w, wraps := s.(interface{ Unwrap() storage.Store }); wraps {
		_, ok = offers[T](w.Unwrap())
	}
	return offered, ok
}

// wakeTime is how soon a wake-up must come.
var wakeTime = 5 * time.Second

// What a store may offer besides; a store without it passes.
var optionalCases = []contractCase{
	{
		name: "sweep-takes-the-expired",
		rule: "a store that is a Sweeper removes what is expired at the given time, at most as many as asked, and nothing that lives",
		run: func(x *trial) {
			sweeper, ok := offers[storage.Sweeper](x.store)
			if !ok {
				return // optional
			}
			// The shared state may hold anything, so the records lie where nobody else's do: in 1971.
			old := x.at(time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC))
			end := old.now.Add(time.Hour)
			live := old.commit(expiring(put("live", "1"), end.Add(time.Millisecond)), expiring(put("dead", "1"), end), put("for ever", "1"))
			forever := old.get("for ever")[0]
			n, err := sweeper.Sweep(x.ctx, end, 0)
			x.must(err, "sweep of nothing")
			if n != 0 {
				x.failf("a sweep of at most 0 removed %d", n)
			}
			for {
				n, err := sweeper.Sweep(x.ctx, end, 10)
				x.must(err, "sweep")
				if n < 10 {
					break
				}
			}
			old.gone("dead")
			old.kept(live)
			old.commit(check("for ever", forever.Version))
			old.commit(remove("live"))
		},
	},
	{
		name: "sweep-spares-what-is-new",
		rule: "a Sweep that meets a record which is being replaced leaves the new one alone",
		run: func(x *trial) {
			sweeper, ok := offers[storage.Sweeper](x.store)
			if !ok {
				return // optional
			}
			old := x.at(time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC))
			later := old.at(old.now.AddDate(1, 0, 0))
			var names []string
			for i := range storage.MaxOps {
				names = append(names, fmt.Sprintf("%02d", i))
			}
			for range 4 {
				for _, name := range names {
					old.commit(expiring(put(name, "old"), old.now))
				}
				created := make([]storage.Op, len(names))
				for _, err := range race(len(names)+2, func(i int) error {
					if i < len(names) {
						created[i] = create(names[i], "new")
						return later.persist(created[i])
					}
					_, err := sweeper.Sweep(x.ctx, old.now, 1000)
					return err
				}) {
					x.must(err, "sweep or create")
				}
				later.kept(created...)
			}
		},
	},
	{
		name: "the-clock-goes-forward",
		rule: "a store that is a Clock returns a time between the call and the return, in UTC, that does not go back",
		run: func(x *trial) {
			clock, ok := offers[storage.Clock](x.store)
			if !ok {
				return // optional
			}
			var last time.Time
			for range 10 {
				now, err := clock.Now(x.ctx)
				x.must(err, "now")
				if now.Location() != time.UTC || now.Year() < 2024 {
					x.failf("the clock shows %v", now)
				}
				if now.Before(last) {
					x.failf("the clock went back from %v to %v", last, now)
				}
				last = now
			}
		},
	},
	{
		name: "a-commit-wakes",
		rule: "a store that is a Waker wakes whoever waits for a shard soon after a commit to it through any handle, again and again, until it is ended and closes the channel",
		run: func(x *trial) {
			waker, ok := offers[storage.Waker](x.store)
			if !ok {
				return // optional
			}
			woken, end, err := waker.Wake(x.ctx, x.shard)
			x.must(err, "wake")
			defer end()
			arrives := func(what string) (open bool) {
				select {
				case _, open = <-woken:
				case <-time.After(wakeTime):
					x.failf("%v after %s nobody was woken", wakeTime, what)
				}
				return open
			}
			writer := x.on(x.handle())
			for n := range 3 {
				writer.commit(put(fmt.Sprint(n), "1"))
				if !arrives("a commit") {
					x.failf("the channel is closed, and nobody has ended it")
				}
			}
			writer.commit(put("late", "1"))
			end()
			end()
			for arrives("the end") { // what had been sent before
			}
			writer.commit(put("later", "1"))
		},
	},
	{
		name: "a-snapshot-is-one-moment",
		rule: "a store that is a Snapshotter shows its reader one moment: nothing that is committed, changed or deleted afterwards, and all that was there, also what was put with Point",
		run: func(x *trial) {
			snapshotter, ok := offers[storage.Snapshotter](x.store)
			if !ok {
				return // optional
			}
			other := x.in(x.shard + "/other")
			kept, changed, deleted := put("kept", "1"), put("changed", "1"), put("deleted", "1")
			kept.Point = true
			x.commit(kept, changed, deleted)
			there := other.commit(put("there", "1"))
			writer := x.on(x.handle())
			stop := errors.New("stop")
			err := snapshotter.Snapshot(x.ctx, func(r storage.Reader) error {
				writer.commit(replace("changed", changed.Version, "2"), remove("deleted"), put("new", "2"))
				writer.in(other.shard).commit(remove("there"))
				past := x.on(readOnly{r})
				past.lists("", "", 9, "changed", "deleted", "kept")
				past.kept(kept, changed, deleted)
				past.gone("new")
				past.in(other.shard).kept(there)
				_, err := r.Get(x.ctx, x.shard)
				if !errors.Is(err, storage.ErrInvalid) {
					x.failf("a Get of no names returned %v, which is not ErrInvalid", err)
				}
				return stop
			})
			if !errors.Is(err, stop) {
				x.failf("Snapshot returned %v, not what its function returned", err)
			}
			x.lists("", "", 9, "changed", "kept", "new")
			x.must(snapshotter.Snapshot(x.ctx, func(storage.Reader) error { return nil }), "snapshot")
		},
	},
}

// persist tries again after a conflict, which is the engine's that saw a deadlock.
func (x *trial) persist(o storage.Op) (err error) {
	for range 100 {
		if err = x.try(o); !errors.Is(err, storage.ErrConflict) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

// readOnly is a Reader in the place of a Store.
type readOnly struct{ storage.Reader }

func (readOnly) Commit(context.Context, storage.Batch) error { panic("a snapshot takes no commits") }
