package sealed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

var (
	_ storage.Sweeper     = (*Store)(nil)
	_ storage.Snapshotter = (*Store)(nil)
)

// Unwrap returns the store underneath, with its values sealed. What it offers
// besides and has to do with no value, such as a clock, is found there.
func (s *Store) Unwrap() storage.Store { return s.inner }

// Sweep implements [storage.Sweeper]; where the engine removes expired records
// by itself there is never anything to do.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if w, ok := s.inner.(storage.Sweeper); ok {
		return w.Sweep(ctx, before, limit)
	}
	return 0, nil
}

// Snapshot implements [storage.Snapshotter]. Where the engine does not, the
// error wraps errors.ErrUnsupported and read is not called.
func (s *Store) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	inner, ok := s.inner.(storage.Snapshotter)
	if !ok {
		return fmt.Errorf("sealed: the store underneath has no snapshots: %w", errors.ErrUnsupported)
	}
	return inner.Snapshot(ctx, func(r storage.Reader) error {
		m := &moment{s, r, map[string]*ring{}}
		return read(reader{r, m.keyFor})
	})
}

// moment finds the keys as of that moment, through the same Reader: the store
// itself may have no connection left.
type moment struct {
	s     *Store
	from  storage.Reader
	rings map[string]*ring
}

func (m *moment) keyFor(ctx context.Context, tenant string, number uint32) (key, bool, error) {
	r, known := m.rings[tenant]
	if !known {
		rec, version, err := stored(ctx, m.from, tenant)
		if err != nil || version.IsZero() {
			return key{}, false, err
		}
		if r, err = m.s.ringOf(ctx, tenant, rec, version); err != nil {
			return key{}, false, err
		}
		m.rings[tenant] = r
	}
	k, ok := r.find(number)
	return k, ok, nil
}
