package policy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// S8: a store that does not answer lets nobody in and changes nothing.
func TestStoreIsDown(t *testing.T) {
	down := &failing{Store: memory.New()}
	h := newHouse(t, down)
	olga := h.is("olga")
	p, err := h.tree.Change(t.Context(), olga, "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	omar := h.is("omar")
	down.err = errors.New("gone")
	for what, call := range map[string]func() error{
		"effective": func() error { _, err := h.tree.Effective(t.Context(), "shop"); return err },
		"forest":    func() error { _, err := h.open().Forest(t.Context()); return err },
		"plan":      func() error { _, err := h.tree.Plan(t.Context(), policy.Remove("shop")); return err },
		"proposals": func() error { _, err := h.tree.Proposals(t.Context()); return err },
		"change": func() error {
			_, err := h.tree.Change(t.Context(), olga, "why", policy.Set("owner", expiry(30)))
			return err
		},
		"approve": func() error {
			_, err := h.tree.Approve(t.Context(), omar, p.ID, p.Difference.Digest())
			return err
		},
	} {
		err := call()
		require.ErrorIs(t, err, symbolon.ErrUnavailable, what)
		require.NotErrorIs(t, err, symbolon.ErrRefused, what)
	}
	down.err, down.writes = nil, errors.New("full")
	_, err = h.tree.Change(t.Context(), olga, "why", policy.Set("owner", expiry(30)))
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.Equal(t, 60*day, h.expiry("shop"))
}

type failing struct {
	storage.Store
	err, writes error
}

func (f *failing) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.Store.Get(ctx, shard, names...)
}

func (f *failing) Commit(ctx context.Context, b storage.Batch) error {
	if err := errors.Join(f.err, f.writes); err != nil {
		return err
	}
	return f.Store.Commit(ctx, b)
}

// A reply that was lost makes no second change, and no second record.
func TestLostReplies(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	h.store = storagetest.Lossy(store, 2)
	h.realm = newRealm(t, h.store)
	h.tree = h.open()
	for i := range 10 {
		org := symbolon.OrgID(fmt.Sprint("new", i))
		p, err := h.tree.AsHost("why").Change(t.Context(), policy.Add(org, "owner", nil))
		require.NoError(t, err)
		require.True(t, p.Done)
		p, err = h.tree.Change(t.Context(), h.is("olga"), "why", policy.Remove(org))
		require.NoError(t, err)
		_, err = h.tree.Approve(t.Context(), h.is("omar"), p.ID, p.Difference.Digest())
		require.NoError(t, err)
	}
	count := map[string]int{}
	for _, e := range h.events() {
		count[e]++
	}
	require.Equal(t, map[string]int{"host policy.changed succeeded": 11, "olga policy.proposed succeeded": 10,
		"omar policy.approved succeeded": 10, "omar policy.changed succeeded": 10}, count)
}

// The largest change there is stays within what a store must take, and one more is told before anything is stored.
func TestLargestChange(t *testing.T) {
	h := newHouse(t, storagetest.Strict(t, memory.New()))
	var steps []policy.Step
	for i := range policy.MaxSteps {
		steps = append(steps, policy.Add(symbolon.OrgID(fmt.Sprint("child", i)), "shop", nil))
	}
	_, err := h.tree.Change(t.Context(), h.is("bea"), "why", steps...)
	require.NoError(t, err)
	_, err = h.tree.Plan(t.Context(), policy.Remove("shop"))
	require.ErrorContains(t, err, "touches more than 24 organisations")

	_, err = h.tree.Change(t.Context(), h.is("bea"), "why", policy.Remove("child0"))
	require.NoError(t, err)
	steps = steps[:0]
	for i := range policy.MaxSteps {
		steps = append(steps, policy.Remove(symbolon.OrgID(fmt.Sprint("child", i))))
	}
	p, err := h.tree.Change(t.Context(), h.is("bea"), "why", steps...)
	require.NoError(t, err)
	p, err = h.tree.Approve(t.Context(), h.is("olga"), p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done)
}

// S7: parallel edits from several processes never meet in a tree that is looser anywhere, and each change that was
// granted is there, once, with its record.
func TestParallelEdits(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	olga, omar := h.is("olga"), h.is("omar")
	orgs := []symbolon.OrgID{"owner", "business", "shop", "rival"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	changed, refused := 0, 0
	for n := range 4 {
		tree := h.open() // another process: nothing is shared but the store
		for g := range 2 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(n), uint64(g)))
				for i := range 25 {
					steps := []policy.Step{
						policy.Set(orgs[r.IntN(4)], expiry(1+r.IntN(70))),
						policy.Set(orgs[r.IntN(4)], policy.Settings{policy.LockoutFailures: policy.Count(1 + r.IntN(6))}),
						policy.Move(orgs[1+r.IntN(3)], orgs[r.IntN(4)]),
						policy.Add(symbolon.OrgID(fmt.Sprint("n", n, g, i)), "owner", expiry(1+r.IntN(70))),
					}
					p, err := tree.Change(context.Background(), olga, "edit", steps[r.IntN(4)])
					if err == nil && !p.Done {
						p, err = tree.Approve(context.Background(), omar, p.ID, p.Difference.Digest())
					}
					mu.Lock()
					switch {
					case err == nil && p.Done:
						changed++
					case errors.Is(err, symbolon.ErrInvalid), errors.Is(err, policy.ErrRefused):
						refused++
					default:
						t.Errorf("%v", err)
					}
					mu.Unlock()
				}
			})
			wg.Go(func() { // and somebody signs in
				for range 50 {
					if _, err := tree.Effective(context.Background(), "shop", "rival"); err != nil {
						t.Errorf("%v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	require.NotZero(t, changed)
	require.NotZero(t, refused)
	f, err := h.open().Forest(t.Context())
	require.NoError(t, err, "what is stored stands")
	_, err = policy.NewForest(f.Nodes()...)
	require.NoError(t, err)

	log, err := audit.NewLog(h.realm)
	require.NoError(t, err)
	page, err := log.List(t.Context(), audit.Query{Event: "policy.changed", Limit: 1000})
	require.NoError(t, err)
	done := 0
	for _, r := range page.Records {
		if r.Outcome == audit.Succeeded {
			done++
		}
	}
	require.Equal(t, changed+1, done, "one record each, and one of the set-up")
	for where, r := range records(t, store) {
		if strings.HasSuffix(where, "policy/head") {
			require.Contains(t, string(r.Value), fmt.Sprintf(`"n":%d,`, changed+1))
		}
	}
}
