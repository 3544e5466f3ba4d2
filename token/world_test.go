package token

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// world is a realm in which mia serves cust-42 in the call i-1, with a clock
// that stands still until a test moves it.
type world struct {
	t      testing.TB
	now    time.Time
	store  storage.Store
	actors symbolon.ActorMap
	realm  *symbolon.Realm
	space  *table.Space
	key    Key
	tokens *Tokens
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// testSeed is the key of RFC 8037, appendix A.
const testSeed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"

func testPrivate(t testing.TB) ed25519.PrivateKey {
	seed, err := strict.DecodeString(testSeed)
	require.NoError(t, err)
	return ed25519.NewKeyFromSeed(seed)
}

func testKey(t testing.TB) Key {
	k, err := KeyFrom(testPrivate(t))
	require.NoError(t, err)
	return k
}

func newWorld(t testing.TB) *world {
	return newWorldOn(t, memory.New(), "acme", config(testKey(t)), nil)
}

func config(k Key) Config { return Config{Issuer: "crm", Audience: "crm-api", Key: k} }

func newWorldOn(t testing.TB, store storage.Store, tenant string, c Config, opts *Options) *world {
	t.Helper()
	w := &world{t: t, now: start, store: store, key: c.Key}
	w.actors = symbolon.ActorMap{
		"mia": {Roles: []string{"care"}, Person: "p-mia"},
		"pbx": {Kind: symbolon.Service},
		"bob": {Disabled: true},
	}
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	w.realm, err = symbolon.NewRealm(symbolon.RealmConfig{
		Tenant:   tenant,
		Store:    w.store,
		Secret:   secret,
		Actors:   w.actors,
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42", Level: symbolon.Owner}, "cust-mia": {Person: "p-mia"}},
	}, &symbolon.RealmOptions{Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	parts := w.realm.Parts(seal.Ours())
	w.space = table.New(parts.Store, parts.Tenant, parts.Now, parts.Rand)
	w.tokens, err = New(w.realm, c, opts)
	require.NoError(t, err)
	w.live()
	return w
}

// live writes the records on which the Principals of the world rest.
func (w *world) live() {
	f := w.both()
	w.put(f.Stamps, func(tx *table.Tx, actor bool) {
		if actor {
			require.NoError(w.t, table.Put(tx, stamp.ActorName("mia"), stamp.Party{Epoch: 3}, time.Time{}))
			require.NoError(w.t, table.Put(tx, stamp.SessionName("mia", "s/1"), struct{}{}, time.Time{}))
			return
		}
		require.NoError(w.t, table.Put(tx, stamp.SubjectName("cust-42"), stamp.Party{Epoch: 1}, time.Time{}))
		require.NoError(w.t, table.Put(tx, stamp.InteractionName("i-1"), stamp.Interaction{
			Subject: "cust-42", Holder: "mia", Leg: 2, Verification: "v-1",
			Lease: start.Add(time.Hour), End: start.Add(time.Hour),
		}, time.Time{}))
	})
}

// put changes the records of both shards.
func (w *world) put(st seal.Stamps, change func(tx *table.Tx, actor bool)) {
	w.t.Helper()
	shard, names := stamp.Actor(st)
	_, err := w.space.Update(context.Background(), shard, names, func(tx *table.Tx) error { change(tx, true); return nil })
	require.NoError(w.t, err)
	shard, names = stamp.Subject(st)
	_, err = w.space.Update(context.Background(), shard, names, func(tx *table.Tx) error { change(tx, false); return nil })
	require.NoError(w.t, err)
}

// alone is mia without a customer.
func (w *world) alone() symbolon.Facts {
	return symbolon.Facts{
		Actor:      symbolon.Actor{ID: "mia", Kind: symbolon.Employee, Person: "p-mia"},
		ActorProof: symbolon.Verification{}.With(symbolon.Proof{Method: symbolon.MethodPassword, At: start.Add(-time.Hour)}),
		Limits:     symbolon.Limits{NotAfter: start.Add(8 * time.Hour)},
		Stamps:     seal.Stamps{Actor: "mia", ActorEpoch: 3, Session: "s/1", Orgs: stamp.Orgs(symbolon.OrgID(""))},
	}
}

// both is mia for cust-42, who read out a code for a change of SIM.
func (w *world) both() symbolon.Facts {
	f := w.alone()
	f.Claimed, f.Proved = &symbolon.Subject{ID: "cust-42", Person: "p-42"}, true
	f.Interaction = symbolon.Interaction{ID: "i-1", Channel: "phone", Opened: start.Add(-time.Minute)}
	f.SubjectProof = f.SubjectProof.With(symbolon.Proof{
		Method: symbolon.MethodSMS, At: start.Add(-10 * time.Second), Interaction: "i-1", For: "sim.change",
	})
	f.Stamps.Subject, f.Stamps.SubjectEpoch = "cust-42", 1
	f.Stamps.Interaction, f.Stamps.Leg, f.Stamps.Verification = "i-1", 2, "v-1"
	return f
}

func (w *world) seal(f symbolon.Facts) symbolon.Principal {
	w.t.Helper()
	p, err := symbolon.Seal(seal.Ours(), w.realm, f)
	require.NoError(w.t, err)
	return p
}

func (w *world) issue(f symbolon.Facts) string {
	w.t.Helper()
	raw, err := w.tokens.Issue(context.Background(), w.seal(f))
	require.NoError(w.t, err)
	return raw.Reveal()
}

func (w *world) verify(text string) (symbolon.Facts, error) {
	p, err := w.tokens.Verify(context.Background(), FromString(text))
	if err != nil {
		require.True(w.t, p.IsZero(), "an error and a Principal")
		return symbolon.Facts{}, err
	}
	f, err := symbolon.Unseal(seal.Ours(), w.realm, p)
	require.NoError(w.t, err)
	return f, nil
}

// outward is the one answer that whoever sends a bad token may get.
const outward = "token: refused: the token is not valid; sign in again"

// refused holds an error to the one outward answer and, if reason is not
// empty, to the reason that the audit sees.
func refused(t testing.TB, err error, reason string, because ...any) {
	t.Helper()
	require.EqualError(t, err, outward, because...)
	require.ErrorIs(t, err, ErrRefused, because...)
	require.ErrorIs(t, err, symbolon.ErrRefused, because...)
	require.NotErrorIs(t, err, symbolon.ErrUnavailable, because...)
	var why *Refusal
	require.ErrorAs(t, err, &why, because...)
	require.Contains(t, why.Reason, reason, because...)
}

// signed returns a token with this header and payload, signed with the world's
// own key: what is wrong with it is not the signature.
func (w *world) signed(header, payload string) string {
	w.t.Helper()
	input := strict.EncodeToString([]byte(header)) + "." + strict.EncodeToString([]byte(payload))
	sig, err := w.key.key.Sign([]byte(input))
	require.NoError(w.t, err)
	return input + "." + strict.EncodeToString(sig)
}

// parts returns the decoded header and payload of a token.
func parts(t testing.TB, text string) (header, payload string) {
	t.Helper()
	f, err := split(text)
	require.NoError(t, err)
	h, err := strict.DecodeString(f.header)
	require.NoError(t, err)
	p, err := strict.DecodeString(f.payload)
	require.NoError(t, err)
	return string(h), string(p)
}

// down is a store that does not answer.
type down struct{ storage.Store }

func (down) Get(context.Context, string, ...string) ([]storage.Record, error) {
	return nil, errors.New("no route to host")
}

// dice is randomness that a test knows.
type dice struct{}

func (dice) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i)
	}
	return len(b), nil
}

var _ io.Reader = dice{}
