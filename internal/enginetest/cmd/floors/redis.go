package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/enginetest/floors"
)

func redisServer(ctx context.Context) ([]floors.Pair, func(), error) {
	addr := os.Getenv(engines.Redis)
	if addr == "" {
		return nil, nil, fmt.Errorf("%s names no server", engines.Redis)
	}
	prefix, removeStore := engines.NewRedisKeys(addr)
	plain, removePlain := engines.NewRedisKeys(addr)
	client := redis.NewClient(engines.RedisOptions(addr))
	s, closeStore, err := engines.Connect(ctx, "Redis", addr+"/"+prefix)
	done := func() {
		if err := errors.Join(client.Close(), removeStore(), removePlain()); err != nil {
			fmt.Fprintln(os.Stderr, "floors: Redis:", err)
		}
	}
	if err != nil {
		return nil, done, err
	}
	pairs, err := floors.Redis(ctx, client, plain, s)
	return pairs, func() { _ = closeStore(); done() }, err
}
