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

	mu       sync.Mutex
	compared time.Time     // when the clocks were compared, as time.Now() counts, which nobody can set; zero for never
	shown    time.Time     // by the clock, then
	latest   time.Time     // by the clock, since then
	again    time.Duration // after which to look again
	off      error         // what came of it
	under    *look         // the one under way, or nil
}

// look is one comparison, for all who wait for it.
type look struct {
	done chan struct{}
	err  error // when it is done: why not to serve
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
// known, all wait. Nobody waits beyond their own deadline; the look goes on
// without them, or where it takes longer than any caller has, nobody would get in.
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
		p.under = l
		go p.look(context.WithoutCancel(ctx), l)
	}
	p.mu.Unlock()
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// stands reports whether what was found last counts still, and whether it is time
// to look again. A clock that shows less than before was set back, who knows to
// what: that cannot wait.
func (p *punctual) stands() (known, due bool) {
	now := p.now().Round(0) // as it is shown: what time.Now returns compares by what has passed
	if now.After(p.latest) {
		p.latest = now
	}
	age := p.age(now)
	known = !p.compared.IsZero() && !now.Before(p.latest) && age < lookStale
	return known, !known || age >= p.again
}

// age returns how long ago the clocks were compared. The time that has passed in
// this process says so: by the clock that is in doubt, one that stands still would
// never be looked at again. Where that one shows more, the machine may have slept.
func (p *punctual) age(now time.Time) time.Duration {
	return max(time.Since(p.compared), now.Sub(p.shown))
}

// look compares the clocks. A store that does not answer is left to say so itself,
// to the call at hand; but only as long as the former answer counts.
func (p *punctual) look(ctx context.Context, l *look) {
	ctx, stop := context.WithTimeout(ctx, lookLong)
	defer stop()
	began, shown := time.Now(), p.now().Round(0) // before, so that setting it meanwhile is noticed
	err := p.watch.Check(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(l.done)
	p.under = nil
	known, _ := p.stands()
	wait := lookSoon
	switch {
	case err == nil:
		p.compared, p.shown, p.latest, p.off = began, shown, shown, nil
		if !p.watch.Unsure() {
			wait = lookAgain
		}
	case errors.Is(err, storage.ErrClock):
		p.compared, p.shown, p.latest, p.off = began, shown, shown, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !known:
		l.err = fmt.Errorf("%w: the clock was not compared: %w", ErrUnavailable, err)
		return
	}
	p.again = p.age(p.now().Round(0)) + wait
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
