package peers

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/token"
)

// world is a realm in which mia serves cust-42, with a Principal for both.
type world struct {
	tokens  *token.Tokens
	both    symbolon.Principal
	private ed25519.PrivateKey
}

func newWorld(t testing.TB) world {
	t.Helper()
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{
		Tenant:   "acme",
		Store:    memory.New(),
		Secret:   secret,
		Actors:   symbolon.ActorMap{"mia": {Roles: []string{"care"}}},
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}},
	}, nil)
	require.NoError(t, err)
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	key, err := token.KeyFrom(private)
	require.NoError(t, err)
	w := world{private: private}
	w.tokens, err = token.New(realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: key}, nil)
	require.NoError(t, err)

	now := time.Now().UTC().Truncate(time.Second)
	f := symbolon.Facts{
		Actor:       symbolon.Actor{ID: "mia", Kind: symbolon.Employee},
		ActorProof:  symbolon.Verification{}.With(symbolon.Proof{Method: symbolon.MethodPassword, At: now}),
		Claimed:     &symbolon.Subject{ID: "cust-42"},
		Proved:      true,
		Interaction: symbolon.Interaction{ID: "i-1", Channel: "phone", Opened: now},
		SubjectProof: symbolon.Verification{}.With(symbolon.Proof{
			Method: symbolon.MethodSMS, At: now, Interaction: "i-1", For: "sim.change",
		}),
		Limits: symbolon.Limits{NotAfter: now.Add(time.Hour)},
		Stamps: seal.Stamps{
			Actor: "mia", ActorEpoch: 1, Session: "s/1",
			Subject: "cust-42", SubjectEpoch: 1, Interaction: "i-1", Leg: 1, Verification: "v-1",
		},
	}
	parts := realm.Parts(seal.Ours())
	space := table.New(parts.Store, parts.Tenant, parts.Now, parts.Rand)
	shard, names := stamp.Actor(f.Stamps)
	_, err = space.Update(context.Background(), shard, names, func(tx *table.Tx) error {
		require.NoError(t, table.Put(tx, names[0], stamp.Party{Epoch: 1}, time.Time{}))
		return table.Put(tx, names[1], struct{}{}, time.Time{})
	})
	require.NoError(t, err)
	shard, names = stamp.Subject(f.Stamps)
	_, err = space.Update(context.Background(), shard, names, func(tx *table.Tx) error {
		require.NoError(t, table.Put(tx, names[0], stamp.Party{Epoch: 1}, time.Time{}))
		return table.Put(tx, names[1], stamp.Interaction{
			Subject: "cust-42", Holder: "mia", Leg: 1, Verification: "v-1",
			Lease: now.Add(time.Hour), End: now.Add(time.Hour),
		}, time.Time{})
	})
	require.NoError(t, err)
	w.both, err = symbolon.Seal(seal.Ours(), realm, f)
	require.NoError(t, err)
	return w
}
