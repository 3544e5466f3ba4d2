package sealed_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sealed"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func local(t testing.TB, secrets ...[]byte) *sealed.Local {
	t.Helper()
	if len(secrets) == 0 {
		secrets = [][]byte{secret}
	}
	l, err := sealed.NewLocal(secrets[0], secrets[1:]...)
	require.NoError(t, err)
	return l
}

func over(t testing.TB, inner storage.Store, opts *sealed.Options) *sealed.Store {
	t.Helper()
	s, err := sealed.New(inner, local(t), opts)
	require.NoError(t, err)
	return s
}

func version() (v storage.Version) {
	_, _ = rand.Read(v[:])
	return v
}

func put(name, value string) storage.Op {
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte(value), Version: version()}
}

func commit(t testing.TB, s storage.Store, shard string, ops ...storage.Op) {
	t.Helper()
	require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: ops}))
}

func get(t testing.TB, s storage.Store, shard, name string) storage.Record {
	t.Helper()
	found, err := s.Get(t.Context(), shard, name)
	require.NoError(t, err)
	return found[0]
}

// refused holds an error to be a refusal for this reason, without names.
func refused(t testing.TB, err error, want sealed.Reason, because string) {
	t.Helper()
	require.ErrorIs(t, err, sealed.ErrRefused, because)
	var r *sealed.Refusal
	require.ErrorAs(t, err, &r, because)
	require.Equal(t, want, r.Reason, because)
	require.NotContains(t, err.Error(), r.Name, "no name in the text: "+because)
}

// Each handle has keys of its own to read, as each process of a fleet has.
func TestContract(t *testing.T) {
	inner := memory.New()
	storagetest.Run(t, func(t *testing.T) storage.Store { return over(t, inner, nil) })
}

func TestWhatDoesNotFitIsOutsideTheContract(t *testing.T) {
	s := over(t, memory.New(), nil)
	commit(t, s, "acme/00", put("log/1", strings.Repeat("x", storage.MaxPage)))
	err := s.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{put("log/2", strings.Repeat("x", storage.MaxPage+1))}})
	require.ErrorIs(t, err, storage.ErrInvalid)
	_, err = s.Get(t.Context(), "~keys", "acme")
	require.ErrorIs(t, err, storage.ErrInvalid, "nobody reads the wrapped keys through the store")
	require.ErrorIs(t, s.Commit(t.Context(), storage.Batch{Shard: "~keys", Now: time.Now(), Ops: []storage.Op{put("acme", "x")}}), storage.ErrInvalid)
}

func TestNewNamesEverythingThatIsMissing(t *testing.T) {
	_, err := sealed.New(nil, nil, &sealed.Options{Refresh: -1})
	require.ErrorContains(t, err, "a Store; a KeyWrapper (see NewLocal); Options.Refresh")
	_, err = sealed.NewLocal(secret, []byte("short"))
	require.ErrorContains(t, err, "secret 2 of NewLocal has 5 bytes")
}

func TestNothingPrints(t *testing.T) {
	s := over(t, memory.New(), nil)
	commit(t, s, "acme/00", put("a", "the value"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{local(t), struct{ l *sealed.Local }{local(t)}, s} {
			text := fmt.Sprintf(format, v)
			require.NotContains(t, text, "0123456789abcdef")
			require.NotContains(t, text, "48, 49, 50")
			require.NotContains(t, text, "48 49 50")
		}
	}
}

// S25: a reader of the database learns no value, and equal values do not look
// equal.
func TestValuesAreHidden(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, nil)
	commit(t, s, "acme/00", put("a", "a secret of the customer"), put("b", "a secret of the customer"))
	a, b := get(t, inner, "acme/00", "a").Value, get(t, inner, "acme/00", "b").Value
	require.NotContains(t, string(a), "secret")
	require.NotEqual(t, a[5:], b[5:])
	require.Len(t, a, len("a secret of the customer")+sealed.Overhead)
	require.Equal(t, "a secret of the customer", string(get(t, s, "acme/00", "a").Value))
}

// A caller who uses a version twice gives nothing away: AES-GCM under one key
// and nonce would give the sum of both values.
func TestAVersionUsedTwiceHidesStill(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, nil)
	o := put("a", strings.Repeat("0", 64))
	commit(t, s, "acme/00", o)
	first := get(t, inner, "acme/00", "a").Value
	commit(t, s, "acme/00", o)
	require.NotEqual(t, first, get(t, inner, "acme/00", "a").Value)
}

