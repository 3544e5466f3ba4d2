package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
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
	_, err = h.tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(20)))
	require.NoError(t, err)
	gets = count.Gets.Load()
	require.Equal(t, 20*day, h.expiry("shop"))
	require.Equal(t, gets+1, count.Gets.Load(), "nor is one's own change read again")
}

// Forty who sign in at once read the tree once and not forty times, and after a change by another process only what that
// has touched; who has missed too many changes reads all of it again.
func TestOneReadsForAll(t *testing.T) {
	count := storagetest.Counting(memory.New())
	h := newHouse(t, count)
	other := h.open()
	olga := h.is("olga")
	sign := func(tree *policy.Tree, days, scans int) {
		t.Helper()
		before := count.Scans.Load()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				e, err := tree.Effective(context.Background(), "shop")
				if err != nil || e.Span(policy.PasswordExpiry) != time.Duration(days)*day {
					t.Errorf("%v %v", e.Span(policy.PasswordExpiry), err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, before+int64(scans), count.Scans.Load())
	}
	change := func(steps ...policy.Step) {
		t.Helper()
		_, err := other.Change(t.Context(), olga, "why", steps...)
		require.NoError(t, err)
	}
	here := h.open()
	sign(here, 60, 1)
	change(policy.Set("owner", expiry(30)))
	sign(here, 30, 0)
	change(policy.Add("new", "shop", nil), policy.Set("owner", expiry(29)))
	change(policy.Move("new", "rival"))
	sign(here, 29, 0)
	for i := range 40 {
		change(policy.Add(symbolon.OrgID(fmt.Sprint("more", i)), "owner", nil))
	}
	change(policy.Set("owner", expiry(28)))
	sign(here, 28, 1)
	p, err := other.Change(t.Context(), olga, "why", policy.Remove("new"))
	require.NoError(t, err)
	_, err = other.Approve(t.Context(), h.is("omar"), p.ID, p.Difference.Digest())
	require.NoError(t, err)
	sign(here, 28, 0)
	_, err = here.Effective(t.Context(), "new")
	h.refused(err, policy.ReasonUnknown, "and is gone here too")
}

func TestNewNames(t *testing.T) {
	_, err := policy.New(nil, nil, &policy.Options{Wait: -1})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"a Realm", "an Authority", "Wait of at most 30 days"} {
		require.ErrorContains(t, err, what)
	}
}
