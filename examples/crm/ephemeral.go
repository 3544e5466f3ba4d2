package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// With -store postgres+redis, what may be lost lies in Redis: it is quick, and a
// failover can forget what it said it had. Locks, revocations and the audit stay
// in the database; a realm refuses a store that forgets in their place.

func (p place) openEphemeral(ctx context.Context) (storage.Store, func() error, error) {
	client, err := p.redisClient()
	if err != nil {
		return nil, nil, err
	}
	s, err := redisstore.New(ctx, client, &redisstore.Options{Prefix: p.prefix})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return s, client.Close, nil
}

func (p place) redisClient() (*redis.Client, error) {
	o, err := redis.ParseURL(p.redis)
	if err != nil {
		return nil, errors.New("-redis: want a URL such as redis://127.0.0.1:6379") // without err, which may quote a password
	}
	o.ContextTimeoutEnabled = true // a call ends with its request
	return redis.NewClient(o), nil
}

// removeKeys removes what a walk left there.
func (p place) removeKeys() error {
	client, err := p.redisClient()
	if err != nil {
		return err
	}
	ctx := context.Background()
	keys := client.Scan(ctx, 0, p.prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		err = errors.Join(err, client.Unlink(ctx, keys.Val()).Err())
	}
	return errors.Join(err, keys.Err(), client.Close())
}

// redisAt says where that is, without a password.
func (p place) redisAt() string {
	if o, err := redis.ParseURL(p.redis); err == nil {
		return fmt.Sprintf("; what may be lost in Redis at %s", o.Addr)
	}
	return ""
}
