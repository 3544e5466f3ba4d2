package policy_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// signedIn returns somebody whose session knows, as a sign-in writes it, to which organisations they belong and where these stand.
func (h *house) signedIn(who symbolon.ActorID, staff symbolon.ActorMap) symbolon.Principal {
	h.t.Helper()
	p := h.is(who)
	f, err := symbolon.Unseal(seal.Ours(), h.realm, p)
	require.NoError(h.t, err)
	a := staff[who]
	e, err := h.tree.Effective(h.t.Context(), append(a.Orgs, a.Org)...)
	require.NoError(h.t, err)
	parts := h.realm.Parts(seal.Ours())
	shard, names := stamp.Actor(f.Stamps)
	_, err = table.New(h.store, "acme", parts.Now, parts.Rand).Update(h.t.Context(), shard, names[1:], func(tx *table.Tx) error {
		return table.Put(tx, names[1], stamp.Session{Orgs: stamp.Orgs(a.Org, a.Orgs...), Place: e.Place()}, time.Time{})
	})
	require.NoError(h.t, err)
	return p
}

// S7: whoever belongs elsewhere than at sign-in, or whose organisation stands elsewhere, decides nothing about the tree
// until they sign in anew, as authn lets them do nothing else.
func TestWhoWasMovedSignsInAnew(t *testing.T) {
	elsewhere := func(a symbolon.Actor) func(*house, symbolon.ActorMap) {
		return func(_ *house, staff symbolon.ActorMap) { staff["bea"] = a }
	}
	changed := func(steps ...policy.Step) func(*house, symbolon.ActorMap) {
		return func(h *house, _ symbolon.ActorMap) {
			p, err := h.tree.AsHost("why").Change(h.t.Context(), steps...)
			require.NoError(h.t, err)
			if !p.Done {
				p, err = h.tree.Approve(h.t.Context(), h.is("omar"), p.ID, p.Difference.Digest())
				require.NoError(h.t, err)
			}
			require.True(h.t, p.Done)
		}
	}
	for _, c := range []struct {
		because string
		meddle  func(*house, symbolon.ActorMap)
		ok      bool
	}{
		{"nothing has happened", func(*house, symbolon.ActorMap) {}, true},
		{"what is elsewhere makes no difference", changed(policy.Move("shop", "rival")), true},
		{"she was moved to another organisation", elsewhere(symbolon.Actor{Org: "owner"}), false},
		{"she belongs to one more", elsewhere(symbolon.Actor{Org: "business", Orgs: []symbolon.OrgID{"rival"}}), false},
		{"her organisation was moved", changed(policy.Move("business", "rival")), false},
		{"her organisation was removed", changed(policy.Remove("business")), false},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				staff := maps.Clone(people)
				h := newHouseOf(t, memory.New(), staff)
				waits, err := h.tree.Change(t.Context(), h.is("olga"), "why", policy.Set("owner", expiry(90)))
				require.NoError(t, err)
				bea := h.signedIn("bea", staff)
				c.meddle(h, staff)
				_, err = h.tree.Change(t.Context(), bea, "why", policy.Add("new", "rival", nil))
				approve := func() error {
					_, err := h.tree.Approve(t.Context(), bea, waits.ID, waits.Difference.Digest())
					return err
				}
				withdraw := func() error { return h.tree.Withdraw(t.Context(), bea, waits.ID, "why") }
				want := policy.ReasonOver
				if c.ok {
					want = policy.ReasonAuthority
				}
				h.refused(err, want, "change")
				if c.ok {
					_, err = h.tree.Change(t.Context(), bea, "why", policy.Set("business", expiry(30)))
					require.NoError(t, err)
					return
				}
				h.refused(approve(), want, "approve")
				h.refused(withdraw(), want, "withdraw")
			})
		})
	}
}

// S7: nor with a Principal from before, whatever their session knows.
func TestPrincipalFromBefore(t *testing.T) {
	staff := maps.Clone(people)
	h := newHouseOf(t, memory.New(), staff)
	omar := h.is("omar")
	staff["omar"] = symbolon.Actor{Org: "business"}
	_, err := h.tree.Change(t.Context(), omar, "why", policy.Set("business", expiry(10)))
	h.refused(err, policy.ReasonOver, "he belongs elsewhere")
	_, err = h.tree.Change(t.Context(), h.is("omar"), "why", policy.Set("business", expiry(10)))
	require.NoError(t, err, "signed in anew")
}
