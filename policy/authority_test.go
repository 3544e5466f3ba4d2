package policy_test

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// A Principal is a snapshot: what it rests on is asked for again by every decision about the tree (SE-08).
func TestPrincipalIsOver(t *testing.T) {
	for _, c := range []struct {
		because string
		ends    func(h *house, staff symbolon.ActorMap)
	}{
		{"its end is reached", func(*house, symbolon.ActorMap) { time.Sleep(authntest.Life) }},
		{"its session was ended", func(h *house, _ symbolon.ActorMap) {
			actors, err := authn.NewActors(h.realm, nil)
			require.NoError(h.t, err)
			require.NoError(h.t, actors.AsHost("a laptop was stolen").EndSessions(h.t.Context(), "omar"))
		}},
		{"they have left", func(_ *house, staff symbolon.ActorMap) { staff["omar"] = symbolon.Actor{Org: "owner", Disabled: true} }},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				staff := maps.Clone(people)
				h := newHouseOf(t, memory.New(), staff)
				ctx, omar := t.Context(), h.is("omar")
				p, err := h.tree.Change(ctx, h.is("olga"), "why", policy.Set("owner", expiry(90)))
				require.NoError(t, err)
				c.ends(h, staff)
				_, err = h.tree.Change(ctx, omar, "why", policy.Set("owner", expiry(10)))
				h.refused(err, policy.ReasonOver, "changes nothing")
				_, err = h.tree.Approve(ctx, omar, p.ID, p.Difference.Digest())
				h.refused(err, policy.ReasonOver, "approves nothing")
				h.refused(h.tree.Withdraw(ctx, omar, p.ID, "why"), policy.ReasonOver, "withdraws nothing")
				require.Equal(t, 60*day, h.expiry("rival"))
				require.Subset(t, h.events(), []string{"omar policy.changed denied", "omar policy.approved denied", "omar policy.withdrawn denied"})
			})
		})
	}
}

