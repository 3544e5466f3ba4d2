package policy

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// All organisations of a tenant lie in one shard, a record each, beside a head that every change rewrites: two changes
// that do not know of each other never both hold.
var shard = table.ShardOf("policy", "tree")

const (
	headName   = "policy/head"
	nodePrefix = "org/"
	maxRecent  = 32
)

func nodeName(org symbolon.OrgID) string { return table.Name("org", string(org)) }
func proposalName(id string) string      { return table.Name("policy", "proposal", id) }

const proposalPrefix = "policy/proposal/"

// head is what the tree is known by.
type head struct {
	N      uint64   `json:"n"`      // changes so far
	Sum    string   `json:"sum"`    // of all organisations
	Recent []string `json:"recent"` // changes by id, the latest last: a reply that was lost must not make a second one
}

// snapshot is the tree at a moment.
type snapshot struct {
	head   head
	forest *Forest
}

// signed is a record that only this realm can have written (S6): a writer of the database can take the tree away, and
// then nobody comes in, but cannot make it looser nor approve a change.
type signed struct {
	Body json.RawMessage `json:"body"`
	MAC  []byte          `json:"mac"`
}

func (t *Tree) mac(name string, body []byte) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write([]byte(name + "\x00"))
	h.Write(body)
	return h.Sum(nil)
}

func (t *Tree) sign(tx *table.Tx, name string, v any, expires time.Time) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return table.Put(tx, name, signed{body, t.mac(name, body)}, expires)
}

// verify reads a signed record.
func verify[T any](t *Tree, name string, s signed) (v T, err error) {
	if !hmac.Equal(s.MAC, t.mac(name, s.Body)) {
		return v, unreadable(fmt.Errorf("%s was not written by this realm", name))
	}
	if err := strict(s.Body, &v); err != nil {
		return v, unreadable(fmt.Errorf("%s: %w", name, err))
	}
	return v, nil
}

// strict decodes JSON of ours. What a newer version demands must not be left out.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// unreadable says that the tree cannot be relied upon, so that nobody comes in.
func unreadable(err error) error {
	return fmt.Errorf("%w: %w: %w", symbolon.ErrUnavailable, table.ErrCorrupt, err)
}

// head reads the head; that of an empty tree if there is none.
func (t *Tree) head(v *table.View) (h head, err error) {
	s, ok, err := table.Get[signed](v, headName)
	switch {
	case err != nil:
		return h, unreadable(err)
	case !ok:
		h.Sum = (&Forest{}).digest()
		return h, nil
	}
	return verify[head](t, headName, s)
}

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
		nodes, err := t.fetch(ctx)
		if err != nil {
			return nil, err
		}
		f, b := grow(nodes, t.memory())
		if b == nil && f.digest() == s.head.Sum {
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

// memory returns the forest that was read last, for what of it is still the same.
func (t *Tree) memory() *Forest {
	if last := t.last.Load(); last != nil {
		return last.forest
	}
	return &Forest{}
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
	case last != nil && h.N < last.head.N: // a writer of the database must not bring back what was laxer (S6)
		return nil, nil, unreadable(errors.New("the tree is older than it was before; if it was restored, start anew"))
	case last != nil && h.N == last.head.N && h.Sum == last.head.Sum:
		return last, v, nil
	}
	return &snapshot{head: h}, v, nil
}

// keep remembers the newer of two snapshots.
func (t *Tree) keep(s *snapshot) *snapshot {
	for {
		last := t.last.Load()
		if last != nil && last.head.N >= s.head.N || t.last.CompareAndSwap(last, s) {
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
