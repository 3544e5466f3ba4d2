package policy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

var people = symbolon.ActorMap{
	"olga":  {Org: "owner"},
	"omar":  {Org: "owner"},
	"olga2": {Org: "owner", Person: "actor/olga"},
	"bea":   {Org: "business"},
	"rui":   {Org: "rival"},
	"robot": {Org: "owner", Kind: symbolon.Agent},
}

// byOrg gives authority at one's own organisation and below, as most hosts will. The error is that of a directory that
// is down.
type byOrg struct {
	below map[symbolon.OrgID][]symbolon.OrgID
	err   error
}

func (a *byOrg) Holds(_ context.Context, by symbolon.Actor, org symbolon.OrgID) (bool, error) {
	return slices.Contains(a.below[by.Org], org), a.err
}

// house is a business network in a store.
type house struct {
	t     testing.TB
	store storage.Store
	realm *symbolon.Realm
	who   *byOrg
	tree  *policy.Tree
}

func newRealm(t testing.TB, store storage.Store) *symbolon.Realm {
	t.Helper()
	return newRealmOf(t, store, people)
}

func newRealmOf(t testing.TB, store storage.Store, staff symbolon.ActorMap) *symbolon.Realm {
	t.Helper()
	secret, err := symbolon.NewSecret("test", make([]byte, 32))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: store, Secret: secret, Actors: staff, Subjects: symbolon.SubjectMap{}},
		&symbolon.RealmOptions{Classes: []symbolon.Class{{Name: "code", Sets: [][]symbolon.Method{{symbolon.MethodSMS}}}}})
	require.NoError(t, err)
	return r
}

func newHouse(t testing.TB, store storage.Store) *house {
	t.Helper()
	return newHouseOf(t, store, people)
}

func newHouseOf(t testing.TB, store storage.Store, staff symbolon.ActorMap) *house {
	t.Helper()
	all := []symbolon.OrgID{"owner", "business", "shop", "rival"}
	h := &house{t: t, store: store, realm: newRealmOf(t, store, staff), who: &byOrg{below: map[symbolon.OrgID][]symbolon.OrgID{
		"owner": all, "business": {"business", "shop"}, "rival": {"rival"}}}}
	h.tree = h.open()
	p, err := h.tree.AsHost("set-up").Change(t.Context(),
		policy.Add("owner", "", policy.Settings{policy.PasswordExpiry: policy.Days(60), policy.SecondFactorMethods: policy.Names("otp", "sms")}),
		policy.Add("business", "owner", policy.Settings{policy.PasswordMinLength: policy.Count(20)}),
		policy.Add("shop", "business", nil),
		policy.Add("rival", "owner", nil))
	require.NoError(t, err)
	require.True(t, p.Done)
	return h
}

// open returns a Tree of the same realm, as another process has one.
func (h *house) open() *policy.Tree {
	h.t.Helper()
	tree, err := policy.New(h.realm, h.who, &policy.Options{Methods: []symbolon.Method{"otp", "sms", "hwk"}})
	require.NoError(h.t, err)
	return tree
}

func (h *house) is(who symbolon.ActorID) symbolon.Principal {
	return authntest.Principal(h.t, h.realm, authntest.Who{Actor: who})
}

func (h *house) expiry(org symbolon.OrgID) time.Duration {
	h.t.Helper()
	e, err := h.tree.Effective(h.t.Context(), org)
	require.NoError(h.t, err)
	return e.Span(policy.PasswordExpiry)
}

func (h *house) events() (events []string) {
	h.t.Helper()
	log, err := audit.NewLog(h.realm)
	require.NoError(h.t, err)
	page, err := log.List(h.t.Context(), audit.Query{})
	require.NoError(h.t, err)
	for _, r := range page.Records {
		who := string(r.Actor)
		if r.Host != "" {
			who = "host"
		}
		events = append(events, strings.TrimSpace(strings.Join([]string{who, r.Event, string(r.Outcome)}, " ")))
	}
	return events
}

