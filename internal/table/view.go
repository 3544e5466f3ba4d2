package table

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// View is what was read: records by name, without the expired ones.
type View struct {
	now   time.Time
	shard Shard
	names []string
	recs  []storage.Record // in the order of names; nil: to be read
}

// Now returns the time as of which the View was read.
func (v *View) Now() time.Time { return v.now }

func (v *View) record(name string) (storage.Record, bool) {
	i := slices.Index(v.names, name)
	if i < 0 {
		panic("table: " + name + " was not read") // would be taken for absent
	}
	return v.recs[i], v.recs[i].Live(v.now)
}

// only returns the part of v that has these names, all of which it must have.
func (v *View) only(names []string) *View {
	part := &View{now: v.now, shard: v.shard, names: names, recs: make([]storage.Record, len(names))}
	for i, name := range names {
		part.recs[i], _ = v.record(name)
	}
	return part
}

// Has reports whether the View has a live record of this name, readable or not.
func (v *View) Has(name string) bool {
	_, live := v.record(name)
	return live
}

// Same reports whether a record says the same in both Views, or is absent in
// both. A new version alone is no change: a store that encrypts again under
// another key gives one.
func (v *View) Same(w *View, name string) bool {
	a, live := v.record(name)
	b, alive := w.record(name)
	return live == alive && (!live || bytes.Equal(a.Value, b.Value))
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
