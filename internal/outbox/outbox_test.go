package outbox_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/outbox"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

type telephone struct {
	mu   sync.Mutex
	got  []string
	down bool
}

func (p *telephone) send(_ context.Context, payload []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return errors.New("no network")
	}
	p.got = append(p.got, string(payload))
	return nil
}

func open(t *testing.T, store storage.Store, p *telephone) (*outbox.Box, *table.Space) {
	t.Helper()
	s := table.New(store, "acme", time.Now, rand.Reader)
	b, err := outbox.New(s, "due", []byte("0123456789abcdef0123456789abcdef"), rand.Reader, p.send, nil)
	require.NoError(t, err)
	return b, s
}

func post(t *testing.T, b *outbox.Box, s *table.Space, payload string) outbox.Item {
	t.Helper()
	item, err := b.Seal([]byte(payload), s.Now().Add(5*time.Minute))
	require.NoError(t, err)
	_, err = s.Update(t.Context(), 7, nil, func(tx *table.Tx) error { tx.Add(item.Op()); return nil })
	require.NoError(t, err)
	return item
}

func rows(t *testing.T, store storage.Store) []storage.Record {
	t.Helper()
	recs, err := store.Scan(t.Context(), "acme/07", "due/", "", 100)
	require.NoError(t, err)
	return recs
}

// AU-10: what was committed is delivered, by the one who committed it or by anybody else later.
func TestDelivery(t *testing.T) {
	t.Run("at once, and then its row is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, p := memory.New(), &telephone{}
			b, s := open(t, store, p)
			item := post(t, b, s, "your code is 123456")
			require.NotContains(t, string(rows(t, store)[0].Value), "123456", "a reader of the store learns no code")
			b.Start(t.Context(), 7, item)
			synctest.Wait()
			require.Equal(t, []string{"your code is 123456"}, p.got)
			require.Empty(t, rows(t, store))
		})
	})
	t.Run("by another process after a crash, once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, p := memory.New(), &telephone{}
			b, s := open(t, store, p)
			post(t, b, s, "a")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for range 4 {
				other, _ := open(t, store, p)
				wg.Go(func() { _ = other.Run(ctx) })
			}
			wg.Wait()
			require.Equal(t, []string{"a"}, p.got)
		})
	})
	t.Run("again and again until the network is back, and never after it is worth nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, p := memory.New(), &telephone{down: true}
			b, s := open(t, store, p)
			item := post(t, b, s, "a")
			b.Start(t.Context(), 7, item)
			synctest.Wait()
			require.Empty(t, p.got)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			go func() {
				time.Sleep(2 * time.Minute)
				p.mu.Lock()
				p.down = false
				p.mu.Unlock()
			}()
			require.ErrorIs(t, b.Run(ctx), context.DeadlineExceeded)
			require.Equal(t, []string{"a"}, p.got)

			p.down = true
			post(t, b, s, "b")
			time.Sleep(5 * time.Minute)
			p.down = false
			require.NoError(t, b.Sweep(t.Context(), 7))
			require.Equal(t, []string{"a"}, p.got)
		})
	})
}

// One gateway that never answers stops nobody else's message, and its own is tried again.
func TestAGatewayThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, p := memory.New(), &telephone{}
		s := table.New(store, "acme", time.Now, rand.Reader)
		var hung atomic.Int64
		b, err := outbox.New(s, "due", make([]byte, 32), rand.Reader, func(ctx context.Context, payload []byte) error {
			if string(payload) == "hang" {
				hung.Add(1)
				<-ctx.Done()
				return ctx.Err()
			}
			return p.send(ctx, payload)
		}, nil)
		require.NoError(t, err)
		for range 3 {
			post(t, b, s, "hang")
		}
		time.Sleep(time.Millisecond)
		post(t, b, s, "mine")
		ctx, cancel := context.WithTimeout(t.Context(), 22*time.Second)
		defer cancel()
		_ = b.Run(ctx)
		require.Equal(t, []string{"mine"}, p.got)
		ctx, cancel = context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		_ = b.Run(ctx)
		require.Greater(t, hung.Load(), int64(3))
	})
}

// A writer of the store can neither change a message nor pass one off as another.
func TestAlteredRowsAreNotDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, p := memory.New(), &telephone{}
		b, s := open(t, store, p)
		post(t, b, s, "one")
		post(t, b, s, "two")
		recs := rows(t, store)
		require.Len(t, recs, 2)
		recs[0].Value, recs[1].Value = recs[1].Value, slices.Clone(recs[0].Value)
		for i, r := range recs {
			require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: "acme/07", Now: time.Now(), Ops: []storage.Op{
				{Act: storage.Put, Name: r.Name, Cond: storage.Any, Value: r.Value, Version: storage.Version{byte(i + 1)}, ExpiresAt: r.ExpiresAt}}}))
		}
		time.Sleep(time.Minute)
		err := b.Sweep(t.Context(), 7)
		require.ErrorContains(t, err, "altered")
		require.Empty(t, p.got)
		require.NotContains(t, fmt.Sprint(err), "one")
	})
}
