package authn_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// LK-02, S9: a hundred failures in a row end a password: the right one, time and an unlock do not help, a new one does.
func TestAHundredFailuresEndAPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx := t.Context()
		for range 25 { // never five within the window, so never a lock
			for range 4 {
				_, err := d.actors.SignIn(ctx, "mia", "wrong")
				refused(t, err, authn.ReasonWrong, "a guess")
			}
			time.Sleep(16 * time.Minute)
		}
		_, err := d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonLocked, "the 101st, though it is right")
		time.Sleep(20 * 24 * time.Hour)
		refused(t, d.actors.Unlock(ctx, d.signIn("tom", right+" of tom"), "mia", "seen her badge"), authn.ReasonDead, "not merely unlocked")
		refused(t, d.actors.ChangePassword(ctx, "mia", right, right+" anew"), authn.ReasonLocked, "nor changed on the strength of itself")
		require.NoError(t, d.actors.AsHost("proofed anew").SetPassword(ctx, "mia", right+" anew"))
		d.signIn("mia", right+" anew")
		synctest.Wait()
		require.Equal(t, "mia account.locked, mia password.set", mail.events())
	})
}

// LK-05: from the third failure on, whoever guesses waits, twice as long each time; so does whoever knows it.
func TestWaitsAtTheDoorGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		policy := lockout.Default()
		policy.Max, policy.DelayFrom, policy.Delay, policy.MaxDelay = 10, 3, 30*time.Second, policy.Window
		var err error
		d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Lockout: policy})
		require.NoError(t, err)
		guess := func(pw string, want authn.Reason, because string) {
			t.Helper()
			_, err := d.actors.SignIn(t.Context(), "mia", pw)
			refused(t, err, want, because)
		}
		for range 2 {
			guess("wrong", authn.ReasonWrong, "without a wait")
		}
		for wait := 30 * time.Second; wait <= 2*time.Minute; wait *= 2 {
			guess("wrong", authn.ReasonWrong, wait.String())
			time.Sleep(wait - time.Second)
			guess(right, authn.ReasonLocked, "a second too early, and not looked at")
			time.Sleep(time.Second)
		}
		d.signIn("mia", right)
		guess("wrong", authn.ReasonWrong, "a success ends the waits")
		d.signIn("mia", right)
	})
}

// C14, LK-19: the window of the source, to the second.
func TestFiveWithinTheWindow(t *testing.T) {
	for because, c := range map[string]struct {
		between time.Duration
		locked  bool
	}{
		"five within 14:59 lock": {14*time.Minute + 59*time.Second, true},
		"five over 15:01 do not": {15*time.Minute + time.Second, false},
	} {
		t.Run(because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, memory.New())
				wrong := func() {
					_, err := d.actors.SignIn(t.Context(), "mia", "wrong")
					refused(t, err, authn.ReasonWrong, because)
				}
				wrong()
				time.Sleep(c.between - time.Minute)
				wrong()
				wrong()
				wrong()
				time.Sleep(time.Minute)
				wrong()
				_, err := d.actors.SignIn(t.Context(), "mia", right)
				require.Equal(t, c.locked, err != nil)
			})
		})
	}
}
