package policy_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// S7: a move in two changes, removed here by its own people and added there by one person, needs whom a move needs; in
// another process too, which knows of the removal from the head alone.
func TestRemoveThenAddIsMove(t *testing.T) {
	type orgs = []symbolon.OrgID
	staff := maps.Clone(people)
	staff["ben"] = symbolon.Actor{Org: "business"}
	h := newHouseOf(t, memory.New(), staff)
	ctx := t.Context()
	move, err := h.tree.Plan(ctx, policy.Move("shop", "rival"))
	require.NoError(t, err)
	p, err := h.tree.Change(ctx, h.is("bea"), "closing", policy.Remove("shop"))
	require.NoError(t, err)
	p, err = h.tree.Approve(ctx, h.is("ben"), p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done)

	h.tree = h.open()
	add := policy.Add("shop", "rival", nil)
	p, err = h.tree.Change(ctx, h.is("rui"), "new", add)
	require.NoError(t, err)
	require.False(t, p.Done)
	require.Equal(t, move.Needs, p.Difference.Needs)
	require.Equal(t, orgs{"owner"}, p.Difference.Approve)
	require.Equal(t, orgs{"shop"}, p.Difference.Returned)
	require.Contains(t, p.Difference.String(), `was removed elsewhere, comes back: ["shop"]`)
	_, err = h.tree.Effective(ctx, "shop")
	require.Error(t, err, "nobody of it comes in yet")

	same, err := h.tree.Plan(ctx, policy.Add("shop", "business", nil))
	require.NoError(t, err)
	require.Equal(t, orgs{"business"}, same.Needs, "back to where it was")
	require.Empty(t, same.Approve, "as was approved when it was removed")

	p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done, "with authority over all")
	d, err := h.tree.Plan(ctx, policy.Remove("shop"))
	require.NoError(t, err)
	require.Equal(t, orgs{"rival"}, d.Needs)
}

// S7: nor is it a way around to remove what it stood under first.
func TestReturnFromUnderWhatIsGone(t *testing.T) {
	h := newHouse(t, memory.New())
	f, err := h.tree.Forest(t.Context())
	require.NoError(t, err)
	for _, step := range []policy.Step{policy.Remove("shop"), policy.Remove("business")} {
		f, _, err = f.Plan(step)
		require.NoError(t, err)
	}
	_, d, err := f.Plan(policy.Add("shop", "rival", nil))
	require.NoError(t, err)
	require.Equal(t, []symbolon.OrgID{"owner", "rival"}, d.Needs)
	require.Equal(t, []symbolon.OrgID{"owner"}, d.Approve)
}
