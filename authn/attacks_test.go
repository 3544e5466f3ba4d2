package authn_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// wrongCodes makes n wrong guesses at a customer's code.
func (d *desk) wrongCodes(claim symbolon.Principal, n int) {
	d.t.Helper()
	ask := d.ask(claim)
	for range n {
		_, err := d.subjects.Confirm(d.t.Context(), claim, ask.ID, "wrong")
		require.ErrorIs(d.t, err, authn.ErrRefused)
	}
}

// LK-02, LK-17: a customer's method that was locked is unlocked by somebody, one that has died is bound anew.
func TestACustomersLockHasAWayOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		ctx := t.Context()
		tom := d.signIn("tom", right+" of tom")
		confirm := func(call string) error {
			_, claim := d.claim(call)
			ask := d.ask(claim)
			_, err := d.subjects.Confirm(ctx, claim, ask.ID, d.inbox.last(t).Code.Reveal())
			return err
		}
		_, claim := d.claim("call-1")
		d.wrongCodes(claim, 5)
		refused(t, confirm("call-2"), authn.ReasonLocked, "five guesses")
		require.NoError(t, d.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "called back on the number of record"))
		require.NoError(t, confirm("call-3"))

		for range 25 { // never five within the window, so never a lock: but a hundred in a row
			d.mia = d.signIn("mia", right)
			_, claim := d.claim("guess-" + time.Now().String())
			d.wrongCodes(claim, 4)
			time.Sleep(16 * time.Minute)
		}
		d.mia, tom = d.signIn("mia", right), d.signIn("tom", right+" of tom")
		refused(t, confirm("call-4"), authn.ReasonLocked, "a hundred in a row")
		refused(t, d.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "again"), authn.ReasonDead, "an unlock does not help")
		require.NoError(t, d.subjects.AsHost("passport seen in the shop").Rebind(ctx, "cust-42", symbolon.MethodSMS))
		require.NoError(t, confirm("call-5"))
		events := d.events(audit.Query{Subject: "cust-42", Limit: 1000})
		require.Contains(t, events, "customer.unlocked succeeded")
		require.Contains(t, events, "customer.unlocked failed")
		require.Contains(t, events, "method.bound succeeded")
	})
}

// S8: whoever deletes a customer's stamp does not thereby open their locks.
func TestADeletedStampOpensNoLock(t *testing.T) {
	store := memory.New()
	d := newDesk(t, store)
	_, claim := d.claim("call-1")
	d.wrongCodes(claim, 5)
	remove(t, store, "subject", "cust-42", stamp.SubjectName("cust-42"))
	_, claim = d.claim("call-2")
	ask := d.ask(claim)
	_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
	refused(t, err, authn.ReasonLocked, "the lock is as it was")
}

func remove(t *testing.T, store storage.Store, kind, id, name string) {
	t.Helper()
	require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: "acme/" + table.ShardOf(kind, id).String(), Now: time.Now(),
		Ops: []storage.Op{{Act: storage.Delete, Name: name, Cond: storage.Any}}}))
}

// S15: who rewrites for what a code was sent, or until when it counts, makes it worthless.
func TestACodeIsBoundToItsOperation(t *testing.T) {
	for _, member := range []string{"for", "expires"} {
		store := memory.New()
		d := newDesk(t, store)
		call, claim := d.claim("call-1")
		ask, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "customer.read")
		require.NoError(t, err)
		d.inbox.wait(t, ask.ID)
		name, shard := table.Name("interaction", string(call), "challenge", "sms"), "acme/"+table.ShardOf("subject", "cust-42").String()
		recs, err := store.Get(t.Context(), shard, name)
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(recs[0].Value, &members))
		members[member] = map[string]any{"for": "sim.change", "expires": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}[member]
		value, err := json.Marshal(members)
		require.NoError(t, err)
		require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{
			{Act: storage.Put, Name: name, Cond: storage.Any, Value: value, Version: storage.Version{1}, ExpiresAt: time.Now().Add(time.Hour)}}}))
		_, err = d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
		refused(t, err, authn.ReasonWrong, member)
	}
}

