package golden_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/sealed"
	"github.com/symbolon-auth/symbolon/token"
)

// readers say, of each kind, what a record of it must still do. They begin when
// the walk has ended, in a store that holds all of its records.
var readers = map[string]func(*testing.T, *world, folder){
	"actor-stamp": func(t *testing.T, w *world, f folder) {
		w.session(f)
		require.NoError(t, w.actors.AsHost("loss").EndSessions(t.Context(), "mia"))
		_, err := w.tokens.Verify(t.Context(), token.FromString(f.hands.Session))
		require.ErrorIs(t, err, token.ErrRefused, "the epoch moves on from where it was")
	},
	"actor-password": func(t *testing.T, w *world, f folder) {
		yesterday := passwordOf("olga") + " of yesterday"
		w.signIn("olga")
		_, err := w.actors.SignIn(t.Context(), "olga", yesterday)
		refused(t, err, authn.ReasonWrong)
		if f.hands.Temporary == "" {
			return // from before passwords were remembered, reset and revoked
		}
		w.step("change", w.now().Sub(start))
		err = w.actors.ChangePassword(t.Context(), "olga", passwordOf("olga"), yesterday)
		require.ErrorIs(t, err, symbolon.ErrInvalid, "it is remembered")
		_, err = w.actors.SignIn(t.Context(), "eve", f.hands.Temporary)
		refused(t, err, authn.ReasonChange)
		_, err = w.actors.SignIn(t.Context(), "dora", passwordOf("dora"))
		refused(t, err, authn.ReasonRevoked)
	},
	"actor-lock": func(t *testing.T, w *world, f folder) {
		right := func(id symbolon.ActorID) error {
			_, err := w.actors.SignIn(t.Context(), string(id), passwordOf(id))
			return err
		}
		_, err := w.tree.AsHost("stricter").Change(t.Context(), policy.Set("owner",
			policy.Settings{policy.LockoutRepeats: policy.Count(1), policy.LockoutUnlocks: policy.Count(1)}))
		require.NoError(t, err)
		w.wrong("omar", 1)
		refused(t, right("omar"), authn.ReasonLocked) // the four before count
		w.step("late", 20*time.Minute)
		refused(t, right("tom"), authn.ReasonLocked) // though the failures count no longer
		w.step("later", time.Hour)
		w.wrong("tom", 5)
		require.Zero(t, refused(t, right("tom"), authn.ReasonLocked).Until, "the second lock in a row holds")
		w.wrong("dora", 5)
		err = w.actors.Unlock(t.Context(), w.signIn("olga"), "dora", "ticket 8")
		require.ErrorIs(t, err, authn.ErrRefused, "there was an unlock today")
	},
	"actor-key": func(t *testing.T, w *world, f folder) {
		w.exchange(f)
		keys, err := w.actors.AsHost("review").Keys(t.Context(), "pbx")
		require.NoError(t, err)
		require.Len(t, keys, 1)
		require.Equal(t, authn.KeyFromString(f.hands.Key).ID(), keys[0].ID)
		require.WithinDuration(t, start, keys[0].Made, time.Minute)
	},
	"actor-session": func(t *testing.T, w *world, f folder) {
		mia := w.session(f)
		w.step("active", 14*time.Minute)
		require.NoError(t, w.actors.Touch(t.Context(), mia))
		w.step("still active", 28*time.Minute)
		require.NoError(t, w.actors.Touch(t.Context(), mia), "the idle end has moved")
		w.step("idle", 44*time.Minute)
		refused(t, w.actors.Touch(t.Context(), mia), authn.ReasonOver)
	},
	"actor-sessions": func(t *testing.T, w *world, f folder) {
		w.session(f) // mia has two, and may have three
		w.step("third", w.now().Sub(start))
		w.signIn("mia")
		w.session(f)
		w.step("fourth", w.now().Sub(start))
		w.signIn("mia")
		_, err := w.tokens.Verify(t.Context(), token.FromString(f.hands.Session))
		require.ErrorIs(t, err, token.ErrRefused, "the oldest has ended")
	},
	"phantom-lock": func(t *testing.T, w *world, f folder) {
		w.step("late", 20*time.Minute)
		_, err := w.actors.SignIn(t.Context(), "nobody", "wrong")
		require.NotZero(t, refused(t, err, authn.ReasonUnknown).Until, "who does not exist is locked like anybody")
	},
	"actor-failing": func(t *testing.T, w *world, f folder) { // mia failed at cust-43
		claim, id, _ := w.ask(f, "call-4", "cust-42")
		_, err := w.subjects.Confirm(t.Context(), claim, id, "wrong")
		refused(t, err, authn.ReasonWrong)
		page, err := w.log.List(t.Context(), audit.Query{Event: "employee.failing"})
		require.NoError(t, err)
		require.Len(t, page.Records, 1, "cust-42 is the second")
	},
	"person-unlocked": func(t *testing.T, w *world, f folder) { // olga unlocked dora
		host := w.actors.AsHost("test")
		require.NoError(t, host.SetPassword(t.Context(), "dora", passwordOf("dora")+" anew"))
		dora, err := w.actors.SignIn(t.Context(), "dora", passwordOf("dora")+" anew")
		require.NoError(t, err)
		require.NoError(t, host.Hold(t.Context(), "olga"))
		require.NoError(t, w.actors.Unlock(t.Context(), dora, "olga", "in return"))
		page, err := w.log.List(t.Context(), audit.Query{Event: "unlock.reciprocal"})
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
	},
	"subject-stamp": func(t *testing.T, w *world, f folder) {
		_, err := w.tokens.Verify(t.Context(), token.FromString(f.hands.Both))
		require.NoError(t, err)
		require.NoError(t, w.subjects.AsHost("fraud").EndProofs(t.Context(), "cust-42"))
		_, err = w.tokens.Verify(t.Context(), token.FromString(f.hands.Both))
		require.ErrorIs(t, err, token.ErrRefused)

		// S8: it knows which locks there must be.
		for _, r := range f.records["subject-lock"] {
			o := storage.Op{Act: storage.Delete, Name: r.Name, Cond: storage.Any}
			require.NoError(t, w.store.Commit(t.Context(), storage.Batch{Shard: r.Shard, Now: w.now(), Ops: []storage.Op{o}}))
		}
		claim, id, code := w.ask(f, "call-9", "cust-43")
		_, err = w.subjects.Confirm(t.Context(), claim, id, code)
		require.ErrorIs(t, err, authn.ErrRefused, "a lock that was deleted opens nothing")
	},
	"subject-lock": func(t *testing.T, w *world, f folder) {
		_, err := w.subjects.Confirm(t.Context(), w.join(f, f.hands.LockedIn), f.hands.Locked, f.hands.LockCode)
		refused(t, err, authn.ReasonLocked)
		_, err = w.subjects.Confirm(t.Context(), w.join(f, f.hands.Call), f.hands.Challenge, f.hands.Code)
		require.NoError(t, err, "the other customer's is open")

		w.step("late", 20*time.Minute)
		claim, id, code := w.ask(f, "call-7", "cust-43")
		_, err = w.subjects.Confirm(t.Context(), claim, id, code)
		refused(t, err, authn.ReasonLocked) // though the failures count no longer
	},
	"call": func(t *testing.T, w *world, f folder) {
		again, err := w.subjects.Open(t.Context(), w.exchange(f), firstCall)
		require.NoError(t, err)
		require.Equal(t, f.hands.Call, again, "the same, and no second one")
		for _, other := range []authn.Call{
			{ID: "call-1", Channel: "chat", Actor: "mia", Subject: "cust-42"},
			{ID: "call-1", Channel: "phone", Actor: "tom", Subject: "cust-42"},
			{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-43"},
		} {
			_, err = w.subjects.Open(t.Context(), w.exchange(f), other)
			refused(t, err, authn.ReasonUsed)
		}
	},
	"interaction": func(t *testing.T, w *world, f folder) {
		both, err := w.tokens.Verify(t.Context(), token.FromString(f.hands.Both))
		require.NoError(t, err)
		again, err := w.subjects.Resume(t.Context(), w.session(f), f.hands.Call)
		require.NoError(t, err)
		require.Equal(t, both.SubjectVerification(), again.SubjectVerification())
		was, _ := both.Interaction()
		is, _ := again.Interaction()
		require.Equal(t, was, is)
		_, err = w.subjects.Join(t.Context(), w.session(f), f.hands.Ended)
		refused(t, err, authn.ReasonOver)
		for n := range 4 {
			w.step(fmt.Sprint("code ", n), w.now().Sub(start))
			_, err = w.subjects.Challenge(t.Context(), again, symbolon.MethodSMS, "number.port")
		}
		refused(t, err, authn.ReasonLimit) // two of five had been sent
		require.NoError(t, w.subjects.Renew(t.Context(), w.exchange(f), f.hands.Call))
		w.step("renewed", w.now().Sub(start)+29*time.Second)
		w.join(f, f.hands.Call)
	},
	"challenge": func(t *testing.T, w *world, f folder) {
		claim := w.join(f, f.hands.Call)
		_, err := w.subjects.Confirm(t.Context(), claim, f.hands.Challenge, "wrong")
		refused(t, err, authn.ReasonWrong)
		w.step("right", w.now().Sub(start))
		both, err := w.subjects.Confirm(t.Context(), claim, f.hands.Challenge, f.hands.Code)
		require.NoError(t, err)
		require.Equal(t, []symbolon.Method{symbolon.MethodSMS, symbolon.MethodCall}, both.SubjectVerification().Methods())
	},
	"message": func(t *testing.T, w *world, f folder) {
		w.step("due", w.now().Sub(start)+time.Minute)
		background(t, w.subjects.Run)
		m := w.post.message(t, func(m authn.Message) bool { return m.ID == f.hands.Challenge })
		require.Equal(t, f.hands.Code, m.Code.Reveal())
		require.Equal(t, "number.port", m.Operation)
	},
	"notice": func(t *testing.T, w *world, f folder) {
		w.step("due", w.now().Sub(start)+time.Minute)
		background(t, w.actors.RunNotices)
		w.post.notice(t, func(n authn.Notice) bool { return n.Event == "account.locked" && n.Actor == "tom" })
		n := w.post.notice(t, func(n authn.Notice) bool { return n.Event == "password.reset" })
		require.Equal(t, f.hands.Temporary, n.Password.Reveal())
	},
	"effect": func(t *testing.T, w *world, f folder) {
		acts, err := w.guard.Unfinished(t.Context(), 0)
		require.NoError(t, err)
		require.Len(t, acts, 1, "one has ended, and one has not")
		u := acts[0]
		require.Equal(t, f.hands.Decision+" mia cust-42 sim.change "+simChange.Resource.String(), fmt.Sprint(u.Decision, " ", u.Actor, " ", u.Subject, " ", u.Action, " ", u.Resource))
		require.Equal(t, f.hands.Call, u.Interaction)
		require.WithinDuration(t, start, u.Begun, time.Minute)
		require.NoError(t, w.guard.Settle(t.Context(), w.signIn("olga"), u, audit.Succeeded, "the switch says so"))
		acts, err = w.guard.Unfinished(t.Context(), 0)
		require.NoError(t, err)
		require.Empty(t, acts)
	},
	"audit": func(t *testing.T, w *world, f folder) {
		page, err := w.log.List(t.Context(), audit.Query{Limit: 1000})
		require.NoError(t, err)
		require.Len(t, page.Records, len(f.records["audit"]))
		for i, r := range f.records["audit"] {
			var stored map[string]any
			require.NoError(t, json.Unmarshal(r.Value, &stored))
			delete(stored, "v")
			want, err := json.Marshal(stored)
			require.NoError(t, err)
			listed, err := json.Marshal(page.Records[i])
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(listed), r.Name)
		}
	},
	"org": func(t *testing.T, w *world, f folder) {
		e, err := w.tree.Effective(t.Context(), "shop")
		require.NoError(t, err)
		require.Equal(t, 3, e.Count(policy.SessionConcurrent))
		require.Equal(t, 60*24*time.Hour, e.Span(policy.PasswordExpiry), "from the owner")
	},
	"policy-head": func(t *testing.T, w *world, f folder) {
		p, err := w.tree.AsHost("stricter").Change(t.Context(), policy.Set("shop", policy.Settings{policy.SessionConcurrent: policy.Count(1)}))
		require.NoError(t, err)
		require.True(t, p.Done)
		after, err := policy.New(w.realm, everywhere{}, nil) // another process
		require.NoError(t, err)
		e, err := after.Effective(t.Context(), "shop")
		require.NoError(t, err)
		require.Equal(t, 1, e.Count(policy.SessionConcurrent))
	},
	"policy-proposal": func(t *testing.T, w *world, f folder) {
		waiting, err := w.tree.Proposals(t.Context())
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		require.Equal(t, f.hands.Proposal, waiting[0].ID)
		require.False(t, waiting[0].Stale)
		digest := waiting[0].Difference.Digest()
		_, err = w.tree.Approve(t.Context(), w.signIn("olga"), f.hands.Proposal, digest)
		require.ErrorIs(t, err, policy.ErrRefused, "she proposed it")
		p, err := w.tree.Approve(t.Context(), w.signIn("omar"), f.hands.Proposal, digest)
		require.NoError(t, err)
		require.True(t, p.Done)
	},
	"clock": func(t *testing.T, w *world, f folder) {
		behind := func() time.Time { return f.hands.Now.Add(-time.Minute) }
		require.ErrorIs(t, storage.WatchClock(w.store, behind, w).Check(t.Context()), storage.ErrClock)
	},
	"sealed-keys":   readSealed,
	"sealed-record": readSealed,
}

