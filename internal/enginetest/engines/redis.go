package engines

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// Redis is the variable that names a server of Redis, such as 127.0.0.1:6379. It
// also says that redis-server may be started: for a cluster, and where a test
// spoils what it works on.
const Redis = "SYMBOLON_TEST_REDIS"

// oneRedis gives each test keys of its own on that server. Its state is named by
// the address and the prefix of the keys.
var oneRedis = kind{
	name: "Redis",
	fresh: func(t testing.TB) string {
		t.Helper()
		addr := Require(t, Redis)
		prefix, remove := NewRedisKeys(addr)
		t.Cleanup(func() {
			if err := remove(); err != nil {
				t.Error(err)
			}
		})
		return addr + "/" + prefix
	},
	connect: openRedis,
	via: func(at, addr string) (there, before string, err error) {
		before, prefix, _ := strings.Cut(at, "/")
		return addr + "/" + prefix, before, nil
	},
}

// redisCluster starts a cluster for each test. Its state is named by the
// addresses of its nodes.
var redisCluster = kind{
	name: "Redis Cluster",
	fresh: func(t testing.TB) string {
		t.Helper()
		var addrs []string
		for _, node := range StartRedisCluster(t) {
			addrs = append(addrs, node.Addr)
		}
		return strings.Join(addrs, ",")
	},
	connect: openRedis,
}

func openRedis(ctx context.Context, at string) (storage.Store, func() error, error) {
	addr, prefix, _ := strings.Cut(at, "/")
	var client redis.UniversalClient
	if nodes := strings.Split(addr, ","); len(nodes) > 1 {
		client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes, ContextTimeoutEnabled: true})
	} else {
		client = redis.NewClient(RedisOptions(addr))
	}
	s, err := redisstore.New(ctx, client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return s, client.Close, nil
}

// NewRedisKeys returns a prefix for keys on the server that nobody else uses, and
// what removes them.
func NewRedisKeys(addr string) (prefix string, remove func() error) {
	prefix = "symbolon-test:" + rand.Text() + ":"
	return prefix, func() error { return removeKeys(addr, prefix) }
}

// RedisOptions returns options for one client. Each has its own: go-redis keeps
// state in them.
func RedisOptions(addr string) *redis.Options {
	return &redis.Options{Addr: addr, ContextTimeoutEnabled: true}
}

func removeKeys(addr, prefix string) error {
	ctx, client := context.Background(), redis.NewClient(RedisOptions(addr))
	defer client.Close()
	keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}
