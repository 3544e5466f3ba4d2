// Package sealed encrypts what lies in a store.
//
// Most programs open their engine, call [New] around it with a [KeyWrapper],
// and hand the result to the realm in place of the engine. Each tenant gets a
// key of its own, which lies in the store wrapped by the host's key service;
// [NewLocal] wraps with a secret for hosts without one. [Store.Rotate] gives a
// tenant a new key while everything runs.
//
// A value that was altered, cut, put under another name, shard or version, or
// given a longer life is refused, and so is a key that has been retired: the
// error wraps [ErrRefused], never "nothing is there". Names, versions and
// expiries stay readable. What sealing cannot see is a whole former record put
// back within the life of its key, and a record that was removed.
package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// ErrRefused is wrapped by the error for a record that does not open. Whoever
// reads it must not go on as if there were no record; see [*Refusal].
var ErrRefused = errors.New("sealed: a stored record was refused")

// Refusal says which record was refused and why, for whoever looks after the
// database; its text names neither the record nor its value. It is reached by
// errors.As.
type Refusal struct {
	Shard, Name string
	Reason      Reason
}

// Error returns the reason.
func (r *Refusal) Error() string { return fmt.Sprintf("%v: it %s", ErrRefused, r.Reason) }

// Unwrap returns ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Reason is why a record was refused.
type Reason string

// The reasons.
const (
	ReasonForm    Reason = "has not the form of a sealed value"
	ReasonRetired Reason = "is sealed with a key that is retired or was never this tenant's"
	ReasonAltered Reason = "was altered, or belongs to another name, shard, version or expiry"
)

// Options are the times of a Store. Nil means the defaults.
type Options struct {
	// Refresh is how long a process works with the keys that it knows before it
	// asks the store whether they have changed; 30 seconds by default. A key
	// that was retired elsewhere is refused here at the latest after that time,
	// and a rotation waits twice as long for all processes, and then for their
	// engine. Twice as long should be more than an engine keeps a statement waiting
	// for a row, which in MySQL is innodb_lock_wait_timeout, 50 seconds.
	Refresh time.Duration

	Now  func() time.Time // time.Now by default
	Rand io.Reader        // for keys and versions; crypto/rand by default
}

const (
	defaultRefresh = 30 * time.Second
	maxRefresh     = time.Hour
)

// Store is a [storage.Store] that seals. It is safe for concurrent use, and any
// number of processes may each have one over the same engine.
type Store struct {
	inner storage.Store
	wrap  KeyWrapper
	opt   Options
	rings sync.Map // *holder by tenant
}

var _ storage.Store = (*Store)(nil)

// New returns a Store that keeps sealed values in store. A sealed value is
// [Overhead] bytes longer, for which it asks the engine in [storage.Batch]. The
// error names everything that is missing or out of bounds.
func New(store storage.Store, wrapper KeyWrapper, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	need(store != nil, "a Store")
	need(wrapper != nil, "a KeyWrapper (see NewLocal)")
	need(o.Refresh > 0 && o.Refresh <= maxRefresh, "Options.Refresh of at most an hour")
	if len(wrong) > 0 {
		return nil, fmt.Errorf("sealed: New needs %s", strings.Join(wrong, "; "))
	}
	return &Store{inner: store, wrap: wrapper, opt: o}, nil
}

// Get implements [storage.Store].
func (s *Store) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	return reader{s.inner, s.keyFor}.Get(ctx, shard, names...)
}

// Scan implements [storage.Store]. One record that does not open fails all: a
// list must not be shorter because somebody wrote into the database.
func (s *Store) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	return reader{s.inner, s.keyFor}.Scan(ctx, shard, prefix, after, limit)
}

// Commit implements [storage.Store]. Every record stays in the ordered index,
// Op.Point or not, because a rotation must find it.
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := reserved(b.Shard); err != nil {
		return err
	}
	if err := b.Validate(); err != nil {
		return err
	}
	ops := make([]storage.Op, len(b.Ops))
	var r *ring
	for i, o := range b.Ops {
		if ops[i] = o; o.Act != storage.Put {
			continue
		}
		if r == nil {
			var err error
			if r, err = s.ringFor(ctx, tenantOf(b.Shard)); err != nil {
				return err
			}
		}
		sealed, err := r.current().seal(b.Shard, o.Record())
		if err != nil {
			return err
		}
		ops[i].Value, ops[i].Point = sealed, false
	}
	if r != nil {
		var cancel context.CancelFunc
		ctx, cancel = s.whileCurrent(ctx, r)
		defer cancel()
	}
	b.Ops, b.Room = ops, b.Room+Overhead
	return s.inner.Commit(ctx, b)
}

// tenantOf returns the part of a shard that names the tenant.
func tenantOf(shard string) string {
	tenant, _, _ := strings.Cut(shard, "/")
	return tenant
}

// reserved keeps callers away from the shard in which the wrapped keys lie.
func reserved(shard string) error {
	if shard == ringShard {
		return fmt.Errorf("%w: the shard %s belongs to the sealed store", storage.ErrInvalid, ringShard)
	}
	return nil
}
