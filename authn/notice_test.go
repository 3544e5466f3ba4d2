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
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// S14, AN-26, PW-25, AU-10: a customer is told what happened to the method by which they prove who they are.
func TestCustomersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		var err error
		d.subjects, err = authn.NewSubjects(d.actors, d.inbox, nil)
		require.NoError(t, err)
		ctx, tom, host := t.Context(), d.signIn("tom", right+" of tom"), d.subjects.AsHost("test")
		told := func(want string) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, mail.events())
			for _, n := range mail.got {
				require.Equal(t, symbolon.MethodSMS, n.Method)
			}
			mail.got = nil
		}
		_, claim := d.claim("call-1")
		d.wrongCodes(claim, 5)
		told("cust-42 customer.locked")
		require.NoError(t, d.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "called back"))
		told("cust-42 customer.unlocked")
		require.NoError(t, d.subjects.Unlock(ctx, tom, "cust-42", symbolon.MethodSMS, "again"))
		told("")
		require.NoError(t, d.subjects.Hold(ctx, tom, "cust-42", symbolon.MethodSMS, "she says that it is not her"))
		told("cust-42 customer.held")
		require.NoError(t, host.Rebind(ctx, "cust-42", symbolon.MethodSMS))
		told("cust-42 method.bound")
	})
}

// AU-10, PW-25: what replaces a password or locks it is told at once, by whichever door; what changes nothing is not told.
func TestOwnersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx, tom, host := t.Context(), d.signIn("tom", right+" of tom"), d.actors.AsHost("test")
		told := func(want string) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, mail.events())
			mail.got = nil
		}
		require.NoError(t, host.Import(ctx, "mia2", bcrypted))
		told("")
		require.NoError(t, host.Import(ctx, "mia2", bcrypted))
		told("mia2 password.imported")
		require.NoError(t, d.actors.Unlock(ctx, tom, "mia", "just in case"))
		told("")
		require.Equal(t, []string{"account.unlocked failed"}, d.events(audit.Query{Event: "account.unlocked"}), "nothing was opened, and the log says so")
		for range 5 {
			refused(t, d.actors.ChangePassword(ctx, "mia", "a guess", right+" anew"), authn.ReasonWrong, "a guess")
		}
		told("mia account.locked")
		require.NoError(t, d.actors.Unlock(ctx, tom, "mia", "seen her badge"))
		told("mia account.unlocked")
	})
}

// AU-10: a notice that could not be delivered with its change, or whose process died in between, still goes out.
func TestANoticeGoesOutLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newDesk(t, memory.New()), &mailbox{}
		down, failed := true, 0
		notify := authn.NotifierFunc(func(ctx context.Context, n authn.Notice) error {
			if down {
				return errDown
			}
			return mail.Notify(ctx, n)
		})
		open := func() *authn.Actors {
			a, err := authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Notifier: notify, Failed: func(error) { failed++ }})
			require.NoError(t, err)
			return a
		}
		require.NoError(t, open().ChangePassword(t.Context(), "mia", right, right+" anew"))
		synctest.Wait()
		require.Equal(t, 1, failed, "the change stands, and the host knows that nobody was told")
		down = false
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- open().RunNotices(ctx) }() // another process
		time.Sleep(time.Minute)
		stop()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Equal(t, "mia password.changed", mail.events(), "once")
	})
}
