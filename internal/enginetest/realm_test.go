package enginetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
)

// awkward are names that mean something to an engine, to SQL, to a pattern or to a
// path, and names that begin like each other.
var awkward = []string{
	"a", "ab", "a/b", "a/", "a%", "a%2f", "a_", "a'b", "a\"b", `a\b`, "a\\'; --", "A", "a ", "ä", "a\u0308", "a.b", "~a", "a{b}", "*",
	strings.Repeat("n", 128), strings.Repeat("/", 128), strings.Repeat("ü", 64),
}

// keeper keeps the passwords of one tenant over a store.
func keeper(t *testing.T, store storage.Store, tenant string, ids []string, o *symbolon.RealmOptions) *authn.Actors {
	t.Helper()
	secret, err := symbolon.NewSecret("test", []byte("the same in all of the processes"))
	require.NoError(t, err)
	people := symbolon.ActorMap{}
	for _, id := range ids {
		people[symbolon.ActorID(id)] = symbolon.Actor{}
	}
	if storage.Forgets(store) != "" {
		store = believed{store}
	}
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: tenant, Store: store, Secret: secret,
		Actors: people, Subjects: symbolon.SubjectMap{}}, o)
	require.NoError(t, err)
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Schemes: map[string]password.Scheme{"count": &comparer{}}})
	require.NoError(t, err)
	a, err := authn.NewActors(realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	return a
}

// S20: whatever a person is named, on every engine their password and their lock
// are theirs alone.
func TestAwkwardNamesOnEveryEngine(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		actors := keeper(t, e.Open(t), "acme", awkward, nil)
		for i, id := range awkward {
			require.NoError(t, actors.AsHost("test").Import(t.Context(), symbolon.ActorID(id), fmt.Sprint("$count$", i)), "%q", id)
		}
		for i, id := range awkward {
			p, err := actors.SignIn(t.Context(), id, fmt.Sprint(i))
			require.NoError(t, err, "%q", id)
			require.Equal(t, symbolon.ActorID(id), p.Actor().ID)
			_, err = actors.SignIn(t.Context(), id, fmt.Sprint(i+1))
			require.ErrorIs(t, err, authn.ErrRefused, "%q with the password of another", id)
		}
		for range 5 {
			_, err := actors.SignIn(t.Context(), "a", "wrong")
			require.ErrorIs(t, err, authn.ErrRefused)
		}
		for i, id := range awkward {
			_, err := actors.SignIn(t.Context(), id, fmt.Sprint(i))
			require.Equal(t, id == "a", err != nil, "%q: %v", id, err)
		}
	})
}

// S20: two tenants never see each other, whatever they are named and although
// their people have the same ids.
func TestTenantsNeverMeetOnAnyEngine(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		store := e.Open(t)
		var all []*authn.Actors
		var here []symbolon.Principal
		for i, tenant := range awkward {
			a := keeper(t, store, tenant, []string{"mia"}, nil)
			require.NoError(t, a.AsHost("test").Import(t.Context(), "mia", fmt.Sprint("$count$", i)), "%q", tenant)
			all = append(all, a)
		}
		for i, a := range all {
			p, err := a.SignIn(t.Context(), "mia", fmt.Sprint(i))
			require.NoError(t, err, "%q", awkward[i])
			here = append(here, p)
			_, err = a.SignIn(t.Context(), "mia", fmt.Sprint((i+1)%len(all)))
			require.ErrorIs(t, err, authn.ErrRefused, "%q with the password of another tenant's mia", awkward[i])
		}
		require.NoError(t, all[0].AsHost("test").EndSessions(t.Context(), "mia"))
		for range 4 {
			_, err := all[0].SignIn(t.Context(), "mia", "wrong")
			require.ErrorIs(t, err, authn.ErrRefused)
		}
		for i, a := range all {
			require.Equal(t, i == 0, a.Touch(t.Context(), here[i]) != nil, "the session of %q", awkward[i])
			_, err := a.SignIn(t.Context(), "mia", fmt.Sprint(i))
			require.Equal(t, i == 0, err != nil, "the lock of %q: %v", awkward[i], err)
			require.ErrorIs(t, a.Touch(t.Context(), here[(i+1)%len(all)]), symbolon.ErrRefused, "a Principal of another tenant")
		}
	})
}

// S26: a node whose clock is more than two seconds off serves nobody, and nobody
// had to start anything: with the clock of the engine, and where it has none, with
// those of the others.
func TestAClockThatIsOffServesNobodyOnAnyEngine(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		at := func(off time.Duration) error {
			a := keeper(t, e.Open(t), "acme", []string{"mia"}, &symbolon.RealmOptions{Now: func() time.Time { return time.Now().Add(off) }})
			_, err := a.SignIn(t.Context(), "mia", "x")
			return err
		}
		serves := func(off time.Duration) {
			t.Helper()
			err := at(off)
			require.ErrorIs(t, err, authn.ErrRefused, "she has no password")
		}
		refuses := func(off time.Duration) {
			t.Helper()
			err := at(off)
			require.ErrorIs(t, err, symbolon.ErrUnavailable)
			require.ErrorIs(t, err, storage.ErrClock)
		}
		serves(0)
		serves(-time.Second)
		serves(time.Second)
		refuses(-4 * time.Second)
		if _, direct := e.Open(t).(storage.Clock); direct {
			refuses(3 * time.Second) // without the engine's clock it takes another's write to know
		}
		serves(0)
	})
}
