package authn_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// ring is a desk whose Alert is listened to, and whose mia, mia2 and tom have passwords.
type ring struct {
	*desk
	mu     sync.Mutex
	alerts []audit.Record
}

func newRing(t *testing.T, store storage.Store) *ring {
	t.Helper()
	r := &ring{desk: newDesk(t, store)}
	var err error
	r.actors, err = authn.NewActors(r.realm, &authn.ActorsOptions{Hasher: testHasher(t), Alert: func(a audit.Record) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.alerts = append(r.alerts, a)
	}})
	require.NoError(t, err)
	require.NoError(t, r.actors.AsHost("test").SetPassword(t.Context(), "mia2", right+" twice"))
	return r
}

// frees holds an employee, whom another then unlocks.
func (r *ring) frees(by symbolon.Principal, id symbolon.ActorID) {
	r.t.Helper()
	require.NoError(r.t, r.actors.AsHost("test").Hold(r.t.Context(), id))
	require.NoError(r.t, r.actors.Unlock(r.t.Context(), by, id, "a favour"))
}

func (r *ring) reported() int {
	page, err := r.log.List(r.t.Context(), audit.Query{Event: "unlock.reciprocal"})
	require.NoError(r.t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := func(recs []audit.Record) (ids []string) {
		for _, rec := range recs {
			ids = append(ids, rec.ID)
		}
		return ids
	}
	require.ElementsMatch(r.t, ids(page.Records), ids(r.alerts), "the host is told of each that is recorded")
	return len(page.Records)
}

// S9, S22, LK-17: two who unlock each other within 30 days are reported, by whichever accounts.
func TestReciprocalUnlocksAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, memory.New())
		tom := func() symbolon.Principal { return r.signIn("tom", right+" of tom") }
		r.frees(tom(), "mia")
		r.frees(tom(), "mia")
		require.Zero(t, r.reported(), "one who helps another, twice")
		time.Sleep(29 * 24 * time.Hour)
		r.frees(r.signIn("mia2", right+" twice"), "tom")
		require.Equal(t, 1, r.reported(), "mia in return, by her other account")
		a := r.alerts[0]
		require.Equal(t, "unlock.reciprocal", a.Event)
		require.Equal(t, symbolon.ActorID("mia2"), a.Actor)
		require.Equal(t, "Actor/tom", a.Resource)
		require.Equal(t, []string{"actor/mia", "actor/tom"}, []string{a.Detail["by"], a.Detail["of"]}, "both by name")

		time.Sleep(31 * 24 * time.Hour)
		r.frees(tom(), "mia2")
		require.Equal(t, 1, r.reported(), "a month later nobody sees a pair in it")
	})
}

// What opens nothing is no favour: neither an account that is not locked, nor one that stays dead, nor the host's own word.
func TestWhatIsNoFavour(t *testing.T) {
	r := newRing(t, memory.New())
	ctx := t.Context()
	tom, mia := r.signIn("tom", right+" of tom"), r.signIn("mia", right)
	require.NoError(t, r.actors.Unlock(ctx, tom, "mia", "just in case"))
	require.NoError(t, r.actors.Unlock(ctx, mia, "tom", "just in case"))
	r.frees(tom, "mia")
	require.NoError(t, r.actors.AsHost("test").Hold(ctx, "tom"))
	require.NoError(t, r.actors.AsHost("test").Unlock(ctx, "tom"))
	require.Zero(t, r.reported())
}

// Of two who unlock each other at the same moment, at least one sees both.
func TestAPairAtTheSameMoment(t *testing.T) {
	for range 50 {
		r := newRing(t, memory.New())
		// Their sessions must outlive their locks: failures lock and end nothing.
		tom, mia := r.signIn("tom", right+" of tom"), r.signIn("mia", right)
		for range 5 {
			for _, login := range []string{"mia", "tom"} {
				_, err := r.actors.SignIn(t.Context(), login, "wrong")
				refused(t, err, authn.ReasonWrong, "a guess")
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, r.actors.Unlock(t.Context(), tom, "mia", "a favour")) })
		wg.Go(func() { require.NoError(t, r.actors.Unlock(t.Context(), mia, "tom", "a favour")) })
		wg.Wait()
		require.NotZero(t, r.reported())
	}
}
