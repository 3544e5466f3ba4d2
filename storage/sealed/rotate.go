package sealed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

const scanPage = 256

// Rotate gives a tenant a new key, seals all its records with it and retires
// every older key, while others go on to read and write. It returns how many
// records it sealed anew. It takes at least four times Options.Refresh: after the
// first two every process uses the new key, and in the others arrives what an
// engine applies although its caller has left, as MariaDB does with a statement
// that waits for a row. What comes still later is refused when it is read. Call it
// once a year, and at once when a key may have leaked.
//
// If it fails or ctx ends, nothing is lost: old keys stay until a later Rotate
// has come to its end. A record that does not open ends it with [ErrRefused].
func (s *Store) Rotate(ctx context.Context, tenant string) (int, error) {
	name := table.Name(tenant)
	var number uint32
	err := s.change(ctx, name, func(l []link, generation uint32) ([]link, error) {
		number = generation
		return s.forge(l, generation)
	})
	if err != nil {
		return 0, err
	}
	// No process seals with an older key once its ring is stale, and for its caller
	// what was under way then has ended. A second look finds what had not at the engine.
	resealed := 0
	for range 2 {
		select {
		case <-time.After(2 * s.opt.Refresh):
		case <-ctx.Done():
			return resealed, context.Cause(ctx)
		}
		for sh := range table.Shard(table.Shards) {
			n, err := s.resealShard(ctx, table.Name(tenant, sh.String()), number)
			if resealed += n; err != nil {
				return resealed, fmt.Errorf("sealed: rotate: %w", err)
			}
		}
	}
	return resealed, s.change(ctx, name, func(l []link, _ uint32) ([]link, error) {
		return slices.DeleteFunc(l, func(l link) bool { return l.number < number }), nil
	})
}

// resealShard seals what lies under keys older than number with the newest.
func (s *Store) resealShard(ctx context.Context, shard string, number uint32) (resealed int, err error) {
	for after := ""; ; {
		found, err := s.inner.Scan(ctx, shard, "", after, scanPage)
		if err != nil {
			return resealed, err
		}
		old := slices.DeleteFunc(slices.Clone(found), func(r storage.Record) bool { return !olderThan(number, r) })
		for _, some := range batches(old) {
			n, err := s.resealSome(ctx, shard, number, some)
			if resealed += n; err != nil {
				return resealed, err
			}
		}
		if len(found) < scanPage {
			return resealed, nil
		}
		after = found[len(found)-1].Name
	}
}

// olderThan reports whether a stored record is to be sealed anew. One that has
// not the form of an envelope is, so that it comes up as an error.
func olderThan(number uint32, r storage.Record) bool {
	under, _, ok := parse(r.Value)
	return !r.Version.IsZero() && (!ok || under < number)
}

// batches cuts records into what fits into one commit.
func batches(all []storage.Record) [][]storage.Record {
	var cut [][]storage.Record
	from, size := 0, 0
	for i, r := range all {
		if i-from == storage.MaxOps || size+len(r.Value) > storage.MaxBatch {
			cut = append(cut, all[from:i])
			from, size = i, 0
		}
		size += len(r.Value)
	}
	if from < len(all) {
		cut = append(cut, all[from:])
	}
	return cut
}

// resealSome seals records anew in one commit, or one by one if somebody was at
// one of them.
func (s *Store) resealSome(ctx context.Context, shard string, number uint32, some []storage.Record) (int, error) {
	if err := s.reseal(ctx, shard, some...); err == nil {
		return len(some), nil
	} else if errors.Is(err, ErrRefused) {
		return 0, err
	}
	for i, r := range some {
		for tries := 1; ; tries++ {
			found, err := s.inner.Get(ctx, shard, r.Name)
			if err == nil && len(found) == 1 {
				if !olderThan(number, found[0]) {
					break
				}
				found[0].Name = r.Name
				if err = s.reseal(ctx, shard, found[0]); err == nil {
					break
				}
			}
			// Somebody was faster, and sealed with a newer key, or the reply was lost.
			if ctx.Err() != nil || errors.Is(err, ErrRefused) || tries == maxTries {
				return i, err
			}
		}
	}
	return len(some), nil
}

// reseal replaces stored records by the same under the newest key. What has
// expired is treated alike, under a clock at which it had not: it must stay
// readable until the engine removes it, and may not live a moment longer.
func (s *Store) reseal(ctx context.Context, shard string, stored ...storage.Record) error {
	r, err := s.ringFor(ctx, tenantOf(shard))
	if err != nil {
		return err
	}
	now := s.opt.Now()
	ops := make([]storage.Op, len(stored))
	for i, rec := range stored {
		if !rec.ExpiresAt.IsZero() && !now.Before(rec.ExpiresAt) {
			now = rec.ExpiresAt.Add(-time.Millisecond)
		}
		op := storage.Op{Act: storage.Put, Name: rec.Name, Cond: storage.Match, If: rec.Version, ExpiresAt: rec.ExpiresAt}
		if op.Version, err = storage.NewVersion(s.opt.Rand); err != nil {
			return err
		}
		if err := (reader{s.inner, s.keyFor}).open(ctx, shard, &rec); err != nil {
			return err
		}
		op.Value = rec.Value
		if op.Value, err = r.current().seal(shard, op.Record()); err != nil {
			return err
		}
		ops[i] = op
	}
	ctx, cancel := s.whileCurrent(ctx, r)
	defer cancel()
	return s.inner.Commit(ctx, storage.Batch{Shard: shard, Now: now, Ops: ops, Room: Overhead})
}
