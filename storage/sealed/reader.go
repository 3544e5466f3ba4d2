package sealed

import (
	"context"
	"fmt"

	"github.com/symbolon-auth/symbolon/storage"
)

// reader opens what another one reads.
type reader struct {
	sealed storage.Reader
	keyFor func(ctx context.Context, tenant string, number uint32) (key, bool, error)
}

func (r reader) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := reserved(shard); err != nil {
		return nil, err
	}
	found, err := r.sealed.Get(ctx, shard, names...)
	if err != nil {
		return nil, err
	}
	if len(found) != len(names) {
		return nil, fmt.Errorf("sealed: the store returned %d records for %d names", len(found), len(names))
	}
	for i := range found {
		found[i].Name = names[i] // what was asked for is what must open
		if err := r.open(ctx, shard, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (r reader) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := reserved(shard); err != nil {
		return nil, err
	}
	found, err := r.sealed.Scan(ctx, shard, prefix, after, limit)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if err := r.open(ctx, shard, &found[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// open turns a stored record into the one that was put.
func (r reader) open(ctx context.Context, shard string, rec *storage.Record) error {
	if rec.Version.IsZero() {
		return nil
	}
	number, body, ok := parse(rec.Value)
	if !ok {
		return &Refusal{shard, rec.Name, ReasonForm}
	}
	k, ok, err := r.keyFor(ctx, tenantOf(shard), number)
	switch {
	case err != nil:
		return err
	case !ok:
		return &Refusal{shard, rec.Name, ReasonRetired}
	}
	value, ok := k.open(shard, *rec, body)
	if !ok {
		return &Refusal{shard, rec.Name, ReasonAltered}
	}
	rec.Value = value
	return nil
}
