package enginetest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// A batch lies on one node, and the shards on all of them.
func TestRedisClusterSpreadsTheShards(t *testing.T) {
	nodes := engines.StartRedisCluster(t)
	s := openRedis(t, addresses(nodes))
	for i := range 24 {
		require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: fmt.Sprint("shard ", i), Now: time.Now(),
			Ops: []storage.Op{put("a", "1"), put("b", "1")}}))
	}
	for _, n := range nodes {
		require.NotZero(t, n.Client.DBSize(t.Context()).Val())
	}
}

func addresses(nodes []*engines.RedisServer) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Addr)
	}
	return strings.Join(all, ",")
}

// S8: every master is asked, and a client for one server is told apart.
func TestRedisNewAsksEveryMaster(t *testing.T) {
	nodes := engines.StartRedisCluster(t)
	nodes[2].Do(t, "config", "set", "maxmemory-policy", "allkeys-random")
	_, _, err := engines.Connect(t.Context(), "Redis Cluster", nodes[0].Addr+","+nodes[1].Addr)
	require.ErrorContains(t, err, nodes[2].Addr)
	require.ErrorContains(t, err, "set noeviction")
	_, err = redisstore.New(t.Context(), redis.NewClient(engines.RedisOptions(nodes[0].Addr)), nil)
	require.ErrorContains(t, err, "use redis.NewClusterClient")
}

// While a slot moves from one node to another, some of its records are here and
// some there. A record that has left is not absent: a marker that was used stays
// used, and a lock stays locked.
func TestRedisClusterMovesASlotUnderTheStore(t *testing.T) {
	nodes := engines.StartRedisCluster(t)
	s := openRedis(t, addresses(nodes))
	ctx := t.Context()
	marker := func(name string) storage.Op {
		o := put(name, "used")
		o.Cond, o.Point = storage.Absent, true
		return o
	}
	record := func(name string) string { return "symbolon:{fleet}:" + name }
	slot := nodes[0].Do(t, "cluster", "keyslot", record("gone")).(int64)
	from, to := nodes[0], nodes[1]
	for i, n := range nodes {
		if slot >= int64(i)*16384/3 && slot < int64(i+1)*16384/3 {
			from, to = n, nodes[(i+1)%3]
		}
	}
	gone, here, listed := marker("gone"), marker("here"), put("listed", "1")
	require.NoError(t, commit(ctx, s, gone))
	require.NoError(t, commit(ctx, s, here))
	require.NoError(t, commit(ctx, s, listed))

	to.Do(t, "cluster", "setslot", slot, "importing", from.ID(t))
	from.Do(t, "cluster", "setslot", slot, "migrating", to.ID(t))
	move := func(keys ...any) {
		host, port, _ := net.SplitHostPort(to.Addr)
		from.Do(t, append([]any{"migrate", host, port, "", 0, 5000, "keys"}, keys...)...)
	}
	move(record("gone"), record("listed"))

	// One key at a time is answered from where it is.
	require.ErrorIs(t, commit(ctx, s, marker("gone")), storage.ErrConflict)
	require.ErrorIs(t, commit(ctx, s, marker("here")), storage.ErrConflict)
	require.NoError(t, commit(ctx, s, marker("new")))
	require.ErrorIs(t, commit(ctx, s, marker("new")), storage.ErrConflict)
	for _, o := range []storage.Op{gone, here, listed} {
		found, err := s.Get(ctx, "fleet", o.Name)
		require.NoError(t, err)
		require.Equal(t, o.Record(), found[0])
	}
	// Several are refused until they are together again: an error, not absence.
	for what, call := range map[string]func(context.Context) error{
		"a batch":           func(ctx context.Context) error { return commit(ctx, s, marker("gone"), marker("here")) },
		"a put in the list": func(ctx context.Context) error { return commit(ctx, s, put("listed", "2")) },
		"a get of both":     func(ctx context.Context) error { _, err := s.Get(ctx, "fleet", "gone", "here"); return err },
	} {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		err := call(ctx)
		cancel()
		require.Error(t, err, what)
		require.NotErrorIs(t, err, storage.ErrConflict, what)
	}

	move(record("here"), "symbolon:{fleet}")
	for _, n := range nodes {
		n.Do(t, "cluster", "setslot", slot, "node", to.ID(t))
	}
	require.Eventually(t, func() bool {
		_, err := s.Get(ctx, "fleet", "gone", "here", "new", "listed")
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, commit(ctx, s, marker("gone"), marker("here")), storage.ErrConflict)
	require.NoError(t, commit(ctx, s, put("listed", "2")))
	found, err := s.Scan(ctx, "fleet", "", "", 9)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// A master dies, its replica takes over, and the store goes on. What it says
// meanwhile is trouble, never a conflict.
func TestRedisClusterSurvivesAMaster(t *testing.T) {
	nodes := engines.StartRedisCluster(t)
	heir := engines.JoinRedisCluster(t, nodes)
	heir.Do(t, "cluster", "replicate", nodes[0].ID(t))
	heir.HasCopied(t)
	s := openRedis(t, addresses(nodes))
	shards := make([]string, 12) // over all nodes
	for i := range shards {
		shards[i] = fmt.Sprint("shard ", i)
		require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: shards[i], Now: time.Now(), Ops: []storage.Op{put("a", "0")}}))
	}
	heir.CatchUp(t, nodes[0])

	nodes[0].Kill()
	heir.Do(t, "cluster", "failover", "takeover")
	for _, shard := range shards {
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.Commit(ctx, storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{put("b", "1")}})
			require.NotErrorIs(t, err, storage.ErrConflict)
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		found, err := s.Get(t.Context(), shard, "a")
		require.NoError(t, err)
		require.Equal(t, "0", string(found[0].Value))
	}
}