func readSealed(t *testing.T, w *world, f folder) {
	safe, err := sealed.New(w.store, bare{}, &sealed.Options{Now: w.now, Rand: w})
	require.NoError(t, err)
	found, err := safe.Get(t.Context(), vault, vaultName)
	require.NoError(t, err)
	require.Equal(t, vaultValue, string(found[0].Value))
}

// refused holds an error to be a refusal for a reason.
func refused(t *testing.T, err error, want authn.Reason) *authn.Refusal {
	t.Helper()
	var r *authn.Refusal
	require.ErrorAs(t, err, &r)
	require.Equal(t, want, r.Reason)
	return r
}

// session returns mia, by the token of before.
func (w *world) session(f folder) symbolon.Principal {
	w.t.Helper()
	mia, err := w.tokens.Verify(w.t.Context(), token.FromString(f.hands.Session))
	require.NoError(w.t, err)
	return mia
}

// join returns mia's claim in an interaction.
func (w *world) join(f folder, id symbolon.InteractionID) symbolon.Principal {
	w.t.Helper()
	claim, err := w.subjects.Join(w.t.Context(), w.session(f), id)
	require.NoError(w.t, err)
	return claim
}

// exchange returns the service that opens calls, by its key of before.
func (w *world) exchange(f folder) symbolon.Principal {
	w.t.Helper()
	pbx, err := w.actors.SignInKey(w.t.Context(), authn.KeyFromString(f.hands.Key))
	require.NoError(w.t, err)
	return pbx
}

