// Package golden_test holds what stands in the stores of those who run an older
// version, and shows that this one can read it.
//
// Every folder of testdata is what one version of this module wrote on the way of
// walk_test.go: a file for each kind of record, and what people hold outside of
// the store. Today's code writes what the last folder says, and reads all of them.
package golden_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/token"
)

const tenant = "acme"

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

var people = symbolon.ActorMap{
	"mia":  {Org: "shop", Roles: []string{"care"}},
	"tom":  {Org: "shop"},
	"dora": {Org: "shop", Person: "dora-smith"},
	"eve":  {Org: "shop"},
	"olga": {Org: "owner"},
	"omar": {Org: "owner"},
	"pbx":  {Kind: symbolon.Service, Org: "owner"},
}

var customers = symbolon.SubjectMap{
	"cust-42": {Org: "shop", Account: "acct-42"},
	"cust-43": {Org: "shop", Account: "acct-43"},
}

// passwordOf is a person's password in every version.
func passwordOf(id symbolon.ActorID) string { return "correct horse battery staple, " + string(id) }

// world is an installation at one moment. Its clock stands and its randomness
// begins anew at each step, so that the same steps write the same records, and a
// draw more in one step changes none in another.
type world struct {
	t        *testing.T
	store    *memory.Store
	realm    *symbolon.Realm
	tree     *policy.Tree
	actors   *authn.Actors
	subjects *authn.Subjects
	tokens   *token.Tokens
	guard    *authz.Guard
	log      *audit.Log
	post     *post

	mu   sync.Mutex
	at   time.Time
	rand io.Reader
}

// step sets the clock and the randomness of what follows.
func (w *world) step(name string, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.rand = start.Add(after), rand.NewChaCha8(sha256.Sum256([]byte(name)))
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// Read draws.
func (w *world) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rand.Read(p)
}

// everywhere is an authority that employees of the owner hold.
type everywhere struct{}

func (everywhere) Holds(_ context.Context, by symbolon.Actor, _ symbolon.OrgID) (bool, error) {
	return by.Org == "owner", nil
}

// post takes messages for customers and notices for employees. While it is shut
// it takes note of them and delivers none, so that they stay in the outbox.
type post struct {
	mu       sync.Mutex
	shut     bool
	messages []authn.Message
	notices  []authn.Notice
}

var errShut = errors.New("the post office is shut")

func (p *post) Send(_ context.Context, m authn.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, m)
	if p.shut {
		return errShut
	}
	return nil
}

func (p *post) Notify(_ context.Context, n authn.Notice) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notices = append(p.notices, n)
	if p.shut {
		return errShut
	}
	return nil
}

// message waits for one about which is true.
func (p *post) message(t testing.TB, is func(authn.Message) bool) (m authn.Message) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.IndexFunc(p.messages, is)
		if i >= 0 {
			m = p.messages[i]
		}
		return i >= 0
	}, 10*time.Second, time.Millisecond, "no such message")
	return m
}

func (p *post) notice(t testing.TB, is func(authn.Notice) bool) (n authn.Notice) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := slices.IndexFunc(p.notices, is)
		if i >= 0 {
			n = p.notices[i]
		}
		return i >= 0
	}, 10*time.Second, time.Millisecond, "no such notice")
	return n
}

// newWorld opens an installation on a store.
func newWorld(t *testing.T, store *memory.Store) *world {
	w := &world{t: t, store: store, post: &post{}}
	w.step("open", 0)
	secret, err := symbolon.NewSecret("1", []byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	w.realm, err = symbolon.NewRealm(
		symbolon.RealmConfig{Tenant: tenant, Store: store, Secret: secret, Actors: people, Subjects: customers},
		&symbolon.RealmOptions{Now: w.now, Rand: w})
	require.NoError(t, err)
	w.tree, err = policy.New(w.realm, everywhere{}, nil)
	require.NoError(t, err)
	hasher, err := password.NewHasher(&password.Options{Rand: w})
	require.NoError(t, err)
	w.actors, err = authn.NewActors(w.realm, &authn.ActorsOptions{Policy: w.tree, Hasher: hasher, Notifier: w.post})
	require.NoError(t, err)
	w.subjects, err = authn.NewSubjects(w.actors, w.post, &authn.SubjectsOptions{Suspect: 2})
	require.NoError(t, err)
	key, err := token.KeyFrom(ed25519.NewKeyFromSeed([]byte("an Ed25519 seed for golden files")))
	require.NoError(t, err)
	w.tokens, err = token.New(w.realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: key}, nil)
	require.NoError(t, err)
	w.guard, err = authz.NewGuard(w.realm, authz.Config{
		ActorSet:   authz.PolicyText(`@id("care") permit (principal in Role::"care", action == Action::"sim.change", resource is Line);`),
		SubjectSet: authz.PolicyText(`@id("sms") permit (principal, action, resource) when { context.subject.methods.contains("sms") };`),
		Actions:    authz.Actions{"sim.change": {On: "Line"}},
	}, nil)
	require.NoError(t, err)
	w.log, err = audit.NewLog(w.realm)
	require.NoError(t, err)
	return w
}
