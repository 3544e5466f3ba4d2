package redisstore_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// server returns the address of the Redis that tests may use, under keys of
// their own.
func server(t *testing.T) string {
	t.Helper()
	addr := os.Getenv("SYMBOLON_TEST_REDIS")
	if addr == "" {
		if os.Getenv("SYMBOLON_TEST_REQUIRE") != "" {
			t.Fatal("SYMBOLON_TEST_REDIS is not set, and SYMBOLON_TEST_REQUIRE forbids to skip")
		}
		t.Skip("set SYMBOLON_TEST_REDIS to the address of a Redis, such as 127.0.0.1:6379")
	}
	return addr
}

func TestContract(t *testing.T) {
	addr, prefix := server(t), "test:"+rand.Text()+":"
	clean(t, addr, prefix)
	storagetest.Run(t, func(t *testing.T) storage.Store {
		client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		s, err := redisstore.New(t.Context(), client, &redisstore.Options{Prefix: prefix})
		require.NoError(t, err)
		return s
	})
}

// clean removes what a test has written, when it ends.
func clean(t *testing.T, addr, prefix string) {
	client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() {
		defer client.Close()
		ctx := context.Background()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			require.NoError(t, client.Unlink(ctx, keys.Val()).Err())
		}
		require.NoError(t, keys.Err())
	})
}
