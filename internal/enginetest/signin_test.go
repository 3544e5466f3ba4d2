package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/enginetest/fleet"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
)

const (
	owners   = 40
	sessions = 5
)

// guesses are made at once.
var guesses = times(200, 10_000)

// comparer is a scheme of hashes that counts how often one is looked at.
type comparer struct{ compared atomic.Int64 }

func (c *comparer) Compare(encoded, pw string) bool {
	time.Sleep(2 * time.Millisecond)
	// At a locked account the hash is run over a blank as long as the guess: that
	// costs the same and evaluates no guess.
	if pw != strings.Repeat("x", len(pw)) {
		c.compared.Add(1)
	}
	return encoded == "$count$"+pw
}

// doors is one process's engine of sign-ins.
type doors struct {
	actors *authn.Actors
	scheme *comparer
}

func openDoors(store storage.Store) (*doors, error) {
	secret, err := symbolon.NewSecret("test", []byte("the same in all of the processes"))
	if err != nil {
		return nil, err
	}
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: believed{store}, Secret: secret,
		Actors: symbolon.ActorMap{"mia": {}}, Subjects: symbolon.SubjectMap{}}, nil)
	if err != nil {
		return nil, err
	}
	d := &doors{scheme: &comparer{}}
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Slots: 8, Waiters: guesses,
		Schemes: map[string]password.Scheme{"count": d.scheme}})
	if err != nil {
		return nil, err
	}
	d.actors, err = authn.NewActors(realm, &authn.ActorsOptions{Hasher: hasher, Sessions: sessions})
	return d, err
}

// burst tries the password n times at once and returns how many came in.
func (d *doors) burst(ctx context.Context, n int, pw string) (in int64, err error) {
	var granted atomic.Int64
	err = each(n, func(int) error {
		_, err := d.actors.SignIn(ctx, "mia", pw)
		if err == nil {
			granted.Add(1)
		}
		if errors.Is(err, authn.ErrRefused) || errors.Is(err, authn.ErrBusy) {
			return nil
		}
		return err
	})
	return granted.Load(), err
}

// LK-09, LK-10: forty owners at once all come in; of two hundred guesses five are compared.
func TestBurstsOnEveryEngine(t *testing.T) {
	engines.Each(t, func(t *testing.T, e engines.Engine) {
		d, err := openDoors(e.Open(t))
		require.NoError(t, err)
		require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
		in, err := d.burst(t.Context(), owners, "right")
		require.NoError(t, err)
		require.EqualValues(t, owners, in)
		// The first sign-in hashed it anew, out of the sight of the comparer.
		require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
		d.scheme.compared.Store(0)
		in, err = d.burst(t.Context(), guesses, "wrong")
		require.NoError(t, err)
		require.Zero(t, in)
		require.EqualValues(t, 5, d.scheme.compared.Load())
	})
}

// LK-09, LK-16: the same over four processes.
func TestBurstsInFourProcesses(t *testing.T) {
	engines.EachShared(t, func(t *testing.T, e engines.Engine) {
		d, err := openDoors(e.Open(t))
		require.NoError(t, err)
		require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))

		sum := func(n int, pw string) (compared, in int) {
			for _, line := range fleet.Run(t, processes, "sign-in", e.Name, e.At, fmt.Sprint(n/processes), pw) {
				var c, g int
				_, err := fmt.Sscan(line, &c, &g)
				require.NoError(t, err)
				compared, in = compared+c, in+g
			}
			return compared, in
		}
		_, in := sum(owners, "right")
		require.Equal(t, owners, in)
		require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
		compared, in := sum(guesses, "wrong")
		require.Zero(t, in)
		require.Equal(t, 5, compared, "over all processes")
		_, err = d.actors.SignIn(t.Context(), "mia", "right")
		require.ErrorIs(t, err, authn.ErrRefused, "and this process knows")
	})
}

func signIn(m *fleet.Member) (string, error) {
	ctx := context.Background()
	store, closeAll, err := engines.Connect(ctx, m.Args[0], m.Args[1])
	if err != nil {
		return "", err
	}
	d, err := openDoors(store)
	if err != nil {
		return "", err
	}
	var n int
	if _, err := fmt.Sscan(m.Args[2], &n); err != nil {
		return "", err
	}
	m.Ready()
	in, err := d.burst(ctx, n, m.Args[3])
	if err != nil {
		return "", err
	}
	return fmt.Sprint(d.scheme.compared.Load(), " ", in), closeAll()
}

// SE-13: of the sessions that four processes open at once as many stay as may.
func TestSessionsInFourProcesses(t *testing.T) {
	engines.EachShared(t, func(t *testing.T, e engines.Engine) {
		d, err := openDoors(e.Open(t))
		require.NoError(t, err)
		require.NoError(t, d.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
		sum := 0
		for _, line := range fleet.Run(t, processes, "open-sessions", e.Name, e.At) {
			open, err := strconv.Atoi(line)
			require.NoError(t, err)
			sum += open
		}
		require.Equal(t, sessions, sum)
	})
}

func openSessions(m *fleet.Member) (string, error) {
	ctx := context.Background()
	store, closeAll, err := engines.Connect(ctx, m.Args[0], m.Args[1])
	if err != nil {
		return "", err
	}
	d, err := openDoors(store)
	if err != nil {
		return "", err
	}
	m.Ready()
	var opened [10]symbolon.Principal
	if err := each(len(opened), func(i int) (err error) {
		opened[i], err = d.actors.SignIn(ctx, "mia", "right")
		return err
	}); err != nil {
		return "", err
	}
	m.Ready() // all have opened theirs
	open := 0
	for _, p := range opened {
		switch err := d.actors.Touch(ctx, p); {
		case err == nil:
			open++
		case !errors.Is(err, authn.ErrRefused):
			return "", err
		}
	}
	return fmt.Sprint(open), closeAll()
}
