package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// sink takes what is to stand in the target, shard by shard.
type sink interface {
	add(ctx context.Context, shard string, op storage.Op) error
	flush(ctx context.Context) error
}

// queue gathers what fits into one call.
type queue struct {
	shard string
	ops   []storage.Op
	size  int
}

// full reports whether what is queued must go before op can be.
func (q *queue) full(shard string, op storage.Op) bool {
	return len(q.ops) > 0 && (shard != q.shard || len(q.ops) == storage.MaxOps || q.size+len(op.Value) > storage.MaxBatch)
}

func (q *queue) push(shard string, op storage.Op) {
	q.shard, q.ops, q.size = shard, append(q.ops, op), q.size+len(op.Value)
}

func (q *queue) take() (string, []storage.Op) {
	shard, ops := q.shard, q.ops
	*q = queue{}
	return shard, ops
}

func get(ctx context.Context, from storage.Reader, shard string, ops []storage.Op) ([]storage.Record, error) {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = op.Name
	}
	found, err := from.Get(ctx, shard, names...)
	if err == nil && len(found) != len(names) {
		err = fmt.Errorf("the store returned %d records for %d names", len(found), len(names))
	}
	return found, err
}

// policy is what a writer does where something stands already.
type policy uint8

const (
	refuse  policy = iota + 1 // somebody uses the target
	leave                     // what is there is newer
	replace                   // what is there is older
)

// writer writes into the target.
type writer struct {
	queue
	to     storage.Store
	now    time.Time
	rand   io.Reader
	policy policy
	added  int
}

func (m *restore) writer(p policy) *writer {
	return &writer{to: m.into, now: m.now, rand: m.Rand, policy: p}
}

func (w *writer) add(ctx context.Context, shard string, op storage.Op) error {
	if w.full(shard, op) {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.push(shard, op)
	return nil
}

func (w *writer) flush(ctx context.Context) error {
	shard, ops := w.take()
	if len(ops) == 0 {
		return nil
	}
	var err error
	if w.policy != refuse {
		if ops, err = w.settle(ctx, shard, ops); err != nil || len(ops) == 0 {
			return err
		}
	}
	for i := range ops {
		if ops[i].Act != storage.Put {
			continue
		}
		if ops[i].Version, err = storage.NewVersion(w.rand); err != nil {
			return err
		}
		if ops[i].Cond == 0 {
			ops[i].Cond = storage.Absent
		}
	}
	w.added += len(ops)
	return w.commit(ctx, storage.Batch{Shard: shard, Now: w.now, Ops: ops})
}

// settle leaves out what need not be written, given what is there.
func (w *writer) settle(ctx context.Context, shard string, ops []storage.Op) ([]storage.Op, error) {
	found, err := get(ctx, w.to, shard, ops)
	if err != nil {
		return nil, err
	}
	var rest []storage.Op
	for i, op := range ops {
		switch is := found[i]; {
		case !is.Live(w.now):
			rest = append(rest, op)
		case w.policy == replace && !bytes.Equal(is.Value, op.Value):
			op.Cond, op.If = storage.Match, is.Version
			rest = append(rest, op)
		}
	}
	return rest, nil
}

const maxLost = 3 // replies in a row

// commit tries again when a reply was lost. It knows its own effect by the
// versions that it drew.
func (w *writer) commit(ctx context.Context, b storage.Batch) error {
	for lost := 0; ; lost++ {
		err := w.to.Commit(ctx, b)
		if err == nil || errors.Is(err, storage.ErrInvalid) || ctx.Err() != nil {
			return err
		}
		found, getErr := get(ctx, w.to, b.Shard, b.Ops)
		if getErr == nil && done(b.Ops, found) {
			return nil
		}
		switch {
		case errors.Is(err, storage.ErrConflict):
			return fmt.Errorf("somebody else writes into the target: %w", err)
		case lost == maxLost:
			return err
		}
	}
}

func done(ops []storage.Op, found []storage.Record) bool {
	for i, op := range ops {
		if op.Version != found[i].Version { // zero for a Delete, and for nothing
			return false
		}
	}
	return true
}

// comparer holds what is in the target to what should be there.
type comparer struct {
	queue
	from    storage.Reader
	now     time.Time
	present bool // that there is something is enough
}

func (c *comparer) add(ctx context.Context, shard string, op storage.Op) error {
	if c.full(shard, op) {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	c.push(shard, op)
	return nil
}

func (c *comparer) flush(ctx context.Context) error {
	shard, ops := c.take()
	if len(ops) == 0 {
		return nil
	}
	found, err := get(ctx, c.from, shard, ops)
	if err != nil {
		return err
	}
	for i, op := range ops {
		is, want := found[i], op.Record()
		switch {
		case is.Version.IsZero() && !want.ExpiresAt.IsZero() && want.ExpiresAt.Sub(c.now) < time.Hour:
			// The engine may have removed it since.
		case is.Version.IsZero(), !c.present && (!bytes.Equal(is.Value, want.Value) || !is.ExpiresAt.Equal(want.ExpiresAt)):
			return fmt.Errorf("%w: a record of kind %q in shard %s", ErrDiffers, part(op.Name, 0), shard)
		}
	}
	return nil
}
