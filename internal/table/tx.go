package table

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Tx collects what one Update writes. It is data: nothing happens before the
// Update commits it.
type Tx struct {
	*View
	ops   []storage.Op
	raced bool // the commit before this one came too late
}

// Put writes a record that the Update has read, to expire at the given time
// (zero: never).
func Put[T any](t *Tx, name string, value T, expires time.Time) error {
	former, live := t.record(name)
	var keep []byte
	if live {
		keep = former.Value
	}
	raw, err := encode(value, keep)
	if err != nil {
		return fmt.Errorf("%s: %w", kind(name), err)
	}
	op := storage.Op{Act: storage.Put, Name: name, Cond: storage.Absent, Value: raw, ExpiresAt: expires}
	if live {
		op.Cond, op.If = storage.Match, former.Version
	}
	t.ops = append(t.ops, op)
	return nil
}

// Delete removes a record that the Update has read; one that is not there
// stays away.
func (t *Tx) Delete(name string) {
	if former, live := t.record(name); live {
		t.ops = append(t.ops, storage.Op{Act: storage.Delete, Name: name, Cond: storage.Match, If: former.Version})
	}
}

// Remove removes a record that the Update has not read, whatever it says.
func (t *Tx) Remove(name string) {
	t.ops = append(t.ops, storage.Op{Act: storage.Delete, Name: name, Cond: storage.Any})
}

// Check holds the commit to a record that the Update has read and does not
// change. One that is not there cannot be held to: whoever depends on absence
// writes a record that the other side writes too.
func (t *Tx) Check(name string) {
	if former, live := t.record(name); live {
		t.ops = append(t.ops, storage.Op{Act: storage.Check, Name: name, Cond: storage.Match, If: former.Version})
	}
}

// NewRow returns the op that adds a record under a name of its own, such as an
// entry of the audit.
func NewRow(name string, value any, expires time.Time) (storage.Op, error) {
	raw, err := encode(value, nil)
	if err != nil {
		return storage.Op{}, fmt.Errorf("%s: %w", kind(name), err)
	}
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Absent, Value: raw, ExpiresAt: expires}, nil
}

// Add commits ops made elsewhere along with this change: audit entries, rows of
// the outbox.
func (t *Tx) Add(ops ...storage.Op) { t.ops = append(t.ops, ops...) }

// stamp draws the versions that are not drawn yet.
func (t *Tx) stamp(rand io.Reader) error {
	for i := range t.ops {
		if t.ops[i].Act != storage.Put || !t.ops[i].Version.IsZero() {
			continue
		}
		v, err := storage.NewVersion(rand)
		if err != nil {
			return unavailable(err)
		}
		t.ops[i].Version = v
	}
	return nil
}

// after returns the records that were read, as the commit leaves them.
func (t *Tx) after() *View {
	v := &View{now: t.now, shard: t.shard, names: t.names, recs: slices.Clone(t.recs)}
	for _, op := range t.ops {
		if i := slices.Index(v.names, op.Name); i >= 0 && op.Act != storage.Check {
			v.recs[i] = effect(op)
		}
	}
	return v
}

// effect returns what is stored under the name of an op once it is applied. Of
// a record that was only checked no more is known than its version.
func effect(op storage.Op) storage.Record {
	switch op.Act {
	case storage.Put:
		return op.Record()
	case storage.Check:
		return storage.Record{Name: op.Name, Version: op.If}
	}
	return storage.Record{Name: op.Name}
}

// merge adds ops that were made on what t leaves, as if they were committed after
// it: the condition on a record is the first, which speaks of what is stored, and
// the effect is the last. It reports false, and changes nothing, where that cannot
// be said in one batch, or its bounds are reached.
func (t *Tx) merge(ops []storage.Op) bool {
	merged := slices.Clone(t.ops)
	for _, op := range ops {
		i := slices.IndexFunc(merged, func(o storage.Op) bool { return o.Name == op.Name })
		switch {
		case i < 0:
			merged = append(merged, op)
			continue
		case i >= len(t.ops): // two ops of one update: a fault, which the store is to see
			return false
		case !op.Holds(effect(merged[i]), t.now):
			return false
		case op.Act == storage.Delete && merged[i].Cond == storage.Absent: // no batch says: let there be nothing
			return false
		case op.Act != storage.Check:
			op.Cond, op.If = merged[i].Cond, merged[i].If
			merged[i] = op
		}
	}
	size := 0
	for _, op := range merged {
		size += len(op.Value)
	}
	if len(merged) > storage.MaxOps || size > storage.MaxBatch {
		return false
	}
	t.ops = merged
	return true
}

// Expires returns when a record that the Update has read will expire.
func (t *Tx) Expires(name string) time.Time {
	r, _ := t.record(name)
	return r.ExpiresAt
}
