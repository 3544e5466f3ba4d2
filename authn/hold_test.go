package authn_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// LK-17, SE-08, S8, S24: a hold ends what there is, and nothing but an unlock by somebody else opens it.
func TestAHoldOpensByNothingButAnUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx, host := t.Context(), d.actors.AsHost("test")
		mia, tom := d.signIn("mia", right), d.signIn("tom", right+" of tom")
		require.NoError(t, d.actors.Hold(ctx, tom, "mia", "her laptop was stolen"))
		synctest.Wait()
		refused(t, d.actors.Touch(ctx, mia), authn.ReasonOver, "her sessions end in the same commit")
		locked := func(pw, because string) {
			t.Helper()
			_, err := d.actors.SignIn(ctx, "mia", pw)
			refused(t, err, authn.ReasonLocked, because)
		}
		locked(right, "the right password")
		refused(t, d.actors.ChangePassword(ctx, "mia", right, right+" anew"), authn.ReasonLocked, "at every door")
		time.Sleep(1000 * time.Hour)
		locked(right, "time")
		require.NoError(t, host.SetPassword(ctx, "mia", right+" anew"))
		synctest.Wait()
		locked(right+" anew", "a new password")
		synctest.Wait()
		require.NoError(t, host.ResetPassword(ctx, "mia"))
		synctest.Wait()
		refused(t, d.actors.ChangePassword(ctx, "mia", mail.got[len(mail.got)-1].Password.Reveal(), right), authn.ReasonLocked, "a reset")

		tom = d.signIn("tom", right+" of tom")
		synctest.Wait()
		require.NoError(t, d.actors.Unlock(ctx, tom, "mia", "the laptop is back"))
		synctest.Wait()
		require.NoError(t, host.SetPassword(ctx, "mia", right))
		d.signIn("mia", right)
		synctest.Wait()
		require.Equal(t, "mia account.held, mia password.set, mia password.reset, tom signin.absent, mia account.unlocked, mia password.set", mail.events())
		page, err := d.log.List(ctx, audit.Query{Event: "account.held"})
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		r := page.Records[0]
		require.Equal(t, symbolon.ActorID("tom"), r.Actor)
		require.Equal(t, "Actor/mia", r.Resource)
		require.Equal(t, map[string]string{"before": "open", "after": "held"}, r.Detail)
	})
}

// LK-17, S22: who may hold, and release, is who may unlock.
func TestWhoMayHold(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	require.NoError(t, d.actors.AsHost("second login").SetPassword(ctx, "mia2", right+" twice"))
	mia2, tom := d.signIn("mia2", right+" twice"), d.signIn("tom", right+" of tom")
	type act func(*authn.Actors, context.Context, symbolon.Principal, symbolon.ActorID, string) error
	for name, do := range map[string]act{"Hold": (*authn.Actors).Hold, "Unlock": (*authn.Actors).Unlock} {
		refused(t, do(d.actors, ctx, d.mia, "mia", "why not"), authn.ReasonNotYours, name+": oneself")
		refused(t, do(d.actors, ctx, mia2, "mia", "why not"), authn.ReasonNotYours, name+": oneself, by another login")
		refused(t, do(d.actors, ctx, d.pbx, "mia", "why not"), authn.ReasonNotYours, name+": a machine")
		refused(t, do(d.actors, ctx, symbolon.Principal{}, "mia", "why not"), authn.ReasonNotYours, name+": nobody")
		require.ErrorIs(t, do(d.actors, ctx, tom, "mia", ""), symbolon.ErrInvalid, name+": without a reason")
		require.ErrorIs(t, do(d.actors, ctx, tom, "pbx", "why not"), symbolon.ErrInvalid, name+": what has no password")
		require.ErrorIs(t, do(d.actors, ctx, tom, "gone", "why not"), symbolon.ErrNotFound, name)
	}
	require.NoError(t, d.actors.Touch(ctx, d.mia), "nothing of that did anything")
	require.NoError(t, d.actors.AsHost("stolen laptop").Hold(ctx, "tom"))
	refused(t, d.actors.Hold(ctx, tom, "mia", "I am not well liked"), authn.ReasonOver, "who is held holds nobody")
	require.NoError(t, d.actors.AsHost("found").Unlock(ctx, "tom"))
	d.signIn("tom", right+" of tom")
}

