package password

import (
	"context"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"
)

// PW-17: no more than Slots are hashed at a time, no more than Waiters wait, and the rest hear at once that we are busy.
func TestSlotsAndQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		h := hasher(t, Options{Slots: 3, Waiters: 20, Schemes: map[string]Scheme{"slow": compareFunc(func(_, _ string) bool {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return true
		})}})
		hash, err := h.Parse("$slow$x")
		require.NoError(t, err)
		var verified, busy atomic.Int64
		var all sync.WaitGroup
		begin := time.Now()
		for range 64 {
			all.Go(func() {
				s, err := h.Acquire(t.Context())
				if err != nil {
					require.ErrorIs(t, err, ErrBusy)
					require.Equal(t, begin, time.Now(), "at once")
					busy.Add(1)
					return
				}
				defer s.Release()
				if s.Verify(hash, "x") {
					verified.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 3, most.Load())
		require.EqualValues(t, 23, verified.Load())
		require.EqualValues(t, 41, busy.Load())
		require.Equal(t, 8*time.Second, time.Since(begin))
		slot(t, h) // and all of them were given back
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hasher(t, Options{Slots: 1, Waiters: 1})
		first, err := h.Acquire(t.Context())
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = h.Acquire(ctx)
		require.ErrorIs(t, err, ErrBusy)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, h.line, 1, "the place in the queue was given back")

		first.Release()
		_, err = h.Acquire(ctx)
		require.ErrorIs(t, err, ErrBusy, "an ended context takes no slot, even a free one")
		second, err := h.Acquire(t.Context())
		require.NoError(t, err)
		second.Release()
	})
}

func TestNoQueue(t *testing.T) {
	h := hasher(t, Options{Slots: 1, Waiters: -1})
	s := slot(t, h)
	_, err := h.Acquire(t.Context())
	require.ErrorIs(t, err, ErrBusy)
	s.Release()
	slot(t, h)
}

func TestRelease(t *testing.T) {
	h := hasher(t, Options{Slots: 2})
	s, other := slot(t, h), slot(t, h)
	s.Release()
	s.Release()
	require.Len(t, h.slots, 1, "the second call does not give away somebody else's")
	other.Release()
	require.Empty(t, h.line)
	for _, use := range []func(){func() { _, _ = s.Hash("x") }, func() { s.Verify(Hash{}, "x") }, func() { s.Dummy("x") }} {
		require.PanicsWithValue(t, "password: a Slot was used after its Release", use)
	}
}

// A slot that is released while it hashes is not free before the hashing ends.
func TestReleaseWaits(t *testing.T) {
	entered, leave, held := make(chan struct{}), make(chan struct{}), -1
	var h *Hasher
	h = hasher(t, Options{Slots: 1, Schemes: map[string]Scheme{"slow": compareFunc(func(_, _ string) bool {
		close(entered)
		<-leave
		held = len(h.slots)
		return true
	})}})
	hash, err := h.Parse("$slow$x")
	require.NoError(t, err)
	s := slot(t, h)
	go s.Verify(hash, "x")
	<-entered
	time.AfterFunc(20*time.Millisecond, func() { close(leave) })
	s.Release()
	require.Equal(t, 1, held, "while it was hashing")
	require.Empty(t, h.slots)
}

// PW-17: 64 sign-ins at a time, at the real cost, take the memory of the slots and not of 64 hashes.
func TestMemoryBound(t *testing.T) {
	h, err := NewHasher(&Options{Slots: 2})
	require.NoError(t, err)
	hash, err := slot(t, h).Hash("correct horse battery staple")
	require.NoError(t, err)
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var peak uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			metrics.Read(heap)
			peak = max(peak, heap[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			s, err := h.Acquire(context.Background())
			require.NoError(t, err)
			defer s.Release()
			require.True(t, s.Verify(hash, "correct horse battery staple"))
		})
	}
	all.Wait()
	close(stop)
	<-stopped
	const each = 19456 << 10
	t.Logf("peak %d MiB", peak>>20)
	require.Greater(t, peak, uint64(each), "the measure measures")
	require.Less(t, peak, uint64(4*2*each), "two slots and their garbage, not 64 hashes")
}

func BenchmarkHash(b *testing.B) {
	h, err := NewHasher(nil)
	require.NoError(b, err)
	s := slot(b, h)
	for b.Loop() {
		if _, err := s.Hash("correct horse battery staple"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAgainstBare reports our throughput as a share of bare argon2.IDKey: medians of both, taken in turns.
func BenchmarkAgainstBare(b *testing.B) {
	h, err := NewHasher(nil)
	require.NoError(b, err)
	salt := make([]byte, saltSize)
	ways := [...]func(){
		func() {
			s, err := h.Acquire(context.Background())
			require.NoError(b, err)
			defer s.Release()
			_, err = s.Hash("correct horse battery staple")
			require.NoError(b, err)
		},
		func() { argon2.IDKey([]byte("correct horse battery staple"), salt, 2, 19456, 1, tagSize) },
	}
	var took [len(ways)][]time.Duration
	for i := 0; b.Loop(); i++ {
		for j := range ways {
			way := (i + j) % len(ways) // whoever comes second pays for collecting the garbage of the first
			begin := time.Now()
			ways[way]()
			took[way] = append(took[way], time.Since(begin))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2])
	}
	b.ReportMetric(median(took[1])/median(took[0]), "of-bare")
}
