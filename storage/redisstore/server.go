package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// unsuitable returns what makes client one that reads other than what was
// written, or that does not come back when its caller's time is up.
func unsuitable(client redis.UniversalClient) (wrong []error) {
	refuse := func(why string) { wrong = append(wrong, errors.New("client "+why)) }
	waits := func(readTimeout time.Duration, honours bool) {
		if readTimeout <= 0 {
			refuse("waits for a reply without end; leave ReadTimeout at its default, or set one")
		}
		if !honours {
			refuse("ignores the deadline of a context; set ContextTimeoutEnabled")
		}
	}
	switch c := client.(type) {
	case nil:
		refuse("is required")
	case *redis.Client:
		o := c.Options()
		waits(o.ReadTimeout, o.ContextTimeoutEnabled)
		if o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			refuse("has a client-side cache, which lags behind; leave ClientSideCacheConfig and ClientSideCache unset")
		}
	case *redis.ClusterClient:
		o := c.Options()
		waits(o.ReadTimeout, o.ContextTimeoutEnabled)
		if o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			refuse("reads from replicas, which lag behind; leave ReadOnly, RouteByLatency and RouteRandomly unset")
		}
	case *redis.Ring:
		refuse("is a *redis.Ring, which looks for a key elsewhere when a server is down; use a Redis Cluster")
	}
	return wrong
}

// inspect asks every server that takes writes whether it keeps them.
func inspect(ctx context.Context, client redis.UniversalClient) error {
	if c, ok := client.(*redis.ClusterClient); ok {
		return c.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			if err := inspectOne(ctx, master, "cluster"); err != nil {
				return fmt.Errorf("%s: %w", master.Options().Addr, err)
			}
			return nil
		})
	}
	return inspectOne(ctx, client, "standalone")
}

func inspectOne(ctx context.Context, server redis.Cmdable, mode string) error {
	// INFO rather than CONFIG GET: most hosted servers forbid CONFIG.
	text, err := server.Info(ctx).Result()
	if err != nil {
		return fmt.Errorf("ask the server for its eviction policy (its user needs the command INFO): %w", err)
	}
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[key] = value
	}
	var wrong []error
	if policy := info["maxmemory_policy"]; policy != "noeviction" {
		// Evicting the marker of a used token lets it be used again.
		wrong = append(wrong, fmt.Errorf("the server has maxmemory-policy %q, so it throws records away when its memory is full; set noeviction", policy))
	}
	if role := info["role"]; role != "master" {
		wrong = append(wrong, fmt.Errorf("the server has the role %q and lags behind another one; connect to its master", role))
	}
	if got := info["redis_mode"]; got == "cluster" && mode != "cluster" {
		wrong = append(wrong, errors.New("the server is a node of a Redis Cluster; use redis.NewClusterClient"))
	}
	return errors.Join(wrong...)
}
