package redisstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// A proof is used once, on whichever of the processes it arrives.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	s, err := redisstore.New(ctx, client, nil)
	if err != nil {
		fmt.Println(err) // says what to change at the server or the client
		return
	}
	now := time.Now()
	used := storage.Op{Act: storage.Put, Name: "jti/7f3a", Cond: storage.Absent, Version: storage.Version{1}, ExpiresAt: now.Add(time.Minute), Point: true}
	for range 2 {
		fmt.Println(s.Commit(ctx, storage.Batch{Shard: "acme/00", Now: now, Ops: []storage.Op{used}}))
	}
	// With a server at hand this prints:
	// <nil>
	// storage: a condition did not hold, nothing was applied
}
