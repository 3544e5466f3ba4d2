package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// load returns the tree as it stands. What it returns was one moment's: the head holds the digest of all nodes.
func (t *Tree) load(ctx context.Context) (*snapshot, error) {
	for {
		s, _, err := t.current(ctx)
		if err != nil || s.forest != nil {
			return s, err
		}
		r := t.read(ctx)
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", symbolon.ErrUnavailable, context.Cause(ctx))
		}
		if r.err != nil || r.is.head.N >= s.head.N { // else it was begun before the change that we have seen
			return r.is, r.err
		}
	}
}

// reading is one pass over all nodes, for everybody who waits for it.
type reading struct {
	done chan struct{}
	is   *snapshot
	err  error
}

const maxReading = time.Minute

// read joins the reading that is under way, or begins one. It goes on when whoever began it has given up: else a tree that
// takes longer to read than a request may take would never be read.
func (t *Tree) read(ctx context.Context) *reading {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reading != nil {
		return t.reading
	}
	r := &reading{done: make(chan struct{})}
	t.reading = r
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxReading)
	go func() {
		defer cancel()
		r.is, r.err = t.readAll(ctx)
		t.mu.Lock()
		t.reading = nil
		t.mu.Unlock()
		close(r.done)
	}()
	return r
}

func (t *Tree) readAll(ctx context.Context) (*snapshot, error) {
	for {
		s, v, err := t.current(ctx)
		if err != nil || s.forest != nil {
			return s, err
		}
		was := t.memory()
		if changed, ok := s.head.since(was.head.N); ok && was.head.N > 0 { // at the start, all is looked at
			nodes, err := t.fetchOnly(ctx, was.forest, changed)
			if err != nil {
				return nil, err
			}
			if f, b := grow(nodes, was.forest); b == nil && f.digest() == s.head.Sum {
				f.left = s.head.Left
				return t.keep(&snapshot{s.head, f}), nil
			}
		}
		nodes, err := t.fetch(ctx)
		if err != nil {
			return nil, err
		}
		f, b := grow(nodes, was.forest)
		if b == nil && f.digest() == s.head.Sum {
			f.left = s.head.Left
			return t.keep(&snapshot{s.head, f}), nil
		}
		again, err := t.space.Read(ctx, shard, headName)
		switch {
		case err != nil:
			return nil, err
		case !again.Same(v, headName): // the nodes may be of several moments
		case b != nil:
			return nil, unreadable(b)
		default:
			return nil, unreadable(errors.New("the tree is not the one that was committed"))
		}
	}
}

// memory returns the tree that was read last; the empty one if there is none.
func (t *Tree) memory() *snapshot {
	if last := t.last.Load(); last != nil {
		return last
	}
	return &snapshot{forest: &Forest{}}
}

// current reads the head, and returns the tree in memory if it is still that one; else one without a forest.
func (t *Tree) current(ctx context.Context) (*snapshot, *table.View, error) {
	last := t.last.Load() // before the head is read, so that it cannot be newer
	v, err := t.space.Read(ctx, shard, headName)
	if err != nil {
		return nil, nil, err
	}
	h, err := t.head(v)
	switch {
	case err != nil:
		return nil, nil, err
	case last != nil && (h.N < last.head.N || h.Writes < last.head.Writes): // a writer of the database must not bring back what was laxer (S6)
		return nil, nil, unreadable(errors.New("the tree is older than it was before; if it was restored, start anew"))
	case last != nil && h.N == last.head.N && h.Sum == last.head.Sum:
		return t.keep(&snapshot{h, last.forest}), v, nil
	}
	return &snapshot{head: h}, v, nil
}

// keep remembers the newer of two snapshots.
func (t *Tree) keep(s *snapshot) *snapshot {
	for {
		last := t.last.Load()
		if last != nil && last.head.Writes >= s.head.Writes || t.last.CompareAndSwap(last, s) {
			return s
		}
	}
}

// fetch reads all nodes, which may be of several moments.
func (t *Tree) fetch(ctx context.Context) (map[symbolon.OrgID]Node, error) {
	nodes := map[symbolon.OrgID]Node{}
	err := t.scan(ctx, nodePrefix, func(row table.Row) error {
		n, err := table.Decode[Node](row)
		nodes[n.Org] = n
		return err
	})
	return nodes, err
}

// fetchOnly returns the nodes of a forest with some of them read anew.
func (t *Tree) fetchOnly(ctx context.Context, f *Forest, orgs []symbolon.OrgID) (map[symbolon.OrgID]Node, error) {
	names := make([]string, len(orgs))
	for i, org := range orgs {
		names[i] = nodeName(org)
	}
	v, err := t.space.Read(ctx, shard, names...)
	if err != nil {
		return nil, err
	}
	nodes := f.all()
	for i, org := range orgs {
		switch n, ok, err := table.Get[Node](v, names[i]); {
		case err != nil:
			return nil, unreadable(err)
		case ok:
			nodes[n.Org] = n
		default:
			delete(nodes, org)
		}
	}
	return nodes, nil
}

func (t *Tree) scan(ctx context.Context, prefix string, each func(table.Row) error) error {
	for after := ""; ; {
		rows, next, err := t.space.Scan(ctx, shard, prefix, after, storage.MaxScan)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := each(row); err != nil {
				return unreadable(err)
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}
