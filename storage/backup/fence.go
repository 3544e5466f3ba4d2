package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// fenceFormat stands in a fenced record in the place of its format version.
// Whoever depends on a record whose format is newer than they know refuses, in
// every version of the library: so a fence holds in all processes at once.
const fenceFormat = 1 << 30

// settle is how long Fence waits for what was under way: as long as the library
// tries at one change.
const settle = 5 * time.Second

const maxTries = 100 // at a record to which others write

// Fence closes a tenant in a store that it is about to leave: nobody signs in
// there, no token and no call counts, and no guess is evaluated, in any process.
// What is exported afterwards is complete, and for a day it may be imported with
// [Options.Moved], without a Log. It may be called again if it fails;
// [Unfence] takes it back. Provisioning is the host's own doing and is not
// closed: stop it.
func Fence(ctx context.Context, store storage.Store, tenant string, opts *Options) error {
	o, err := opts.orDefault(make([]byte, minKey))
	if err != nil {
		return err
	}
	if err := rightClock(ctx, store, o); err != nil {
		return err
	}
	if empty, err := isEmpty(ctx, store, tenant); err != nil || empty {
		return errors.Join(err, fmt.Errorf("backup: the store holds nothing of the tenant %q", tenant))
	}
	n, err := rewrite(ctx, store, tenant, o, func(value []byte) []byte {
		m, err := parse(value)
		if err != nil {
			return nil // fenced, or unreadable, which refuses as well
		}
		m["fenced"], m["v"] = m["v"], json.RawMessage(strconv.Itoa(fenceFormat))
		value, _ = json.Marshal(m)
		return value
	})
	if err != nil {
		return fmt.Errorf("backup: fence: %w", err)
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return record(ctx, store, tenant, o, "tenant.fenced", audit.Succeeded, map[string]string{"records": strconv.Itoa(n)})
}

// Unfence opens a fenced tenant again, after a move that was given up. Call it
// only while nobody uses the copy, and destroy the file of the move: for a day
// whoever calls it one can import it without a log. Sessions, calls and tokens
// from before the fence stay over.
func Unfence(ctx context.Context, store storage.Store, tenant string, opts *Options) error {
	o, err := opts.orDefault(make([]byte, minKey))
	if err != nil {
		return err
	}
	n, err := rewrite(ctx, store, tenant, o, func(value []byte) []byte {
		value, was := unfenced(value)
		if !was {
			return nil
		}
		m, err := parse(value)
		if err != nil {
			return nil
		}
		if _, stamp := m["epoch"]; stamp {
			if restamp(m, o.Now()) != nil {
				return nil
			}
			value, _ = json.Marshal(m)
		}
		return value
	})
	if err != nil {
		return fmt.Errorf("backup: unfence: %w", err)
	}
	return record(ctx, store, tenant, o, "tenant.unfenced", audit.Succeeded, map[string]string{"records": strconv.Itoa(n)})
}

// unfenced returns a fenced value as it was before.
func unfenced(value []byte) ([]byte, bool) {
	var m members
	if json.Unmarshal(value, &m) != nil || m["fenced"] == nil || string(m["v"]) != strconv.Itoa(fenceFormat) {
		return value, false
	}
	m["v"] = m["fenced"]
	delete(m, "fenced")
	value, err := json.Marshal(m)
	return value, err == nil
}

// rewrite replaces the stamps and locks of a tenant for which change returns a
// value, and reports how many.
func rewrite(ctx context.Context, store storage.Store, tenant string, o Options, change func([]byte) []byte) (n int, err error) {
	err = walk(ctx, store, tenant, "", "", func(sh table.Shard, r storage.Record) error {
		if k, _ := kindOf(r.Name); k != stamped && k != locked {
			return nil
		}
		for tries := 1; ; tries++ {
			value := change(r.Value)
			if value == nil || !r.Live(o.Now()) {
				return nil
			}
			v, err := storage.NewVersion(o.Rand)
			if err != nil {
				return err
			}
			op := storage.Op{Act: storage.Put, Name: r.Name, Cond: storage.Match, If: r.Version, Value: value, Version: v, ExpiresAt: r.ExpiresAt}
			err = store.Commit(ctx, storage.Batch{Shard: shardOf(tenant, sh), Now: o.Now(), Ops: []storage.Op{op}})
			if err == nil {
				n++
				return nil
			}
			if !errors.Is(err, storage.ErrConflict) || tries == maxTries {
				return err
			}
			found, err := store.Get(ctx, shardOf(tenant, sh), r.Name) // somebody was faster
			if err != nil {
				return err
			}
			r = found[0]
		}
	})
	return n, err
}
