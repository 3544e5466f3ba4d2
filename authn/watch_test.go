package authn_test

import (
	"fmt"
	"sync"
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

// watched is a desk with many customers, whose Alert is listened to.
type watched struct {
	*desk
	mail  *mailbox
	mu    sync.Mutex
	heard []string
}

func newWatched(t *testing.T, o authn.SubjectsOptions) *watched {
	t.Helper()
	w := &watched{desk: newDesk(t, memory.New()), mail: &mailbox{}}
	var err error
	w.actors, err = authn.NewActors(w.realm, &authn.ActorsOptions{Hasher: testHasher(t), Notifier: w.mail, Alert: func(r audit.Record) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.heard = append(w.heard, fmt.Sprint(r.Event, " ", r.Actor, " ", r.Subject, " ", r.Detail["operation"], r.Detail["customers"]))
	}})
	require.NoError(t, err)
	w.subjects, err = authn.NewSubjects(w.actors, w.inbox, &o)
	require.NoError(t, err)
	return w
}

// serves opens a call of a customer's to mia, asks for a code for an operation, and types so many wrong ones.
func (w *watched) serves(customer int, operation string, wrong int) (symbolon.Principal, authn.Challenge) {
	w.t.Helper()
	ctx := w.t.Context()
	c := authn.Call{ID: fmt.Sprint("call-", customer, "-", time.Now().UnixNano()), Channel: "phone", Actor: "mia", Subject: symbolon.SubjectID(fmt.Sprint("c", customer))}
	i, err := w.subjects.Open(ctx, w.pbx, c)
	require.NoError(w.t, err)
	claim, err := w.subjects.Join(ctx, w.mia, i)
	require.NoError(w.t, err)
	ask, err := w.subjects.Challenge(ctx, claim, symbolon.MethodSMS, operation)
	require.NoError(w.t, err)
	w.inbox.wait(w.t, ask.ID)
	for range wrong {
		_, err := w.subjects.Confirm(ctx, claim, ask.ID, "wrong")
		require.ErrorIs(w.t, err, authn.ErrRefused)
	}
	return claim, ask
}

// LK-12: one who tries a code or two at each of many customers locks nobody, and is found out.
func TestWhoFailsAtManyCustomersIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, authn.SubjectsOptions{})
		for i := range 9 {
			w.serves(i, "plan.show", 2)
		}
		w.serves(3, "plan.show", 2)
		require.Empty(t, w.heard, "nine customers, however often")
		claim, ask := w.serves(20, "plan.show", 0)
		_, err := w.subjects.Confirm(t.Context(), claim, ask.ID, w.inbox.last(t).Code.Reveal())
		require.NoError(t, err)
		require.Empty(t, w.heard, "a right code is no failure")
		w.serves(9, "plan.show", 1)
		require.Equal(t, []string{"employee.failing mia c9 10"}, w.heard)
		require.Equal(t, []string{"employee.failing succeeded"}, w.events(audit.Query{Actor: "mia", Event: "employee.failing"}), "on record, too")
		for i := range 30 {
			w.serves(i, "plan.show", 1)
		}
		require.Len(t, w.heard, 1, "once a day is enough")
		time.Sleep(25 * time.Hour)
		w.mia, w.pbx = w.signIn("mia", right), w.telephony()
		for i := range 9 {
			w.serves(i, "plan.show", 1)
		}
		require.Len(t, w.heard, 1, "what was yesterday is forgotten")
		w.serves(30, "plan.show", 1)
		require.Len(t, w.heard, 2, "and today counts anew")
	})
}

// LK-13: a failed proof for a SIM change is told at once, once a code, to the customer and to the host, who may hold the method.
func TestAFailedProofForAGuardedOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, authn.SubjectsOptions{Guarded: []string{"sim.change", "port.out"}})
		told := func(mail string, heard ...string) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, mail, w.mail.events())
			require.Equal(t, heard, w.heard)
			w.mail.got, w.heard = nil, nil
		}
		w.serves(1, "plan.show", 3)
		told("")
		w.serves(2, "sim.change", 3)
		told("c2 customer.attempted", "challenge.answered mia c2 sim.change")
		claim, ask := w.serves(3, "port.out", 1)
		told("c3 customer.attempted", "challenge.answered mia c3 port.out")
		_, err := w.subjects.Confirm(t.Context(), claim, ask.ID, w.inbox.last(t).Code.Reveal())
		require.NoError(t, err, "who mistypes may go on")
		told("")
		require.Contains(t, w.events(audit.Query{Subject: "c3"}), "challenge.answered failed")
	})
}

// LK-15: the owner is told of a sign-in after many failures, and of one after a long absence, once each.
func TestAnOwnerIsToldOfAnUnusualSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		told := func(want string) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, mail.events())
			mail.got = nil
		}
		guess := func(n int) {
			for range n {
				_, err := d.actors.SignIn(t.Context(), "mia", "a guess")
				require.ErrorIs(t, err, authn.ErrRefused)
			}
		}
		guess(4)
		d.signIn("mia", right)
		told("")
		guess(4)
		time.Sleep(20 * time.Minute)
		guess(1)
		d.signIn("mia", right)
		told("mia signin.guessed")
		d.signIn("mia", right)
		told("")
		time.Sleep(30*24*time.Hour - time.Second)
		d.signIn("mia", right)
		told("")
		time.Sleep(30 * 24 * time.Hour)
		d.signIn("mia", right)
		told("mia signin.absent")
	})
}

// LK-18: an account that nobody uses closes, which only another person's word opens.
func TestAnUnusedAccountCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		rules := lockout.Default()
		rules.Dormant = 90 * 24 * time.Hour
		var err error
		d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Lockout: rules, Notifier: mail})
		require.NoError(t, err)
		ctx := t.Context()
		time.Sleep(60 * 24 * time.Hour)
		d.signIn("mia", right)
		time.Sleep(31 * 24 * time.Hour)
		_, err = d.actors.SignIn(ctx, "tom", right+" of tom")
		refused(t, err, authn.ReasonLocked, "91 days since it was set")
		_, err = d.actors.SignIn(ctx, "nobody", right)
		refused(t, err, authn.ReasonUnknown, "which looks like any other refusal")
		synctest.Wait()
		require.Equal(t, "mia signin.absent, tom account.locked", mail.events())
		page, err := d.log.List(ctx, audit.Query{Event: "account.locked"})
		require.NoError(t, err)
		require.Equal(t, "dormant", page.Records[0].Reason)
		require.NoError(t, d.actors.Unlock(ctx, d.signIn("mia", right), "tom", "back from a sabbatical"))
		d.signIn("tom", right+" of tom")
	})
}