// S6, S22: whose word a proposal rests on must still be worth it when it is carried out.
func TestWordsAreWeighedAnew(t *testing.T) {
	loosen := []policy.Step{policy.Set("owner", expiry(90))}
	move := []policy.Step{policy.Move("shop", "rival")}
	for _, c := range []struct {
		because  string
		by       symbolon.ActorID // proposes
		heard    symbolon.ActorID // approves before anything happens
		approver symbolon.ActorID
		steps    []policy.Step
		happens  func(h *house, staff symbolon.ActorMap)
		want     policy.Reason
		missing  []symbolon.OrgID // where the last approver's word does not help
		stale    bool
	}{
		{because: "nothing", by: "olga", approver: "omar", steps: loosen, happens: func(*house, symbolon.ActorMap) {}},
		{because: "the proposer has left", by: "olga", approver: "omar", steps: loosen, stale: true, want: policy.ReasonStale,
			happens: func(_ *house, staff symbolon.ActorMap) { delete(staff, "olga") }},
		{because: "the proposer was locked out of the directory", by: "olga", approver: "omar", steps: loosen, stale: true, want: policy.ReasonStale,
			happens: func(_ *house, staff symbolon.ActorMap) { staff["olga"] = symbolon.Actor{Org: "owner", Disabled: true} }},
		{because: "the proposer went to another organisation", by: "olga", approver: "omar", steps: loosen, stale: true, want: policy.ReasonStale,
			happens: func(_ *house, staff symbolon.ActorMap) { staff["olga"] = symbolon.Actor{Org: "rival"} }},
		{because: "the proposer's authority was withdrawn", by: "bea", approver: "olga", steps: move, stale: true, want: policy.ReasonStale,
			happens: func(h *house, _ symbolon.ActorMap) { h.who.below["business"] = nil }},
		{because: "the proposer turns out to be the approver", by: "olga", approver: "omar", steps: loosen, want: policy.ReasonSamePerson,
			happens: func(_ *house, staff symbolon.ActorMap) {
				staff["olga"] = symbolon.Actor{Org: "owner", Person: "actor/omar"}
			}},
		{because: "the proposer has become somebody unknown", by: "olga", approver: "omar", steps: loosen, want: policy.ReasonSamePerson,
			happens: func(_ *house, staff symbolon.ActorMap) {
				staff["omar"] = symbolon.Actor{Org: "owner", Person: "actor/olga"}
			}},
		{because: "who approved has left", by: "bea", heard: "rui", approver: "omar", steps: move, missing: []symbolon.OrgID{"rival"},
			happens: func(h *house, staff symbolon.ActorMap) {
				delete(staff, "rui")
				h.who.below["owner"] = []symbolon.OrgID{"owner"}
			}},
		{because: "who approved is the proposer after all", by: "bea", heard: "rui", approver: "omar", steps: move, missing: []symbolon.OrgID{"rival"},
			happens: func(h *house, staff symbolon.ActorMap) {
				staff["rui"] = symbolon.Actor{Org: "rival", Person: "actor/bea"}
				h.who.below["owner"] = []symbolon.OrgID{"owner"}
			}},
		{because: "who approved is still heard", by: "bea", heard: "rui", approver: "omar", steps: move,
			happens: func(h *house, _ symbolon.ActorMap) { h.who.below["owner"] = []symbolon.OrgID{"owner"} }},
	} {
		t.Run(c.because, func(t *testing.T) {
			staff := maps.Clone(people)
			h := newHouseOf(t, memory.New(), staff)
			ctx := t.Context()
			p, err := h.tree.Change(ctx, h.is(c.by), "why", c.steps...)
			require.NoError(t, err)
			require.False(t, p.Done)
			if c.heard != "" {
				_, err = h.tree.Approve(ctx, h.is(c.heard), p.ID, p.Difference.Digest())
				require.NoError(t, err)
			}
			approver := h.is(c.approver)
			c.happens(h, staff)

			waiting, err := h.tree.Proposals(ctx)
			require.NoError(t, err)
			require.Len(t, waiting, 1)
			require.Equal(t, c.stale, waiting[0].Stale, "the list says so")
			require.Subset(t, waiting[0].Missing, c.missing)
			done, err := h.tree.Approve(ctx, approver, p.ID, p.Difference.Digest())
			if c.want != "" {
				h.refused(err, c.want, c.because)
				require.Equal(t, 60*day, h.expiry("rival"), "nothing has changed")
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.missing, done.Missing)
			require.Equal(t, c.missing == nil, done.Done)
		})
	}
}

// A word that counts again is heard again, and what everybody has agreed to is carried out by the next who says so.
func TestAuthorityComesBack(t *testing.T) {
	h := newHouseOf(t, memory.New(), maps.Clone(people))
	ctx := t.Context()
	h.who.below["owner"] = []symbolon.OrgID{"owner"}
	p, err := h.tree.Change(ctx, h.is("bea"), "sold", policy.Move("shop", "rival"))
	require.NoError(t, err)
	digest := p.Difference.Digest()
	p, err = h.tree.Approve(ctx, h.is("rui"), p.ID, digest)
	require.NoError(t, err)
	h.who.below["rival"] = nil // rui is on leave
	p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, digest)
	require.NoError(t, err)
	require.False(t, p.Done)
	require.Equal(t, []symbolon.OrgID{"rival"}, p.Missing)
	h.who.below["rival"] = []symbolon.OrgID{"rival"}

	waiting, err := h.tree.Proposals(ctx)
	require.NoError(t, err)
	require.Empty(t, waiting[0].Missing, "all agree now")
	_, err = h.tree.Approve(ctx, h.is("bea"), p.ID, digest)
	h.refused(err, policy.ReasonSamePerson, "but who proposed it does not say when")
	p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, digest)
	require.NoError(t, err)
	require.True(t, p.Done)
	require.Equal(t, 60*day, h.expiry("shop"))
	f, err := h.tree.Forest(ctx)
	require.NoError(t, err)
	for _, n := range f.Nodes() {
		require.False(t, n.Org == "shop" && n.Parent != "rival", "done means in force")
	}
}

