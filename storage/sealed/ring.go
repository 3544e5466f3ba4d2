package sealed

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// A tenant's keys lie in the store as one ring, wrapped as a whole, so that
// nobody can put a retired key back into a newer ring. It is the record named
// after the tenant in a shard that no tenant has.
const ringShard = "~keys"

// ringRecord is the stored form. The generation moves with each change and is
// the number of the key that it added, if it added one.
type ringRecord struct {
	V          int    `json:"v"`
	Generation uint32 `json:"generation"`
	Wrapped    []byte `json:"wrapped"`
}

// link is a key-encryption key in a ring: 4 bytes of number, 32 of key.
type link struct {
	number uint32
	kek    []byte
}

const (
	kekSize  = 32
	linkSize = 4 + kekSize
	maxLinks = 16 // rotations that may be broken off before one must come to its end
	maxTries = 8  // at changing what others change too
)

// ring is what a process knows of a tenant's keys.
type ring struct {
	generation uint32
	version    storage.Version // of the record that it was read from
	keys       []key           // by number; new values are sealed with the last
	read       time.Time
}

func (r *ring) current() key { return r.keys[len(r.keys)-1] }

func (r *ring) find(number uint32) (key, bool) {
	i, ok := slices.BinarySearchFunc(r.keys, number, func(k key, n uint32) int { return cmp.Compare(k.number, n) })
	if !ok {
		return key{}, false
	}
	return r.keys[i], true
}

// holder keeps the ring of one tenant; who reads it anew has the turn.
type holder struct {
	turn chan struct{}
	ring atomic.Pointer[ring]
}

func (s *Store) holder(tenant string) *holder {
	if h, ok := s.rings.Load(tenant); ok {
		return h.(*holder)
	}
	h, _ := s.rings.LoadOrStore(tenant, &holder{turn: make(chan struct{}, 1)})
	return h.(*holder)
}

// ringFor returns the tenant's ring for writing. It makes the first one.
func (s *Store) ringFor(ctx context.Context, tenant string) (*ring, error) {
	h := s.holder(tenant)
	r := h.ring.Load()
	if r != nil && s.fresh(r) {
		return r, nil
	}
	r, err := s.reread(ctx, h, tenant, r)
	if err != nil || r != nil {
		return r, err
	}
	// There is none yet. Of all who make one, the first wins.
	err = s.change(ctx, tenant, func(l []link, generation uint32) ([]link, error) {
		if len(l) > 0 {
			return l, nil
		}
		return s.forge(l, generation)
	})
	if err != nil {
		return nil, err
	}
	if r, err = s.reread(ctx, h, tenant, nil); err == nil && r == nil {
		err = errors.New("sealed: the tenant's keys are gone right after they were made")
	}
	return r, err
}

// keyFor returns the tenant's key of that number, to open a value with.
func (s *Store) keyFor(ctx context.Context, tenant string, number uint32) (key, bool, error) {
	h := s.holder(tenant)
	r := h.ring.Load()
	if r != nil && s.fresh(r) {
		if k, ok := r.find(number); ok {
			return k, true, nil
		}
	}
	// Stale, or another process has rotated. What somebody else read while we
	// waited may still be from before; what was read after that is not.
	for range 2 {
		var err error
		if r, err = s.reread(ctx, h, tenant, r); err != nil || r == nil {
			return key{}, false, err
		}
		if k, ok := r.find(number); ok {
			return k, true, nil
		}
	}
	return key{}, false, nil
}

func (s *Store) fresh(r *ring) bool { return s.opt.Now().Sub(r.read) < s.opt.Refresh }

// whileCurrent ends a commit before the key that it used can be retired: two
// Refreshes after the ring was read.
func (s *Store) whileCurrent(ctx context.Context, r *ring) (context.Context, context.CancelFunc) {
	now := s.opt.Now()
	left := r.read.Add(2 * s.opt.Refresh).Sub(now)
	if end, ok := ctx.Deadline(); ok && end.Sub(now) <= left {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, left)
}

// reread returns the ring as the store has it, nil if there is none. It does
// nothing if somebody else has read it since known was seen.
func (s *Store) reread(ctx context.Context, h *holder, tenant string, known *ring) (*ring, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if r := h.ring.Load(); r != known {
		return r, nil
	}
	read := s.opt.Now() // before the read: a ring is as old as its oldest possible content
	rec, version, err := stored(ctx, s.inner, tenant)
	if err != nil {
		return nil, err
	}
	switch {
	case known == nil && version.IsZero():
		return nil, nil
	case known != nil && (version.IsZero() || rec.Generation < known.generation):
		// Somebody put an old row back, or removed it.
		return nil, errors.New("sealed: the tenant's keys in the store are older than those in use, or gone: restore the newest ones")
	case known != nil && version == known.version:
		again := *known
		again.read = read
		h.ring.Store(&again)
		return &again, nil
	}
	r, err := s.ringOf(ctx, tenant, rec, version)
	if err != nil {
		return nil, err
	}
	r.read = read
	h.ring.Store(r)
	return r, nil
}

