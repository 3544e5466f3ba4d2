package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
)

//go:embed commit.lua
var commitSource string

//go:embed forget.lua
var forgetSource string

// script is a program that runs inside Redis, where nothing else runs meanwhile.
type script struct{ source, hash string }

func newScript(source string) script { return script{source, redis.NewScript(source).Hash()} }

// step is how many records a Scan fetches at once. Redis does nothing else
// meanwhile, and they may be large.
const step = 128

// get reads all names with one command, so as of one moment.
func (s *Store) get(ctx context.Context, index string, names []string) ([]storage.Record, error) {
	raw, err := s.client.MGet(ctx, records(index, names)...).Result()
	if err != nil {
		return nil, err
	}
	if len(raw) != len(names) {
		return nil, fmt.Errorf("MGET of %d keys returned %d values", len(names), len(raw))
	}
	found := make([]storage.Record, len(names))
	for i, name := range names {
		found[i].Name = name
		if value, ok := raw[i].(string); ok {
			if found[i], err = decode(name, value); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func (s *Store) scan(ctx context.Context, index, prefix, after string, limit int) ([]storage.Record, error) {
	var found []storage.Record
	for len(found) < limit {
		ask := min(step, limit-len(found))
		names, err := s.client.ZRangeByLex(ctx, index, span(prefix, after, ask)).Result()
		if err != nil || len(names) == 0 {
			return found, err
		}
		page, err := s.get(ctx, index, names)
		if err != nil {
			return nil, err
		}
		var gone []string
		for _, r := range page {
			if r.Version.IsZero() {
				gone = append(gone, r.Name)
			} else {
				found = append(found, r)
			}
		}
		if len(gone) > 0 {
			if _, err := s.run(ctx, s.forget, append(records(index, gone), index), nil); err != nil {
				return nil, err
			}
		}
		if len(names) < ask {
			break
		}
		after = names[len(names)-1]
	}
	return found, nil
}

// span is the names that begin with prefix and sort after the name after.
func span(prefix, after string, limit int) *redis.ZRangeBy {
	by := &redis.ZRangeBy{Min: "-", Max: "+", Count: int64(limit)}
	if prefix != "" {
		by.Min = "[" + prefix
		by.Max = "(" + prefix + "\xff" // no name has this byte: names are UTF-8
	}
	if after != "" && after >= prefix {
		by.Min = "(" + after
	}
	return by
}

// run runs a script that the server may not know yet, and reports whether it
// returned 1.
func (s *Store) run(ctx context.Context, p script, keys []string, args []any) (bool, error) {
	n, err := s.evaluate(ctx, "evalsha", p.hash, keys, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // a new server, or one that was restarted or promoted
		n, err = s.evaluate(ctx, "eval", p.source, keys, args)
	}
	return n == 1, err
}

func (s *Store) evaluate(ctx context.Context, command, script string, keys []string, args []any) (int, error) {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, command, script, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := once{redis.NewCmd(ctx, append(words, args...)...)}
	cmd.SetFirstKeyPos(3) // where a cluster looks for the node
	_ = s.client.Process(ctx, cmd)
	return cmd.Int()
}

// failed wraps err. A node that did not answer may have been replaced, and the
// client of a cluster would not look for a minute.
func (s *Store) failed(what string, err error) error {
	var answer redis.Error
	if c, ok := s.client.(*redis.ClusterClient); ok && !errors.As(err, &answer) {
		c.ReloadState(context.Background()) // does not wait, and does not do it too often
	}
	return fmt.Errorf("redisstore: %s: %w", what, err)
}

// once is a command that go-redis does not send a second time when the reply to
// the first is lost. The first may have been carried out: a second would find
// its own work, and call it a conflict, or undo what others have done since.
type once struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (once) NoRetry() bool { return true }
