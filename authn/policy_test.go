package authn_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
	"github.com/symbolon-auth/symbolon/token"
)

// chain is a cloud operator with two service owners, one of which has a business.
type chain struct {
	*desk
	tree   *policy.Tree
	store  *storagetest.Counted
	people symbolon.ActorMap
}

// exchange signs in the telephone exchange.
func (c *chain) exchange() {
	c.t.Helper()
	key, err := c.actors.AsHost("test").NewKey(c.t.Context(), "pbx")
	require.NoError(c.t, err)
	c.pbx, err = c.actors.SignInKey(c.t.Context(), key)
	require.NoError(c.t, err)
}

type nobodyElse struct{}

func (nobodyElse) Holds(context.Context, symbolon.Actor, symbolon.OrgID) (bool, error) {
	return false, nil
}

func newChain(t *testing.T, wishes map[symbolon.OrgID]policy.Settings) *chain {
	t.Helper()
	store := storagetest.Counting(memory.New())
	people := symbolon.ActorMap{
		"mia": {Org: "shop"}, "tom": {Org: "owner"}, "eve": {Org: "other"}, "ann": {Org: "other", Orgs: []symbolon.OrgID{"shop"}},
		"lost": {Org: "nowhere"}, "pbx": {Kind: symbolon.Service, Org: "cloud"},
	}
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: store, Secret: testSecret(t),
		Actors:   people,
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42", Org: "shop"}, "cust-43": {Account: "acct-43", Org: "nowhere"}},
	}, &symbolon.RealmOptions{Classes: []symbolon.Class{{Name: "texted", Sets: [][]symbolon.Method{{"sms"}}}, {Name: "spoken", Sets: [][]symbolon.Method{{"tel"}}}}})
	require.NoError(t, err)
	c := &chain{desk: &desk{t: t, realm: r, inbox: &inbox{}}, store: store, people: people}
	c.tree, err = policy.New(r, nobodyElse{}, nil)
	require.NoError(t, err)
	_, err = c.tree.AsHost("set-up").Change(t.Context(),
		policy.Add("cloud", "", wishes["cloud"]), policy.Add("owner", "cloud", wishes["owner"]),
		policy.Add("shop", "owner", wishes["shop"]), policy.Add("other", "cloud", wishes["other"]))
	require.NoError(t, err)
	c.actors, err = authn.NewActors(r, &authn.ActorsOptions{Hasher: testHasher(t), Policy: c.tree})
	require.NoError(t, err)
	c.subjects, err = authn.NewSubjects(c.actors, c.inbox, nil)
	require.NoError(t, err)
	host := c.actors.AsHost("set-up")
	for _, id := range []symbolon.ActorID{"mia", "tom", "eve", "ann"} {
		require.NoError(t, host.SetPassword(t.Context(), id, right))
	}
	return c
}

func (c *chain) guesses(login string, n int) {
	c.t.Helper()
	for range n {
		_, err := c.actors.SignIn(c.t.Context(), login, "wrong")
		refused(c.t, err, authn.ReasonWrong, login)
	}
}

// C1, C7, C11, LK-04: each is held to what their organisations demand, and to the strictest of several.
func TestLimitsComeFromTheTree(t *testing.T) {
	c := newChain(t, map[symbolon.OrgID]policy.Settings{"owner": {policy.LockoutFailures: policy.Count(3)}})
	for login, failures := range map[string]int{"mia": 3, "tom": 3, "eve": 5, "ann": 3} {
		c.guesses(login, failures-1)
		c.signIn(login, right)
		c.guesses(login, failures)
		_, err := c.actors.SignIn(t.Context(), login, right)
		refused(t, err, authn.ReasonLocked, login)
	}
}