// S8, S25: a bar. Of 10,000 records that somebody with write access to the
// database has altered, moved, cut, prolonged or put under another version,
// none opens, and none counts as absent.
func TestNoForgeryOpens(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, nil)
	rng := mathrand.New(mathrand.NewPCG(1, 2))
	const records = 50
	end := time.Now().Add(time.Hour)
	name := func(i int) string { return fmt.Sprintf("actor/%d/s/1", i) }
	shards := []string{"acme/00", "acme/01", "umbrella/00"}
	for _, shard := range shards {
		for i := range records {
			o := put(name(i), fmt.Sprintf(`{"v":1,"n":%d}`, i))
			if i%2 == 0 {
				o.ExpiresAt = end
			}
			commit(t, s, shard, o)
		}
	}
	forgeries := []struct {
		name string
		do   func(r, other storage.Record) (shard string, forged storage.Record)
	}{
		{"one bit", func(r, _ storage.Record) (string, storage.Record) {
			r.Value[rng.IntN(len(r.Value))] ^= 1 << rng.IntN(8)
			return shards[0], r
		}},
		{"cut at the end", func(r, _ storage.Record) (string, storage.Record) {
			r.Value = r.Value[:rng.IntN(len(r.Value))]
			return shards[0], r
		}},
		{"cut at the front", func(r, _ storage.Record) (string, storage.Record) {
			r.Value = r.Value[1+rng.IntN(len(r.Value)-1):]
			return shards[0], r
		}},
		{"lengthened", func(r, _ storage.Record) (string, storage.Record) {
			r.Value = append(r.Value, byte(rng.Uint32()))
			return shards[0], r
		}},
		{"garbage", func(r, _ storage.Record) (string, storage.Record) {
			for i := range r.Value {
				r.Value[i] = byte(rng.Uint32())
			}
			return shards[0], r
		}},
		{"in the clear", func(r, _ storage.Record) (string, storage.Record) {
			r.Value = []byte(`{"v":1,"n":7}` + strings.Repeat(" ", rng.IntN(64)))
			return shards[0], r
		}},
		{"another version", func(r, _ storage.Record) (string, storage.Record) {
			r.Version = version()
			return shards[0], r
		}},
		{"a version that differs in one byte", func(r, _ storage.Record) (string, storage.Record) {
			r.Version[rng.IntN(len(r.Version))] ^= byte(1 + rng.IntN(255))
			return shards[0], r
		}},
		{"another name", func(r, other storage.Record) (string, storage.Record) {
			other.Name = r.Name
			return shards[0], other
		}},
		{"another's value", func(r, other storage.Record) (string, storage.Record) {
			r.Value = other.Value
			return shards[0], r
		}},
		{"another shard", func(r, _ storage.Record) (string, storage.Record) { return shards[1], r }},
		{"another tenant", func(r, _ storage.Record) (string, storage.Record) { return shards[2], r }},
		{"a longer life", func(r, _ storage.Record) (string, storage.Record) {
			r.ExpiresAt = end.Add(time.Duration(1+rng.IntN(1e6)) * time.Millisecond)
			return shards[0], r
		}},
		{"no end, or a sudden one", func(r, _ storage.Record) (string, storage.Record) {
			if r.ExpiresAt.IsZero() {
				r.ExpiresAt = end
			} else {
				r.ExpiresAt = time.Time{}
			}
			return shards[0], r
		}},
	}
	opened := 0
	for n := range 10_000 {
		f := forgeries[n%len(forgeries)]
		i := rng.IntN(records)
		genuine := get(t, inner, shards[0], name(i))
		other := get(t, inner, shards[0], name((i+1+rng.IntN(records-1))%records))
		shard, forged := f.do(genuine, other)
		was := get(t, inner, shard, forged.Name)
		write := func(r storage.Record) {
			commit(t, inner, shard, storage.Op{Act: storage.Put, Name: r.Name, Cond: storage.Any, Value: r.Value, Version: r.Version, ExpiresAt: r.ExpiresAt})
		}
		write(forged)
		if _, err := s.Get(t.Context(), shard, forged.Name); !errors.Is(err, sealed.ErrRefused) {
			opened++
			t.Errorf("%s: %v", f.name, err)
		}
		if _, err := s.Scan(t.Context(), shard, forged.Name, "", 1); !errors.Is(err, sealed.ErrRefused) {
			opened++
			t.Errorf("%s, in a scan: %v", f.name, err)
		}
		write(was)
	}
	require.Zero(t, opened)
	for i := range records {
		require.NotEmpty(t, get(t, s, shards[0], name(i)).Value, "what was not forged opens")
	}
}

