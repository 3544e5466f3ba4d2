package authn_test

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

func (d *desk) remember(p symbolon.Principal) authn.Device {
	d.t.Helper()
	dev, err := d.actors.Remember(d.t.Context(), p)
	require.NoError(d.t, err)
	return authn.DeviceFromString(dev.Reveal()) // through a cookie
}

func (d *desk) strangersLock(login string) {
	d.t.Helper()
	for range 5 {
		_, err := d.actors.SignIn(d.t.Context(), login, "a guess")
		require.ErrorIs(d.t, err, authn.ErrRefused)
	}
}

// S24, LK-10: strangers who lock an account, again and again, do not keep its owner out.
func TestAKnownDeviceComesInDespiteStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		dev := d.remember(d.mia)
		for range 3 {
			d.strangersLock("mia")
			_, err := d.actors.SignIn(t.Context(), "mia", right)
			refused(t, err, authn.ReasonLocked, "from anywhere else")
			_, err = d.actors.SignInFrom(t.Context(), dev, "mia", right)
			require.NoError(t, err)
			_, err = d.actors.SignIn(t.Context(), "mia", right)
			refused(t, err, authn.ReasonLocked, "which opens nothing for anybody else")
			time.Sleep(31 * time.Minute)
		}
		page, err := d.log.List(t.Context(), audit.Query{Actor: "mia", Event: "signin"})
		require.NoError(t, err)
		known := slices.DeleteFunc(page.Records, func(r audit.Record) bool { return r.Detail["device"] != "known" })
		require.Len(t, known, 3, "it is on record")
	})
}

// S24: what the lane is not open to.
func TestWhatIsNoKnownDevice(t *testing.T) {
	for _, row := range []struct {
		because string
		then    func(*desk, string) string // what happens to a device, and what is presented
	}{
		{"none at all", func(*desk, string) string { return "" }},
		{"not ours", func(*desk, string) string { return "symdev.bWlh.1.99999999999.AAAAAAAAAAAAAAAAAAAAAA" }},
		{"altered", func(_ *desk, s string) string { return strings.Replace(s, ".", ".A", 1) }},
		{"extended", func(_ *desk, s string) string {
			p := strings.Split(s, ".")
			p[3] = "99999999999"
			return strings.Join(p, ".")
		}},
		{"cut", func(_ *desk, s string) string { return s[:len(s)-1] }},
		{"endless", func(_ *desk, s string) string { return s + strings.Repeat("A", 1<<20) }},
		{"another's", func(d *desk, _ string) string { return d.remember(d.signIn("tom", right+" of tom")).Reveal() }},
		{"a key", func(d *desk, _ string) string {
			k, err := d.actors.AsHost("test").NewKey(d.t.Context(), "ivr")
			require.NoError(d.t, err)
			return k.Reveal()
		}},
		{"too old", func(d *desk, s string) string { time.Sleep(90 * 24 * time.Hour); return s }},
		{"lost", func(d *desk, s string) string {
			require.NoError(d.t, d.actors.AsHost("loss").EndSessions(d.t.Context(), "mia"))
			return s
		}},
		{"before a change", func(d *desk, s string) string {
			require.NoError(d.t, d.actors.ChangePassword(d.t.Context(), "mia", right, right+" anew"))
			require.NoError(d.t, d.actors.AsHost("test").SetPassword(d.t.Context(), "mia", right))
			return s
		}},
		{"held and released since", func(d *desk, s string) string {
			require.NoError(d.t, d.actors.AsHost("test").Hold(d.t.Context(), "mia"))
			require.NoError(d.t, d.actors.AsHost("test").Unlock(d.t.Context(), "mia"))
			return s
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, memory.New())
			dev := authn.DeviceFromString(row.then(d, d.remember(d.mia).Reveal()))
			d.strangersLock("mia")
			_, err := d.actors.SignInFrom(t.Context(), dev, "mia", right)
			refused(t, err, authn.ReasonLocked, row.because)
			_, err = d.actors.SignInFrom(t.Context(), dev, "nobody", right)
			refused(t, err, authn.ReasonUnknown, row.because)
			time.Sleep(31 * time.Minute)
			_, err = d.actors.SignInFrom(t.Context(), dev, "mia", right)
			require.NoError(t, err, "a stranger's device signs in like any: "+row.because)
		})
	}
}

// S24: a hold closes both lanes, a thief with the device guesses as often as anybody, and an unlock opens what is locked.
func TestAKnownDeviceIsNoMoreThanALane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx, dev := t.Context(), d.remember(d.mia)
		tom := d.signIn("tom", right+" of tom")
		for range 5 {
			_, err := d.actors.SignInFrom(ctx, dev, "mia", "a guess")
			refused(t, err, authn.ReasonWrong, "a thief's guess")
		}
		_, err := d.actors.SignInFrom(ctx, dev, "mia", right)
		refused(t, err, authn.ReasonLocked, "five of them")
		synctest.Wait()
		d.signIn("mia", right)
		synctest.Wait()
		require.NoError(t, d.actors.Unlock(ctx, tom, "mia", "her little brother"))
		synctest.Wait()
		require.Equal(t, "mia account.locked, mia signin.guessed, mia account.unlocked", mail.events())
		_, err = d.actors.SignInFrom(ctx, dev, "mia", right)
		require.NoError(t, err)
		require.NoError(t, d.actors.Hold(ctx, tom, "mia", "under suspicion"))
		_, err = d.actors.SignInFrom(ctx, dev, "mia", right)
		refused(t, err, authn.ReasonLocked, "held")
	})
}

// S24: only who has just given a password is remembered.
func TestWhoIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		_, err := d.actors.Remember(t.Context(), d.pbx)
		require.ErrorIs(t, err, symbolon.ErrInvalid, "a machine has no password")
		_, err = d.actors.Remember(t.Context(), symbolon.Principal{})
		require.ErrorIs(t, err, authn.ErrRefused)
		time.Sleep(14 * time.Minute)
		d.remember(d.mia)
		require.NoError(t, d.actors.Touch(t.Context(), d.mia))
		time.Sleep(2 * time.Minute)
		_, err = d.actors.Remember(t.Context(), d.mia)
		require.ErrorContains(t, err, "right after the sign-in", "a thief of the session comes too late")
	})
}

// S24, LK-09: while two hundred strangers guess, the owner signs in ten times, and five of the guesses are looked at.
func TestStrangersAndTheOwnerAtOnce(t *testing.T) {
	d := newDesk(t, storagetest.Strict(t, memory.New()))
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Slots: 8, Waiters: 256})
	require.NoError(t, err)
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	dev := d.remember(d.mia)
	var wg sync.WaitGroup
	var in atomic.Int64
	for i := range 210 {
		wg.Go(func() {
			if i%21 == 0 {
				if _, err := d.actors.SignInFrom(t.Context(), dev, "mia", right); err == nil {
					in.Add(1)
				} else {
					t.Error(err)
				}
				return
			}
			if _, err := d.actors.SignIn(t.Context(), "mia", "a guess"); !isRefused(err) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 10, in.Load())
	reasons := map[string]int{}
	page, err := d.log.List(t.Context(), audit.Query{Actor: "mia", Event: "signin", Limit: 1000})
	require.NoError(t, err)
	for _, r := range page.Records {
		reasons[r.Reason]++
	}
	require.Equal(t, 5, reasons["wrong"], "compared; the others were refused unseen: %v", reasons)
}