// S8: whose organisation is not in the tree does not come in, at the price of any other refusal.
func TestAnUnplacedOrganisation(t *testing.T) {
	c := newChain(t, nil)
	require.ErrorIs(t, c.actors.AsHost("test").SetPassword(t.Context(), "lost", right), symbolon.ErrInvalid)
	_, err := c.actors.SignIn(t.Context(), "lost", right)
	refused(t, err, authn.ReasonLocked, "nothing is known of what holds there")

	c.exchange()
	c.mia = c.signIn("mia", right)
	i, err := c.subjects.Open(t.Context(), c.pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-43"})
	require.NoError(t, err)
	claim, err := c.subjects.Join(t.Context(), c.mia, i)
	require.NoError(t, err)
	_, err = c.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
	require.ErrorIs(t, err, symbolon.ErrInvalid, "no method counts for a customer of nobody")
}

// A policy that becomes stricter applies from the next event on; one that would loosen is refused or waits.
func TestAChangeOfPolicyAppliesToTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, nil)
		mia := c.signIn("mia", right)
		c.guesses("mia", 2)
		p, err := c.tree.AsHost("stricter").Change(t.Context(),
			policy.Set("shop", policy.Settings{policy.LockoutFailures: policy.Count(3), policy.SessionIdle: policy.Span(5 * time.Minute)}))
		require.NoError(t, err)
		require.True(t, p.Done)
		time.Sleep(4 * time.Minute)
		require.NoError(t, c.actors.Touch(t.Context(), mia), "the session of before; from now on it ends after five minutes")
		time.Sleep(5 * time.Minute)
		refused(t, c.actors.Touch(t.Context(), mia), authn.ReasonOver, "five minutes of silence")
		c.guesses("mia", 1)
		_, err = c.actors.SignIn(t.Context(), "mia", right)
		refused(t, err, authn.ReasonLocked, "the third failure, under the policy of now")

		p, err = c.tree.AsHost("looser").Change(t.Context(), policy.Set("shop", policy.Settings{policy.LockoutFailures: policy.Count(4)}))
		require.NoError(t, err)
		require.False(t, p.Done, "S7: what loosens waits for a second person")
	})
}

// S7: what is moved loses its sessions, at whatever is asked next.
func TestAMoveEndsSessions(t *testing.T) {
	for name, ask := range map[string]func(*chain, symbolon.Principal) error{
		"Touch": func(c *chain, p symbolon.Principal) error { return c.actors.Touch(c.t.Context(), p) },
		"Unlock": func(c *chain, p symbolon.Principal) error {
			return c.actors.Unlock(c.t.Context(), p, "tom", "a favour")
		},
		"Join": func(c *chain, p symbolon.Principal) error {
			_, err := c.subjects.Join(c.t.Context(), p, c.call(rand.Text()))
			return err
		},
		"PasswordStatus": func(c *chain, p symbolon.Principal) error {
			_, err := c.actors.PasswordStatus(c.t.Context(), p)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain(t, nil)
			c.exchange()
			mia, eve := c.signIn("mia", right), c.signIn("eve", right)
			require.NoError(t, ask(c, mia))
			p, err := c.tree.AsHost("sold").Change(t.Context(), policy.Move("owner", "other"))
			require.NoError(t, err)
			require.True(t, p.Done)
			refused(t, ask(c, mia), authn.ReasonOver, "her shop went with its owner")
			require.NoError(t, c.actors.Touch(t.Context(), eve), "where nothing moved, nothing ends")
			require.NoError(t, ask(c, c.signIn("mia", right)))
		})
	}
}

// S7, SE-08: who changes to another organisation, or leaves, is signed in no more, at whatever is asked next: not even a
// token of theirs is believed.
func TestWhoLeavesIsSignedInNoMore(t *testing.T) {
	for _, tree := range []bool{true, false} {
		for name, leave := range map[string]func(*symbolon.Actor){
			"changes":       func(a *symbolon.Actor) { a.Org = "other" },
			"gets one more": func(a *symbolon.Actor) { a.Orgs = []symbolon.OrgID{"other"} },
			"is disabled":   func(a *symbolon.Actor) { a.Disabled = true },
		} {
			t.Run(fmt.Sprint(name, ", with a tree: ", tree), func(t *testing.T) {
				c := newChain(t, nil)
				if !tree {
					var err error
					c.actors, err = authn.NewActors(c.realm, &authn.ActorsOptions{Hasher: testHasher(t)})
					require.NoError(t, err)
				}
				c.mia = c.signIn("mia", right)
				key, err := token.KeyFrom(ed25519.NewKeyFromSeed(make([]byte, 32)))
				require.NoError(t, err)
				tokens, err := token.New(c.realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: key}, nil)
				require.NoError(t, err)
				raw, err := tokens.Issue(t.Context(), c.mia)
				require.NoError(t, err)
				_, err = tokens.Verify(t.Context(), raw)
				require.NoError(t, err)

				mia := c.people["mia"]
				leave(&mia)
				c.people["mia"] = mia
				_, err = tokens.Verify(t.Context(), raw)
				require.ErrorIs(t, err, token.ErrRefused)
				refused(t, c.actors.Hold(t.Context(), c.mia, "tom", "in anger"), authn.ReasonOver, "she is asked about")
				refused(t, c.actors.Touch(t.Context(), c.mia), authn.ReasonOver, "her session")
			})
		}
	}
}

