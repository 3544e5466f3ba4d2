package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// Tests with a Redis of their own, with a cluster, and with several processes
// are in internal/enginetest.

func TestContract(t *testing.T) {
	r := server(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return r.open(t, nil) })
}

func TestItSaysThatItForgets(t *testing.T) {
	require.Contains(t, storage.Forgets(&redisstore.Store{}), "failover")
}

// The reply to a commit is lost on its way. Sent again, it would find its own
// work and report a conflict, which says that nothing was applied.
func TestALostReplyIsNoConflict(t *testing.T) {
	r := server(t)
	var deaf atomic.Bool
	s := r.open(t, func(o *redis.Options) {
		o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return line{conn, &deaf}, err
		}
	})
	require.NoError(t, commit(t, s, put("warm", "up"))) // so that the server knows the script
	o := put("a", "once")
	o.Cond = storage.Absent
	deaf.Store(true)
	err := commit(t, s, o)
	require.Error(t, err)
	require.False(t, deaf.Load(), "a reply was lost")
	require.NotErrorIs(t, err, storage.ErrConflict)
	found, err := s.Get(t.Context(), "s", "a")
	require.NoError(t, err)
	require.Equal(t, o.Version, found[0].Version, "it had been applied")
}

// line is a connection that can lose a reply: it reads it, and breaks.
type line struct {
	net.Conn
	deaf *atomic.Bool
}

func (l line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if l.deaf.CompareAndSwap(true, false) {
		return 0, errors.Join(io.EOF, l.Close())
	}
	return n, err
}

// Redis drops an expired record late, by its own clock, and never one that
// somebody in the fleet still takes to be alive.
func TestRedisDropsWhatExpiresAfterTheGrace(t *testing.T) {
	r := server(t)
	s := r.open(t, nil)
	o := put("a", "1")
	o.ExpiresAt = time.Now().Add(time.Hour)
	require.NoError(t, commit(t, s, o, put("b", "2")))
	left := r.client.PTTL(t.Context(), r.prefix+"{s}:a").Val()
	require.Greater(t, left, time.Hour+50*time.Second)
	require.Less(t, left, time.Hour+70*time.Second)
	require.EqualValues(t, -1, r.client.PTTL(t.Context(), r.prefix+"{s}:b").Val(), "for ever")
}

func TestScanTidiesTheIndex(t *testing.T) {
	r := server(t)
	s := r.open(t, nil)
	require.NoError(t, commit(t, s, put("a", "1"), put("b", "2"), put("c", "3"), put("d", "4")))
	gone := r.client.Del(t.Context(), r.prefix+"{s}:a", r.prefix+"{s}:c") // as expiry does
	require.EqualValues(t, 2, gone.Val())
	found, err := s.Scan(t.Context(), "s", "", "", 2)
	require.NoError(t, err)
	require.Len(t, found, 2, "a page is full although some of its names are gone")
	require.Equal(t, "b", found[0].Name)
	require.Equal(t, "d", found[1].Name)
	require.Equal(t, []string{"b", "d"}, r.client.ZRange(t.Context(), r.prefix+"{s}", 0, -1).Val())
}

func TestPointRecordsStayOutOfTheIndex(t *testing.T) {
	r := server(t)
	s := r.open(t, nil)
	o := put("jti", "1")
	o.Point = true
	require.NoError(t, commit(t, s, o))
	require.Zero(t, r.client.Exists(t.Context(), r.prefix+"{s}").Val())
}

// S8: what somebody has damaged by hand is an error, not an absent record, and
// a foreign key in our place makes a commit fail as a whole.
func TestDamageIsAnError(t *testing.T) {
	r := server(t)
	s := r.open(t, nil)
	require.NoError(t, commit(t, s, put("lock", "held")))
	require.NoError(t, r.client.Set(t.Context(), r.prefix+"{s}:lock", "OK", 0).Err())
	_, err := s.Get(t.Context(), "s", "lock")
	require.ErrorContains(t, err, "damaged")
	_, err = s.Scan(t.Context(), "s", "", "", 9)
	require.ErrorContains(t, err, "damaged")
	create := put("lock", "stolen")
	create.Cond = storage.Absent
	err = commit(t, s, create)
	require.ErrorContains(t, err, "damaged")
	require.NotErrorIs(t, err, storage.ErrConflict)

	require.NoError(t, r.client.Set(t.Context(), r.prefix+"{s}", "foreign", 0).Err())
	point := put("first", "1")
	point.Point = true
	err = commit(t, s, point, put("second", "2"))
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NotErrorIs(t, err, storage.ErrConflict)
	require.Zero(t, r.client.Exists(t.Context(), r.prefix+"{s}:first", r.prefix+"{s}:second").Val(), "half a batch")
}

// bench is a server that tests may use, under keys of their own.
type bench struct {
	addr, prefix string
	client       *redis.Client
}

func server(t *testing.T) bench {
	t.Helper()
	addr := os.Getenv("SYMBOLON_TEST_REDIS")
	if addr == "" {
		const why = "SYMBOLON_TEST_REDIS is not set: give it the address of a Redis, such as 127.0.0.1:6379"
		if os.Getenv("SYMBOLON_TEST_REQUIRE") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	b := bench{addr, "symbolon-test:" + rand.Text() + ":", redis.NewClient(&redis.Options{Addr: addr})}
	t.Cleanup(func() {
		defer b.client.Close()
		ctx := context.Background()
		keys := b.client.Scan(ctx, 0, b.prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			require.NoError(t, b.client.Unlink(ctx, keys.Val()).Err())
		}
		require.NoError(t, keys.Err())
	})
	return b
}

// open returns another handle on the state, with a client that set has changed.
func (b bench) open(t *testing.T, set func(*redis.Options)) *redisstore.Store {
	t.Helper()
	o := &redis.Options{Addr: b.addr, ContextTimeoutEnabled: true}
	if set != nil {
		set(o)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(t.Context(), client, &redisstore.Options{Prefix: b.prefix})
	require.NoError(t, err)
	return s
}

func put(name, value string) storage.Op {
	v, err := storage.NewVersion(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte(value), Version: v}
}

func commit(t *testing.T, s storage.Store, ops ...storage.Op) error {
	t.Helper()
	return s.Commit(t.Context(), storage.Batch{Shard: "s", Now: time.Now(), Ops: ops})
}
