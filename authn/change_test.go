package authn_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// PW-22: a password that must be changed is changed to another one, also where no history is kept.
func TestAChangeChangesSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		require.NoError(t, d.actors.AsHost("lost").ResetPassword(t.Context(), "mia"))
		synctest.Wait()
		temporary := mail.got[0].Password.Reveal()
		require.ErrorIs(t, d.actors.ChangePassword(t.Context(), "mia", temporary, temporary), symbolon.ErrInvalid)
		_, err := d.actors.SignIn(t.Context(), "mia", temporary)
		refused(t, err, authn.ReasonChange, "it is still the one that was mailed")
		require.NoError(t, d.actors.ChangePassword(t.Context(), "mia", temporary, right+" anew"))
	})
}

// LK-15: whoever was guessed at is told, whichever door the right guess came in by.
func TestNoDoorHidesARightGuess(t *testing.T) {
	for name, try := range map[string]func(*desk) error{
		"a change that breaks rules": func(d *desk) error { return d.actors.ChangePassword(d.t.Context(), "mia", right, "short") },
		"a dry run": func(d *desk) error {
			return d.actors.DryRun().ChangePassword(d.t.Context(), "mia", right, right+" anew")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, mail := newOffice(t, password.Policy{})
			d.strangersLock("mia")
			time.Sleep(31 * time.Minute)
			_ = try(d)
			synctest.Wait()
			require.Equal(t, "mia account.locked, mia signin.guessed", mail.events(), name)
		})
	}
}

// S24, LK-10: strangers do not keep an owner from replacing a password that has expired.
func TestAnExpiredPasswordIsChangedFromAKnownDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := password.Default()
		rules.Expiry = 30 * 24 * time.Hour
		d, _ := newOffice(t, rules)
		dev := d.remember(d.mia)
		time.Sleep(31 * 24 * time.Hour)
		d.strangersLock("mia")
		refused(t, d.actors.ChangePassword(t.Context(), "mia", right, right+" anew"), authn.ReasonLocked, "from anywhere else")
		require.NoError(t, d.actors.ChangePasswordFrom(t.Context(), dev, "mia", right, right+" anew"))
		refused(t, d.actors.ChangePasswordFrom(t.Context(), dev, "mia", right+" anew", right), authn.ReasonLocked, "the device has ended with the password")
	})
}

// asked is a list of passwords that counts who looks at it.
type asked struct{ times int }

func (a *asked) Listed(context.Context, string) (bool, error) {
	a.times++
	return false, nil
}

// AN-47: where a change is refused whatever the new password is, nobody looks at that, or the time would tell that the
// present one was right.
func TestARefusedChangeLooksAtNothing(t *testing.T) {
	d, list := newDesk(t, memory.New()), &asked{}
	var err error
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Sources: []password.Source{list}})
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" anew"))
	require.Equal(t, 1, list.times)
	require.NoError(t, d.actors.AsHost("found on a forum").RevokePassword(ctx, "mia"))
	refused(t, d.actors.ChangePassword(ctx, "mia", right+" anew", right), authn.ReasonRevoked, "the present one was right")
	require.Equal(t, 1, list.times, "revoked")

	c := newChain(t, map[symbolon.OrgID]policy.Settings{"shop": {policy.SecondFactorRequired: policy.Flag(true)}})
	list.times = 0
	c.actors, err = authn.NewActors(c.realm, &authn.ActorsOptions{Hasher: testHasher(t), Sources: []password.Source{list}, Policy: c.tree})
	require.NoError(t, err)
	refused(t, c.actors.ChangePassword(ctx, "mia", right, right+" anew"), authn.ReasonFactor, "the present one was right")
	require.Zero(t, list.times, "a second factor is demanded")
}
