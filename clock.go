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
// It looks by itself, before the first call and then once a minute, so nobody can
// forget to start it, and most calls cost nothing.
type punctual struct {
	storage.Store
	watch *storage.ClockWatch
	now   func() time.Time

	turn chan struct{} // held by the one that looks

	mu             sync.Mutex
	compared, next time.Time // when the clocks were compared, zero for never; when to look again
	off            error     // what came of it
}

const (
	lookAgain = time.Minute
	lookSoon  = time.Second     // while the clock is off, or nobody says
	lookLong  = 2 * time.Second // and no call waits longer for it
	lookStale = 3 * time.Minute // without an answer for so long, nobody knows whether the clock is right
)

// Unwrap returns the store itself.
func (p *punctual) Unwrap() storage.Store { return p.Store }

// serving returns why this process must not serve. One call looks when it is time
// to, and the others go by what was found last; when nothing is known, they wait.
func (p *punctual) serving(ctx context.Context) error {
	known, due, off := p.verdict()
	if !due {
		return off
	}
	select {
	case p.turn <- struct{}{}:
	default:
		if known {
			return off
		}
		select {
		case p.turn <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, context.Cause(ctx))
		}
	}
	defer func() { <-p.turn }()
	if _, due, off := p.verdict(); !due { // somebody else has looked meanwhile
		return off
	}
	return p.look(ctx)
}

// verdict returns what was found last, whether that counts still, and whether it
// is time to look again.
func (p *punctual) verdict() (known, due bool, off error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	back := now.Before(p.compared) // the clock was set back, who knows to what
	known = !p.compared.IsZero() && !back && now.Sub(p.compared) < lookStale
	return known, !known || !now.Before(p.next), p.off
}

// look compares the clocks. A store that does not answer is left to say so itself,
// to the call at hand; but only as long as the former answer counts.
func (p *punctual) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLong)
	defer cancel()
	err := p.watch.Check(ctx)
	known, _, _ := p.verdict()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch now := p.now(); {
	case err == nil:
		p.compared, p.next, p.off = now, now.Add(lookAgain), nil
		if p.watch.Unsure() {
			p.next = now.Add(lookSoon)
		}
	case errors.Is(err, storage.ErrClock):
		p.compared, p.next, p.off = now, now.Add(lookSoon), fmt.Errorf("%w: %w", ErrUnavailable, err)
	case known:
		p.next = now.Add(lookSoon)
	default:
		return fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, err)
	}
	return p.off
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
