package table

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Update reads names of one shard (none, to only add rows), asks f what to
// write, and commits it if nothing that it replaces or checks has changed;
// otherwise it asks again. An error of f ends it with nothing written. The loop
// ends with ctx, and after 5 seconds at the latest.
//
// It returns the records as they were committed. Of updates that wait for the
// same record several may share a commit, each made on what those before it
// wrote; what is returned then includes what those after it wrote, since only
// that was ever stored, and a [Space.Continue] from it goes through. f always
// runs on the goroutine of its caller.
func (s *Space) Update(ctx context.Context, sh Shard, names []string, f func(*Tx) error) (*View, error) {
	return s.update(ctx, &View{shard: sh, names: names}, f)
}

// Continue is Update on what a former Update or Read returned, without reading
// it anew. If that is stale by now, the commit finds out. Where others wait for
// the same record it is read anew, once for all of them.
func (s *Space) Continue(ctx context.Context, from *View, f func(*Tx) error) (*View, error) {
	return s.update(ctx, from, f)
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

func (s *Space) update(ctx context.Context, from *View, f func(*Tx) error) (*View, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if len(from.names) == 0 { // nothing is read, so nobody is in the way
		return s.loop(ctx, from, f)
	}
	g := s.gateOf(from)
	if c := g.enter(ctx, from, f); c != nil {
		if view, err, served := c.wait(g); served {
			return view, err
		}
	}
	defer s.leave(g)
	return s.loop(ctx, from, f)
}

// loop is the one optimistic loop: read, ask f, commit.
func (s *Space) loop(ctx context.Context, from *View, f func(*Tx) error) (*View, error) {
	view, lost, raced := from, 0, false
	var sent *Tx // a commit whose reply was lost
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		if view.recs == nil {
			var err error
			if view, err = s.Read(ctx, from.shard, from.names...); err != nil {
				return nil, err
			}
			if sent != nil {
				if done, err := s.arrived(ctx, sent); err != nil || done != nil {
					return done, err
				}
			}
		}
		tx := &Tx{View: &View{now: s.now(), shard: view.shard, names: view.names, recs: view.recs}, raced: raced}
		if err := f(tx); err != nil {
			return nil, err
		}
		if len(tx.ops) == 0 {
			return tx.View, nil
		}
		if err := tx.stamp(s.rand); err != nil {
			return nil, err
		}
		err := s.store.Commit(ctx, storage.Batch{Shard: s.shard(view.shard), Now: tx.now, Ops: tx.ops})
		raced = errors.Is(err, storage.ErrConflict)
		switch {
		case err == nil:
			return tx.after(), nil
		case raced:
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

// arrived reports, by the versions that we drew, whether a commit whose reply
// was lost was applied after all; nil if that cannot be seen. It is the fast path
// of the rule that f finds its own effect in the state.
func (s *Space) arrived(ctx context.Context, sent *Tx) (*View, error) {
	var names []string
	drawn := map[string]storage.Version{}
	for _, op := range sent.ops {
		if op.Act == storage.Put {
			names, drawn[op.Name] = append(names, op.Name), op.Version
		}
	}
	v, err := s.Read(ctx, sent.shard, names...)
	if err != nil {
		return nil, err
	}
	for _, r := range v.recs {
		if r.Version == drawn[r.Name] {
			return sent.after(), nil
		}
	}
	return nil, nil
}
