package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/storage"
)

// Import restores the tenants of the file that begins where r stands. It reads
// it several times: first to its end, to see that it is whole and that nothing
// stands against it, and only then to write. Nobody may use the tenants in the
// target meanwhile. If it breaks off, whoever tries is refused there, since the
// stamps on which everybody's sign-in rests are written last; start again with
// Options.Replace.
//
// The error wraps [ErrDamaged], [ErrOccupied], [ErrLoss], [ErrDiffers] or
// [storage.ErrClock], or is the store's.
func Import(ctx context.Context, r io.ReadSeeker, into storage.Store, key []byte, opts *Options) (Summary, error) {
	o, err := opts.orDefault(key)
	if err != nil {
		return Summary{}, err
	}
	f, err := openFile(r, key)
	if err != nil {
		return Summary{}, err
	}
	m := &restore{Options: o, file: f, into: into, now: o.Now().UTC(), has: map[int]map[string]bool{}}
	if err := m.prepare(ctx); err != nil {
		return Summary{}, err
	}
	for _, step := range []func(context.Context) error{m.clear, m.write, m.replay, m.finish} {
		if err := step(ctx); err != nil {
			return Summary{}, err
		}
	}
	return m.sum, nil
}

// restore is one Import.
type restore struct {
	Options
	file *file
	into storage.Store
	now  time.Time

	title   title
	fenced  []string
	has     map[int]map[string]bool // by tenant: late audit records in the backup
	history []*history              // by tenant
	sum     Summary
}

