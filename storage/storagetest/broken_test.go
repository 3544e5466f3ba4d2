package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

var t0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// broken is a store with one fault: whichever method is set takes the place of
// the sound one.
type broken struct {
	*memory.Store
	get    func(ctx context.Context, shard string, names []string) ([]storage.Record, error)
	scan   func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error)
	commit func(ctx context.Context, b storage.Batch) error
	sweep  func(ctx context.Context, before time.Time, limit int) (int, error)
}

func (s *broken) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if s.get != nil {
		return s.get(ctx, shard, names)
	}
	return s.Store.Get(ctx, shard, names...)
}

func (s *broken) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if s.scan != nil {
		return s.scan(ctx, shard, prefix, after, limit)
	}
	return s.Store.Scan(ctx, shard, prefix, after, limit)
}

func (s *broken) Commit(ctx context.Context, b storage.Batch) error {
	if s.commit != nil {
		return s.commit(ctx, b)
	}
	return s.Store.Commit(ctx, b)
}

func (s *broken) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if s.sweep != nil {
		return s.sweep(ctx, before, limit)
	}
	return s.Store.Sweep(ctx, before, limit)
}

// edited commits a changed copy of each batch.
func edited(s *broken, change func(b *storage.Batch, o *storage.Op)) {
	s.commit = func(ctx context.Context, b storage.Batch) error {
		if err := b.Validate(); err != nil {
			return err
		}
		b.Ops = slices.Clone(b.Ops)
		for i := range b.Ops {
			change(&b, &b.Ops[i])
		}
		return s.Store.Commit(ctx, b)
	}
}

// renamed keeps each record under another shard and name, and gives it back
// under its own where it can.
func renamed(s *broken, shard, name func(shard, name string) string) {
	edited(s, func(b *storage.Batch, o *storage.Op) { o.Name = name(b.Shard, o.Name) })
	commit := s.commit
	s.commit = func(ctx context.Context, b storage.Batch) error {
		err := commit(ctx, b)
		return err
	}
	s.get = func(ctx context.Context, sh string, names []string) ([]storage.Record, error) {
		found := make([]storage.Record, len(names))
		if err := storage.ValidNames(sh, names); err != nil {
			return nil, err
		}
		for i, n := range names {
			one, err := s.Store.Get(ctx, sh, name(sh, n))
			if err != nil {
				return nil, err
			}
			found[i] = one[0]
			found[i].Name = n
		}
		return found, nil
	}
}

// faults are mistakes that stores have made, and the rules that they break.
var faults = []struct {
	because string
	fault   func(*broken)
	breaks  []string // among others
}{
	{
		"ignores conditions",
		func(s *broken) {
			edited(s, func(_ *storage.Batch, o *storage.Op) {
				if o.Act == storage.Check {
					*o = storage.Op{Act: storage.Delete, Name: "no such record", Cond: storage.Any}
				}
				o.Cond, o.If = storage.Any, storage.Version{}
			})
		},
		[]string{"absent-creates-once", "match-needs-the-version", "check-changes-nothing", "delete-removes", "old-versions-stay-old", "live-until-expiry", "two-failing-conditions", "one-creates", "one-replaces", "one-takes", "guard-record", "sums-are-kept", "a-hot-record-moves"},
	},
}

func TestTheSuiteCanFail(t *testing.T) {
	caught := map[string]bool{}
	for _, f := range faults {
		t.Run(f.because, func(t *testing.T) {
			s := &broken{Store: memory.New()}
			f.fault(s)
			err := Check(t.Context(), func() (storage.Store, error) { return s, nil })
			require.Error(t, err)
			var names []string
			for _, line := range regexp.MustCompile(`(?m)^([a-z'-]+): .*\(rule: `).FindAllStringSubmatch(err.Error(), -1) {
				names = append(names, line[1])
				caught[line[1]] = true
			}
			t.Log(names)
			require.Subset(t, names, f.breaks)
		})
	}
	for _, c := range cases() {
		if !caught[c.name] {
			t.Errorf("no broken store fails the case %s: it may be unable to fail", c.name)
		}
	}
}

var _ = []any{bytes.Clone, cmp.Compare[int], errors.New, strings.ToLower, sync.OnceFunc}