// S25: one key per tenant, and no other secret opens it.
func TestAnotherSecretOpensNothing(t *testing.T) {
	inner := memory.New()
	commit(t, over(t, inner, nil), "acme/00", put("a", "1"))
	s, err := sealed.New(inner, local(t, bytes.Repeat([]byte("x"), 32)), nil)
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "acme/00", "a")
	require.ErrorContains(t, err, "is the right one configured?")
	require.Error(t, s.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{put("b", "1")}}))
}

// One tenant's wrapped keys in the place of another's do not unwrap.
func TestWrappedKeysStayWithTheirTenant(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, nil)
	commit(t, s, "acme/00", put("a", "1"))
	commit(t, s, "umbrella/00", put("a", "1"))
	o := put("acme", string(get(t, inner, "~keys", "umbrella").Value))
	commit(t, inner, "~keys", o)
	_, err := over(t, inner, nil).Get(t.Context(), "acme/00", "a")
	require.ErrorContains(t, err, "unwrap a tenant's keys")
}

// A key service that is down refuses: nothing is written in the clear, nothing
// reads as absent.
func TestTheKeyServiceIsDown(t *testing.T) {
	inner := memory.New()
	commit(t, over(t, inner, nil), "acme/00", put("a", "1"))
	s, err := sealed.New(inner, down{}, nil)
	require.NoError(t, err)
	_, err = s.Get(t.Context(), "acme/00", "a")
	require.ErrorIs(t, err, errDown)
	for _, shard := range []string{"acme/00", "new/00"} {
		err = s.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{put("b", "1")}})
		require.ErrorIs(t, err, errDown)
		require.True(t, get(t, inner, shard, "b").Version.IsZero())
	}
}

var errDown = errors.New("no route to the key service")

type down struct{}

func (down) Wrap(context.Context, string, []byte) ([]byte, error)   { return nil, errDown }
func (down) Unwrap(context.Context, string, []byte) ([]byte, error) { return nil, errDown }

func full(normally, full int) int {
	if os.Getenv("SYMBOLON_FULL") != "" {
		return full
	}
	return normally
}

// S25: a bar. While all records of a tenant get a new key, reads and writes
// through two processes go on and none fails; afterwards the old key is refused.
func TestRotationUnderTraffic(t *testing.T) {
	records := full(1_000, 100_000)
	inner := memory.New()
	opts := &sealed.Options{Refresh: time.Second / 2}
	here, there := over(t, inner, opts), over(t, inner, opts)
	shard := func(i int) string { return fmt.Sprintf("acme/%02x", i%64) }
	name := func(i int) string { return fmt.Sprintf("actor/%d/stamp", i) }
	for i := range records {
		commit(t, here, shard(i), put(name(i), fmt.Sprint(i)))
	}
	old := get(t, inner, shard(0), name(0))
	oldRing := get(t, inner, "~keys", "acme")

	var stop atomic.Bool
	var reads, writes atomic.Int64
	var traffic sync.WaitGroup
	for worker := range 4 {
		traffic.Go(func() {
			s := []*sealed.Store{here, there}[worker%2]
			for n := worker; !stop.Load(); n += 7 {
				i := n % records
				found, err := s.Get(t.Context(), shard(i), name(i))
				if err != nil || string(found[0].Value) != fmt.Sprint(i) {
					t.Errorf("read of %d: %v", i, err)
					return
				}
				reads.Add(1)
				if n%5 > 0 {
					continue
				}
				o := put(name(i), fmt.Sprint(i))
				o.Cond, o.If = storage.Match, found[0].Version
				err = s.Commit(t.Context(), storage.Batch{Shard: shard(i), Now: time.Now(), Ops: []storage.Op{o}})
				if err != nil && !errors.Is(err, storage.ErrConflict) {
					t.Errorf("write of %d: %v", i, err)
					return
				}
				writes.Add(1)
			}
		})
	}
	resealed, err := here.Rotate(t.Context(), "acme")
	stop.Store(true)
	traffic.Wait()
	require.NoError(t, err)
	t.Logf("%d records, %d sealed anew by the rotation, meanwhile %d reads and %d writes", records, resealed, reads.Load(), writes.Load())
	require.Positive(t, reads.Load())
	for i := range records {
		require.Equal(t, fmt.Sprint(i), string(get(t, there, shard(i), name(i)).Value))
	}

	// The old row, put back as it was.
	commit(t, inner, shard(0), storage.Op{Act: storage.Put, Name: old.Name, Cond: storage.Any, Value: old.Value, Version: old.Version})
	_, err = here.Get(t.Context(), shard(0), name(0))
	refused(t, err, sealed.ReasonRetired, "a retired key")
	time.Sleep(opts.Refresh)
	_, err = there.Get(t.Context(), shard(0), name(0))
	refused(t, err, sealed.ReasonRetired, "a retired key, in another process")

	// And the old keys with it.
	commit(t, inner, "~keys", storage.Op{Act: storage.Put, Name: "acme", Cond: storage.Any, Value: oldRing.Value, Version: oldRing.Version})
	time.Sleep(opts.Refresh)
	_, err = here.Get(t.Context(), shard(1), name(1))
	require.ErrorContains(t, err, "older than those in use")
}

