package stamp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

var mia = seal.Stamps{Actor: "mia", ActorEpoch: 7, Session: "s/1",
	Subject: "cust-42", SubjectEpoch: 9, Interaction: "i1", Leg: 1, Verification: "v1"}

// world stores what the stamps of mia rest on.
func world(t *testing.T, store storage.Store) *table.Space {
	t.Helper()
	s := table.New(store, "acme", time.Now, rand.Reader)
	put(t, s, table.ShardOf("actor", "mia"), stamp.ActorName("mia"), stamp.Party{Epoch: 7})
	put(t, s, table.ShardOf("actor", "mia"), stamp.SessionName("mia", "s/1"), stamp.Session{Orgs: stamp.Orgs("shop", "mall"), Place: "here"})
	put(t, s, table.ShardOf("subject", "cust-42"), stamp.SubjectName("cust-42"), stamp.Party{Epoch: 9})
	put(t, s, table.ShardOf("subject", "cust-42"), stamp.InteractionName("i1"), call())
	return s
}

func call() stamp.Interaction {
	return stamp.Interaction{Subject: "cust-42", Holder: "mia", Leg: 1, Verification: "v1",
		Lease: time.Now().Add(30 * time.Second), End: time.Now().Add(time.Hour)}
}

func put[T any](t *testing.T, s *table.Space, sh table.Shard, name string, v T) {
	t.Helper()
	_, err := s.Update(t.Context(), sh, []string{name}, func(tx *table.Tx) error { return table.Put(tx, name, v, time.Time{}) })
	require.NoError(t, err)
}

// S1, S8, TK-39: what is ended on either side, or is not there, is dead.
func TestCheck(t *testing.T) {
	subject := table.ShardOf("subject", "cust-42")
	for _, c := range []struct {
		because string
		spoil   func(*testing.T, *table.Space, *seal.Stamps)
		dead    bool
	}{
		{"all as it was", func(*testing.T, *table.Space, *seal.Stamps) {}, false},
		{"an employee alone", func(_ *testing.T, _ *table.Space, st *seal.Stamps) {
			*st = seal.Stamps{Actor: "mia", ActorEpoch: 7, Session: "s/1"}
		}, false},
		{"only claimed, in an interaction with a proof", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Verification = "" }, false},
		{"whose organisations are the same, in another order", func(_ *testing.T, _ *table.Space, st *seal.Stamps) {
			st.Orgs, st.Place = stamp.Orgs("mall", "shop", "mall"), "here"
		}, false},
		{"who was moved to another organisation", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Orgs = stamp.Orgs("shop") }, true},
		{"whose organisation was moved", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Place = "there" }, true},
		{"a session of before it was known where people belong", func(t *testing.T, s *table.Space, st *seal.Stamps) {
			put(t, s, table.ShardOf("actor", "mia"), stamp.SessionName("mia", "s/1"), map[string]string{"orgs": "", "place": ""})
			st.Orgs, st.Place = stamp.Orgs("shop"), "there"
		}, false},
		{"a stamp from before the new password", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.ActorEpoch = 6 }, true},
		{"a session that is not there", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Session = "s/2" }, true},
		{"a session taken for a key", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Session = "key/1" }, true},
		{"another actor's session", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Actor = "tom" }, true},
		{"everything about the customer was voided", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.SubjectEpoch = 8 }, true},
		{"another customer", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Subject = "cust-43" }, true},
		{"an interaction that is not there", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Interaction = "i2" }, true},
		{"the call went to somebody else and came back", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Leg = 3 }, true},
		{"a verification of before", func(_ *testing.T, _ *table.Space, st *seal.Stamps) { st.Verification = "v0" }, true},
		{"the call has another holder", func(t *testing.T, s *table.Space, _ *seal.Stamps) {
			i := call()
			i.Holder = "tom"
			put(t, s, subject, stamp.InteractionName("i1"), i)
		}, true},
		{"the call is another customer's", func(t *testing.T, s *table.Space, _ *seal.Stamps) {
			i := call()
			i.Subject = "cust-43"
			put(t, s, subject, stamp.InteractionName("i1"), i)
		}, true},
		{"the call was ended", func(t *testing.T, s *table.Space, _ *seal.Stamps) {
			i := call()
			i.Ended = true
			put(t, s, subject, stamp.InteractionName("i1"), i)
		}, true},
		{"a record that cannot be read", func(t *testing.T, s *table.Space, _ *seal.Stamps) {
			put(t, s, subject, stamp.InteractionName("i1"), map[string]any{"leg": "one"})
		}, true},
	} {
		t.Run(c.because, func(t *testing.T) {
			s, st := world(t, memory.New()), mia
			c.spoil(t, s, &st)
			err := stamp.Check(t.Context(), s, st)
			require.Equal(t, c.dead, errors.Is(err, stamp.ErrDead), "%v", err)
			if !c.dead {
				require.NoError(t, err)
			}
		})
	}
}

// S3: a lease is over at its end, and so is the longest of calls.
func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := world(t, memory.New())
		time.Sleep(30*time.Second - time.Nanosecond)
		require.NoError(t, stamp.Check(t.Context(), s, mia))
		time.Sleep(time.Nanosecond)
		require.ErrorIs(t, stamp.Check(t.Context(), s, mia), stamp.ErrDead)
		i := call()
		i.End = time.Now()
		require.ErrorIs(t, i.Live(time.Now()), stamp.ErrDead, "however often the lease is renewed")
	})
}

// AU-25: what the store cannot tell is not live.
func TestAStoreThatFails(t *testing.T) {
	s := world(t, memory.New())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := stamp.Check(ctx, s, mia)
	require.ErrorIs(t, err, storage.ErrUnavailable)
	require.NotErrorIs(t, err, stamp.ErrDead)
}

// S8: an epoch never starts again, so a stamp made anew revives nothing.
func TestEpochs(t *testing.T) {
	now := time.Now()
	first := stamp.Party{}.Next(now)
	require.Greater(t, first.Next(now).Epoch, first.Epoch, "within one millisecond")
	require.Greater(t, stamp.Party{}.Next(now.Add(time.Second)).Epoch, first.Epoch, "after the record was deleted")
	require.Greater(t, first.Next(now.Add(-time.Hour)).Epoch, first.Epoch, "on a clock that is behind")
}
