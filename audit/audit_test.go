package audit_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func realm(t testing.TB, store storage.Store) *symbolon.Realm {
	t.Helper()
	secret, err := symbolon.NewSecret("test", make([]byte, 32))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: store, Secret: secret,
		Actors: symbolon.ActorMap{"mia": {Org: "north"}}, Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}}}, nil)
	require.NoError(t, err)
	return r
}

// write commits records into shards that differ, each one second after the other.
func write(t testing.TB, store storage.Store, recs ...audit.Record) {
	t.Helper()
	s := table.New(store, "acme", time.Now, rand.Reader)
	for i, r := range recs {
		r.ID = fmt.Sprint("r", i)
		if r.Outcome == "" {
			r.Outcome = audit.Succeeded
		}
		_, err := s.Update(context.Background(), table.Shard(i*7%table.Shards), nil, func(tx *table.Tx) error { return r.Add(tx) })
		require.NoError(t, err)
		time.Sleep(time.Second)
	}
}

// AU-15, V7: what was done for whom, by whom, when.
func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		began := time.Now()
		write(t, store,
			audit.Record{Event: "a", Actor: "mia", Subject: "cust-42", Interaction: "i1"},
			audit.Record{Event: "b", Actor: "tom", Subject: "cust-42", Interaction: "i2"},
			audit.Record{Event: "c", Actor: "mia", Subject: "cust-43", Interaction: "i3"},
			audit.Record{Event: "d", Actor: "mia"},
			audit.Record{Event: "e", Host: "set-up"},
		)
		log, err := audit.NewLog(realm(t, store))
		require.NoError(t, err)
		for _, c := range []struct {
			query   audit.Query
			want    string
			because string
		}{
			{audit.Query{}, "abcde", "everything, oldest first, from every shard"},
			{audit.Query{Actor: "mia"}, "acd", "one actor"},
			{audit.Query{Subject: "cust-42"}, "ab", "one customer, whoever touched them"},
			{audit.Query{Actor: "mia", Subject: "cust-42"}, "a", "both"},
			{audit.Query{Interaction: "i3"}, "c", "one call"},
			{audit.Query{Event: "e"}, "e", "one kind"},
			{audit.Query{Since: began.Add(time.Second), Until: began.Add(3 * time.Second)}, "bc", "from the first instant, to before the last"},
			{audit.Query{Since: began.Add(time.Hour)}, "", "nothing yet"},
			{audit.Query{Limit: 2}, "ab", "the first page"},
		} {
			page, err := log.List(t.Context(), c.query)
			require.NoError(t, err)
			got := ""
			for _, r := range page.Records {
				got += r.Event
			}
			require.Equal(t, c.want, got, c.because)
		}

		var got string
		for q := (audit.Query{Limit: 2}); ; {
			page, err := log.List(t.Context(), q)
			require.NoError(t, err)
			for _, r := range page.Records {
				got += r.Event
			}
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		require.Equal(t, "abcde", got, "page by page, nothing twice and nothing left out")
	})
}

// AU-01: a record names what happened, how it ended and who did it, or is refused.
func TestIncompleteRecordsAreRefused(t *testing.T) {
	_, err := audit.Record{}.Op(time.Now())
	for _, field := range []string{"ID", "Event", "Outcome", "Actor or Host"} {
		require.ErrorContains(t, err, field)
	}
	_, err = audit.Record{ID: "1", Event: "x", Outcome: audit.Succeeded, Actor: "mia"}.Op(time.Now())
	require.NoError(t, err)
}

// AU-01, TK-40: both parties, with the methods of each apart.
func TestAbout(t *testing.T) {
	r := realm(t, memory.New())
	p := authntest.Principal(t, r, authntest.Who{Actor: "mia", Subject: "cust-42", SubjectMethods: []symbolon.Method{"sms"}})
	rec := audit.About(p)
	require.Equal(t, "mia north cust-42 true [pwd] [sms]",
		fmt.Sprint(rec.Actor, " ", rec.Org, " ", rec.Subject, " ", rec.Proved, " ", rec.ActorMethods, " ", rec.SubjectMethods))
	require.NotEmpty(t, rec.Interaction)
	claimed := audit.About(authntest.Principal(t, r, authntest.Who{Actor: "mia", Subject: "cust-42"}))
	require.False(t, claimed.Proved, "the customer of the contact is named, and not as proved")
}

// AU-04: no input breaks out of its field.
func TestFieldsAreEncoded(t *testing.T) {
	evil := "x\r\n{\"event\":\"forged\"}\x00\u2028"
	op, err := audit.Record{ID: "1", Event: "x", Outcome: audit.Failed, Actor: "mia", Reason: evil}.Op(time.Now())
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(op.Value, func(b byte) bool { return b < 0x20 }))
	var back audit.Record
	require.NoError(t, json.Unmarshal(op.Value, &back))
	require.Equal(t, evil, back.Reason)
}

func TestListRefusesBadInput(t *testing.T) {
	log, err := audit.NewLog(realm(t, memory.New()))
	require.NoError(t, err)
	for _, q := range []audit.Query{{Limit: -1}, {Limit: 1001}, {After: "subject/"}, {After: "audit/\x00"}} {
		_, err := log.List(t.Context(), q)
		require.ErrorIs(t, err, symbolon.ErrInvalid)
	}
	_, err = audit.NewLog(nil)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
}

// A record that was damaged fails the list: it does not just fall silent.
func TestADamagedRecordIsNotLeftOut(t *testing.T) {
	store := memory.New()
	require.NoError(t, store.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{
		{Act: storage.Put, Name: "audit/00000000000000001/x", Cond: storage.Any, Value: []byte("{"), Version: storage.Version{1}}}}))
	log, err := audit.NewLog(realm(t, store))
	require.NoError(t, err)
	_, err = log.List(t.Context(), audit.Query{})
	require.ErrorIs(t, err, table.ErrCorrupt)
}
