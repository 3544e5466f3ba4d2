// Package table keeps typed records in a Store and changes them in one way.
//
// Most callers make one [Space] with [New], read with [Space.Read] and [Get],
// and change with [Space.Update]: the function they pass reads, computes and
// says what to write; the Space commits on the condition that nothing it read
// has changed, and runs the function again if something has. Nobody reads, adds
// and saves.
//
// The function must be pure but for what it writes to the [Tx], and must find
// its own earlier effect by an id in the state: a store may apply a commit and
// then lose the reply.
package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

const (
	maxTime  = 5 * time.Second       // an update that has not won by then is refused
	minPause = 50 * time.Microsecond // between two tries, doubled each time, with full jitter
	maxPause = 5 * time.Millisecond
	maxLost  = 10 // errors in a row before the store counts as down; the time usually ends it first
	gates    = 1024
)

// Space is a tenant's records in a store. It is safe for concurrent use.
type Space struct {
	store  storage.Store
	tenant string
	now    func() time.Time
	rand   io.Reader
	seed   maphash.Seed
	gate   [gates]chan struct{}
}

// New returns the tenant's Space in a store. Versions are drawn from rand.
func New(store storage.Store, tenant string, now func() time.Time, rand io.Reader) *Space {
	s := &Space{store: store, tenant: escape(tenant), now: now, rand: rand, seed: maphash.MakeSeed()}
	for i := range s.gate {
		s.gate[i] = make(chan struct{}, 1)
	}
	return s
}

// Now returns the Space's time.
func (s *Space) Now() time.Time { return s.now() }

func (s *Space) shard(sh Shard) string { return s.tenant + "/" + sh.String() }

// View is what was read: records by name, without the expired ones.
type View struct {
	now   time.Time
	shard Shard
	names []string
	recs  map[string]storage.Record
}

// Now returns the time as of which the View was read.
func (v *View) Now() time.Time { return v.now }

func (v *View) record(name string) (storage.Record, bool) {
	r, read := v.recs[name]
	if !read {
		panic("table: " + name + " was not read") // would be taken for absent
	}
	return r, r.Live(v.now)
}

// Has reports whether the View has a live record of this name, readable or not.
func (v *View) Has(name string) bool {
	_, live := v.record(name)
	return live
}

// Get decodes a record of the View; ok is false if there is none. A record that
// cannot be read is an error that wraps [ErrCorrupt], never an absent one.
func Get[T any](v *View, name string) (value T, ok bool, err error) {
	r, live := v.record(name)
	if !live {
		return value, false, nil
	}
	if err := decode(r.Value, &value); err != nil {
		return value, false, fmt.Errorf("%s: %w", kind(name), err)
	}
	return value, true, nil
}

// Read gets records of one shard, all as of one moment.
func (s *Space) Read(ctx context.Context, sh Shard, names ...string) (*View, error) {
	if len(names) == 0 {
		return &View{now: s.now(), shard: sh, recs: map[string]storage.Record{}}, nil
	}
	recs, err := s.store.Get(ctx, s.shard(sh), names...)
	if err != nil {
		return nil, unavailable(err)
	}
	if len(recs) != len(names) {
		return nil, unavailable(fmt.Errorf("store returned %d records for %d names", len(recs), len(names)))
	}
	v := &View{now: s.now(), shard: sh, names: names, recs: make(map[string]storage.Record, len(names))}
	for i, r := range recs {
		v.recs[names[i]] = r
	}
	return v, nil
}

// Row is one record that a Scan found.
type Row struct {
	Name  string
	Value []byte
}

// Decode reads the row as T.
func Decode[T any](r Row) (value T, err error) {
	if err = decode(r.Value, &value); err != nil {
		err = fmt.Errorf("%s: %w", kind(r.Name), err)
	}
	return value, err
}

// Scan returns the live records whose names begin with prefix and sort after
// the name after, and that name with which to go on; it is empty at the end.
func (s *Space) Scan(ctx context.Context, sh Shard, prefix, after string, limit int) (rows []Row, next string, err error) {
	recs, err := s.store.Scan(ctx, s.shard(sh), prefix, after, limit)
	if err != nil {
		return nil, "", unavailable(err)
	}
	now := s.now()
	for _, r := range recs {
		if r.Live(now) {
			rows = append(rows, Row{r.Name, r.Value})
		}
	}
	if len(recs) == limit {
		next = recs[len(recs)-1].Name
	}
	return rows, next, nil
}

