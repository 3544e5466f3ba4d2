package enginetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

func TestRedisNewNamesEverythingThatIsWrong(t *testing.T) {
	_, err := redisstore.New(t.Context(), nil, &redisstore.Options{Prefix: "a{b", Grace: time.Second})
	for _, part := range []string{"client is required", "Options.Prefix", "Options.Grace is at least 4s"} {
		require.ErrorContains(t, err, part)
	}
	_, err = redisstore.New(t.Context(), redis.NewClient(&redis.Options{ReadTimeout: -1}), nil)
	require.ErrorContains(t, err, "waits for a reply without end")
	require.ErrorContains(t, err, "set ContextTimeoutEnabled")
}

// S8: a store never opens on a server that throws records away, lags behind, or
// cannot be asked.
func TestRedisNewRefusesWhatItCannotKeepSafe(t *testing.T) {
	r := engines.StartRedis(t)
	other := engines.StartRedis(t)
	other.Follow(t, r)
	r.Do(t, "acl", "setuser", "app", "on", ">pw", "~*", "+@all", "-config")
	r.Do(t, "acl", "setuser", "blind", "on", ">pw", "~*", "+@all", "-info")
	as := func(user string) *redis.Client {
		o := engines.RedisOptions(r.Addr)
		o.Username, o.Password = user, "pw"
		return redis.NewClient(o)
	}
	cached := engines.RedisOptions(r.Addr)
	cached.ClientSideCacheConfig = &redis.ClientSideCacheConfig{}
	evicting := func(policy string) func() redis.UniversalClient {
		return func() redis.UniversalClient {
			r.Do(t, "config", "set", "maxmemory-policy", policy)
			return redis.NewClient(engines.RedisOptions(r.Addr))
		}
	}
	is := func(c redis.UniversalClient) func() redis.UniversalClient {
		return func() redis.UniversalClient { return c }
	}
	for _, row := range []struct {
		because string
		client  func() redis.UniversalClient
		says    string // nothing: it opens
	}{
		{"a plain server will do", evicting("noeviction"), ""},
		{"most hosted servers forbid CONFIG", is(as("app")), ""},
		{"who cannot be asked is not trusted", is(as("blind")), "its user needs the command INFO"},
		{"the marker of a used token would be thrown away", evicting("allkeys-lru"), "set noeviction"},
		{"and it has an expiry, so this is no better", evicting("volatile-ttl"), "set noeviction"},
		{"a replica shows yesterday", is(redis.NewClient(engines.RedisOptions(other.Addr))), `the role "slave"`},
		{"nobody is there", is(redis.NewClient(engines.RedisOptions("127.0.0.1:1"))), "connection refused"},
		{"a cache shows yesterday", is(redis.NewClient(cached)), "client-side cache"},
		{"a ring has two truths when a server comes back", is(redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": r.Addr}})), "use a Redis Cluster"},
		{"reads would go to replicas", is(redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{r.Addr}, ReadOnly: true, ContextTimeoutEnabled: true})), "leave ReadOnly"},
	} {
		c := row.client()
		_, err := redisstore.New(t.Context(), c, nil)
		require.NoError(t, c.Close())
		if row.says == "" {
			require.NoError(t, err, row.because)
		} else {
			require.ErrorContains(t, err, row.says, row.because)
		}
	}
}

