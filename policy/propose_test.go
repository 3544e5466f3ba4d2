package policy_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// S7, S22: tightening is done at once; loosening waits for a second person; every word is recorded with its change.
func TestChangeAndApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, memory.New())
		ctx := t.Context()

		p, err := h.tree.Change(ctx, h.is("bea"), "audit finding 7", policy.Set("business", expiry(30)))
		require.NoError(t, err)
		require.True(t, p.Done)
		require.Equal(t, 30*day, h.expiry("shop"), "at once")
		time.Sleep(time.Second)

		loosen := policy.Set("owner", expiry(90))
		p, err = h.tree.Change(ctx, h.is("olga"), "too many calls", loosen)
		require.NoError(t, err)
		require.False(t, p.Done)
		require.Equal(t, []symbolon.OrgID{"owner"}, p.Missing)
		require.Equal(t, 60*day, h.expiry("rival"), "nothing has changed")
		time.Sleep(time.Second)

		digest := p.Difference.Digest()
		for _, c := range []struct {
			who     symbolon.ActorID
			digest  string
			want    policy.Reason
			because string
		}{
			{"olga", digest, policy.ReasonSamePerson, "oneself"},
			{"olga2", digest, policy.ReasonSamePerson, "oneself, by another account"},
			{"robot", digest, policy.ReasonNotHuman, "software approves nothing (S29)"},
			{"bea", digest, policy.ReasonAuthority, "no authority at the owner"},
			{"omar", "x", policy.ReasonStale, "they have read something else"},
		} {
			_, err := h.tree.Approve(ctx, h.is(c.who), p.ID, c.digest)
			h.refused(err, c.want, c.because)
			time.Sleep(time.Second)
		}
		_, err = h.tree.Approve(ctx, h.is("omar"), "nothing", digest)
		h.refused(err, policy.ReasonUnknown, "no such proposal")
		time.Sleep(time.Second)

		waiting, err := h.tree.Proposals(ctx)
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.Equal(t, p.Difference.String(), waiting[0].Difference.String())
		require.Equal(t, "too many calls olga", waiting[0].Reason+" "+string(waiting[0].By))

		p, err = h.tree.Approve(ctx, h.is("omar"), p.ID, digest)
		require.NoError(t, err)
		require.True(t, p.Done)
		require.Equal(t, 90*day, h.expiry("rival"))
		require.Equal(t, 30*day, h.expiry("shop"), "who is stricter stays so")
		waiting, err = h.tree.Proposals(ctx)
		require.NoError(t, err)
		require.Empty(t, waiting)
		time.Sleep(time.Second)
		_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, digest)
		h.refused(err, policy.ReasonUnknown, "it is done")

		require.ElementsMatch(t, []string{"host policy.changed succeeded", "bea policy.changed succeeded", "olga policy.proposed succeeded",
			"olga policy.approved denied", "olga2 policy.approved denied", "robot policy.approved denied", "bea policy.approved denied",
			"omar policy.approved denied", "omar policy.approved denied", "omar policy.approved succeeded", "omar policy.changed succeeded",
			"omar policy.approved denied"}, h.events())
		log, err := audit.NewLog(h.realm)
		require.NoError(t, err)
		page, err := log.List(ctx, audit.Query{Event: "policy.changed", Actor: "bea"})
		require.NoError(t, err)
		require.Equal(t, "audit finding 7 Org/business", page.Records[0].Reason+" "+page.Records[0].Resource)
		page, err = log.List(ctx, audit.Query{Event: "policy.changed", Actor: "omar"})
		require.NoError(t, err)
		rec := page.Records[0]
		require.Equal(t, "too many calls", rec.Reason)
		require.Equal(t, "Org/owner", rec.Resource)
		require.Equal(t, "olga omar "+digest, rec.Detail["proposed_by"]+" "+rec.Detail["approved_by"]+" "+rec.Detail["digest"])
		require.Contains(t, rec.Detail["change"], `looser: "rival" password.expiry 90d, was 60d`)
		require.Equal(t, "3", rec.Detail["number"], "of the changes of this tree, so that one that was put back shows")
	})
}

// S7: who has no authority changes nothing, and a directory that is down gives none.
func TestAuthority(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx := t.Context()
	for _, c := range []struct {
		who     symbolon.ActorID
		step    policy.Step
		because string
	}{
		{"bea", policy.Set("rival", expiry(30)), "another branch"},
		{"bea", policy.Set("owner", expiry(30)), "above"},
		{"bea", policy.Add("new", "rival", nil), "below another"},
		{"olga", policy.Add("top", "", nil), "a top is the host's"},
		{"olga", policy.Move("business", ""), "out of reach is the host's"},
	} {
		_, err := h.tree.Change(ctx, h.is(c.who), "why", c.step)
		h.refused(err, policy.ReasonAuthority, c.because)
	}
	_, err := h.tree.Change(ctx, symbolon.Principal{}, "why", policy.Set("shop", expiry(30)))
	h.refused(err, policy.ReasonAuthority, "nobody")
	other := newHouse(t, memory.New())
	_, err = h.tree.Change(ctx, other.is("olga"), "why", policy.Set("shop", expiry(30)))
	h.refused(err, policy.ReasonAuthority, "a Principal of another realm (S17)")
	for _, reason := range []string{"", " \n", strings.Repeat("x", 501)} {
		_, err = h.tree.Change(ctx, h.is("olga"), reason, policy.Set("shop", expiry(30)))
		require.ErrorIs(t, err, symbolon.ErrInvalid)
	}

	h.who.err = errors.New("the directory is down")
	_, err = h.tree.Change(ctx, h.is("olga"), "why", policy.Set("shop", expiry(30)))
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.Equal(t, 60*day, h.expiry("shop"), "none of it")
}