// Update reads names of one shard (none, to only add rows), asks f what to
// write, and commits it if nothing that it replaces or checks has changed;
// otherwise it asks again. An error of f ends it with nothing written. It returns the records as they were committed.
// The loop ends with ctx, and after 5 seconds at the latest.
func (s *Space) Update(ctx context.Context, sh Shard, names []string, f func(*Tx) error) (*View, error) {
	return s.update(ctx, &View{shard: sh, names: names}, f)
}

// Try runs f as Update would, and commits nothing: it tells whether f would go
// through on what is stored now.
func (s *Space) Try(ctx context.Context, sh Shard, names []string, f func(*Tx) error) error {
	v, err := s.Read(ctx, sh, names...)
	if err != nil {
		return err
	}
	return f(&Tx{View: v})
}

// Continue is Update on what a former Update or Read returned, without reading
// it anew. If that is stale by now, the commit finds out.
func (s *Space) Continue(ctx context.Context, from *View, f func(*Tx) error) (*View, error) {
	return s.update(ctx, from, f)
}

func (s *Space) update(ctx context.Context, from *View, f func(*Tx) error) (*View, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	leave, err := s.enter(ctx, from)
	if err != nil {
		return nil, unavailable(err)
	}
	defer leave()

	view, lost := from, 0
	var sent *Tx // a commit whose reply was lost
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		if view.recs == nil {
			if view, err = s.Read(ctx, from.shard, from.names...); err != nil {
				return nil, err
			}
			if sent != nil {
				if done, err := s.arrived(ctx, sent); err != nil || done != nil {
					return done, err
				}
			}
		}
		tx := &Tx{View: &View{now: s.now(), shard: view.shard, names: view.names, recs: view.recs}}
		if err := f(tx); err != nil {
			return nil, err
		}
		if len(tx.ops) == 0 {
			return tx.View, nil
		}
		if err := tx.stamp(s.rand); err != nil {
			return nil, unavailable(err)
		}
		err := s.store.Commit(ctx, storage.Batch{Shard: s.shard(view.shard), Now: tx.now, Ops: tx.ops})
		switch {
		case err == nil:
			return tx.after(), nil
		case errors.Is(err, storage.ErrConflict):
			sent, lost = nil, 0 // it is certain that nothing was applied, and the store answers
		case errors.Is(err, storage.ErrInvalid): // a fault of ours; asking again will not help
			return nil, err
		case ctx.Err() != nil:
			return nil, unavailable(err)
		default:
			if lost++; lost > maxLost {
				return nil, unavailable(err)
			}
			sent = tx
		}
		view = &View{shard: from.shard, names: from.names}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
			return nil, unavailable(context.Cause(ctx))
		}
	}
}

// arrived reports, by the version that we drew, whether a commit whose reply was
// lost was applied after all; nil if that cannot be seen. It is the fast path of
// the rule that f finds its own effect in the state.
func (s *Space) arrived(ctx context.Context, sent *Tx) (*View, error) {
	for _, op := range sent.ops {
		if op.Act != storage.Put {
			continue
		}
		v, err := s.Read(ctx, sent.shard, op.Name)
		if err != nil {
			return nil, err
		}
		if v.recs[op.Name].Version == op.Version {
			return sent.after(), nil
		}
	}
	return nil, nil
}

// enter lets one goroutine of this process at a time at a record. It is not
// needed for correctness: it keeps goroutines from fighting at the engine.
func (s *Space) enter(ctx context.Context, v *View) (leave func(), err error) {
	if len(v.names) == 0 {
		return func() {}, nil
	}
	g := s.gate[maphash.String(s.seed, v.shard.String()+v.names[0])%gates]
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func unavailable(err error) error {
	if errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
}

// kind returns the first component of a name: enough to find the fault, and no
// id in an error.
func kind(name string) string {
	for i := range len(name) {
		if name[i] == '/' {
			return name[:i] + " record"
		}
	}
	return name + " record"
}

// Same reports whether a record says the same in both Views, or is absent in
// both. A new version alone is no change: a store that encrypts again under
// another key gives one.
func (v *View) Same(w *View, name string) bool {
	a, live := v.record(name)
	b, alive := w.record(name)
	return live == alive && (!live || bytes.Equal(a.Value, b.Value))
}
