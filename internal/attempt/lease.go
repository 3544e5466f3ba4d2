package attempt

import (
	"cmp"
	"context"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

// withdraw takes back a reservation that the store may have made though it did
// not say so, or not before the caller had enough: the secret was never looked at,
// and a slow store with impatient clients would lock whoever types the right one.
// It runs after the caller has left, for as long as one update may take. A commit
// that is still on its way finds the lock changed, and does nothing. If this fails
// too, or too many are at it, the reservation lapses into a failure.
func (g *Gate) withdraw(ctx context.Context, t Try, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.withdrawing >= maxBack {
		return
	}
	g.withdrawing++
	go func() {
		_, _ = g.space.Update(context.WithoutCancel(ctx), t.Shard, t.names(), func(tx *table.Tx) error {
			_, err := t.step(tx, lockout.Release(id))
			return err
		})
		g.mu.Lock()
		defer g.mu.Unlock()
		g.withdrawing--
	}()
}

// compare looks at the secret, and keeps the reservation meanwhile. One that panics
// must not leave it renewed: it would take a place of the account's for ever.
func (g *Gate) compare(ctx context.Context, t Try, id string, check Checker, view *table.View) bool {
	defer g.keep(ctx, t, id)()
	return check.Verify(view)
}

// keep renews the lease of a reservation while the secret is compared, and stops
// when told to: a comparison that takes longer than a lease, on a machine that is
// busy or with a hash that is meant to be slow, must not turn a right secret into
// a failure. It stops with ctx, too, so that one that never returns lapses.
func (g *Gate) keep(ctx context.Context, t Try, id string) (stop func()) {
	lease := cmp.Or(t.Policy.Lease, lockout.Default().Lease)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait := lease / 3; ; {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
			_, err := g.space.Update(ctx, t.Shard, t.names(), func(tx *table.Tx) error {
				_, err := t.step(tx, lockout.Reserve(id))
				return err
			})
			// A store that is down for a moment is asked again while the lease lasts. If it
			// stays down the lease lapses, as it would have without.
			if wait = lease / 3; err != nil {
				wait = lease / 20
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
