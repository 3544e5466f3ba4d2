package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// believed is a store that nobody asks how it forgets, so a realm takes it for
// durable: where nothing fails, and where a test shows what would happen.
type believed struct{ storage.Store }

// redisPair is a master and its replica. The client goes where the master is, as
// with Sentinel.
type redisPair struct {
	master, replica *engines.RedisServer
	store           *redisstore.Store
	addr            atomic.Value // of the master
}

func newRedisPair(t *testing.T) *redisPair {
	t.Helper()
	p := &redisPair{master: engines.StartRedis(t), replica: engines.StartRedis(t)}
	p.replica.Follow(t, p.master)
	p.addr.Store(p.master.Addr)
	o := engines.RedisOptions("the master")
	o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", p.addr.Load().(string))
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	var err error
	p.store, err = redisstore.New(t.Context(), client, nil)
	require.NoError(t, err)
	return p
}

// failover promotes the replica. Clients hear of it later, and what the old
// master answers until then, in gap, is lost: it becomes the replica.
func (p *redisPair) failover(t *testing.T, gap func()) {
	t.Helper()
	p.replica.Promote(t)
	gap()
	p.master, p.replica = p.replica, p.master
	p.addr.Store(p.master.Addr)
	p.replica.Do(t, "client", "kill", "type", "normal")
	p.replica.Follow(t, p.master)
}

// S8: a replica is promoted again and again while somebody guesses. Markers in
// Redis are forgotten; the lock lies in a durable store, and no budget grows.
func TestNoBudgetGrowsWhenRedisForgets(t *testing.T) {
	rounds := times(3, 20)
	p := newRedisPair(t)
	d, err := openDoors(engines.Fresh(t, "SQLite").Open(t))
	require.NoError(t, err)
	require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
	mark := func(name string) error {
		o := put(name, "used")
		o.Cond, o.Point, o.ExpiresAt = storage.Absent, true, time.Now().Add(time.Minute)
		return commit(t.Context(), p.store, o)
	}

	var stop atomic.Bool
	var guessed, undecided atomic.Int64
	ended := make(chan error, 1)
	go func() {
		ended <- each(8, func(g int) error {
			for n := 0; !stop.Load(); n++ {
				if err := mark(fmt.Sprintf("proof/%d/%d", g, n)); err != nil {
					undecided.Add(1) // no marker, no guess
					time.Sleep(time.Millisecond)
					continue
				}
				guessed.Add(1)
				if _, err := d.actors.SignIn(t.Context(), "mia", "wrong"); !errors.Is(err, authn.ErrRefused) {
					return fmt.Errorf("a guess: %w", err)
				}
			}
			return nil
		})
	}()
	for i := range rounds {
		name := fmt.Sprint("proof/", i)
		time.Sleep(50 * time.Millisecond)
		p.failover(t, func() {
			require.NoError(t, mark(name))
			require.ErrorIs(t, mark(name), storage.ErrConflict)
		})
		require.Eventually(t, func() bool { return mark(name) == nil }, 10*time.Second, time.Millisecond,
			"Redis answered, and forgot: without that this test shows nothing")
	}
	stop.Store(true)
	require.NoError(t, <-ended)
	t.Logf("%d promotions, %d guesses, %d not made because Redis did not answer", rounds, guessed.Load(), undecided.Load())
	require.Greater(t, guessed.Load(), int64(5))
	require.EqualValues(t, 5, d.scheme.compared.Load())
	_, err = d.actors.SignIn(t.Context(), "mia", "right")
	require.ErrorIs(t, err, authn.ErrRefused)
}

// S8: what would happen to a lock in Redis, and why a realm refuses it there.
// Each promotion forgets the lock and gives out the whole budget again.
func TestALockInRedisWouldBeForgotten(t *testing.T) {
	p := newRedisPair(t)
	_, err := symbolon.NewRealm(symbolon.RealmConfig{Store: p.store}, nil)
	require.ErrorContains(t, err, "a failover can forget it")

	d, err := openDoors(believed{p.store})
	require.NoError(t, err)
	require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
	const rounds = 3
	for range rounds {
		p.replica.CatchUp(t, p.master)
		p.failover(t, func() {
			_, err := d.burst(t.Context(), guesses, "wrong")
			require.NoError(t, err)
		})
	}
	require.EqualValues(t, rounds*5, d.scheme.compared.Load())
}
