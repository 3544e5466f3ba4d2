package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

const scanPage = 256

// Export writes all records of the tenants to w, encrypted with key. A store
// that is a [storage.Snapshotter] shows them as of one moment; with any other,
// pause whatever writes. It stands in the tenants' audit before the first record
// is read. A tenant without any record is an error, since it is most likely a
// slip of the pen. What was put with storage.Op.Point may be missing, as it may
// from a Scan.
func Export(ctx context.Context, w io.Writer, store storage.Store, tenants []string, key []byte, opts *Options) (Summary, error) {
	o, err := opts.orDefault(key)
	if err != nil {
		return Summary{}, err
	}
	tenants = slices.Compact(slices.Sorted(slices.Values(tenants)))
	if len(tenants) == 0 || tenants[0] == "" {
		return Summary{}, errors.New("backup: name the tenants to export")
	}
	if err := rightClock(ctx, store, o); err != nil {
		return Summary{}, err
	}
	for _, tenant := range tenants {
		if empty, err := isEmpty(ctx, store, tenant); err != nil || empty {
			return Summary{}, errors.Join(err, fmt.Errorf("backup: the store holds nothing of the tenant %q", tenant))
		}
		if err := record(ctx, store, tenant, o, "tenant.exported", audit.Begun, nil); err != nil {
			return Summary{}, err
		}
	}
	sum := Summary{Made: o.Now().UTC(), Tenants: tenants}
	s, err := newSealer(w, key, o.Rand)
	if err != nil {
		return Summary{}, err
	}
	err = readStore(ctx, store, func(r storage.Reader) error {
		sum.Records, err = write(ctx, s, r, sum)
		return err
	})
	if err != nil {
		return Summary{}, err
	}
	for _, tenant := range tenants {
		if err := record(ctx, store, tenant, o, "tenant.exported", audit.Succeeded, map[string]string{"records": strconv.Itoa(sum.Records)}); err != nil {
			return Summary{}, err
		}
	}
	return sum, nil
}

// readStore reads as of one moment if the store can.
func readStore(ctx context.Context, store storage.Store, read func(storage.Reader) error) error {
	if s, ok := store.(storage.Snapshotter); ok {
		if err := s.Snapshot(ctx, read); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return read(store)
}

func write(ctx context.Context, s *sealer, from storage.Reader, sum Summary) (records int, err error) {
	to := json.NewEncoder(s)
	if err := to.Encode(line{Title: &title{V: format, Made: sum.Made, Tenants: sum.Tenants}}); err != nil {
		return 0, err
	}
	var last end
	for i, tenant := range sum.Tenants {
		fenced, open := 0, 0
		err := walk(ctx, from, tenant, "", "", func(sh table.Shard, r storage.Record) error {
			if !r.Live(sum.Made) {
				return nil
			}
			if k, _ := kindOf(r.Name); k == stamped || k == locked {
				if value, was := unfenced(r.Value); was {
					r.Value, fenced = value, fenced+1
				} else {
					open++
				}
			}
			e := entry{Tenant: i, Shard: sh.String(), Name: r.Name, Value: r.Value}
			if !r.ExpiresAt.IsZero() {
				e.Expires = r.ExpiresAt.UnixMilli()
			}
			last.Records++
			return to.Encode(line{Record: &e})
		})
		if err != nil {
			return 0, fmt.Errorf("backup: export: %w", err)
		}
		if fenced > 0 && open == 0 {
			last.Fenced = append(last.Fenced, tenant)
		}
	}
	if err := to.Encode(line{End: &last}); err != nil {
		return 0, err
	}
	return last.Records, s.Close()
}

// walk calls f with every record of a tenant whose name has the prefix and
// sorts behind after, shard by shard in the order of names.
func walk(ctx context.Context, from storage.Reader, tenant, prefix, after string, f func(table.Shard, storage.Record) error) error {
	for sh := range table.Shard(table.Shards) {
		for next := after; ; {
			found, err := from.Scan(ctx, shardOf(tenant, sh), prefix, next, scanPage)
			if err != nil {
				return err
			}
			for _, r := range found {
				if err := f(sh, r); err != nil {
					return err
				}
			}
			if len(found) < scanPage {
				break
			}
			next = found[len(found)-1].Name
		}
	}
	return nil
}

// shardOf returns a tenant's shard as the store knows it.
func shardOf(tenant string, sh table.Shard) string { return table.Name(tenant, sh.String()) }

func isEmpty(ctx context.Context, store storage.Reader, tenant string) (bool, error) {
	for sh := range table.Shard(table.Shards) {
		if found, err := store.Scan(ctx, shardOf(tenant, sh), "", "", 1); err != nil || len(found) > 0 {
			return false, err
		}
	}
	return true, nil
}

// record commits an audit record of the host's.
func record(ctx context.Context, store storage.Store, tenant string, o Options, event string, out audit.Outcome, detail map[string]string) error {
	id, err := table.NewID(o.Rand, "")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	r := audit.Record{ID: id, Event: event, Outcome: out, Host: o.Reason, Detail: detail}
	if _, err := table.New(store, tenant, o.Now, o.Rand).Update(ctx, table.ShardOf("backup", id), nil, r.Add); err != nil {
		return fmt.Errorf("backup: the audit record could not be written: %w", err)
	}
	return nil
}
