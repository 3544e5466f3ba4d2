package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/symbolon-auth/symbolon/storage"
)

// errLost is what a client library says when the reply did not come.
var errLost = errors.New("storagetest: connection lost before the reply")

// Lossy returns s with a bad line: every n-th Commit is carried out by s, and
// then reported as a broken connection. A caller that simply tries again does
// its work twice.
func Lossy(s storage.Store, every int) storage.Store {
	return &lossy{Store: s, every: int64(every)}
}

type lossy struct {
	storage.Store
	every   int64
	commits atomic.Int64
}

func (l *lossy) Commit(ctx context.Context, b storage.Batch) error {
	err := l.Store.Commit(ctx, b)
	if l.commits.Add(1)%l.every == 0 {
		return errLost
	}
	return err
}

// Troubled returns s with trouble before each call: f is told the name of the
// method and may wait, to delay it, or return an error, which the caller then gets
// in the place of an answer; nothing has reached s then. It is called from as many
// goroutines as there are calls.
func Troubled(s storage.Store, f func(ctx context.Context, method string) error) storage.Store {
	return &troubled{s, f}
}

type troubled struct {
	storage.Store
	before func(ctx context.Context, method string) error
}

// Unwrap returns the store itself, so that nothing is hidden by the trouble.
func (w *troubled) Unwrap() storage.Store { return w.Store }

func (w *troubled) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := w.before(ctx, "Get"); err != nil {
		return nil, err
	}
	return w.Store.Get(ctx, shard, names...)
}

func (w *troubled) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := w.before(ctx, "Scan"); err != nil {
		return nil, err
	}
	return w.Store.Scan(ctx, shard, prefix, after, limit)
}

func (w *troubled) Commit(ctx context.Context, b storage.Batch) error {
	if err := w.before(ctx, "Commit"); err != nil {
		return err
	}
	return w.Store.Commit(ctx, b)
}

// Counted is a store that counts the calls to it, see [Counting].
type Counted struct {
	storage.Store
	Gets, Scans, Commits atomic.Int64
}

// Counting returns s with counters, to hold code to its number of round trips.
func Counting(s storage.Store) *Counted { return &Counted{Store: s} }

// Get counts and calls the store.
func (c *Counted) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	c.Gets.Add(1)
	return c.Store.Get(ctx, shard, names...)
}

// Scan counts and calls the store.
func (c *Counted) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	c.Scans.Add(1)
	return c.Store.Scan(ctx, shard, prefix, after, limit)
}

// Commit counts and calls the store.
func (c *Counted) Commit(ctx context.Context, b storage.Batch) error {
	c.Commits.Add(1)
	return c.Store.Commit(ctx, b)
}

// Strict returns s with a watch on its caller: t fails when a call lies outside
// the contract, when one version is given to two records, when a value other than a
// log page is larger than MaxValue, when a Scan comes upon a record that was put
// with Point, which another engine would have left out, or when a Delete with Any
// rests on no record that was also rewritten when what it removes was made, see
// [storage.Op].
func Strict(t testing.TB, s storage.Store) storage.Store {
	return &strict{
		Store:    s,
		t:        t,
		versions: make(map[storage.Version][2]string),
		points:   make(map[[2]string]bool),
		guards:   make(map[[2]string][]string),
	}
}

type strict struct {
	storage.Store
	t testing.TB

	mu       sync.Mutex
	versions map[storage.Version][2]string // shard and name
	points   map[[2]string]bool            // by shard and name
	guards   map[[2]string][]string        // the names that were rewritten when it was made
}

func (s *strict) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	s.t.Helper()
	if err := storage.ValidNames(shard, names); err != nil {
		s.t.Errorf("Get left the contract: %v", err)
	}
	return s.Store.Get(ctx, shard, names...)
}

func (s *strict) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	s.t.Helper()
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		s.t.Errorf("Scan left the contract: %v", err)
	}
	found, err := s.Store.Scan(ctx, shard, prefix, after, limit)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range found {
		if s.points[[2]string{shard, r.Name}] {
			s.t.Errorf("Scan for %q came upon %q, which was put with Point", prefix, r.Name)
		}
	}
	return found, err
}

func (s *strict) Commit(ctx context.Context, b storage.Batch) error {
	s.t.Helper()
	if err := b.Validate(); err != nil {
		s.t.Errorf("Commit left the contract: %v", err)
	}
	s.mu.Lock()
	guards := rewritten(b)
	for _, o := range b.Ops {
		if o.Act == storage.Delete && o.Cond == storage.Any && !onlyDeletes(b) {
			made, known := s.guards[[2]string{b.Shard, o.Name}]
			if len(guards) == 0 || known && !slices.ContainsFunc(guards, func(g string) bool { return slices.Contains(made, g) }) {
				s.t.Errorf("Delete with Any of %q stands beside other ops, and none of them rewrites a record that was rewritten when it was made", o.Name)
			}
		}
		if o.Act != storage.Put {
			continue
		}
		if o.Cond != storage.Match {
			s.guards[[2]string{b.Shard, o.Name}] = guards
		}
		key := [2]string{b.Shard, o.Name}
		if before, twice := s.versions[o.Version]; twice && before != key {
			s.t.Errorf("Put of %q has the version of the Put of %q", key, before)
		}
		s.versions[o.Version] = key
		s.points[key] = o.Point
		if len(o.Value) > storage.MaxValue+b.Room && !strings.Contains(o.Name, logPage) {
			s.t.Errorf("Put of %q has a value of %d bytes; only log pages exceed %d", o.Name, len(o.Value), storage.MaxValue)
		}
	}
	s.mu.Unlock()
	return s.Store.Commit(ctx, b)
}

// rewritten are the names that nobody else can write at the same time.
func rewritten(b storage.Batch) (names []string) {
	for _, o := range b.Ops {
		if o.Act == storage.Put && o.Cond != storage.Any {
			names = append(names, o.Name)
		}
	}
	return names
}

func onlyDeletes(b storage.Batch) bool {
	return !slices.ContainsFunc(b.Ops, func(o storage.Op) bool { return o.Act != storage.Delete || o.Cond != storage.Any })
}

// logPage is in the name of every page of the audit log.
const logPage = "log/"
