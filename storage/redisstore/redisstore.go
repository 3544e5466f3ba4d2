// Package redisstore keeps records in Redis, on one server, behind Sentinel, or
// in a Redis Cluster.
//
// It is for what may be lost: markers against replay, nonces, tokens that are
// checked against durable records besides. Redis answers before its replicas
// have what was written, so a failover can forget a commit that has returned. A
// lock that lay here would open with it, and give whoever guesses the whole
// budget again; so [Store] declares itself a [storage.Ephemeral], and accounts,
// locks and revocations belong into sqlstore.
//
// Most programs call [New] once and hand the [Store] over.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(ctx, client, nil)
//
// Give each client a redis.Options of its own: go-redis keeps state in them, and
// a second client on the same Options disturbs the first.
//
// In a cluster, a shard lies on one node. While its slot moves to another, calls
// for several records of it return an error, and those for one go on.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
)

// Options are the settings that have a default. The zero value of each field
// means the default.
type Options struct {
	// Prefix begins every key, so that others may use the server too. It has no
	// '{'. Default "symbolon:".
	Prefix string

	// Grace is how long Redis keeps a record beyond its expiry. It covers the
	// differences between the clocks of the fleet and of the servers of Redis,
	// so that nothing goes early; longer only costs memory. At least 4 s, for two
	// machines that are 2 s off in opposite directions. Default 1 minute.
	Grace time.Duration
}

// Store is a [storage.Store] in Redis. It is safe for concurrent use. Make one
// with [New].
type Store struct {
	client redis.UniversalClient
	prefix string
	grace  time.Duration

	apply, forget script
}

var (
	_ storage.Store     = (*Store)(nil)
	_ storage.Ephemeral = (*Store)(nil)
)

// New returns a store on client, which is a *redis.Client for one server or for
// Sentinel, or a *redis.ClusterClient, and has ContextTimeoutEnabled, so that a
// call ends with the deadline of its context. (A context that is cancelled
// before ends the call when the reply is there, or with the ReadTimeout.) With
// nil opts the store has the defaults.
//
// It asks the server, or each master of the cluster, whether it may throw
// records away: every one must have maxmemory-policy noeviction, and so should
// each replica, which no one can ask before it is promoted. The client stays the
// caller's, who closes it.
func New(ctx context.Context, client redis.UniversalClient, opts *Options) (*Store, error) {
	s := &Store{
		client: client,
		prefix: "symbolon:",
		grace:  time.Minute,
		apply:  newScript(commitSource),
		forget: newScript(forgetSource),
	}
	if opts != nil && opts.Prefix != "" {
		s.prefix = opts.Prefix
	}
	if opts != nil && opts.Grace != 0 {
		s.grace = opts.Grace
	}
	var wrong []error
	if strings.Contains(s.prefix, "{") { // the shard must be the first thing in braces: it picks the slot
		wrong = append(wrong, fmt.Errorf("Options.Prefix %q contains '{'", s.prefix))
	}
	if s.grace < leastGrace {
		wrong = append(wrong, fmt.Errorf("Options.Grace is at least %v, not %v", leastGrace, s.grace))
	}
	if unfit := unsuitable(client); unfit != nil {
		wrong = append(wrong, unfit...)
	} else if err := inspect(ctx, client); err != nil {
		wrong = append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	return s, nil
}

const leastGrace = 4 * time.Second

// Ephemeral implements [storage.Ephemeral].
func (s *Store) Ephemeral() string {
	return "Redis answers before its replicas have what was written, so a failover can forget it"
}

// Get implements [storage.Store].
func (s *Store) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := storage.ValidNames(shard, names); err != nil {
		return nil, err
	}
	found, err := s.get(ctx, s.index(shard), names)
	if err != nil {
		return nil, s.failed("get", err)
	}
	return found, nil
}

// Scan implements [storage.Store]. It takes the names of expired records that it
// comes upon out of the index; so whoever puts records that expire and that
// nobody scans, puts them with Point.
func (s *Store) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		return nil, err
	}
	found, err := s.scan(ctx, s.index(shard), prefix, after, limit)
	if err != nil {
		return nil, s.failed("scan", err)
	}
	return found, nil
}

// Commit implements [storage.Store].
func (s *Store) Commit(ctx context.Context, b storage.Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	keys, args := s.batch(b)
	applied, err := s.run(ctx, s.apply, keys, args)
	switch {
	case err != nil:
		return s.failed("commit", err)
	case !applied:
		return storage.ErrConflict
	}
	return nil
}
