package sealed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// What the engine offers besides passes through. Where it does not offer it,
// the error wraps errors.ErrUnsupported, and the caller does without.
var (
	_ storage.Sweeper     = (*Store)(nil)
	_ storage.Clock       = (*Store)(nil)
	_ storage.Waker       = (*Store)(nil)
	_ storage.Snapshotter = (*Store)(nil)
)

// Unwrap returns the store underneath, with its values sealed.
func (s *Store) Unwrap() storage.Store { return s.inner }

// Sweep implements [storage.Sweeper]; where the engine removes expired records
// by itself there is never anything to do.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if w, ok := s.inner.(storage.Sweeper); ok {
		return w.Sweep(ctx, before, limit)
	}
	return 0, nil
}

// Now implements [storage.Clock].
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	if c, ok := s.inner.(storage.Clock); ok {
		return c.Now(ctx)
	}
	return time.Time{}, unsupported("clock")
}

// Wake implements [storage.Waker].
func (s *Store) Wake(ctx context.Context, shard string) (<-chan struct{}, func(), error) {
	if w, ok := s.inner.(storage.Waker); ok {
		return w.Wake(ctx, shard)
	}
	return nil, nil, unsupported("wake-up")
}

// Snapshot implements [storage.Snapshotter].
func (s *Store) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	inner, ok := s.inner.(storage.Snapshotter)
	if !ok {
		return unsupported("snapshot")
	}
	return inner.Snapshot(ctx, func(r storage.Reader) error {
		m := &moment{s, r, map[string]*ring{}}
		return read(reader{r, m.keyFor})
	})
}

func unsupported(what string) error {
	return fmt.Errorf("sealed: the store underneath has no %s: %w", what, errors.ErrUnsupported)
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