// SE-13, TK-38, AN-46: sessions, tokens and the second factor.
func TestWhatElseTheTreeDemands(t *testing.T) {
	c := newChain(t, map[symbolon.OrgID]policy.Settings{
		"shop":  {policy.SessionConcurrent: policy.Count(1), policy.TokenAccess: policy.Span(time.Minute), policy.SessionAbsolute: policy.Span(time.Hour)},
		"other": {policy.SecondFactorRequired: policy.Flag(true)},
	})
	first := c.signIn("mia", right)
	second := c.signIn("mia", right)
	refused(t, c.actors.Touch(t.Context(), first), authn.ReasonOver, "one session at a time")
	require.NoError(t, c.actors.Touch(t.Context(), second))
	require.LessOrEqual(t, time.Until(second.NotAfter()), time.Hour)

	_, err := c.actors.SignIn(t.Context(), "eve", right)
	refused(t, err, authn.ReasonFactor, "a password alone does not do there")
	_, err = c.actors.SignIn(t.Context(), "ann", right)
	refused(t, err, authn.ReasonFactor, "nor for somebody who also belongs there")
}

// AN-46, AN-48, PW-11: where a second factor is demanded, a password alone changes only one that must be changed, and
// signs nobody in before or after.
func TestChangingAPasswordWithoutTheSecondFactor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, map[symbolon.OrgID]policy.Settings{"other": {policy.SecondFactorRequired: policy.Flag(true)}})
		mail := &mailbox{}
		var err error
		c.actors, err = authn.NewActors(c.realm, &authn.ActorsOptions{Hasher: testHasher(t), Policy: c.tree, Notifier: mail})
		require.NoError(t, err)
		ctx := t.Context()
		for _, change := range []func(context.Context, string, string, string) error{c.actors.ChangePassword, c.actors.DryRun().ChangePassword} {
			refused(t, change(ctx, "eve", right, right+" anew"), authn.ReasonFactor, "one in good order")
			refused(t, change(ctx, "eve", right, "short"), authn.ReasonFactor, "and nothing is said of the new one")
		}
		require.NoError(t, c.actors.ResetPassword(ctx, c.signIn("mia", right), "eve", "forgot"))
		synctest.Wait()
		temporary := mail.got[0].Password.Reveal()
		_, err = c.actors.SignIn(ctx, "eve", temporary)
		refused(t, err, authn.ReasonChange, "a temporary one opens nothing else")
		require.NoError(t, c.actors.ChangePassword(ctx, "eve", temporary, right+" anew"))
		_, err = c.actors.SignIn(ctx, "eve", right+" anew")
		refused(t, err, authn.ReasonFactor, "and who chose a password is not signed in by it")
		synctest.Wait()
		require.Equal(t, "eve password.reset, eve password.changed", mail.events())
	})
}

// LK-11, PO-20: what a customer's organisation says of proofs.
func TestCustodyOfACustomersProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, map[symbolon.OrgID]policy.Settings{"shop": {
			policy.VerificationAttempts:  policy.Count(2),
			policy.VerificationFreshness: policy.Span(10 * time.Minute),
			policy.VerificationClasses:   policy.Names("texted"),
		}})
		c.exchange()
		c.mia = c.signIn("mia", right)
		_, claim := c.claim("call-1")
		_, err := c.subjects.Challenge(t.Context(), claim, symbolon.MethodCall, "sim.change")
		require.ErrorIs(t, err, symbolon.ErrInvalid, "a spoken code is not accepted there")
		_, usable, err := c.subjects.Usable(t.Context(), claim)
		require.NoError(t, err)
		require.Equal(t, []symbolon.Method{symbolon.MethodSMS}, usable, "and is not asked for")

		ask := c.ask(claim)
		both, err := c.subjects.Confirm(t.Context(), claim, ask.ID, c.inbox.last(t).Code.Reveal())
		require.NoError(t, err)
		require.LessOrEqual(t, time.Until(both.NotAfter()), 10*time.Minute)

		c.wrongCodes(claim, 2)
		ask = c.ask(claim)
		_, err = c.subjects.Confirm(t.Context(), claim, ask.ID, c.inbox.last(t).Code.Reveal())
		refused(t, err, authn.ReasonLocked, "two wrong codes lock there")
	})
}

