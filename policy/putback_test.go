package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// S6, S22: a proposal counts once. A writer of the database who puts back the record of one that was carried out, or was
// withdrawn, makes nobody approve it again, and locks nobody out.
func TestProposalPutBack(t *testing.T) {
	for _, withdrawn := range []bool{false, true} {
		store := memory.New()
		h := newHouse(t, store)
		ctx := t.Context()
		p, err := h.tree.Change(ctx, h.is("olga"), "why", policy.Set("owner", expiry(90)))
		require.NoError(t, err)
		kept := records(t, store)
		if withdrawn {
			require.NoError(t, h.tree.Withdraw(ctx, h.is("olga"), p.ID, "a mistake"))
		} else {
			_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, p.Difference.Digest())
			require.NoError(t, err)
			_, err = h.tree.Change(ctx, h.is("olga"), "back", policy.Set("owner", expiry(60)))
			require.NoError(t, err)
		}
		for range 40 { // and for longer than the head knows changes by their ids
			_, err = h.tree.AsHost("stricter").Change(ctx, policy.Set("rival", expiry(59)))
			require.NoError(t, err)
			_, err = h.open().AsHost("more").Change(ctx, policy.Set("shop", expiry(59)))
			require.NoError(t, err)
		}
		var head string
		for where, r := range kept {
			if strings.Contains(where, "policy/proposal/") {
				put(t, store, where, r.Value)
			}
			if strings.HasSuffix(where, "policy/head") {
				head = where
			}
		}
		_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, p.Difference.Digest())
		h.refused(err, policy.ReasonUnknown, "it does not wait")
		h.refused(h.tree.Withdraw(ctx, h.is("olga"), p.ID, "why"), policy.ReasonUnknown, "nor can it be withdrawn")
		waiting, err := h.tree.Proposals(ctx)
		require.NoError(t, err)
		require.Empty(t, waiting)
		require.Equal(t, 60*day, h.expiry("owner"), "and everybody is let in")
		put(t, store, head, kept[head].Value)
		_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, p.Difference.Digest())
		require.Error(t, err, "with the head of then")
	}
}