// A proof that has grown old does not take a fresh one with it.
func TestAnOldProofDoesNotSpoilAFreshOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		call, claim := d.claim("call-1")
		prove := func(operation string) symbolon.Principal {
			ask, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, operation)
			require.NoError(t, err)
			synctest.Wait()
			p, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
			require.NoError(t, err)
			return p
		}
		prove("customer.read")
		for range 61 * 3 {
			time.Sleep(20 * time.Second)
			require.NoError(t, d.subjects.Renew(t.Context(), d.pbx, call))
			require.NoError(t, d.actors.Touch(t.Context(), d.mia))
		}
		p := prove("sim.change")
		require.Len(t, p.SubjectVerification().Proofs, 1)
		require.Equal(t, time.Hour, p.NotAfter().Sub(time.Now().Truncate(time.Second)))
	})
}

// TK-41, TK-56: the next token of the same call rests on the same proof, no younger, and only for who took it.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		call, claim := d.claim("call-1")
		_, err := d.subjects.Resume(t.Context(), d.mia, call)
		refused(t, err, authn.ReasonWrong, "nothing was proved yet")
		ask := d.ask(claim)
		both, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
		require.NoError(t, err)
		hold := func(d *desk, minutes int) {
			for range 3 * minutes {
				time.Sleep(20 * time.Second)
				require.NoError(t, d.subjects.Renew(t.Context(), d.pbx, call))
				require.NoError(t, d.actors.Touch(t.Context(), d.mia))
			}
		}
		hold(d, 10)
		again, err := d.subjects.Resume(t.Context(), d.mia, call)
		require.NoError(t, err)
		require.Equal(t, both.SubjectVerification(), again.SubjectVerification())
		require.Equal(t, both.NotAfter(), again.NotAfter(), "as long as the first, and no longer")
		_, err = d.subjects.Resume(t.Context(), d.signIn("tom", right+" of tom"), call)
		refused(t, err, authn.ReasonNotYours, "another employee")
		hold(d, 50)
		_, err = d.subjects.Resume(t.Context(), d.mia, call)
		refused(t, err, authn.ReasonWrong, "an hour after the proof")
		require.NoError(t, d.subjects.End(t.Context(), d.pbx, call))
		_, err = d.subjects.Resume(t.Context(), d.mia, call)
		refused(t, err, authn.ReasonOver, "the call is over")
	})
}

// S13: how long the gateway takes does not show.
func TestChallengeDoesNotWaitForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		subjects, err := authn.NewSubjects(d.actors, authn.SenderFunc(func(context.Context, authn.Message) error {
			time.Sleep(3 * time.Second)
			return nil
		}), nil)
		require.NoError(t, err)
		_, claim := d.claim("call-1")
		began := time.Now()
		_, err = subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Second)
		time.Sleep(time.Minute)
	})
}

type switchedOff struct {
	symbolon.ActorMap
	off *bool
}

func (s switchedOff) Actor(ctx context.Context, id symbolon.ActorID) (symbolon.Actor, error) {
	a, err := s.ActorMap.Actor(ctx, id)
	a.Disabled = *s.off
	return a, err
}

// SE-08: the key of somebody who was dismissed can still be revoked, and their sessions ended.
func TestRevokingAfterADismissal(t *testing.T) {
	off := false
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: testSecret(t),
		Actors: switchedOff{people, &off}, Subjects: customers}, nil)
	require.NoError(t, err)
	actors, err := authn.NewActors(r, &authn.ActorsOptions{Hasher: testHasher(t)})
	require.NoError(t, err)
	host := actors.AsHost("theft")
	key, err := host.NewKey(t.Context(), "pbx")
	require.NoError(t, err)
	off = true
	_, err = actors.SignInKey(t.Context(), key)
	require.ErrorIs(t, err, authn.ErrRefused)
	require.NoError(t, host.RevokeKey(t.Context(), "pbx", key.ID()))
	require.NoError(t, host.EndSessions(t.Context(), "mia"))
	off = false
	_, err = actors.SignInKey(t.Context(), key)
	refused(t, err, authn.ReasonWrong, "it was revoked while its owner was away")
}