func (h *house) refused(err error, want policy.Reason, because string) {
	h.t.Helper()
	require.ErrorIs(h.t, err, policy.ErrRefused, because)
	require.Equal(h.t, "policy: refused", err.Error(), because)
	var r *policy.Refusal
	require.True(h.t, errors.As(err, &r), because)
	require.Equal(h.t, want, r.Reason, because)
}

const day = 24 * time.Hour

func expiry(days int) policy.Settings {
	return policy.Settings{policy.PasswordExpiry: policy.Days(days)}
}

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
		page, err := log.List(ctx, audit.Query{Event: "policy.changed", Actor: "omar"})
		require.NoError(t, err)
		rec := page.Records[0]
		require.Equal(t, "too many calls", rec.Reason)
		require.Equal(t, "Org/owner", rec.Resource)
		require.Equal(t, "olga omar "+digest, rec.Detail["proposed_by"]+" "+rec.Detail["approved_by"]+" "+rec.Detail["digest"])
		require.Contains(t, rec.Detail["change"], `looser: "rival" password.expiry 90d, was 60d`)
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

// B8: a dry run tells what would be, and stores nothing.
func TestPlanStoresNothing(t *testing.T) {
	count := storagetest.Counting(memory.New())
	h := newHouse(t, count)
	commits := count.Commits.Load()
	d, err := h.tree.Plan(t.Context(), policy.Set("owner", expiry(90)), policy.Remove("shop"))
	require.NoError(t, err)
	require.Equal(t, []symbolon.OrgID{"business", "owner"}, d.Approve)
	_, err = h.tree.Plan(t.Context(), policy.Set("business", expiry(90)))
	require.ErrorContains(t, err, `"business": password.expiry 90d is looser than 60d, which "owner" has set`)
	require.Equal(t, commits, count.Commits.Load())
	require.Equal(t, 60*day, h.expiry("rival"))
}

// PO-26: what nobody could ever use is refused when it is written.
func TestUnknownNames(t *testing.T) {
	h := newHouse(t, memory.New())
	for _, c := range []struct {
		settings policy.Settings
		want     string
	}{
		{policy.Settings{policy.SecondFactorMethods: policy.Names("opt")}, `"shop": secondFactor.methods opt names "opt", which is no second factor that there is; "shop": secondFactor.methods opt is looser`},
		{policy.Settings{policy.VerificationClasses: policy.Names("codes")}, `"shop": verification.classes codes names "codes", which is no class of this realm`},
		{policy.Settings{policy.VerificationClasses: policy.Names("code")}, ""},
	} {
		_, err := h.tree.Plan(t.Context(), policy.Set("shop", c.settings))
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
}

// One question costs one Get as long as nothing has changed, and what another process has changed is seen at once.
func TestOneGet(t *testing.T) {
	count := storagetest.Counting(memory.New())
	h := newHouse(t, count)
	other := h.open()
	require.Equal(t, 60*day, h.expiry("shop"))
	gets, scans := count.Gets.Load(), count.Scans.Load()
	require.Equal(t, 60*day, h.expiry("shop"))
	require.Equal(t, []int64{gets + 1, scans}, []int64{count.Gets.Load(), count.Scans.Load()})
	_, err := other.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(30)))
	require.NoError(t, err)
	require.Equal(t, 30*day, h.expiry("shop"))
}

// After a change by another process, forty who sign in at once read the tree once and not forty times.
func TestOneReadsForAll(t *testing.T) {
	count := storagetest.Counting(memory.New())
	h := newHouse(t, count)
	other := h.open()
	require.Equal(t, 60*day, h.expiry("shop"))
	_, err := other.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(30)))
	require.NoError(t, err)
	scans := count.Scans.Load()
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			e, err := h.tree.Effective(context.Background(), "shop")
			if err != nil || e.Span(policy.PasswordExpiry) != 30*day {
				t.Errorf("%v %v", e.Span(policy.PasswordExpiry), err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, scans+1, count.Scans.Load())
}

func TestNewNames(t *testing.T) {
	_, err := policy.New(nil, nil, &policy.Options{Wait: -1})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"a Realm", "an Authority", "Wait of at most 30 days"} {
		require.ErrorContains(t, err, what)
	}
}
