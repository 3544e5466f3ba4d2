package symbolon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// punctual is the realm's store as its engines see it: it does not serve while
// the clock of this process is off, since everything that ends ends by it (S26).
type punctual struct {
	storage.Store
	watch *storage.ClockWatch
	now   func() time.Time

	looking chan struct{} // held by the one that looks; nobody waits for it

	mu   sync.Mutex
	next time.Time // when to look again
	off  error
}

const (
	lookAgain = time.Minute
	lookSoon  = time.Second // while the clock is off, or the store does not say
	lookLong  = 2 * time.Second
)

// Unwrap returns the store itself.
func (p *punctual) Unwrap() storage.Store { return p.Store }

// look compares the clocks and returns why this process must not serve. A store
// that does not answer is left to say so itself, to the call at hand and within
// its deadline; here it holds nobody for longer than two seconds, and only one.
func (p *punctual) look(ctx context.Context) error {
	select {
	case p.looking <- struct{}{}:
		defer func() { <-p.looking }()
	default:
		return p.verdict()
	}
	ctx, cancel := context.WithTimeout(ctx, lookLong)
	defer cancel()
	err := p.watch.Check(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch now := p.now(); {
	case errors.Is(err, storage.ErrClock):
		p.off, p.next = fmt.Errorf("%w: %w", ErrUnavailable, err), now.Add(lookSoon)
	case err == nil:
		p.off, p.next = nil, now.Add(lookAgain)
	default:
		p.next = now.Add(lookSoon)
	}
	return p.off
}

func (p *punctual) verdict() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off
}

func (p *punctual) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.now().Before(p.next)
}

// serving is asked before each call. Where the store has a clock, it looks itself
// once a minute; elsewhere [Realm.WatchClock] does.
func (p *punctual) serving(ctx context.Context) error {
	if p.watch.Direct() && p.due() {
		return p.look(ctx)
	}
	return p.verdict()
}

// Get implements storage.Store.
func (p *punctual) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := p.serving(ctx); err != nil {
		return nil, err
	}
	return p.Store.Get(ctx, shard, names...)
}

// Scan implements storage.Store.
func (p *punctual) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := p.serving(ctx); err != nil {
		return nil, err
	}
	return p.Store.Scan(ctx, shard, prefix, after, limit)
}

// Commit implements storage.Store.
func (p *punctual) Commit(ctx context.Context, b storage.Batch) error {
	if err := p.serving(ctx); err != nil {
		return err
	}
	return p.Store.Commit(ctx, b)
}

// WatchClock compares the clock of this process with those of the others on the
// store, at once and then once a minute, until ctx ends, and returns why it
// ended. While it is off by more than storage.MaxSkew, every engine of the realm
// refuses with [ErrUnavailable] (S26). A host starts it in each process; where the
// store has a clock of its own, the engines also look by themselves.
func (r *Realm) WatchClock(ctx context.Context) error {
	for {
		wait := lookAgain
		if r.store().look(ctx) != nil {
			wait = lookSoon
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
