package table

import (
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Tx collects what one Update writes. It is data: nothing happens before the
// Update commits it.
type Tx struct {
	*View
	ops []storage.Op
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

// stamp draws the versions.
func (t *Tx) stamp(rand io.Reader) error {
	for i := range t.ops {
		if t.ops[i].Act != storage.Put {
			continue
		}
		v, err := storage.NewVersion(rand)
		if err != nil {
			return err
		}
		t.ops[i].Version = v
	}
	return nil
}

// after returns the records that were read, as the commit left them.
func (t *Tx) after() *View {
	v := &View{now: t.now, shard: t.shard, names: t.names, recs: maps.Clone(t.recs)}
	for _, op := range t.ops {
		if _, read := v.recs[op.Name]; !read {
			continue
		}
		switch op.Act {
		case storage.Put:
			v.recs[op.Name] = storage.Record{Name: op.Name, Value: op.Value, Version: op.Version, ExpiresAt: op.ExpiresAt}
		case storage.Delete:
			v.recs[op.Name] = storage.Record{Name: op.Name}
		}
	}
	return v
}

// Expires returns when a record that the Update has read will expire.
func (t *Tx) Expires(name string) time.Time {
	r, _ := t.record(name)
	return r.ExpiresAt
}
