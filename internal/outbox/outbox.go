// Package outbox delivers what a commit promised: a code or a notice is written
// with its cause and sent afterwards, so that a crash in between loses neither
// (AU-10).
//
// Callers make one [Box], add an [Item] to the commit, and then call [Box.Start]
// for it, which does not wait. [Box.Run] delivers what was left, from any process
// of the fleet. Delivery is at least once.
package outbox

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

const (
	claim    = 20 * time.Second // how long a row is left to whoever took it
	patience = 15 * time.Second // how long one delivery may take, less than claim
	parallel = 16               // deliveries at a time: one gateway that hangs must not stop the others
	maxBack  = 10 * time.Minute
	scanPage = 64
)

// Box is a tenant's outbox in a Space. Payloads are sealed: a reader of the
// database learns no code from it. It is safe for concurrent use.
type Box struct {
	space *table.Space
	queue string
	aead  cipher.AEAD
	rand  io.Reader
	send  func(context.Context, []byte) error
	fail  func(error)
	slots chan struct{}
}

type row struct {
	Sealed []byte `json:"sealed"`
	Tries  int    `json:"tries,omitempty"`
}

// New returns a Box whose rows lie in a queue of that name, sealed with a key of
// 32 bytes, and which delivers with send. It tells fail, unless that is nil, what
// could not be delivered.
func New(space *table.Space, queue string, key []byte, rand io.Reader, send func(context.Context, []byte) error, fail func(error)) (*Box, error) {
	if fail == nil {
		fail = func(error) {}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Box{space, queue, aead, rand, send, fail, make(chan struct{}, parallel)}, nil
}

// Item is one payload on its way.
type Item struct {
	id   string
	name string
	row  row
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
	name := b.rowName(b.space.Now().Add(claim), id)
	r := row{Sealed: b.aead.Seal(nonce, nonce, payload, []byte(id))}
	op, err := table.NewRow(name, r, until)
	return Item{id, name, r, op}, err
}

// Start begins to deliver an item that was just committed in a shard, and does
// not wait for it: how long a gateway takes must not show to whoever asked. What
// cannot be sent now, or finds all slots taken, is sent by Run.
func (b *Box) Start(ctx context.Context, sh table.Shard, i Item) {
	select {
	case b.slots <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-b.slots }()
		b.tell(b.deliver(context.WithoutCancel(ctx), sh, i.id, i.name, i.row))
	}()
}

// Run delivers what is due, once a second, until ctx ends, and returns why it
// ended. Any number of processes may run it.
func (b *Box) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for sh := range table.Shard(table.Shards) {
			b.tell(b.Sweep(ctx, sh)) // a store that is down now may be up at the next tick
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (b *Box) tell(err error) {
	if err != nil {
		b.fail(err)
	}
}

// Sweep delivers what is due in one shard now, several at a time.
func (b *Box) Sweep(ctx context.Context, sh table.Shard) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	var errs failures
	for after := ""; ; {
		rows, next, err := b.space.Scan(ctx, sh, b.queue+"/", after, scanPage)
		if err != nil {
			return err
		}
		for _, found := range rows {
			due, id, ok := b.parseName(found.Name)
			if ok && due.After(b.space.Now()) {
				wg.Wait()
				return errs.join() // they are sorted by time
			}
			r, err := table.Decode[row](found)
			if err != nil || !ok {
				errs.add(errors.Join(err, fmt.Errorf("outbox: row %q cannot be delivered", found.Name)))
				continue
			}
			r.Tries++
			again := b.rowName(b.space.Now().Add(claim+backoff(r.Tries)), id)
			select {
			case b.slots <- struct{}{}:
			case <-ctx.Done():
				errs.add(context.Cause(ctx))
				wg.Wait()
				return errs.join()
			}
			if b.claim(ctx, sh, found.Name, again, r) != nil {
				<-b.slots // somebody else has it
				continue
			}
			wg.Go(func() {
				defer func() { <-b.slots }()
				errs.add(b.deliver(ctx, sh, id, again, r))
			})
		}
		if after = next; next == "" {
			wg.Wait()
			return errs.join()
		}
	}
}

type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) join() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
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
	sending, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.send(sending, payload); err != nil {
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

func (b *Box) rowName(due time.Time, id string) string {
	return table.Name(b.queue, fmt.Sprintf("%015d", due.UnixMilli()), id)
}

func (b *Box) parseName(name string) (due time.Time, id string, ok bool) {
	var ms int64
	if _, err := fmt.Sscanf(name, b.queue+"/%015d/%s", &ms, &id); err != nil {
		return due, "", false
	}
	return time.UnixMilli(ms), id, true
}
