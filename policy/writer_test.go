package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// records returns what lies in the store under the tenant's tree: by name, with its shard.
func records(t testing.TB, s storage.Store) map[string]storage.Record {
	t.Helper()
	found := map[string]storage.Record{}
	for i := range 64 {
		recs, err := s.Scan(t.Context(), shard(i), "", "", storage.MaxScan)
		require.NoError(t, err)
		for _, r := range recs {
			if strings.HasPrefix(r.Name, "org/") || strings.HasPrefix(r.Name, "policy/") {
				found[fmt.Sprintf("%02x %s", i, r.Name)] = r
			}
		}
	}
	return found
}

func shard(i int) string { return fmt.Sprintf("acme/%02x", i) }

// put writes past the library, as whoever has stolen the database's password can.
func put(t testing.TB, s storage.Store, where string, value []byte) {
	t.Helper()
	bucket, name, _ := strings.Cut(where, " ")
	op := storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: value, Version: storage.Version{byte(rand.IntN(255) + 1), 1}}
	if value == nil {
		op = storage.Op{Act: storage.Delete, Name: name, Cond: storage.Any}
	}
	require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: "acme/" + bucket, Now: time.Now(), Ops: []storage.Op{op}}))
}

// S6, S8: whoever can write to the database cannot loosen the tree: what they change or take away lets nobody in.
func TestWriterOfTheDatabase(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	before := records(t, store)
	var owner, head string
	for where := range before {
		switch {
		case strings.HasSuffix(where, "org/owner"):
			owner = where
		case strings.HasSuffix(where, "policy/head"):
			head = where
		}
	}
	require.NotEmpty(t, owner)
	require.NotEmpty(t, head)
	_, err := h.tree.Change(t.Context(), h.is("bea"), "why", policy.Set("business", expiry(30)))
	require.NoError(t, err)
	now := records(t, store)

	for _, c := range []struct {
		because string
		writes  map[string][]byte
	}{
		{"a laxer wish", map[string][]byte{owner: []byte(strings.Replace(string(now[owner].Value), "60d", "90d", 1))}},
		{"no wish", map[string][]byte{owner: nil}},
		{"an organisation of their own", map[string][]byte{owner[:3] + "org/evil": []byte(`{"v":1,"org":"evil"}`)}},
		{"no JSON", map[string][]byte{owner: []byte(`{`)}},
		{"a newer version", map[string][]byte{owner: []byte(`{"v":2,"org":"owner"}`)}},
		{"no head", map[string][]byte{head: nil}},
		{"a head of their own", map[string][]byte{head: []byte(strings.Replace(string(now[head].Value), `"n":2`, `"n":3`, 1))}},
		{"a head without a seal", map[string][]byte{head: []byte(`{"v":1,"body":{"n":9,"sum":"","recent":null},"mac":""}`)}},
		{"yesterday's tree, to who has seen today's", map[string][]byte{head: before[head].Value, strings.Replace(owner, "owner", "business", 1): before[strings.Replace(owner, "owner", "business", 1)].Value}},
	} {
		t.Run(c.because, func(t *testing.T) {
			for where, value := range c.writes {
				put(t, store, where, value)
			}
			defer func() {
				for where := range c.writes {
					put(t, store, where, now[where].Value)
				}
			}()
			// Who has the tree in memory and finds the head unchanged goes on with what was true; whoever starts now does not.
			tree := h.open()
			if strings.HasPrefix(c.because, "yesterday") {
				tree = h.tree
			}
			_, err := tree.Effective(t.Context(), "shop")
			if c.because == "no head" {
				require.Error(t, err)
			} else {
				require.ErrorIs(t, err, symbolon.ErrUnavailable)
			}
			_, err = tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(10)))
			require.Error(t, err)
		})
		require.Equal(t, 30*day, h.expiry("shop"), "and it is all there again")
	}
}

// S6: nor is it enough to be quick: who reads only what a change has touched still holds all of it to what was committed.
func TestWriterIsQuick(t *testing.T) {
	for because, write := range map[string]func(string) []byte{
		"a laxer wish": func(was string) []byte { return []byte(strings.Replace(was, "30d", "50d", 1)) },
		"the former":   func(was string) []byte { return []byte(strings.Replace(was, "30d", "60d", 1)) },
		"none":         func(string) []byte { return nil },
		"no record":    func(string) []byte { return []byte("{") },
	} {
		store := memory.New()
		h := newHouse(t, store)
		require.Equal(t, 60*day, h.expiry("shop"), "read, and in memory")
		_, err := h.open().Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(30)))
		require.NoError(t, err)
		for where, r := range records(t, store) {
			if strings.HasSuffix(where, "org/owner") {
				require.Contains(t, string(r.Value), "30d")
				put(t, store, where, write(string(r.Value)))
				_, err = h.tree.Effective(t.Context(), "shop")
				require.ErrorIs(t, err, symbolon.ErrUnavailable, because)
				put(t, store, where, r.Value)
				require.Equal(t, 30*day, h.expiry("shop"), because)
			}
		}
	}
}

// S6: nor can they approve.
func TestForgedApproval(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	p, err := h.tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	for where, r := range records(t, store) {
		if strings.Contains(where, "policy/proposal/") {
			put(t, store, where, []byte(strings.Replace(string(r.Value), "actor/olga", "actor/else", 1)))
		}
	}
	_, err = h.tree.Approve(t.Context(), h.is("olga2"), p.ID, p.Difference.Digest())
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.Equal(t, 60*day, h.expiry("rival"))
	_, err = h.tree.Proposals(t.Context())
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
}

// S6: what was said of one proposal counts for no other.
func TestMovedProposal(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	ctx := t.Context()
	approved, err := h.tree.Change(ctx, h.is("bea"), "sold", policy.Move("shop", "rival"))
	require.NoError(t, err)
	_, err = h.tree.Approve(ctx, h.is("rui"), approved.ID, approved.Difference.Digest())
	require.NoError(t, err)
	other, err := h.tree.Change(ctx, h.is("bea"), "sold again", policy.Move("shop", "rival"))
	require.NoError(t, err)
	all := records(t, store)
	at := func(p policy.Proposal) string {
		for where := range all {
			if strings.HasSuffix(where, "policy/proposal/"+p.ID) {
				return where
			}
		}
		t.Fatal("no record of " + p.ID)
		return ""
	}
	put(t, store, at(other), all[at(approved)].Value)
	_, err = h.tree.Approve(ctx, h.is("omar"), other.ID, other.Difference.Digest())
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
}

// S6: a proposal that a writer of the database has kept beyond its time, or put back, does not wait any more.
func TestKeptProposal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		h := newHouse(t, store)
		p, err := h.tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(90)))
		require.NoError(t, err)
		kept := records(t, store)
		time.Sleep(72 * time.Hour)
		n := 0
		for where, r := range kept {
			if strings.Contains(where, "policy/proposal/") {
				put(t, store, where, r.Value)
				n++
			}
		}
		require.Equal(t, 1, n)
		_, err = h.tree.Approve(t.Context(), h.is("omar"), p.ID, p.Difference.Digest())
		h.refused(err, policy.ReasonUnknown, "its time is over")
		waiting, err := h.tree.Proposals(t.Context())
		require.NoError(t, err)
		require.Empty(t, waiting)
		h.refused(h.tree.Withdraw(t.Context(), h.is("olga"), p.ID, "why"), policy.ReasonUnknown, "nor is there anything to withdraw")
	})
}
