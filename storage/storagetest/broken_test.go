package storagetest

import (
	"context"
	"regexp"
	"slices"
	"strings"
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
	now    func() time.Time
	past   func(read func(storage.Reader) error) error
	wake   func() (<-chan struct{}, func())
}

func (s *broken) Now(context.Context) (time.Time, error) {
	if s.now != nil {
		return s.now(), nil
	}
	return time.Now().UTC(), nil
}

func (s *broken) Wake(ctx context.Context, shard string) (<-chan struct{}, func(), error) {
	if s.wake != nil {
		c, end := s.wake()
		return c, end, nil
	}
	return s.Store.Wake(ctx, shard)
}

func (s *broken) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	if s.past != nil {
		return s.past(read)
	}
	return s.Store.Snapshot(ctx, read)
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

// renamed keeps each record under another name, and gives it back under its own.
func renamed(s *broken, name func(shard, name string) string) {
	edited(s, func(b *storage.Batch, o *storage.Op) { o.Name = name(b.Shard, o.Name) })
	s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
		if err := storage.ValidNames(shard, names); err != nil {
			return nil, err
		}
		found := make([]storage.Record, len(names))
		for i, n := range names {
			one, err := s.Store.Get(ctx, shard, name(shard, n))
			if err != nil {
				return nil, err
			}
			found[i] = one[0]
			found[i].Name = n
		}
		return found, nil
	}
}

// stepwise commits op by op, and says before each whether to go on.
func stepwise(s *broken, next func(ctx context.Context, o *storage.Op) error) {
	s.commit = func(ctx context.Context, b storage.Batch) error {
		if err := b.Validate(); err != nil {
			return err
		}
		for _, o := range b.Ops {
			if err := next(ctx, &o); err != nil {
				return err
			}
			one := storage.Batch{Shard: b.Shard, Now: b.Now, Ops: []storage.Op{o}}
			if err := s.Store.Commit(context.WithoutCancel(ctx), one); err != nil {
				return err
			}
		}
		return nil
	}
}

// like compares as SQL does: % is any text, _ any character, case is ignored.
func like(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, "%", ".*"), "_", ".")
	return regexp.MustCompile("(?is)^" + quoted)
}

// all returns every record of a shard after a name.
func (s *broken) all(ctx context.Context, shard, after string) ([]storage.Record, error) {
	return s.Store.Scan(ctx, shard, "", after, storage.MaxScan)
}

// Each case is run against the stores that it must catch. A case that catches
// none would be a test that cannot fail.
func TestTheSuiteCanFail(t *testing.T) {
	defer func(d time.Duration) { wakeTime = d }(wakeTime)
	wakeTime = 10 * time.Millisecond
	catches := map[string]bool{}
	for _, f := range faults {
		for _, c := range cases() {
			if !slices.Contains(f.breaks, c.name) {
				continue
			}
			catches[c.name] = true
			t.Run(f.because+"/"+c.name, func(t *testing.T) {
				s := &broken{Store: memory.New()}
				f.fault(s)
				require.Error(t, c.check(t.Context(), func() (storage.Store, error) { return s, nil }))
			})
		}
	}
	for _, c := range cases() {
		require.True(t, catches[c.name], "no broken store fails the case %s", c.name)
	}
}

func TestCheckPrintsTheRule(t *testing.T) {
	s := &broken{Store: memory.New()}
	edited(s, func(_ *storage.Batch, o *storage.Op) { o.Cond, o.If = storage.Any, storage.Version{} })
	err := Check(t.Context(), func() (storage.Store, error) { return s, nil })
	require.ErrorContains(t, err, "absent-creates-once: commit of [Put(Absent) \"a\"] succeeded, although a condition does not hold")
	require.ErrorContains(t, err, "(rule: Put with Absent writes when nothing is stored, else Commit returns ErrConflict and changes nothing)")
}
