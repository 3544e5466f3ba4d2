package storagetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// trial is one run of a case: a handle, a shard that nobody else uses, a clock,
// and the words in which the cases are written. A word that is not kept ends
// the case.
type trial struct {
	ctx   context.Context
	open  func() (storage.Store, error)
	store storage.Store
	shard string
	now   time.Time
}

// failure carries the reason out of a case; only [contractCase.check] sees it.
type failure struct{ error }

func (x *trial) failf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

func (x *trial) must(err error, format string, args ...any) {
	if err != nil {
		x.failf("%s: %w", fmt.Sprintf(format, args...), err)
	}
}

// handle opens another handle on the same state.
func (x *trial) handle() storage.Store {
	s, err := x.open()
	x.must(err, "open a handle")
	return s
}

// on, in and at return the same trial with another handle, shard or time.
func (x trial) on(s storage.Store) *trial { x.store = s; return &x }
func (x trial) in(shard string) *trial    { x.shard = shard; return &x }
func (x trial) at(now time.Time) *trial   { x.now = now; return &x }

func (x *trial) try(ops ...storage.Op) error {
	return x.store.Commit(x.ctx, storage.Batch{Shard: x.shard, Now: x.now, Ops: ops})
}

// commit expects that ops are applied, and returns the first of them.
func (x *trial) commit(ops ...storage.Op) storage.Op {
	x.must(x.try(ops...), "commit of %s", describe(ops))
	return ops[0]
}

// conflict expects that a condition among ops does not hold.
func (x *trial) conflict(ops ...storage.Op) {
	switch err := x.try(ops...); {
	case err == nil:
		x.failf("commit of %s succeeded, although a condition does not hold", describe(ops))
	case !errors.Is(err, storage.ErrConflict):
		x.failf("commit of %s returned %q, which is not ErrConflict", describe(ops), err)
	}
}

func (x *trial) get(names ...string) []storage.Record {
	found, err := x.store.Get(x.ctx, x.shard, names...)
	x.must(err, "get of %q", names)
	if len(found) != len(names) {
		x.failf("get of %d names returned %d records", len(names), len(found))
	}
	for i, r := range found {
		if r.Name != names[i] {
			x.failf("get of %.40q returned a record named %.40q at its place", names[i], r.Name)
		}
	}
	return found
}

// kept expects that each Put is stored exactly as it was given.
func (x *trial) kept(puts ...storage.Op) {
	for _, o := range puts {
		x.same(x.get(o.Name)[0], o)
	}
}

func (x *trial) same(got storage.Record, o storage.Op) {
	want := o.Record()
	switch {
	case got.Name != want.Name:
		x.failf("found the name %.60q in place of %.60q", got.Name, want.Name)
	case got.Version.IsZero():
		x.failf("nothing is stored under %.60q", want.Name)
	case got.Version != want.Version:
		x.failf("%.60q has version %x, not %x", want.Name, got.Version, want.Version)
	case !bytes.Equal(got.Value, want.Value):
		x.failf("%.60q has another value: %.40q (%d bytes), not %.40q (%d bytes)", want.Name, got.Value, len(got.Value), want.Value, len(want.Value))
	case !got.ExpiresAt.Equal(want.ExpiresAt) || got.ExpiresAt.Location() != time.UTC:
		x.failf("%.60q expires at %v, not at %v", want.Name, got.ExpiresAt, want.ExpiresAt)
	}
}

// gone expects that nothing is stored under the names.
func (x *trial) gone(names ...string) {
	for _, r := range x.get(names...) {
		if !r.Version.IsZero() || len(r.Value) > 0 || !r.ExpiresAt.IsZero() {
			x.failf("%.60q is there and should not be: %.40q", r.Name, r.Value)
		}
	}
}

func (x *trial) scan(prefix, after string, limit int) []storage.Record {
	found, err := x.store.Scan(x.ctx, x.shard, prefix, after, limit)
	x.must(err, "scan of %.60q after %.60q", prefix, after)
	return found
}

// lists expects that a Scan finds exactly the names, in that order.
func (x *trial) lists(prefix, after string, limit int, names ...string) {
	found := x.scan(prefix, after, limit)
	got := make([]string, len(found))
	for i, r := range found {
		got[i] = r.Name
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", names) {
		x.failf("scan of %.60q after %.60q, limit %d, found %.400q, not %.400q", prefix, after, limit, got, names)
	}
}

// race runs n calls of f at once and returns what they returned.
func race(n int, f func(i int) error) []error {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// The ops, in the words of the cases. Each Put draws a version of its own.

func put(name, value string) storage.Op {
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte(value), Version: draw()}
}

func create(name, value string) storage.Op {
	o := put(name, value)
	o.Cond = storage.Absent
	return o
}

func replace(name string, old storage.Version, value string) storage.Op {
	o := put(name, value)
	o.Cond, o.If = storage.Match, old
	return o
}

func remove(name string) storage.Op {
	return storage.Op{Act: storage.Delete, Name: name, Cond: storage.Any}
}

func removeIf(name string, old storage.Version) storage.Op {
	return storage.Op{Act: storage.Delete, Name: name, Cond: storage.Match, If: old}
}

func check(name string, v storage.Version) storage.Op {
	return storage.Op{Act: storage.Check, Name: name, Cond: storage.Match, If: v}
}

func expiring(o storage.Op, at time.Time) storage.Op {
	o.ExpiresAt = at
	return o
}

func draw() storage.Version {
	v, err := storage.NewVersion(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return v
}

// fresh returns a name that nobody else uses.
func fresh(prefix string) string { return prefix + "-" + rand.Text() }

func describe(ops []storage.Op) string {
	var b bytes.Buffer
	for i, o := range ops {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%v(%v) %.40q", o.Act, o.Cond, o.Name)
	}
	return fmt.Sprintf("[%.300s]", b.String())
}
