package authn_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/policy"
)

// S7: keys come in under the terms of the tree, and only to what still stands in it.
func TestKeysHoldToTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, map[symbolon.OrgID]policy.Settings{"cloud": {policy.SessionAbsolute: policy.Span(time.Hour)}})
		ctx := t.Context()
		c.people["ivr"] = symbolon.Actor{Kind: symbolon.Service, Org: "nowhere"}
		key, err := c.actors.AsHost("test").NewKey(ctx, "ivr")
		require.NoError(t, err)
		_, err = c.actors.SignInKey(ctx, key)
		refused(t, err, authn.ReasonOver, "an organisation that is not in the tree")
		c.people["ivr"] = symbolon.Actor{Kind: symbolon.Service, Org: "shop"}
		ivr, err := c.actors.SignInKey(ctx, key)
		require.NoError(t, err)
		require.NoError(t, c.actors.Touch(ctx, ivr))
		c.people["ivr"] = symbolon.Actor{Kind: symbolon.Service, Org: "nowhere"}
		refused(t, c.actors.Touch(ctx, ivr), authn.ReasonOver, "nor one that has left it since")

		c.exchange()
		time.Sleep(time.Hour)
		_, err = c.subjects.Open(ctx, c.pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-42"})
		refused(t, err, authn.ReasonOver, "the absolute end of the tree")

		c.people["ivr"] = symbolon.Actor{Kind: symbolon.Employee, Org: "shop"}
		_, err = c.actors.SignInKey(ctx, key)
		refused(t, err, authn.ReasonNotYours, "a person has no key, whatever they were")
	})
}

// LK-18: a new password opens no account that has fallen out of use, whether or not anybody has looked since.
func TestANewPasswordOpensNoUnusedAccount(t *testing.T) {
	for _, looked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newChain(t, map[symbolon.OrgID]policy.Settings{"shop": {policy.LockoutDormant: policy.Days(90)}})
			ctx, host := t.Context(), c.actors.AsHost("back from abroad")
			time.Sleep(200 * 24 * time.Hour)
			if looked {
				_, err := c.actors.SignIn(ctx, "mia", right)
				refused(t, err, authn.ReasonLocked, "out of use")
			}
			require.NoError(t, host.SetPassword(ctx, "mia", right+" anew"))
			_, err := c.actors.SignIn(ctx, "mia", right+" anew")
			refused(t, err, authn.ReasonLocked, "still")
			require.NoError(t, host.Unlock(ctx, "mia"))
			c.signIn("mia", right+" anew")
		})
	}
}

// S7, S13: a method that an organisation forbids counts for nothing from then on, neither a code on its way nor a proof.
func TestAForbiddenMethodCountsNoLonger(t *testing.T) {
	c := newChain(t, nil)
	ctx := t.Context()
	c.exchange()
	c.mia = c.signIn("mia", right)
	call, claim := c.claim("call-1")
	first, second := c.ask(claim), ""
	both, err := c.subjects.Confirm(ctx, claim, first.ID, c.inbox.last(t).Code.Reveal())
	require.NoError(t, err)
	again := c.ask(both)
	second = c.inbox.last(t).Code.Reveal()
	_, err = c.tree.AsHost("fraud wave").Change(ctx, policy.Set("shop", policy.Settings{policy.VerificationClasses: policy.Names("spoken")}))
	require.NoError(t, err)
	_, err = c.subjects.Confirm(ctx, both, again.ID, second)
	require.ErrorContains(t, err, "method must be one of")
	_, err = c.subjects.Resume(ctx, c.mia, call)
	refused(t, err, authn.ReasonWrong, "what was proved by it is no proof any more")
}