// SE-08: voiding what a customer proved ends what rests on it.
func TestEndProofs(t *testing.T) {
	d := newDesk(t, memory.New())
	_, claim := d.claim("call-1")
	require.NoError(t, d.subjects.AsHost("fraud reported").EndProofs(t.Context(), "cust-42"))
	_, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
	refused(t, err, authn.ReasonOver, "the claim from before")
}

// SE-07: a session whose record was damaged is ended by signing out, not kept alive by it.
func TestSigningOutOfADamagedSession(t *testing.T) {
	store := memory.New()
	d := newDesk(t, store)
	shard := "acme/" + table.ShardOf("actor", "mia").String()
	recs, err := store.Scan(t.Context(), shard, "actor/mia/s/", "", 10)
	require.NoError(t, err)
	require.Len(t, recs, 1)
	require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{
		{Act: storage.Put, Name: recs[0].Name, Cond: storage.Any, Value: []byte(`{"v":1,"end":7}`), Version: storage.Version{1}}}}))
	require.NoError(t, d.actors.SignOut(t.Context(), d.mia))
	recs, err = store.Scan(t.Context(), shard, "actor/mia/s/", "", 10)
	require.NoError(t, err)
	require.Empty(t, recs)
}

// AU-02: who reaches for a call that is not theirs is on record.
func TestReachingForAnothersCall(t *testing.T) {
	d := newDesk(t, memory.New())
	call := d.call("call-1")
	_, err := d.subjects.Join(t.Context(), d.signIn("tom", right+" of tom"), call)
	refused(t, err, authn.ReasonNotYours, "mia's call")
	page, err := d.log.List(t.Context(), audit.Query{Actor: "tom", Event: "interaction.joined"})
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	require.Equal(t, call, page.Records[0].Interaction)
}

// S3, AN-20, PW-01, LK-14: every bound of the constructors, and all that is wrong named at once.
func TestNewNamesAllThatIsWrong(t *testing.T) {
	d := newDesk(t, memory.New())
	_, err := authn.NewActors(nil, &authn.ActorsOptions{Idle: 2 * time.Hour, Absolute: time.Hour, Sessions: 65,
		Lockout: lockout.Policy{Max: -1}, Rules: password.Policy{MinLength: 1}})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"Realm", "Idle", "Sessions", "Max", "MinLength"} {
		require.ErrorContains(t, err, what)
	}
	for what, o := range map[string]authn.ActorsOptions{"Absolute": {Absolute: 31 * 24 * time.Hour}, "Idle": {Idle: -1}, "Sessions": {Sessions: -1}} {
		_, err := authn.NewActors(d.realm, &o)
		require.ErrorContains(t, err, what)
	}

	_, err = authn.NewSubjects(nil, nil, &authn.SubjectsOptions{Lease: time.Minute, CodeLife: time.Hour, MaxCodes: 21, Lockout: lockout.Policy{Max: -1}})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"Actors", "Sender", "Lease", "CodeLife", "MaxCodes", "Max "} {
		require.ErrorContains(t, err, what)
	}
	for what, o := range map[string]authn.SubjectsOptions{
		"Lease":     {Lease: 30*time.Second + 1},
		"Longest":   {Longest: 25 * time.Hour},
		"Proof":     {Proof: 5 * time.Hour},
		"CodeLife":  {CodeLife: 10*time.Minute + 1},
		"email":     {Methods: []symbolon.Method{"email"}},
		"only once": {Methods: []symbolon.Method{"sms", "sms"}},
	} {
		_, err := authn.NewSubjects(d.actors, d.inbox, &o)
		require.ErrorContains(t, err, what)
		require.False(t, strings.Contains(err.Error(), "Actors"), "and nothing that is right")
	}
	_, err = authn.NewSubjects(d.actors, authn.SenderFunc(nil), nil)
	require.ErrorContains(t, err, "Sender")
	require.ErrorIs(t, authn.Host{}.SetPassword(t.Context(), "mia", right), symbolon.ErrInvalid)
	require.ErrorIs(t, authn.SubjectHost{}.EndProofs(t.Context(), "cust-42"), symbolon.ErrInvalid)
}