// Whoever approves again speaks for all that they hold by now, and is still one person.
func TestApprovesAgainWithMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouseOf(t, memory.New(), maps.Clone(people))
		ctx := t.Context()
		p, err := h.tree.Change(ctx, h.is("bea"), "sold", policy.Move("shop", "rival"), policy.Unset("business", policy.PasswordMinLength))
		require.NoError(t, err)
		digest := p.Difference.Digest()
		require.Equal(t, []symbolon.OrgID{"business", "owner", "rival"}, p.Missing)
		for _, c := range []struct {
			below, heard []symbolon.OrgID
			missing      []symbolon.OrgID
		}{
			{[]symbolon.OrgID{"rival"}, []symbolon.OrgID{"rival"}, []symbolon.OrgID{"business", "owner"}},
			{[]symbolon.OrgID{"rival"}, []symbolon.OrgID{"rival"}, []symbolon.OrgID{"business", "owner"}},
			{[]symbolon.OrgID{"rival", "owner"}, []symbolon.OrgID{"owner", "rival"}, []symbolon.OrgID{"business"}},
		} {
			h.who.below["rival"] = c.below
			time.Sleep(time.Second)
			p, err = h.tree.Approve(ctx, h.is("rui"), p.ID, digest)
			require.NoError(t, err)
			require.Len(t, p.Approvals, 1)
			require.Equal(t, c.heard, p.Approvals[0].For)
			require.Equal(t, c.missing, p.Missing)
			waiting, err := h.tree.Proposals(ctx)
			require.NoError(t, err)
			require.Equal(t, c.missing, waiting[0].Missing, "and so it is stored")
		}
		p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, digest)
		require.NoError(t, err)
		require.True(t, p.Done)
		count := map[string]int{}
		for _, e := range h.events() {
			count[e]++
		}
		require.Equal(t, 2, count["rui policy.approved succeeded"], "what changes nothing is not recorded")
	})
}

