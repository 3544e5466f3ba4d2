package floors

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
)

// Redis returns the pairs for a client of a server and a store on it. Keys of
// the plain side begin with prefix, and lie in one slot.
//
// What one would write by hand is a transaction, or a script for this one
// purpose, which knows that nothing in it expires and which names are new and so
// must be listed.
func Redis(ctx context.Context, client redis.UniversalClient, prefix string, s storage.Store) ([]Pair, error) {
	const exchange = `if redis.call('GETRANGE', KEYS[1], 0, 15) ~= ARGV[1] then return 0 end
		redis.call('SET', KEYS[1], ARGV[2])`
	var (
		swap  = redis.NewScript(exchange + ` return 1`)
		batch = redis.NewScript(exchange + `
			redis.call('SET', KEYS[2], ARGV[3])
			redis.call('SET', KEYS[3], ARGV[4])
			redis.call('ZADD', KEYS[4], 0, ARGV[5], 0, ARGV[6])
			return 1`)
		key  = func(name string) string { return prefix + "{" + shard + "}" + name }
		list = key("")
	)
	one := func(reply *redis.Cmd) error {
		if n, err := reply.Int(); err != nil || n != 1 {
			return fmt.Errorf("the script returned %d (%w)", n, err)
		}
		return nil
	}
	// exchanged lets each caller replace what it wrote last.
	exchanged := func(kind string, replace func(ctx context.Context, key string, old, record []byte, n int64) *redis.Cmd) Work {
		var last [most][]byte
		return func(ctx context.Context, c int, n int64) error {
			old, v, name := last[c], draw(), key(fmt.Sprint(kind, c))
			last[c] = v
			if old == nil {
				return client.Set(ctx, name, record(v), 0).Err()
			}
			return one(replace(ctx, name, old, record(v), n))
		}
	}
	for c := range most {
		name := fmt.Sprint("read/", c)
		if err := client.Set(ctx, key(name), record(draw()), 0).Err(); err != nil {
			return nil, err
		}
		if err := commit(ctx, s, put(name)); err != nil {
			return nil, err
		}
	}

	var all []Pair
	for _, callers := range []int{1, 8, most} {
		add := func(name string, floor float64, plain, store Work) {
			all = append(all, Pair{Engine: "Redis", Name: name, Callers: callers, Floor: floor, Plain: plain, Store: store})
		}
		add("Get", 0.85, func(ctx context.Context, c int, _ int64) error {
			_, err := client.Get(ctx, key(fmt.Sprint("read/", c))).Bytes()
			return err
		}, func(ctx context.Context, c int, _ int64) error {
			_, err := s.Get(ctx, shard, fmt.Sprint("read/", c))
			return err
		})
		add("Put", 0.70, func(ctx context.Context, c int, _ int64) error {
			name := fmt.Sprint("put/", c)
			_, err := client.TxPipelined(ctx, func(tx redis.Pipeliner) error {
				tx.Set(ctx, key(name), record(draw()), 0)
				tx.ZAdd(ctx, list, redis.Z{Member: name})
				return nil
			})
			return err
		}, func(ctx context.Context, c int, _ int64) error {
			return commit(ctx, s, put(fmt.Sprint("put/", c)))
		})
		// No floor: by hand this is a single SET, and in the store a script all the same.
		add("Put of a point", 0, func(ctx context.Context, c int, _ int64) error {
			return client.Set(ctx, key(fmt.Sprint("point/", c)), record(draw()), 0).Err()
		}, func(ctx context.Context, c int, _ int64) error {
			o := put(fmt.Sprint("point/", c))
			o.Point = true
			return commit(ctx, s, o)
		})
		add("compare and swap", 0.70, exchanged("swap/", func(ctx context.Context, key string, old, record []byte, _ int64) *redis.Cmd {
			return swap.Run(ctx, client, []string{key}, old, record)
		}), chain(s, "swap/", func(o storage.Op, _ int64) []storage.Op { return []storage.Op{o} }))
		add("batch of 3", 0.60, exchanged("batch/", func(ctx context.Context, name string, old, new []byte, n int64) *redis.Cmd {
			audit, due := fmt.Sprint("audit/", n), fmt.Sprint("due/", n)
			return batch.Run(ctx, client, []string{name, key(audit), key(due), list},
				old, new, record(draw()), record(draw()), audit, due)
		}), chain(s, "batch/", func(o storage.Op, n int64) []storage.Op {
			return []storage.Op{o, put(fmt.Sprint("audit/", n)), put(fmt.Sprint("due/", n))}
		}))
	}
	all = append(all, Pair{Engine: "Redis", Name: "one hot record", Callers: most, Floor: 0.07,
		Plain: func(ctx context.Context, _ int, _ int64) error { return client.Incr(ctx, key("hot")).Err() },
		Store: counter(s),
	})
	return all, nil
}

// record is what lies in Redis: a version, no expiry, and the value.
func record(version []byte) []byte {
	raw := make([]byte, 0, 24+len(value))
	raw = append(append(raw, version...), make([]byte, 8)...)
	return append(raw, value...)
}