// What has expired is sealed anew too, still expired: a name under which
// nothing is live must not become unreadable.
func TestRotationKeepsExpiries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := storagetest.Strict(t, memory.New()) // which would leave out of a Scan what was put with Point
		s := over(t, inner, nil)
		soon, late := put("soon", "1"), put("late", "2")
		soon.ExpiresAt, late.ExpiresAt = time.Now().Add(time.Second), time.Now().Add(time.Hour)
		soon.Point = true
		commit(t, s, "acme/3f", soon, late, put("never", "3"))
		time.Sleep(time.Minute)
		began := time.Now()
		n, err := s.Rotate(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 2*time.Minute, time.Since(began), "twice Refresh for the other processes, and again for their engine")
		for _, want := range []storage.Op{soon, late} {
			got := get(t, s, "acme/3f", want.Name)
			require.Equal(t, want.Value, got.Value)
			require.Equal(t, want.Record().ExpiresAt, got.ExpiresAt)
		}
		o := put("soon", "again")
		o.Cond = storage.Absent
		commit(t, s, "acme/3f", o)
	})
}

// dawdling is an engine that goes on with a commit whose caller has left.
type dawdling struct {
	storage.Store
	by time.Duration
}

func (d dawdling) Commit(ctx context.Context, b storage.Batch) error {
	if b.Shard == "~keys" {
		return d.Store.Commit(ctx, b)
	}
	time.AfterFunc(d.by, func() { _ = d.Store.Commit(context.WithoutCancel(ctx), b) })
	<-ctx.Done()
	return ctx.Err()
}

// A commit that the engine applies after everybody has turned to the new key is
// sealed anew while the rotation waits, and refused when it comes after that. It
// never passes for an absent record, and never for a good one.
func TestALateWriteIsRotatedOrRefused(t *testing.T) {
	for _, c := range []struct {
		because string
		by      time.Duration
		refused bool
	}{
		{"before the rotation looks", 50 * time.Second, false},
		{"between its two looks", 110 * time.Second, false},
		{"after the old key was retired", 130 * time.Second, true},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := memory.New()
				here, there := over(t, inner, nil), over(t, dawdling{inner, c.by}, nil)
				commit(t, here, "acme/00", put("a", "1"))
				get(t, there, "acme/00", "a") // it knows the key
				wrote := make(chan error)
				go func() {
					wrote <- there.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{put("late", "2")}})
				}()
				_, err := here.Rotate(t.Context(), "acme")
				require.NoError(t, err)
				require.ErrorIs(t, <-wrote, context.DeadlineExceeded)
				time.Sleep(time.Minute)
				found, err := over(t, inner, nil).Get(t.Context(), "acme/00", "late")
				if c.refused {
					refused(t, err, sealed.ReasonRetired, c.because)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "2", string(found[0].Value))
			})
		})
	}
}

// No process writes with a key that is being retired: what it knows of keys grows
// old, and a commit ends before they may be gone.
func TestNobodyWritesWithARetiredKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &watched{Store: memory.New()}
		here, there := over(t, inner, nil), over(t, inner, nil)
		commit(t, there, "acme/00", put("a", "1"))
		_, err := here.Rotate(t.Context(), "acme")
		require.NoError(t, err)
		commit(t, there, "acme/00", put("b", "2"))
		require.Equal(t, "2", string(get(t, over(t, inner, nil), "acme/00", "b").Value))

		time.Sleep(20 * time.Second)
		commit(t, there, "acme/00", put("c", "3"))
		require.Equal(t, 40*time.Second, inner.left, "twice Refresh from when the keys were read")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o := put("d", "4")
		require.NoError(t, there.Commit(ctx, storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{o}}))
		require.Equal(t, time.Second, inner.left, "the caller's own deadline, if it is shorter")

		// Keys that are gone are not made anew under a process that knew them.
		commit(t, inner, "~keys", storage.Op{Act: storage.Delete, Name: "acme", Cond: storage.Any})
		time.Sleep(30 * time.Second)
		_, err = there.Get(t.Context(), "acme/00", "a")
		require.ErrorContains(t, err, "or gone")
		err = there.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{put("e", "5")}})
		require.ErrorContains(t, err, "or gone")
	})
}