// S8: a directory or an authority that cannot answer approves nothing, and the list says that it cannot.
func TestNobodyKnowsWhoHoldsAuthority(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx := t.Context()
	p, err := h.tree.Change(ctx, h.is("olga"), "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	omar := h.is("omar")
	h.who.err = errors.New("down")
	_, err = h.tree.Approve(ctx, omar, p.ID, p.Difference.Digest())
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	_, err = h.tree.Proposals(ctx)
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.ErrorIs(t, h.tree.Withdraw(ctx, omar, p.ID, "why"), symbolon.ErrUnavailable)
	h.who.err = nil
	_, err = h.tree.Approve(ctx, omar, p.ID, p.Difference.Digest())
	require.NoError(t, err)
}

// S7: a proposal is withdrawn by who proposed it, or by whoever holds authority in it, and by nobody else.
func TestWithdraw(t *testing.T) {
	move := []policy.Step{policy.Add("new", "rival", nil), policy.Move("shop", "new")}
	for _, c := range []struct {
		who     symbolon.ActorID
		want    policy.Reason
		because string
	}{
		{"bea", "", "who proposed it"},
		{"rui", "", "the other side of the move"},
		{"omar", "", "above both"},
		{"robot", "", "software may: it loosens nothing"},
		{"sue", policy.ReasonAuthority, "a stranger"},
		{"olga", "", "above both, too"},
	} {
		t.Run(c.because, func(t *testing.T) {
			staff := maps.Clone(people)
			staff["sue"] = symbolon.Actor{Org: "stranger"}
			h := newHouseOf(t, memory.New(), staff)
			h.who.below["stranger"] = []symbolon.OrgID{"", "new"} // authority over what is not there is none
			ctx := t.Context()
			p, err := h.tree.Change(ctx, h.is("bea"), "sold", move...)
			require.NoError(t, err)
			require.False(t, p.Done)
			who := h.is(c.who)
			for _, reason := range []string{"", " "} {
				require.ErrorIs(t, h.tree.Withdraw(ctx, who, p.ID, reason), symbolon.ErrInvalid)
			}
			err = h.tree.Withdraw(ctx, who, p.ID, "not sold after all")
			waiting, listed := h.tree.Proposals(ctx)
			require.NoError(t, listed)
			if c.want != "" {
				h.refused(err, c.want, c.because)
				require.Len(t, waiting, 1)
				return
			}
			require.NoError(t, err)
			require.Empty(t, waiting)
			_, err = h.tree.Approve(ctx, h.is("olga"), p.ID, p.Difference.Digest())
			h.refused(err, policy.ReasonUnknown, "it waits no more")
			h.refused(h.tree.Withdraw(ctx, who, p.ID, "again"), policy.ReasonUnknown, "nor twice")

			log, err := audit.NewLog(h.realm)
			require.NoError(t, err)
			page, err := log.List(ctx, audit.Query{Event: "policy.withdrawn", Actor: c.who})
			require.NoError(t, err)
			for _, r := range page.Records {
				if r.Outcome == audit.Succeeded {
					require.Equal(t, "not sold after all bea "+p.ID, r.Reason+" "+r.Detail["proposed_by"]+" "+r.Detail["proposal"])
				}
			}
			require.Contains(t, h.events(), string(c.who)+" policy.withdrawn succeeded")
		})
	}
}

// A proposal that cannot stand any more, or whose proposer has left, can still be cleared away, by the host too.
func TestWithdrawWhatIsStale(t *testing.T) {
	staff := maps.Clone(people)
	h := newHouseOf(t, memory.New(), staff)
	ctx := t.Context()
	p, err := h.tree.Change(ctx, h.is("bea"), "why", policy.Move("shop", "rival"))
	require.NoError(t, err)
	q, err := h.tree.Change(ctx, h.is("olga"), "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	_, err = h.tree.AsHost("closed").Change(ctx, policy.Move("shop", "owner"), policy.Remove("rival"))
	require.NoError(t, err)
	all, err := h.tree.Proposals(ctx)
	require.NoError(t, err)
	for _, one := range all {
		if one.By == "" {
			_, err = h.tree.Approve(ctx, h.is("omar"), one.ID, one.Difference.Digest())
			require.NoError(t, err)
		}
	}
	delete(staff, "bea")
	require.NoError(t, h.tree.Withdraw(ctx, h.is("omar"), p.ID, "the rival is gone"))
	require.ErrorIs(t, h.tree.AsHost("").Withdraw(ctx, q.ID), symbolon.ErrInvalid)
	require.NoError(t, h.tree.AsHost("release 13").Withdraw(ctx, q.ID))
	require.Contains(t, h.events(), "host policy.withdrawn succeeded")
	waiting, err := h.tree.Proposals(ctx)
	require.NoError(t, err)
	require.Empty(t, waiting)
}

// A reply that is lost, a commit that is late and an approval that is faster: what was approved is not called withdrawn.
func TestWithdrawRaces(t *testing.T) {
	h, m, _ := twoDesks(t)
	ctx := t.Context()
	olga, omar := h.is("olga"), h.is("omar")
	for what, meddle := range map[string]func(){
		"the reply is lost":  func() { m.after = func() {} },
		"the commit is late": func() { m.late = true },
	} {
		p, err := h.tree.Change(ctx, olga, "why", policy.Set("owner", expiry(90)))
		require.NoError(t, err)
		meddle()
		require.NoError(t, h.tree.Withdraw(ctx, omar, p.ID, "why"), what)
	}
	p, err := h.tree.Change(ctx, olga, "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	there := newRealm(t, h.store)
	tree, err := policy.New(there, h.who, nil)
	require.NoError(t, err)
	other := authntest.Principal(t, there, authntest.Who{Actor: "omar"})
	m.before = func() {
		p, err := tree.Approve(ctx, other, p.ID, p.Difference.Digest())
		require.NoError(t, err)
		require.True(t, p.Done)
	}
	h.refused(h.tree.Withdraw(ctx, olga, p.ID, "why"), policy.ReasonUnknown, "it is in force")
	require.Equal(t, 90*day, h.expiry("rival"))
}
