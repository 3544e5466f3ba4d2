// Package table keeps typed records in a Store and changes them in one way.
//
// Most callers make one [Space] with [New], read with [Space.Read] and [Get],
// and change with [Space.Update]: the function they pass reads, computes and
// says what to write; the Space commits on the condition that nothing it read
// has changed, and runs the function again if something has. Nobody reads, adds
// and saves.
//
// The function must be pure but for what it writes to the [Tx] and to its
// caller's variables, which it sets anew each time. It must find its own earlier
// effect by an id in the state: a store may apply a commit and then lose the
// reply.
//
// Goroutines that change one record at the same time share commits, see
// [Space.Update]. Nothing of that shows in what a function may do.
package table

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

const (
	maxTime  = 5 * time.Second       // an update that has not won by then is refused
	minPause = 50 * time.Microsecond // between two tries, doubled each time, with full jitter
	maxPause = 5 * time.Millisecond
	maxLost  = 10 // errors in a row before the store counts as down; the time usually ends it first
	gates    = 1024
)

// Space is a tenant's records in a store. It is safe for concurrent use.
type Space struct {
	store  storage.Store
	tenant string
	now    func() time.Time
	rand   io.Reader
	seed   maphash.Seed
	gate   [gates]gate
}

// New returns the tenant's Space in a store. Versions are drawn from rand.
func New(store storage.Store, tenant string, now func() time.Time, rand io.Reader) *Space {
	return &Space{store: store, tenant: escape(tenant), now: now, rand: rand, seed: maphash.MakeSeed()}
}

// Now returns the Space's time.
func (s *Space) Now() time.Time { return s.now() }

func (s *Space) shard(sh Shard) string { return s.tenant + "/" + sh.String() }

// Read gets records of one shard, all as of one moment.
func (s *Space) Read(ctx context.Context, sh Shard, names ...string) (*View, error) {
	if len(names) == 0 {
		return &View{now: s.now(), shard: sh, recs: []storage.Record{}}, nil
	}
	recs, err := s.store.Get(ctx, s.shard(sh), names...)
	if err != nil {
		return nil, unavailable(err)
	}
	if len(recs) != len(names) {
		return nil, unavailable(fmt.Errorf("store returned %d records for %d names", len(recs), len(names)))
	}
	return &View{now: s.now(), shard: sh, names: names, recs: recs}, nil
}

// Row is one record that a Scan found.
type Row struct {
	Name  string
	Value []byte
}

// Decode reads the row as T.
func Decode[T any](r Row) (value T, err error) {
	if err = decode(r.Value, &value); err != nil {
		err = fmt.Errorf("%s: %w", kind(r.Name), err)
	}
	return value, err
}

// Scan returns the live records whose names begin with prefix and sort after
// the name after, and that name with which to go on; it is empty at the end.
func (s *Space) Scan(ctx context.Context, sh Shard, prefix, after string, limit int) (rows []Row, next string, err error) {
	recs, err := s.store.Scan(ctx, s.shard(sh), prefix, after, limit)
	if err != nil {
		return nil, "", unavailable(err)
	}
	now := s.now()
	for _, r := range recs {
		if r.Live(now) {
			rows = append(rows, Row{r.Name, r.Value})
		}
	}
	if len(recs) == limit {
		next = recs[len(recs)-1].Name
	}
	return rows, next, nil
}

func unavailable(err error) error {
	if errors.Is(err, storage.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
}

// kind returns the first component of a name: enough to find the fault, and no
// id in an error.
func kind(name string) string {
	for i := range len(name) {
		if name[i] == '/' {
			return name[:i] + " record"
		}
	}
	return name + " record"
}