// watched remembers how long the last commit was allowed to take.
type watched struct {
	storage.Store
	left time.Duration
}

func (w *watched) Commit(ctx context.Context, b storage.Batch) error {
	if end, ok := ctx.Deadline(); ok {
		w.left = time.Until(end)
	}
	return w.Store.Commit(ctx, b)
}

// A rotation that breaks off loses nothing, and the next one comes to the end.
func TestABrokenRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		s := over(t, inner, nil)
		commit(t, s, "acme/00", put("a", "1"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Rotate(ctx, "acme")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		commit(t, s, "acme/00", put("b", "2"))
		require.Equal(t, "1", string(get(t, s, "acme/00", "a").Value))

		lossy, err := sealed.New(storagetest.Lossy(inner, 2), local(t), nil)
		require.NoError(t, err)
		n, err := lossy.Rotate(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, "1", string(get(t, s, "acme/00", "a").Value))
		require.Equal(t, "2", string(get(t, s, "acme/00", "b").Value))

		for range 15 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := s.Rotate(ctx, "acme")
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		_, err = s.Rotate(t.Context(), "acme")
		require.ErrorContains(t, err, "let a Rotate come to its end")
	})
}

// What was altered comes up in a rotation, and is not sealed into good standing.
func TestRotationRefusesWhatWasAltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		s := over(t, inner, nil)
		commit(t, s, "acme/00", put("a", "1"), put("b", "2"))
		commit(t, inner, "acme/00", put("b", "in the clear"))
		_, err := s.Rotate(t.Context(), "acme")
		refused(t, err, sealed.ReasonForm, "a value that was never sealed")
		require.Equal(t, "1", string(get(t, s, "acme/00", "a").Value), "old keys stay until a rotation has come to its end")
	})
}

// The secret of a Local can be replaced without a pause.
func TestReplacingTheSecretOfALocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		commit(t, over(t, inner, nil), "acme/00", put("a", "1"))
		fresh := bytes.Repeat([]byte("n"), 32)
		both, err := sealed.New(inner, local(t, fresh, secret), nil)
		require.NoError(t, err)
		_, err = both.Rotate(t.Context(), "acme")
		require.NoError(t, err)
		only, err := sealed.New(inner, local(t, fresh), nil)
		require.NoError(t, err)
		require.Equal(t, "1", string(get(t, only, "acme/00", "a").Value))
	})
}

func TestSweepPassesThrough(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, nil)
	o := put("a", "1")
	o.ExpiresAt = time.Now()
	commit(t, s, "acme/00", o)
	n, err := s.Sweep(t.Context(), time.Now().Add(time.Second), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = over(t, storagetest.Counting(inner), nil).Sweep(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Zero(t, n, "an engine that needs no sweeping")
}

// A snapshot opens with the keys of its moment, even when they have been retired
// since, and refuses what was forged.
func TestSnapshot(t *testing.T) {
	inner := memory.New()
	s := over(t, inner, &sealed.Options{Refresh: 10 * time.Millisecond})
	commit(t, s, "acme/00", put("org/1", "1"), put("org/2", "2"))
	commit(t, inner, "acme/01", put("org/3", "in the clear"))
	require.NoError(t, s.Snapshot(t.Context(), func(r storage.Reader) error {
		commit(t, inner, "acme/01", storage.Op{Act: storage.Delete, Name: "org/3", Cond: storage.Any})
		_, err := s.Rotate(t.Context(), "acme")
		require.NoError(t, err)
		found, err := r.Scan(t.Context(), "acme/00", "", "", 10)
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, "2", string(found[1].Value))
		_, err = r.Get(t.Context(), "acme/01", "org/3")
		refused(t, err, sealed.ReasonForm, "a forgery in a snapshot")
		return nil
	}))
	bare := over(t, storagetest.Counting(inner), nil)
	require.ErrorIs(t, bare.Snapshot(t.Context(), nil), errors.ErrUnsupported)
	require.NotNil(t, bare.Unwrap())
}
