// Package memory keeps records in the memory of one process.
//
// It is for tests, examples and replay caches. A restart forgets everything,
// locks and revocations too, so do not keep accounts in it.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Store is a [storage.Store] in memory. It is safe for concurrent use. Make one
// with [New].
type Store struct {
	mu      sync.RWMutex
	shards  map[string]map[string]storage.Record
	waiting map[string]map[chan struct{}]bool // by shard
}

var (
	_ storage.Store       = (*Store)(nil)
	_ storage.Sweeper     = (*Store)(nil)
	_ storage.Snapshotter = (*Store)(nil)
	_ storage.Waker       = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{shards: make(map[string]map[string]storage.Record), waiting: make(map[string]map[chan struct{}]bool)}
}

// Get implements [storage.Store].
func (s *Store) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := storage.ValidNames(shard, names); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory: get: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]storage.Record, len(names))
	for i, name := range names {
		found[i] = own(s.shards[shard][name])
		found[i].Name = name
	}
	return found, nil
}

// Scan implements [storage.Store]. It looks at every name of the shard.
func (s *Store) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memory: scan: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []storage.Record
	for _, name := range slices.Sorted(maps.Keys(s.shards[shard])) {
		if name <= after || !strings.HasPrefix(name, prefix) {
			continue
		}
		if found = append(found, own(s.shards[shard][name])); len(found) == limit {
			break
		}
	}
	return found, nil
}

// Commit implements [storage.Store].
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil { // after the wait for the lock, which may have been long
		return fmt.Errorf("memory: commit: %w", err)
	}
	records := s.shards[b.Shard]
	for _, o := range b.Ops { // all conditions before the first write: all or nothing
		if !o.Holds(records[o.Name], b.Now) {
			return storage.ErrConflict
		}
	}
	if records == nil {
		records = make(map[string]storage.Record)
		s.shards[b.Shard] = records
	}
	for _, o := range b.Ops {
		switch o.Act {
		case storage.Put:
			records[o.Name] = own(o.Record())
		case storage.Delete:
			delete(records, o.Name)
		}
	}
	for c := range s.waiting[b.Shard] {
		select {
		case c <- struct{}{}:
		default: // one for several
		}
	}
	return nil
}

// Wake implements [storage.Waker].
func (s *Store) Wake(ctx context.Context, shard string) (<-chan struct{}, func(), error) {
	if err := storage.ValidScan(shard, "", "", 1); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("memory: wake: %w", err)
	}
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[shard] == nil {
		s.waiting[shard] = make(map[chan struct{}]bool)
	}
	s.waiting[shard][c] = true
	return c, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.waiting[shard], c); len(s.waiting[shard]) == 0 {
			delete(s.waiting, shard)
		}
		close(c)
	}), nil
}

// Sweep implements [storage.Sweeper].
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("memory: sweep: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	swept := 0
	for shard, records := range s.shards {
		for name, r := range records {
			if swept == limit {
				return swept, nil
			}
			if !r.Live(before) {
				delete(records, name)
				swept++
			}
		}
		if len(records) == 0 {
			delete(s.shards, shard)
		}
	}
	return swept, nil
}

// Snapshot implements [storage.Snapshotter] with a copy.
func (s *Store) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: snapshot: %w", err)
	}
	past := New()
	s.mu.RLock()
	for shard, records := range s.shards {
		past.shards[shard] = maps.Clone(records) // values are never changed, only replaced
	}
	s.mu.RUnlock()
	return read(past)
}

// own returns r with a value that nobody else holds.
func own(r storage.Record) storage.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}