// G7: what goes wrong at the server is trouble, not a conflict: nobody should
// read again and go on. Nothing of the batch is there, and afterwards the store
// works on.
func TestRedisTroubleIsNotAConflict(t *testing.T) {
	r, master := engines.StartRedis(t), engines.StartRedis(t)
	s := openRedis(t, r.Addr)
	set := func(name, value string) func() {
		return func() { r.Do(t, "config", "set", name, value) }
	}
	for _, row := range []struct {
		because    string
		begin, end func()
		says       string
		forgotten  bool
	}{
		{"the memory is full", set("maxmemory", "1"), set("maxmemory", "0"), "OOM", false},
		{"too few replicas listen", set("min-replicas-to-write", "1"), set("min-replicas-to-write", "0"), "NOREPLICAS", false},
		{"somebody's script runs without end", func() {
			r.Do(t, "config", "set", "busy-reply-threshold", "10")
			go r.Client.Eval(context.Background(), "while true do end", nil)
			time.Sleep(100 * time.Millisecond)
		}, func() {
			r.Do(t, "script", "kill")
			require.Eventually(t, func() bool { return r.Client.Ping(t.Context()).Err() == nil }, 10*time.Second, time.Millisecond)
		}, "BUSY", false},
		{"it has lost its master", func() {
			r.Do(t, "config", "set", "replica-serve-stale-data", "no")
			r.Do(t, "replicaof", "127.0.0.1", "1")
		}, func() { r.Promote(t) }, "MASTERDOWN", false},
		{"it was made a replica", func() { r.Follow(t, master) }, func() { r.Promote(t) }, "READONLY", true},
	} {
		require.NoError(t, commit(t.Context(), s, put("before", "1")))
		row.begin()
		err := commit(t.Context(), s, put("a", "1"), put("b", "1"))
		require.ErrorContains(t, err, row.says, row.because)
		require.NotErrorIs(t, err, storage.ErrConflict, row.because)
		require.NotErrorIs(t, err, storage.ErrInvalid, row.because)
		row.end()
		found, err := s.Get(t.Context(), "fleet", "before", "a", "b")
		require.NoError(t, err, row.because)
		require.Equal(t, row.forgotten, found[0].Version.IsZero(), row.because)
		require.True(t, found[1].Version.IsZero() && found[2].Version.IsZero(), "%s: and something was applied", row.because)
	}
	require.NoError(t, commit(t.Context(), s, put("a", "1"), put("b", "1")))
}

// A restarted or promoted server does not know the script.
func TestRedisLearnsTheScriptAgain(t *testing.T) {
	r := engines.StartRedis(t)
	s := openRedis(t, r.Addr)
	for range 3 {
		require.NoError(t, commit(t.Context(), s, put("a", "1")))
		r.Do(t, "script", "flush")
	}
}

// G8: a caller with a deadline does not wait for a server that is gone, and one
// who leaves does not wait longer than the client's ReadTimeout.
func TestRedisThatHangsHoldsNobody(t *testing.T) {
	r := engines.StartRedis(t)
	o := engines.RedisOptions(r.Addr)
	o.ReadTimeout = 500 * time.Millisecond
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(t.Context(), client, nil)
	require.NoError(t, err)
	require.NoError(t, commit(t.Context(), s, put("a", "0")))
	calls := map[string]func(context.Context) error{
		"Get":    func(ctx context.Context) error { _, err := s.Get(ctx, "fleet", "a"); return err },
		"Scan":   func(ctx context.Context) error { _, err := s.Scan(ctx, "fleet", "", "", 1); return err },
		"Commit": func(ctx context.Context) error { return commit(ctx, s, put("a", "1")) },
	}
	r.Freeze()
	for what, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		begun := time.Now()
		require.Error(t, call(ctx), what)
		require.Less(t, time.Since(begun), 300*time.Millisecond, "%s with a deadline", what)
		cancel()

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		begun = time.Now()
		require.Error(t, call(ctx), what)
		require.Less(t, time.Since(begun), 1500*time.Millisecond, "%s that is cancelled", what)
	}
	r.Thaw()
	for what, call := range calls {
		require.Eventually(t, func() bool { return call(t.Context()) == nil }, 10*time.Second, 10*time.Millisecond, what)
	}
	r.Kill()
	for what, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := call(ctx)
		cancel()
		require.Error(t, err, what)
		require.NotErrorIs(t, err, storage.ErrConflict, what)
	}
}

// Redis drops records by itself. A page is full all the same, and what comes
// again under the name of one is listed again.
func TestRedisScansPastWhatHasExpired(t *testing.T) {
	r := engines.StartRedis(t)
	s := openRedis(t, r.Addr)
	for i := range 300 {
		require.NoError(t, commit(t.Context(), s, put(fmt.Sprintf("%03d", i), "1")))
	}
	for i := range 290 {
		r.Do(t, "del", fmt.Sprintf("symbolon:{fleet}:%03d", i))
	}
	require.NoError(t, commit(t.Context(), s, put("007", "again")))
	found, err := s.Scan(t.Context(), "fleet", "", "", 11)
	require.NoError(t, err)
	require.Len(t, found, 11)
	require.Equal(t, "007", found[0].Name)
	require.EqualValues(t, 11, r.Do(t, "zcard", "symbolon:{fleet}"))
}

// openRedis returns a store at the address of a server, or of several nodes of a
// cluster.
func openRedis(t *testing.T, at string) storage.Store {
	t.Helper()
	s, closeAll, err := engines.Connect(t.Context(), "Redis", at)
	require.NoError(t, err)
	t.Cleanup(func() { _ = closeAll() })
	return s
}