// S9: a release is an unlock, and of those there are three a day, whoever decides; further ones are on record.
func TestReleasesAreCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		ctx, host := t.Context(), d.actors.AsHost("test")
		for range lockout.DefaultUnlocks {
			require.NoError(t, host.Hold(ctx, "mia"))
			require.NoError(t, host.Unlock(ctx, "mia"))
		}
		require.NoError(t, host.Hold(ctx, "mia"))
		refused(t, host.Unlock(ctx, "mia"), authn.ReasonLimit, "the fourth of a day")
		require.Contains(t, d.events(audit.Query{Actor: "mia", Event: "account.unlocked"}), "account.unlocked failed")
		time.Sleep(25 * time.Hour)
		require.NoError(t, host.Unlock(ctx, "mia"))
		d.signIn("mia", right)
	})
}

// S8: who has no password yet can be held too, and the first one opens nothing.
func TestAHoldBeforeTheFirstPassword(t *testing.T) {
	d := newDesk(t, memory.New())
	host := d.actors.AsHost("test")
	require.NoError(t, host.Hold(t.Context(), "mia2"))
	require.NoError(t, host.SetPassword(t.Context(), "mia2", right+" twice"))
	_, err := d.actors.SignIn(t.Context(), "mia2", right+" twice")
	refused(t, err, authn.ReasonLocked, "held before it was set")
}

// LK-02, LK-17, S8: a customer's method is held in the same way, and what was proved until then is void.
func TestAHoldOnACustomersMethod(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	tom, host := d.signIn("tom", right+" of tom"), d.subjects.AsHost("the number has moved to another card")
	prove := func(call string, m symbolon.Method) (symbolon.Principal, error) {
		_, claim := d.claim(call)
		ask, err := d.subjects.Challenge(ctx, claim, m, "sim.change")
		require.NoError(t, err)
		d.inbox.wait(t, ask.ID)
		return d.subjects.Confirm(ctx, claim, ask.ID, d.inbox.last(t).Code.Reveal())
	}
	require.NoError(t, host.Hold(ctx, "cust-42", symbolon.MethodSMS), "before the first call")
	_, err := prove("call-1", symbolon.MethodSMS)
	refused(t, err, authn.ReasonLocked, "the first call does not open it")
	require.NoError(t, host.Unlock(ctx, "cust-42", symbolon.MethodSMS))

	both, err := prove("call-2", symbolon.MethodSMS)
	require.NoError(t, err)
	require.NoError(t, d.subjects.Hold(ctx, tom, "cust-42", symbolon.MethodSMS, "she says that it is not her"))
	_, err = d.subjects.Challenge(ctx, both, symbolon.MethodCall, "sim.change")
	refused(t, err, authn.ReasonOver, "what was proved until now is void")
	require.NoError(t, host.Rebind(ctx, "cust-42", symbolon.MethodSMS))
	_, err = prove("call-3", symbolon.MethodSMS)
	refused(t, err, authn.ReasonLocked, "a new binding opens no hold")
	_, err = prove("call-4", symbolon.MethodCall)
	require.NoError(t, err, "another method is another lock")
	require.NoError(t, d.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "seen at the counter"))
	_, err = prove("call-5", symbolon.MethodSMS)
	require.NoError(t, err)
	require.ErrorIs(t, host.Hold(ctx, "cust-42", "kba"), symbolon.ErrInvalid)
	require.ErrorIs(t, host.Hold(ctx, "cust-0", symbolon.MethodSMS), symbolon.ErrNotFound)
	require.Equal(t, []string{"customer.held succeeded", "customer.held succeeded"}, d.events(audit.Query{Subject: "cust-42", Event: "customer.held"}))
}

// S8: whoever deletes the record of a customer who is held opens nothing.
func TestADeletedHoldRefuses(t *testing.T) {
	store := memory.New()
	d := newDesk(t, store)
	require.NoError(t, d.subjects.AsHost("test").Hold(t.Context(), "cust-42", symbolon.MethodSMS))
	remove(t, store, "subject", "cust-42", "subject/cust-42/lock/sms")
	_, claim := d.claim("call-1")
	ask := d.ask(claim)
	_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
	refused(t, err, authn.ReasonLocked, "a lock that is missing")
}
