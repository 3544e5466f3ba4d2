package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// faults are mistakes that stores and adapters make, and the cases that must
// catch them.
var faults = []struct {
	because string
	fault   func(*broken)
	breaks  []string // must fail on it, others may
}{
	{"it ignores conditions", func(s *broken) {
		edited(s, func(_ *storage.Batch, o *storage.Op) {
			if o.Act == storage.Check {
				*o = storage.Op{Act: storage.Delete, Name: "no such record", Cond: storage.Any}
			}
			o.Cond, o.If = storage.Any, storage.Version{}
		})
	}, []string{"absent-creates-once", "match-needs-the-version", "check-changes-nothing", "two-failing-conditions", "one-creates", "one-replaces", "one-takes", "one-replaces-all", "one-of-everything", "guard-record", "a-hot-record-moves", "sums-are-kept"}},

	{"it writes before it has checked everything", func(s *broken) {
		stepwise(s, func(context.Context, *storage.Op) error { return nil })
	}, []string{"batch-applies-none"}},

	{"it checks, and then writes", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			if err := b.Validate(); err != nil {
				return err
			}
			b.Ops = slices.Clone(b.Ops)
			for i, o := range b.Ops {
				found, err := s.Store.Get(ctx, b.Shard, o.Name)
				if err != nil {
					return err
				}
				if !o.Holds(found[0], b.Now) {
					return storage.ErrConflict
				}
				if o.Act == storage.Check {
					o = storage.Op{Act: storage.Delete, Name: "no such record"}
				}
				o.Cond, o.If = storage.Any, storage.Version{}
				b.Ops[i] = o
			}
			time.Sleep(50 * time.Microsecond)
			return s.Store.Commit(ctx, b)
		}
	}, []string{"one-creates", "one-replaces", "one-takes", "expired-is-replaced-once", "guard-record", "check-holds-until-the-commit", "sums-are-kept", "a-hot-record-moves"}},

	{"it compares prefixes with LIKE", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
				return nil, err
			}
			found, err := s.all(ctx, shard, after)
			found = slices.DeleteFunc(found, func(r storage.Record) bool { return !like(prefix).MatchString(r.Name) })
			return found[:min(limit, len(found))], err
		}
	}, []string{"a-prefix-is-literal"}},

	{"it counts versions, from 1 again after a delete", func(s *broken) {
		var mu sync.Mutex
		number := map[storage.Version]byte{} // of each version that was ever written
		s.commit = func(ctx context.Context, b storage.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if err := b.Validate(); err != nil {
				return err
			}
			b.Ops = slices.Clone(b.Ops)
			for i, o := range b.Ops {
				found, err := s.Store.Get(ctx, b.Shard, o.Name)
				if err != nil {
					return err
				}
				now := number[found[0].Version]
				if o.Cond == storage.Match && number[o.If] == now && now > 0 && !found[0].Version.IsZero() {
					b.Ops[i].If = found[0].Version
				}
				if o.Act == storage.Put && !o.Version.IsZero() {
					number[o.Version] = now + 1
				}
			}
			return s.Store.Commit(ctx, b)
		}
	}, []string{"old-versions-stay-old"}},

	{"it compares the first half of a version", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			b.Ops = slices.Clone(b.Ops)
			for i, o := range b.Ops {
				found, err := s.Store.Get(ctx, b.Shard, o.Name)
				if err == nil && o.Cond == storage.Match && bytes.Equal(found[0].Version[:8], o.If[:8]) && !found[0].Version.IsZero() {
					b.Ops[i].If = found[0].Version
				}
			}
			return s.Store.Commit(ctx, b)
		}
	}, []string{"versions-are-bytes"}},

	{"it folds case and pads", func(s *broken) {
		renamed(s, func(_, name string) string { return "n" + strings.TrimRight(strings.ToLower(name), " ") })
	}, []string{"names-are-bytes"}},

	{"it cuts names at 255 bytes", func(s *broken) {
		renamed(s, func(_, name string) string { return strings.ToValidUTF8(name[:min(255, len(name))], "") })
	}, []string{"names-may-be-long", "limits-are-reached"}},

	{"it joins shard and name into one key", func(s *broken) {
		renamed(s, func(shard, name string) string {
			sum := sha256.Sum256([]byte(shard + name))
			return hex.EncodeToString(sum[:])
		})
		commit, get := s.commit, s.get
		s.commit = func(ctx context.Context, b storage.Batch) error {
			if err := b.Validate(); err != nil {
				return err
			}
			b.Ops = slices.Clone(b.Ops)
			for i, o := range b.Ops {
				b.Ops[i].Name = b.Shard + o.Name
			}
			b.Shard = "all"
			return commit(ctx, b)
		}
		s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
			joined := make([]string, len(names))
			for i, name := range names {
				joined[i] = shard + name
			}
			found, err := get(ctx, "all", joined)
			for i := range found {
				found[i].Name = names[i]
			}
			return found, err
		}
	}, []string{"shards-are-apart"}},

	{"it sorts as a dictionary does", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			found, err := s.Store.Scan(ctx, shard, prefix, after, limit)
			slices.SortStableFunc(found, func(a, b storage.Record) int {
				return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
			})
			return found, err
		}
	}, []string{"names-sort-by-bytes"}},

	{"it never expires anything", func(s *broken) {
		edited(s, func(b *storage.Batch, _ *storage.Op) { b.Now = time.Unix(1, 0) })
	}, []string{"absent-from-expiry", "expired-never-matches", "batch-applies-none", "expired-is-replaced-once", "expired-from-the-start"}},

	{"it goes by its own clock", func(s *broken) {
		edited(s, func(b *storage.Batch, _ *storage.Op) { b.Now = time.Now() })
	}, []string{"the-clock-is-the-batch's"}},

	{"it expires a second early", func(s *broken) {
		edited(s, func(b *storage.Batch, o *storage.Op) {
			if o == &b.Ops[0] {
				b.Now = b.Now.Add(time.Second)
			}
		})
	}, []string{"live-until-expiry"}},

	{"it keeps the expiry of the record before", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			b.Ops = slices.Clone(b.Ops)
			for i, o := range b.Ops {
				found, err := s.Store.Get(ctx, b.Shard, o.Name)
				if err == nil && o.Act == storage.Put && o.ExpiresAt.IsZero() {
					b.Ops[i].ExpiresAt = found[0].ExpiresAt
				}
			}
			return s.Store.Commit(ctx, b)
		}
	}, []string{"expiry-can-be-taken-away", "get-returns-what-put-wrote"}},

	{"it refuses a time to live below zero", func(s *broken) {
		stepwise(s, func(_ context.Context, o *storage.Op) error {
			if !o.ExpiresAt.IsZero() && o.ExpiresAt.Before(time.Now()) {
				return errors.New("invalid expire time")
			}
			return nil
		})
	}, []string{"expired-from-the-start"}},

	{"it sweeps what lives", func(s *broken) {
		s.sweep = func(ctx context.Context, before time.Time, limit int) (int, error) {
			return s.Store.Sweep(ctx, before.Add(time.Second), limit)
		}
	}, []string{"sweep-takes-the-expired"}},

	{"it hands out its own memory", func(s *broken) {
		var mu sync.Mutex
		cache := map[string][]byte{}
		s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
			found, err := s.Store.Get(ctx, shard, names...)
			mu.Lock()
			defer mu.Unlock()
			for i, r := range found {
				key := string(r.Version[:])
				if _, ok := cache[key]; !ok {
					cache[key] = r.Value
				}
				found[i].Value = cache[key]
			}
			return found, err
		}
	}, []string{"memory-is-not-shared"}},

	{"it reads from a replica that lags", func(s *broken) {
		var mu sync.Mutex
		last := map[string]storage.Record{}
		s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
			found, err := s.Store.Get(ctx, shard, names...)
			mu.Lock()
			defer mu.Unlock()
			for i, r := range found {
				key := shard + "\x00" + r.Name
				if old, ok := last[key]; ok {
					found[i] = old
				}
				last[key] = r
			}
			return found, err
		}
	}, []string{"handles-agree"}},

	{"it keeps text, not bytes", func(s *broken) {
		edited(s, func(_ *storage.Batch, o *storage.Op) { o.Value = bytes.ToValidUTF8(o.Value, []byte("?")) })
	}, []string{"values-are-bytes", "scan-returns-records"}},

	{"it cuts values at 65535 bytes", func(s *broken) {
		edited(s, func(_ *storage.Batch, o *storage.Op) { o.Value = o.Value[:min(65535, len(o.Value))] })
	}, []string{"values-are-bytes", "limits-are-reached"}},

	{"it scans one record too many", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			if limit < 1 || limit >= storage.MaxScan {
				return s.Store.Scan(ctx, shard, prefix, after, limit)
			}
			return s.Store.Scan(ctx, shard, prefix, after, limit+1)
		}
	}, []string{"scan-stops-at-the-limit"}},

	{"it gives at most a thousand records", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			found, err := s.Store.Scan(ctx, shard, prefix, after, limit)
			return found[:min(1000, len(found))], err
		}
	}, []string{"scan-large-shard"}},

	{"it looks the last name up to go on", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			if after != "" {
				if found, err := s.Store.Get(ctx, shard, after); err == nil && found[0].Version.IsZero() {
					after = ""
				}
			}
			return s.Store.Scan(ctx, shard, prefix, after, limit)
		}
	}, []string{"after-is-a-place", "pages-join"}},

	{"it scans names without values", func(s *broken) {
		s.scan = func(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
			found, err := s.Store.Scan(ctx, shard, prefix, after, limit)
			for i := range found {
				found[i].Value = nil
			}
			return found, err
		}
	}, []string{"scan-returns-records"}},

	{"it gets in the order of the index", func(s *broken) {
		s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
			found, err := s.Store.Get(ctx, shard, names...)
			slices.SortFunc(found, func(a, b storage.Record) int { return strings.Compare(a.Name, b.Name) })
			return found, err
		}
	}, []string{"get-keeps-the-order"}},

	{"it gets one name after the other", func(s *broken) {
		renamed(s, func(_, name string) string { return name })
		get := s.get
		s.get = func(ctx context.Context, shard string, names []string) ([]storage.Record, error) {
			if err := storage.ValidNames(shard, names); err != nil {
				return nil, err
			}
			var all []storage.Record
			for _, name := range names {
				one, err := get(ctx, shard, []string{name})
				if err != nil {
					return nil, err
				}
				all = append(all, one...)
				runtime.Gosched()
				time.Sleep(10 * time.Microsecond)
			}
			return all, nil
		}
	}, []string{"sums-are-kept"}},

	{"it inserts or ignores", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			err := b.Validate()
			if err != nil {
				return err
			}
			found, err := s.Store.Get(ctx, b.Shard, b.Ops[0].Name)
			if err == nil && b.Ops[0].Act == storage.Put && b.Ops[0].Cond == storage.Any && found[0].Live(b.Now) {
				return nil
			}
			return s.Store.Commit(ctx, b)
		}
	}, []string{"any-overwrites"}},

	{"it says in its own words that a condition failed", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			err := s.Store.Commit(ctx, b)
			if errors.Is(err, storage.ErrConflict) {
				return errors.New("UNIQUE constraint failed")
			}
			return err
		}
	}, []string{"absent-creates-once", "two-failing-conditions", "one-creates", "guard-record", "check-holds-until-the-commit"}},

	{"it takes a delete of nothing for a conflict", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			for _, o := range b.Ops {
				found, err := s.Store.Get(ctx, b.Shard, o.Name)
				if err == nil && o.Act == storage.Delete && found[0].Version.IsZero() {
					return storage.ErrConflict
				}
			}
			return s.Store.Commit(ctx, b)
		}
	}, []string{"delete-removes"}},

	{"it takes no more than ten ops of a batch", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			if err := b.Validate(); err != nil {
				return err
			}
			b.Ops = b.Ops[:min(10, len(b.Ops))]
			return s.Store.Commit(ctx, b)
		}
	}, []string{"batch-applies-all", "limits-are-reached"}},

	{"it stops half way when the caller goes", func(s *broken) {
		stepwise(s, func(ctx context.Context, _ *storage.Op) error {
			if ctx.Err() == nil {
				time.Sleep(300 * time.Microsecond)
			}
			return ctx.Err()
		})
	}, []string{"a-cancelled-commit-is-whole"}},

	{"it does not look at the context", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			return s.Store.Commit(context.WithoutCancel(ctx), b)
		}
	}, []string{"an-ended-context-is-an-error"}},

	{"it wakes nobody", func(s *broken) {
		s.wake = func() (<-chan struct{}, func()) { return make(chan struct{}), func() {} }
	}, []string{"a-commit-wakes"}},

	{"it wakes without an end", func(s *broken) {
		c := make(chan struct{}, 4)
		s.wake = func() (<-chan struct{}, func()) {
			c <- struct{}{}
			c <- struct{}{}
			c <- struct{}{}
			return c, func() {}
		}
	}, []string{"a-commit-wakes"}},

	{"it has ended before it began", func(s *broken) {
		s.wake = func() (<-chan struct{}, func()) {
			c := make(chan struct{})
			close(c)
			return c, func() {}
		}
	}, []string{"a-commit-wakes"}},

	{"it keeps to the limits whatever a wrapper asks for", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			b.Room = 0
			return s.Store.Commit(ctx, b)
		}
	}, []string{"wrappers-have-room"}},

	{"it has room for everybody", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			b.Room = storage.MaxRoom
			return s.Store.Commit(ctx, b)
		}
	}, []string{"wrappers-have-room", "outside-is-refused"}},

	{"it accepts everything and keeps what it can", func(s *broken) {
		s.commit = func(ctx context.Context, b storage.Batch) error {
			if err := s.Store.Commit(ctx, b); !errors.Is(err, storage.ErrInvalid) {
				return err
			}
			return nil
		}
	}, []string{"outside-is-refused"}},

	{"it looks what is expired, and then sweeps", func(s *broken) {
		var mu sync.Mutex
		known := map[[2]string]bool{}
		s.commit = func(ctx context.Context, b storage.Batch) error {
			mu.Lock()
			for _, o := range b.Ops {
				known[[2]string{b.Shard, o.Name}] = true
			}
			mu.Unlock()
			return s.Store.Commit(ctx, b)
		}
		s.sweep = func(ctx context.Context, before time.Time, _ int) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			var old []storage.Batch
			for key := range known {
				found, err := s.Store.Get(ctx, key[0], key[1])
				if err != nil {
					return 0, err
				}
				if !found[0].Live(before) {
					old = append(old, storage.Batch{Shard: key[0], Now: before, Ops: []storage.Op{remove(key[1])}})
				}
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			for _, b := range old {
				if err := s.Store.Commit(ctx, b); err != nil {
					return 0, err
				}
			}
			return len(old), nil
		}
	}, []string{"sweep-spares-what-is-new"}},

	{"its clock is in another zone", func(s *broken) {
		s.now = func() time.Time { return time.Now().In(time.FixedZone("here", 3600)) }
	}, []string{"the-clock-goes-forward"}},

	{"its clock goes back", func(s *broken) {
		now := time.Now().UTC()
		s.now = func() time.Time { now = now.Add(-time.Second); return now }
	}, []string{"the-clock-goes-forward"}},

	{"its snapshot is no moment", func(s *broken) {
		s.past = func(read func(storage.Reader) error) error { return read(s.Store) }
	}, []string{"a-snapshot-is-one-moment"}},

	{"its snapshot loses what its function said", func(s *broken) {
		s.past = func(read func(storage.Reader) error) error {
			_ = s.Store.Snapshot(context.Background(), read)
			return nil
		}
	}, []string{"a-snapshot-is-one-moment"}},
}