// S9, LK-17: the budget of codes and the unlocks of a day come from the tree, for customers too.
func TestCustodyOfACustomersLock(t *testing.T) {
	c := newChain(t, map[symbolon.OrgID]policy.Settings{"shop": {policy.VerificationBudget: policy.Count(3), policy.LockoutUnlocks: policy.Count(1), policy.VerificationAttempts: policy.Count(2)}})
	ctx := t.Context()
	c.exchange()
	c.mia = c.signIn("mia", right)
	tom := c.signIn("tom", right)
	_, claim := c.claim("call-1")
	c.wrongCodes(claim, 2)
	require.NoError(t, c.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "called back"))
	c.wrongCodes(claim, 1)
	ask := c.ask(claim)
	_, err := c.subjects.Confirm(ctx, claim, ask.ID, c.inbox.last(t).Code.Reveal())
	refused(t, err, authn.ReasonLocked, "three failures use up the budget, which no unlock refills")

	_, claim = c.claim("call-2")
	require.NoError(t, c.subjects.AsHost("passport seen").Rebind(ctx, "cust-42", symbolon.MethodSMS))
	c.wrongCodes(claim, 2)
	refused(t, c.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "again"), authn.ReasonLimit, "one unlock a day")
}

// failuresThatLock guesses until the answer says until when: for the audit, as nobody outside sees it.
func (c *chain) failuresThatLock(login string) int {
	c.t.Helper()
	for n := 1; n <= 10; n++ {
		_, err := c.actors.SignIn(c.t.Context(), login, "wrong")
		var r *authn.Refusal
		require.ErrorAs(c.t, err, &r)
		if !r.Until.IsZero() {
			return n
		}
	}
	c.t.Fatal("never locked")
	return 0
}

// S23: who does not exist is locked as somebody of one of the organisations would be.
func TestUnknownLoginsHaveAnOrganisation(t *testing.T) {
	c := newChain(t, map[symbolon.OrgID]policy.Settings{"cloud": {policy.LockoutFailures: policy.Count(4)}, "owner": {policy.LockoutFailures: policy.Count(3)}})
	seen := map[int]int{}
	for n := range 40 {
		login := fmt.Sprint("nobody-", n)
		seen[c.failuresThatLock(login)]++
	}
	require.Len(t, seen, 2, "as strict as the cloud, or as the owner, and never as the options: %v", seen)
	require.NotZero(t, seen[3])
	require.NotZero(t, seen[4])
	require.Equal(t, 3, c.failuresThatLock("mia"))
	require.Equal(t, 4, c.failuresThatLock("eve"))

	_, err := c.tree.AsHost("stricter").Change(t.Context(), policy.Set("cloud", policy.Settings{policy.LockoutFailures: policy.Count(2)}),
		policy.Set("owner", policy.Settings{policy.LockoutFailures: policy.Count(2)}))
	require.NoError(t, err)
	require.Equal(t, 2, c.failuresThatLock("nobody-41"), "a change of policy applies to them as to anybody")
}

// AN-47, S23: with a tree too, unknown, wrong and locked make the same calls.
func TestEveryRefusalCostsTheSameInATree(t *testing.T) {
	c := newChain(t, nil)
	cost := func(login, pw string) string {
		g, s, n := c.store.Gets.Load(), c.store.Scans.Load(), c.store.Commits.Load()
		_, err := c.actors.SignIn(t.Context(), login, pw)
		require.ErrorIs(t, err, authn.ErrRefused)
		return fmt.Sprintf("%d gets, %d scans, %d commits", c.store.Gets.Load()-g, c.store.Scans.Load()-s, c.store.Commits.Load()-n)
	}
	want := "2 gets, 0 scans, 2 commits"
	for range 6 {
		require.Equal(t, want, cost("nobody", "wrong"), "unknown")
		require.Equal(t, want, cost("mia", "wrong"), "wrong, then locked")
	}
	require.Equal(t, want, cost("mia", right), "locked, with the right password")
	require.Equal(t, want, cost("lost", "wrong"), "somebody without a place in the tree")
}
