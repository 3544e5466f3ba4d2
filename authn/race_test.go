package authn_test

import (
	"errors"
	"os"
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
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// counter is a host's own hash scheme that counts how often it is asked.
type counter struct{ compared atomic.Int64 }

func (c *counter) Compare(encoded, pw string) bool {
	time.Sleep(2 * time.Millisecond)
	// At a locked account the hash is run over a blank as long as the guess: that
	// costs the same and evaluates no guess.
	if pw != strings.Repeat("x", len(pw)) {
		c.compared.Add(1)
	}
	return encoded == "$count$"+pw
}

// LK-09, LK-10: 200 parallel guesses at the front door, and 40 right ones.
func TestBurstsAtSignIn(t *testing.T) {
	d := newDesk(t, storagetest.Strict(t, memory.New()))
	scheme := &counter{}
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Slots: 8, Waiters: 256,
		Schemes: map[string]password.Scheme{"count": scheme}})
	require.NoError(t, err)
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	require.NoError(t, d.actors.AsHost("import").Import(t.Context(), "mia", "$count$right"))

	burst := func(n int, pw string) (granted int64) {
		var wg sync.WaitGroup
		var in atomic.Int64
		for range n {
			wg.Go(func() {
				if _, err := d.actors.SignIn(t.Context(), "mia", pw); err == nil {
					in.Add(1)
				} else if !isRefused(err) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return in.Load()
	}
	require.EqualValues(t, 40, burst(40, "right"))
	require.NoError(t, d.actors.AsHost("import").Import(t.Context(), "mia", "$count$right"), "again: it was hashed anew at the first sign-in")
	scheme.compared.Store(0)
	require.Zero(t, burst(200, "wrong"))
	require.EqualValues(t, 5, scheme.compared.Load())
	require.Zero(t, burst(20, "right"))
	require.EqualValues(t, 5, scheme.compared.Load())
}

// AN-30: one code confirmed by many at once proves once.
func TestOneCodeManyConfirms(t *testing.T) {
	d := newDesk(t, memory.New())
	_, claim := d.claim("call-1")
	ask := d.ask(claim)
	code := d.inbox.last(t).Code.Reveal()
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := d.subjects.Confirm(t.Context(), claim, ask.ID, code); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, in.Load())
}

// A call opened by many at once is one call.
func TestOneCallManyOpens(t *testing.T) {
	d := newDesk(t, memory.New())
	ids := make([]symbolon.InteractionID, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i] = d.call("call-1") })
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
}

// SE-13: of many sign-ins at once no more than the limit stay open, and those are the newest.
func TestSessionLimit(t *testing.T) {
	d := newDesk(t, memory.New())
	var err error
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Sessions: 3})
	require.NoError(t, err)
	live := func(all []symbolon.Principal) (n int) {
		for _, p := range all {
			if d.actors.Touch(t.Context(), p) == nil {
				n++
			}
		}
		return n
	}
	all := make([]symbolon.Principal, 20)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = d.signIn("mia", right) })
	}
	wg.Wait()
	require.Equal(t, 3, live(all))
	refused(t, d.actors.Touch(t.Context(), d.mia), authn.ReasonOver, "the one from before")

	first, second := d.signIn("mia", right), d.signIn("mia", right)
	require.NoError(t, d.actors.SignOut(t.Context(), second))
	third := d.signIn("mia", right)
	require.NoError(t, d.actors.Touch(t.Context(), first), "a session that was signed out takes no place")
	require.NoError(t, d.actors.Touch(t.Context(), third))
}

// slowly is a host's own hash scheme that takes its time.
type slowly time.Duration

func (s slowly) Compare(encoded, pw string) bool {
	time.Sleep(time.Duration(s))
	return encoded == "$slow$"+pw
}

// S23, a bar: a check that takes longer than its lease, and a pool that is full, are nobody's failure. Of 60 who know the
// password each is let in or told to come again, and the next one still is.
func TestSlowChecksAndAFullPoolAreNoFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Slots: 2, Waiters: 5,
			Schemes: map[string]password.Scheme{"slow": slowly(700 * time.Millisecond)}})
		require.NoError(t, err)
		strict := lockout.Policy{Max: 3, Window: time.Hour, Lock: time.Hour, Lease: 100 * time.Millisecond}
		d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher, Lockout: strict})
		require.NoError(t, err)
		var in, busy atomic.Int64
		for range 3 {
			require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$slow$"+right)) // the first success hashes it anew
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					switch _, err := d.actors.SignIn(t.Context(), "mia", right); {
					case err == nil:
						in.Add(1)
					case errors.Is(err, authn.ErrBusy):
						busy.Add(1)
					default:
						t.Errorf("a right password was refused: %v", err)
					}
				})
			}
			wg.Wait()
		}
		require.EqualValues(t, 60, in.Load()+busy.Load())
		require.NotZero(t, in.Load())
		require.NotZero(t, busy.Load(), "the pool was never full")
		require.NotContains(t, d.events(audit.Query{Actor: "mia", Limit: 1000}), "signin failed")
		d.signIn("mia", right)
	})
}

// LK-09, LK-10: the bursts with the real Argon2. Ten seconds on two cores, so only at full size.
func TestBurstsWithArgon2(t *testing.T) {
	if os.Getenv("SYMBOLON_FULL") == "" {
		t.Skip("set SYMBOLON_FULL=1 to hash 240 passwords")
	}
	d := newDesk(t, memory.New())
	hasher, err := password.NewHasher(&password.Options{Waiters: 256})
	require.NoError(t, err)
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	require.NoError(t, d.actors.AsHost("test").SetPassword(t.Context(), "mia", right))
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := d.actors.SignIn(t.Context(), "mia", right); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 40, in.Load())
	for range 200 {
		wg.Go(func() {
			if _, err := d.actors.SignIn(t.Context(), "mia", "wrong"); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 40, in.Load())
	_, err = d.actors.SignIn(t.Context(), "mia", right)
	refused(t, err, authn.ReasonLocked, "five of the two hundred were looked at")
}
