// Package outbox delivers what a commit promised: a code or a notice is written
// with its cause and sent afterwards, so that a crash in between loses neither
// (AU-10).
//
// Callers make one [Box], add [Box.Op] to the commit, and then call
// [Box.Deliver] for the row just written. [Box.Run] delivers what was left, from
// any process of the fleet. Delivery is at least once.
package outbox

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

const (
	prefix   = "due/"
	claim    = 20 * time.Second // how long a delivery may take before somebody else tries
	maxBack  = 10 * time.Minute
	scanPage = 64
)

// Box is a tenant's outbox in a Space. Payloads are sealed: a reader of the
// database learns no code from it. It is safe for concurrent use.
type Box struct {
	space *table.Space
	aead  cipher.AEAD
	rand  io.Reader
	send  func(context.Context, []byte) error
}

type row struct {
	Sealed []byte `json:"sealed"`
	Tries  int    `json:"tries,omitempty"`
}

// New returns a Box that seals with a key of 32 bytes and delivers with send.
func New(space *table.Space, key []byte, rand io.Reader, send func(context.Context, []byte) error) (*Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Box{space, aead, rand, send}, nil
}

// Item is one payload on its way.
type Item struct {
	id   string
	name string
	op   storage.Op
}

// Op returns what adds the item to a commit.
func (i Item) Op() storage.Op { return i.op }

// Seal prepares a payload that is worth delivering until the given time. It is
// called before the commit that it belongs to.
func (b *Box) Seal(payload []byte, until time.Time) (Item, error) {
	id, err := table.NewID(b.rand, "m")
	if err != nil {
		return Item{}, err
	}
	nonce := make([]byte, b.aead.NonceSize())
	if _, err := io.ReadFull(b.rand, nonce); err != nil {
		return Item{}, err
	}
	// The first delivery is tried by whoever commits; others wait for the claim to end.
	name := rowName(b.space.Now().Add(claim), id)
	op, err := table.NewRow(name, row{Sealed: b.aead.Seal(nonce, nonce, payload, []byte(id))}, until)
	return Item{id, name, op}, err
}

// Deliver sends an item that was just committed in a shard. If it cannot be
// sent now, Run will try again.
func (b *Box) Deliver(ctx context.Context, sh table.Shard, i Item) error {
	v, err := b.space.Read(ctx, sh, i.name)
	if err != nil {
		return err
	}
	r, ok, err := table.Get[row](v, i.name)
	if err != nil || !ok {
		return err
	}
	return b.deliver(ctx, sh, i.id, i.name, r)
}

// Run delivers what is due, once a second, until ctx ends, and returns why it
// ended. Any number of processes may run it.
func (b *Box) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for sh := range table.Shard(table.Shards) {
			// A store that is down now may be up at the next tick.
			_ = b.Sweep(ctx, sh)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Sweep delivers what is due in one shard now.
func (b *Box) Sweep(ctx context.Context, sh table.Shard) error {
	var errs []error
	for after := ""; ; {
		rows, next, err := b.space.Scan(ctx, sh, prefix, after, scanPage)
		if err != nil {
			return err
		}
		for _, found := range rows {
			due, id, ok := parseName(found.Name)
			if ok && due.After(b.space.Now()) {
				return errors.Join(errs...) // they are sorted by time
			}
			r, err := table.Decode[row](found)
			if err != nil || !ok {
				errs = append(errs, errors.Join(err, fmt.Errorf("outbox: row %q cannot be delivered", found.Name)))
				continue
			}
			r.Tries++
			again := rowName(b.space.Now().Add(claim+backoff(r.Tries)), id)
			if err := b.claim(ctx, sh, found.Name, again, r); err == nil {
				errs = append(errs, b.deliver(ctx, sh, id, again, r))
			}
		}
		if after = next; next == "" {
			return errors.Join(errs...)
		}
	}
}

var errTaken = errors.New("outbox: somebody else delivers it")

// claim moves a row to a later time; of many processes one succeeds.
func (b *Box) claim(ctx context.Context, sh table.Shard, from, to string, r row) error {
	_, err := b.space.Update(ctx, sh, []string{from, to}, func(tx *table.Tx) error {
		if _, ok, err := table.Get[row](tx.View, from); err != nil || !ok {
			return errors.Join(err, errTaken)
		}
		until := tx.Expires(from)
		tx.Delete(from)
		return table.Put(tx, to, r, until)
	})
	return err
}

func (b *Box) deliver(ctx context.Context, sh table.Shard, id, name string, r row) error {
	n := b.aead.NonceSize()
	if len(r.Sealed) < n {
		return errors.New("outbox: a sealed row is too short")
	}
	payload, err := b.aead.Open(nil, r.Sealed[:n], r.Sealed[n:], []byte(id))
	if err != nil {
		return errors.New("outbox: a sealed row was altered")
	}
	if err := b.send(ctx, payload); err != nil {
		return fmt.Errorf("outbox: not delivered yet: %w", err)
	}
	_, err = b.space.Update(ctx, sh, []string{name}, func(tx *table.Tx) error {
		tx.Delete(name)
		return nil
	})
	return err
}

func backoff(tries int) time.Duration {
	return min(5*time.Second<<min(tries, 10), maxBack)
}

func rowName(due time.Time, id string) string {
	return table.Name("due", fmt.Sprintf("%015d", due.UnixMilli()), id)
}

func parseName(name string) (due time.Time, id string, ok bool) {
	var ms int64
	if _, err := fmt.Sscanf(name, "due/%015d/%s", &ms, &id); err != nil {
		return due, "", false
	}
	return time.UnixMilli(ms), id, true
}
