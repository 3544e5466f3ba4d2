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

	mu             sync.Mutex
	compared, next time.Time // when the clocks were compared, zero for never; when to look again
	off            error     // what came of it
	under          *look     // the one under way, or nil
}

// look is one comparison, for all who wait for it.
type look struct {
	done    chan struct{}
	err     error // when it is done: why not to serve
	waiting int
	stop    context.CancelFunc
}

const (
	lookAgain = time.Minute
	lookSoon  = time.Second     // while the clock is off, or nobody says
	lookLong  = 2 * time.Second // it takes, at most
	lookStale = 3 * time.Minute // without an answer for so long, nobody knows whether the clock is right
)

// Unwrap returns the store itself.
func (p *punctual) Unwrap() storage.Store { return p.Store }

// serving returns why this process must not serve. When it is time to look, one
// call waits for that, and the others go by what was found last; when nothing is
// known, all wait. Nobody waits beyond their own deadline.
func (p *punctual) serving(ctx context.Context) error {
	p.mu.Lock()
	known, due := p.stands()
	off, l, first := p.off, p.under, p.under == nil
	if !due || known && !first {
		p.mu.Unlock()
		return off
	}
	if first {
		l = &look{done: make(chan struct{})}
		looking, stop := context.WithTimeout(context.WithoutCancel(ctx), lookLong) // who leaves does not spoil it for the others
		p.under, l.stop = l, stop
		go p.look(looking, l)
	}
	l.waiting++
	p.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.waiting--; l.waiting == 0 && p.under == l { // the next call looks for itself
		l.stop()
		p.under = nil
	}
	return fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, context.Cause(ctx))
}

// stands reports whether what was found last counts still, and whether it is time
// to look again.
func (p *punctual) stands() (known, due bool) {
	now := p.now()
	back := now.Before(p.compared) // the clock was set back, who knows to what
	known = !p.compared.IsZero() && !back && now.Sub(p.compared) < lookStale
	return known, !known || !now.Before(p.next)
}

// look compares the clocks. A store that does not answer is left to say so itself,
// to the call at hand; but only as long as the former answer counts.
func (p *punctual) look(ctx context.Context, l *look) {
	defer l.stop()
	err := p.watch.Check(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(l.done)
	if p.under == l {
		p.under = nil
	}
	known, _ := p.stands()
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
		l.err = fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, err)
		return
	}
	l.err = p.off
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
