package policy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// meddled is a store in which something happens just before or just after the next commit; after it, the reply is lost.
type meddled struct {
	storage.Store
	before, after func()
	late          bool // the next commit gets no reply, and arrives only when the one after it is sent
	held          *storage.Batch
}

func (m *meddled) Commit(ctx context.Context, b storage.Batch) error {
	if m.late {
		m.late, m.held = false, &b
		return errors.New("no reply")
	}
	if m.held != nil {
		held := *m.held
		m.held = nil
		if err := m.Store.Commit(ctx, held); err != nil {
			return err
		}
	}
	before, after := m.before, m.after
	m.before, m.after = nil, nil
	if before != nil {
		before()
	}
	err := m.Store.Commit(ctx, b)
	if after != nil && err == nil {
		after()
		return errors.New("no reply")
	}
	return err
}

// twoDesks returns a house whose store can be meddled with, and another process at the same data.
func twoDesks(t *testing.T) (*house, *meddled, *policy.Tree) {
	store := memory.New()
	h := newHouse(t, store)
	other := h.open()
	m := &meddled{Store: store}
	h.realm = newRealm(t, m)
	h.tree = h.open()
	return h, m, other
}

// S7: a change is computed anew when another process was faster, and refused if it no longer stands.
func TestAnotherProcessIsFaster(t *testing.T) {
	h, m, other := twoDesks(t)
	ctx := t.Context()
	bea := h.is("bea") // before anything happens: it commits a session
	m.before = func() {
		_, err := other.AsHost("faster").Change(ctx, policy.Set("owner", expiry(20)))
		require.NoError(t, err)
	}
	_, err := h.tree.Change(ctx, bea, "why", policy.Set("shop", expiry(30)))
	require.ErrorContains(t, err, `"shop": password.expiry 30d is looser than 20d, which "owner" has set`)

	m.before = func() {
		_, err := other.AsHost("faster").Change(ctx, policy.Add("more", "owner", nil))
		require.NoError(t, err)
	}
	_, err = h.tree.Change(ctx, bea, "why", policy.Set("shop", expiry(10)))
	require.NoError(t, err)
	require.Equal(t, 10*day, h.expiry("shop"))
	require.Equal(t, 20*day, h.expiry("more"), "and the other's is there too")
}

// A reply that was lost, and a change by another process after it: what was done is not done again, nor called a failure.
func TestLostReplyAndAnotherChange(t *testing.T) {
	h, m, other := twoDesks(t)
	ctx := t.Context()
	n := 0
	meddle := func() {
		n++
		_, err := other.AsHost("faster").Change(ctx, policy.Add(symbolon.OrgID("more"+string(rune('0'+n))), "owner", nil))
		require.NoError(t, err)
	}
	bea, olga := h.is("bea"), h.is("olga")
	m.after = meddle
	p, err := h.tree.Change(ctx, bea, "why", policy.Add("new", "shop", nil))
	require.NoError(t, err)
	require.True(t, p.Done)

	m.after = meddle
	p, err = h.tree.Change(ctx, bea, "why", policy.Move("shop", "rival"))
	require.NoError(t, err)
	require.False(t, p.Done)
	rui := h.is("rui")
	m.after = meddle
	p, err = h.tree.Approve(ctx, rui, p.ID, p.Difference.Digest())
	require.NoError(t, err)
	m.after = meddle
	p, err = h.tree.Approve(ctx, olga, p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done)

	count := map[string]int{}
	for _, e := range h.events() {
		count[e]++
	}
	require.Equal(t, map[string]int{"host policy.changed succeeded": 1 + n, "bea policy.changed succeeded": 1, "bea policy.proposed succeeded": 1,
		"rui policy.approved succeeded": 1, "olga policy.approved succeeded": 1, "olga policy.changed succeeded": 1}, count)
}

// A commit that arrives after it was given up: the second try finds that it was the first.
func TestLateCommit(t *testing.T) {
	h, m, _ := twoDesks(t)
	ctx := t.Context()
	bea, olga, rui := h.is("bea"), h.is("olga"), h.is("rui")
	m.late = true
	p, err := h.tree.Change(ctx, bea, "why", policy.Add("new", "shop", nil))
	require.NoError(t, err)
	require.True(t, p.Done)
	m.late = true
	p, err = h.tree.Change(ctx, bea, "why", policy.Move("shop", "rival"))
	require.NoError(t, err)
	m.late = true
	p, err = h.tree.Approve(ctx, rui, p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.Len(t, p.Approvals, 1)
	m.late = true
	p, err = h.tree.Approve(ctx, olga, p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done)
	require.Nil(t, m.held)
	require.Len(t, h.events(), 1+1+1+1+2)
}

// Two approve at once, each in a process of their own: both are heard, and it is done once.
func TestTwoApproveAtOnce(t *testing.T) {
	h, m, _ := twoDesks(t)
	ctx := t.Context()
	p, err := h.tree.Change(ctx, h.is("bea"), "sold", policy.Move("shop", "rival"))
	require.NoError(t, err)
	digest := p.Difference.Digest()
	otherRealm := newRealm(t, h.store)
	there, err := policy.New(otherRealm, h.who, nil)
	require.NoError(t, err)
	olga := authntest.Principal(t, otherRealm, authntest.Who{Actor: "olga"})
	rui := h.is("rui")

	m.before = func() {
		p, err := there.Approve(ctx, olga, p.ID, digest)
		require.NoError(t, err)
		require.True(t, p.Done, "she holds authority at both")
	}
	_, err = h.tree.Approve(ctx, rui, p.ID, digest)
	h.refused(err, policy.ReasonUnknown, "it is done")

	p, err = h.tree.Change(ctx, rui, "bought back", policy.Set("rival", expiry(50)), policy.Move("shop", "business"))
	require.NoError(t, err)
	require.Equal(t, []symbolon.OrgID{"business", "owner"}, p.Missing)
	digest = p.Difference.Digest()
	bea, omar := authntest.Principal(t, otherRealm, authntest.Who{Actor: "bea"}), h.is("omar")
	m.before = func() {
		p, err := there.Approve(ctx, bea, p.ID, digest)
		require.NoError(t, err)
		require.False(t, p.Done)
	}
	p, err = h.tree.Approve(ctx, omar, p.ID, digest)
	require.NoError(t, err)
	require.True(t, p.Done)
	require.Len(t, p.Approvals, 2, "neither word is lost")
	require.Nil(t, m.before)
}

// Whoever waits for a turn no longer than their context does.
func TestContextEnds(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.tree.Change(ctx, h.is("bea"), "why", policy.Set("shop", expiry(10)))
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
}