// ringOf unwraps what is stored.
func (s *Store) ringOf(ctx context.Context, tenant string, rec ringRecord, version storage.Version) (*ring, error) {
	links, err := s.unwrap(ctx, tenant, rec)
	if err != nil {
		return nil, err
	}
	r := &ring{generation: rec.Generation, version: version}
	for _, l := range links {
		k, err := newKey(tenant, l.number, l.kek)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// stored reads a tenant's record; the version is zero if there is none.
func stored(ctx context.Context, from storage.Reader, tenant string) (rec ringRecord, v storage.Version, err error) {
	found, err := from.Get(ctx, ringShard, tenant)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("the store returned %d records for one name", len(found))
	}
	if err != nil {
		return rec, v, fmt.Errorf("sealed: read a tenant's keys: %w", err)
	}
	if found[0].Version.IsZero() {
		return rec, v, nil
	}
	if err := json.Unmarshal(found[0].Value, &rec); err != nil || rec.V != format || rec.Generation == 0 {
		return rec, v, &Refusal{ringShard, tenant, ReasonForm}
	}
	return rec, found[0].Version, nil
}

func keyID(tenant string, generation uint32) string { return fmt.Sprintf("%s/%d", tenant, generation) }

func (s *Store) unwrap(ctx context.Context, tenant string, rec ringRecord) ([]link, error) {
	plain, err := s.wrap.Unwrap(ctx, keyID(tenant, rec.Generation), rec.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("sealed: unwrap a tenant's keys: %w", err)
	}
	links, ok := parseLinks(plain)
	if !ok || links[len(links)-1].number > rec.Generation {
		return nil, &Refusal{ringShard, tenant, ReasonAltered}
	}
	return links, nil
}

// change replaces a tenant's ring by what f makes of it, as the generation that
// it is given. What f returns unchanged in length is not written.
func (s *Store) change(ctx context.Context, tenant string, f func([]link, uint32) ([]link, error)) error {
	var last error
	for range maxTries {
		rec, version, err := stored(ctx, s.inner, tenant)
		if err != nil {
			return err
		}
		var links []link
		op := storage.Op{Act: storage.Put, Name: tenant, Cond: storage.Absent}
		if !version.IsZero() {
			op.Cond, op.If = storage.Match, version
			if links, err = s.unwrap(ctx, tenant, rec); err != nil {
				return err
			}
		}
		had, next := len(links), ringRecord{V: format, Generation: rec.Generation + 1}
		if links, err = f(links, next.Generation); err != nil || len(links) == had {
			return err
		}
		if next.Wrapped, err = s.wrap.Wrap(ctx, keyID(tenant, next.Generation), appendLinks(links)); err != nil {
			return fmt.Errorf("sealed: wrap a tenant's keys: %w", err)
		}
		if op.Value, err = json.Marshal(next); err != nil {
			return fmt.Errorf("sealed: %w", err)
		}
		if op.Version, err = storage.NewVersion(s.opt.Rand); err != nil {
			return err
		}
		last = s.inner.Commit(ctx, storage.Batch{Shard: ringShard, Now: s.opt.Now(), Ops: []storage.Op{op}})
		if last != nil { // somebody was faster, or the reply was lost
			if _, now, err := stored(ctx, s.inner, tenant); err == nil && now == op.Version {
				last = nil
			}
		}
		if last == nil {
			h := s.holder(tenant)
			_, err = s.reread(ctx, h, tenant, h.ring.Load()) // so that it holds here at once
			return err
		}
		if ctx.Err() != nil || errors.Is(last, storage.ErrInvalid) {
			break
		}
	}
	return fmt.Errorf("sealed: write a tenant's keys: %w", last)
}

// forge adds a new key.
func (s *Store) forge(links []link, number uint32) ([]link, error) {
	if len(links) >= maxLinks {
		return nil, fmt.Errorf("sealed: %d keys are in use; restart the process and let a Rotate come to its end", len(links))
	}
	kek := make([]byte, kekSize)
	if _, err := io.ReadFull(s.opt.Rand, kek); err != nil {
		return nil, fmt.Errorf("sealed: draw a key: %w", err)
	}
	return append(links, link{number, kek}), nil
}

func appendLinks(links []link) []byte {
	var b []byte
	for _, l := range links {
		b = append(binary.BigEndian.AppendUint32(b, l.number), l.kek...)
	}
	return b
}

func parseLinks(b []byte) ([]link, bool) {
	var links []link
	for ; len(b) >= linkSize; b = b[linkSize:] {
		l := link{binary.BigEndian.Uint32(b), b[4:linkSize:linkSize]}
		if n := len(links); n > 0 && links[n-1].number >= l.number {
			return nil, false
		}
		links = append(links, l)
	}
	return links, len(b) == 0 && len(links) > 0
}