// S7: moving needs both parents and whoever is above both; one person may hold all, or several agree.
func TestMoveNeedsBothSides(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx := t.Context()
	move := policy.Move("shop", "rival")

	p, err := h.tree.Change(ctx, h.is("bea"), "sold", move)
	require.NoError(t, err)
	require.Equal(t, []symbolon.OrgID{"owner", "rival"}, p.Missing)
	digest := p.Difference.Digest()
	p, err = h.tree.Approve(ctx, h.is("rui"), p.ID, digest)
	require.NoError(t, err)
	require.False(t, p.Done)
	require.Equal(t, []symbolon.OrgID{"owner"}, p.Missing)
	again, err := h.tree.Approve(ctx, h.is("rui"), p.ID, digest)
	require.NoError(t, err, "twice is once")
	require.Len(t, again.Approvals, 1)
	p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, digest)
	require.NoError(t, err)
	require.True(t, p.Done)
	require.Equal(t, []symbolon.OrgID{"shop"}, p.Difference.Moved, "whose sessions must end")

	p, err = h.tree.Change(ctx, h.is("olga"), "bought back", policy.Move("shop", "business"))
	require.NoError(t, err)
	require.True(t, p.Done, "with authority over all three, and nothing loosened")
}

// A proposal is for one difference; when the tree moves on under it, it is for none.
func TestStaleProposals(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx := t.Context()
	p, err := h.tree.Change(ctx, h.is("olga"), "why", policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	_, err = h.tree.Change(ctx, h.is("bea"), "other", policy.Set("business", policy.Settings{policy.PasswordHistory: policy.Count(4)}))
	require.NoError(t, err)
	waiting, err := h.tree.Proposals(ctx)
	require.NoError(t, err)
	require.False(t, waiting[0].Stale, "what is elsewhere makes no difference")

	_, err = h.tree.Change(ctx, h.is("omar"), "meanwhile", policy.Add("more", "owner", nil), policy.Set("rival", expiry(45)))
	require.NoError(t, err)
	waiting, err = h.tree.Proposals(ctx)
	require.NoError(t, err)
	require.True(t, waiting[0].Stale, "fewer are loosened now")
	_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, p.Difference.Digest())
	h.refused(err, policy.ReasonStale, "what was proposed is not what would be done")
	_, err = h.tree.Approve(ctx, h.is("omar"), p.ID, waiting[0].Difference.Digest())
	h.refused(err, policy.ReasonStale, "nor was what would be done proposed")
}

// A proposal does not wait for ever.
func TestProposalsLapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, memory.New())
		p, err := h.tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(90)))
		require.NoError(t, err)
		time.Sleep(72*time.Hour - time.Second)
		_, err = h.tree.Approve(t.Context(), h.is("bea"), p.ID, p.Difference.Digest())
		h.refused(err, policy.ReasonAuthority, "it waits still")
		time.Sleep(time.Second)
		_, err = h.tree.Approve(t.Context(), h.is("omar"), p.ID, p.Difference.Digest())
		h.refused(err, policy.ReasonUnknown, "it does not wait any more")
	})
}

// S6, S7: the host alone makes the tops, and loosens no more alone than anybody.
func TestHost(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx := t.Context()
	p, err := h.tree.AsHost("release 12").Change(ctx, policy.Set("owner", expiry(90)))
	require.NoError(t, err)
	require.False(t, p.Done)
	p, err = h.tree.Approve(ctx, h.is("olga"), p.ID, p.Difference.Digest())
	require.NoError(t, err)
	require.True(t, p.Done)
	_, err = h.tree.AsHost("").Change(ctx, policy.Set("owner", expiry(30)))
	require.ErrorIs(t, err, symbolon.ErrInvalid)
}

// What could not be stored while it waits is told before anything is.
func TestTooLongToWait(t *testing.T) {
	h := newHouse(t, memory.New())
	ctx, olga := t.Context(), h.is("olga")
	_, err := h.tree.Change(ctx, olga, strings.Repeat("x", 500), policy.Set("shop", expiry(50)))
	require.NoError(t, err, "the longest reason")
	var names []string
	for i := range 32 {
		names = append(names, strings.Repeat("c", 60)+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	secret, err := symbolon.NewSecret("test", make([]byte, 32))
	require.NoError(t, err)
	var classes []symbolon.Class
	for _, n := range names {
		classes = append(classes, symbolon.Class{Name: n, Sets: [][]symbolon.Method{{symbolon.MethodSMS}}})
	}
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret, Actors: people,
		Subjects: symbolon.SubjectMap{}}, &symbolon.RealmOptions{Classes: classes})
	require.NoError(t, err)
	tree, err := policy.New(realm, h.who, nil)
	require.NoError(t, err)
	steps := []policy.Step{policy.Add("owner", "", nil)}
	for len(steps) < policy.MaxSteps {
		steps = append(steps, policy.Add(symbolon.OrgID("n"+string(rune('a'+len(steps)))), "owner", policy.Settings{
			policy.VerificationClasses: policy.Names(names...), policy.SecondFactorMethods: policy.Names(names...)}))
	}
	_, err = tree.AsHost("set-up").Change(ctx, steps...)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorContains(t, err, "too long to be stored; make several")
	p, err := tree.AsHost("set-up").Change(ctx, steps[:12]...)
	require.NoError(t, err)
	require.True(t, p.Done)
}