func (w *world) signIn(id symbolon.ActorID) symbolon.Principal {
	w.t.Helper()
	p, err := w.actors.SignIn(w.t.Context(), string(id), passwordOf(id))
	require.NoError(w.t, err)
	return p
}

func (w *world) wrong(login string, times int) {
	w.t.Helper()
	for range times {
		_, err := w.actors.SignIn(w.t.Context(), login, "wrong")
		refused(w.t, err, authn.ReasonWrong)
	}
}

// ask opens a call in which mia sends a customer a code.
func (w *world) ask(f folder, call string, of symbolon.SubjectID) (claim symbolon.Principal, id, code string) {
	w.t.Helper()
	ctx := w.t.Context()
	i, err := w.subjects.Open(ctx, w.exchange(f), authn.Call{ID: call, Channel: "phone", Actor: "mia", Subject: of})
	require.NoError(w.t, err)
	claim, err = w.subjects.Join(ctx, w.signIn("mia"), i)
	require.NoError(w.t, err)
	c, err := w.subjects.Challenge(ctx, claim, symbolon.MethodSMS, "plan.change")
	require.NoError(w.t, err)
	return claim, c.ID, w.post.message(w.t, func(m authn.Message) bool { return m.ID == c.ID }).Code.Reveal()
}

// background runs what delivers, until the test ends.
func background(t *testing.T, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