// prepare reads everything and writes nothing.
func (m *restore) prepare(ctx context.Context) error {
	unknown := map[string]bool{}
	head, last, err := m.file.each(func(head title, e entry) error {
		k, ok := kindOf(e.Name)
		if !ok {
			unknown[part(e.Name, 0)] = true
		}
		if k == recorded && e.Name > since(head.Made) {
			if m.has[e.Tenant] == nil {
				m.has[e.Tenant] = map[string]bool{}
			}
			m.has[e.Tenant][e.Name] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(unknown) > 0 { // it may be a live proof
		return fmt.Errorf("backup: the file has records of kinds that are not known here, upgrade this process: %.200q", slices.Sorted(maps.Keys(unknown)))
	}
	m.title, m.fenced = head, last.Fenced
	m.sum = Summary{Made: head.Made, Tenants: head.Tenants}
	if err := named("AcceptLoss", m.AcceptLoss, head.Tenants); err != nil {
		return err
	}
	if err := named("Replace", m.Replace, head.Tenants); err != nil {
		return err
	}
	if err := named("Moved", m.Moved, head.Tenants); err != nil {
		return err
	}
	if err := rightClock(ctx, m.into, m.Options); err != nil {
		return err
	}
	for i, tenant := range head.Tenants {
		if !slices.Contains(m.Replace, tenant) {
			if empty, err := isEmpty(ctx, m.into, tenant); err != nil {
				return fmt.Errorf("backup: %w", err)
			} else if !empty {
				return fmt.Errorf("%w: %q", ErrOccupied, tenant)
			}
		}
		h, err := m.since(ctx, i, tenant)
		if err != nil {
			return err
		}
		m.history = append(m.history, h)
	}
	return nil
}

// clear writes into the audit what is about to happen, and makes room.
func (m *restore) clear(ctx context.Context) error {
	for _, tenant := range m.title.Tenants {
		detail := map[string]string{"made": m.title.Made.Format(time.RFC3339)}
		switch {
		case slices.Contains(m.AcceptLoss, tenant):
			detail["loss"] = "accepted"
		case slices.Contains(m.Moved, tenant):
			detail["moved"] = "true"
		}
		if err := record(ctx, m.into, tenant, m.Options, "tenant.imported", audit.Begun, detail); err != nil {
			return err
		}
		if !slices.Contains(m.Replace, tenant) {
			continue
		}
		w := m.writer(refuse)
		err := walk(ctx, m.into, tenant, "", "", func(sh table.Shard, r storage.Record) error {
			if k, _ := kindOf(r.Name); k == recorded {
				return nil
			}
			return w.add(ctx, shardOf(tenant, sh), storage.Op{Act: storage.Delete, Name: r.Name, Cond: storage.Any})
		})
		if err == nil {
			err = w.flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("backup: replace: %w", err)
		}
	}
	return nil
}

func (k kind) isStamp() bool  { return k == stamped }
func (k kind) isRecord() bool { return k == recorded }
func (k kind) isOther() bool  { return k != stamped && k != recorded }

// write writes everything but the stamps, and compares.
func (m *restore) write(ctx context.Context) error {
	exact := &comparer{from: m.into, now: m.now}
	there := &comparer{from: m.into, now: m.now, present: len(m.Replace) > 0}
	return m.passes(ctx, []leg{
		{kind.isOther, m.writer(refuse)}, {kind.isRecord, m.writer(leave)},
		{kind.isOther, exact}, {kind.isRecord, there},
	})
}

// leg is a reading of the file for the sake of one sink.
type leg struct {
	want func(kind) bool
	to   sink
}

func (m *restore) passes(ctx context.Context, legs []leg) error {
	for _, l := range legs {
		sum := &m.sum
		if _, again := l.to.(*comparer); again {
			sum = &Summary{} // counted when it was written
		}
		if err := m.pass(ctx, l.want, l.to, sum); err != nil {
			return fmt.Errorf("backup: import: %w", err)
		}
	}
	return nil
}

// pass gives what is to stand in the target to a sink.
func (m *restore) pass(ctx context.Context, want func(kind) bool, to sink, sum *Summary) error {
	_, _, err := m.file.each(func(head title, e entry) error {
		k, _ := kindOf(e.Name)
		if !want(k) || !e.live(m.now) {
			return nil
		}
		value, err := m.value(e, k, sum)
		if value == nil || err != nil {
			return err
		}
		sum.Records++
		return to.add(ctx, shardOf(head.Tenants[e.Tenant], e.shard()), storage.Op{Act: storage.Put, Name: e.Name, Value: value, ExpiresAt: e.expires()})
	})
	if err != nil {
		return err
	}
	return to.flush(ctx)
}

// value returns what becomes of a record: nil if it ends. It is the same each
// time that it is asked. What cannot be read is kept, because it refuses.
func (m *restore) value(e entry, k kind, sum *Summary) ([]byte, error) {
	h := m.history[e.Tenant]
	if k == gone {
		sum.Ended++
		return nil, nil
	}
	if id, replaced := h.passwords[e.Name]; replaced {
		sum.Replayed++
		sum.Unbound = append(sum.Unbound, id)
		return nil, nil
	}
	if k == stays || k == recorded {
		return e.Value, nil
	}
	rec, err := parse(e.Value)
	if err == nil {
		switch k {
		case credit:
			if h.revoked(e.Name, rec) {
				sum.Replayed++
				return nil, nil
			}
			return e.Value, nil
		case secret:
			return e.Value, nil
		case contact:
			var ended bool
			_ = rec.get("ended", &ended)
			if !ended {
				sum.Ended++
			}
			err = hangUp(rec)
		case stamped:
			err = restamp(rec, m.now)
		case locked:
			sum.Replayed += len(h.guesses[e.place()])
			err = h.lock(e.place(), rec)
		}
	}
	if err != nil {
		sum.Unreadable++
		return e.Value, nil
	}
	return json.Marshal(rec)
}

// replay adds what the backup has not: the log, the calls that were used, and
// the locks of whom it does not know.
func (m *restore) replay(ctx context.Context) error {
	for i, tenant := range m.title.Tenants {
		h, w := m.history[i], m.writer(leave)
		for lock, all := range h.guesses {
			rec := newRecord()
			if err := rec.set(lockout.NewState()); err != nil {
				return err
			}
			if err := h.lock(lock, rec); err != nil {
				return err
			}
			if added, err := m.missing(ctx, w, tenant, lock, rec, time.Time{}); err != nil {
				return err
			} else if added {
				m.sum.Replayed += len(all)
			}
		}
		for _, c := range h.calls {
			if err := m.spend(ctx, w, tenant, c); err != nil {
				return err
			}
		}
		if m.Log == nil {
			continue
		}
		w = m.writer(replace)
		err := walk(ctx, m.Log, tenant, "audit/", since(m.title.Made), func(sh table.Shard, r storage.Record) error {
			return w.add(ctx, shardOf(tenant, sh), storage.Op{Act: storage.Put, Name: r.Name, Value: r.Value, ExpiresAt: r.ExpiresAt})
		})
		if err == nil {
			err = w.flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("backup: copy the log: %w", err)
		}
		m.sum.Records += w.added
	}
	return nil
}

// spend makes a call id used, and its interaction one that has ended, so that
// asking for it again opens nothing.
func (m *restore) spend(ctx context.Context, w *writer, tenant string, c call) error {
	call := place{table.ShardOf("call", c.id), table.Name("call", c.id)}
	contact := place{table.ShardOf("subject", c.value.Subject), stamp.InteractionName(c.value.Interaction)}
	added, err := m.missing(ctx, w, tenant, call, c.value, c.at.Add(keepCall))
	if added {
		m.sum.Replayed++
	}
	if err == nil {
		_, err = m.missing(ctx, w, tenant, contact, c.ended, c.at.Add(keepCall+keepMore))
	}
	return err
}

// missing writes a record if there is none and it has not expired by now.
func (m *restore) missing(ctx context.Context, w *writer, tenant string, at place, v any, expires time.Time) (added bool, err error) {
	if !expires.IsZero() && !m.now.Before(expires) {
		return false, nil
	}
	value, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	had := w.added
	err = w.add(ctx, shardOf(tenant, at.shard), storage.Op{Act: storage.Put, Name: at.name, Value: value, ExpiresAt: expires})
	if err == nil {
		err = w.flush(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("backup: replay: %w", err)
	}
	m.sum.Records += w.added - had
	return w.added > had, nil
}

// finish writes the stamps, with which the tenants come to life.
func (m *restore) finish(ctx context.Context) error {
	exact := &comparer{from: m.into, now: m.now}
	if err := m.passes(ctx, []leg{{kind.isStamp, m.writer(refuse)}, {kind.isStamp, exact}}); err != nil {
		return err
	}
	slices.Sort(m.sum.Unbound)
	detail := map[string]string{"records": strconv.Itoa(m.sum.Records), "ended": strconv.Itoa(m.sum.Ended), "replayed": strconv.Itoa(m.sum.Replayed)}
	for _, tenant := range m.title.Tenants {
		if err := record(ctx, m.into, tenant, m.Options, "tenant.imported", audit.Succeeded, detail); err != nil {
			return err
		}
	}
	return nil
}
