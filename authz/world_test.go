package authz_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a realm with a clock that the test turns, a store that fails on
// demand, and people whose principals are sealed directly.
type world struct {
	t         testing.TB
	now       time.Time
	store     *fragile
	realm     *symbolon.Realm
	space     *table.Space
	actors    symbolon.ActorMap
	customers symbolon.SubjectMap
}

// fragile is a store that does what the test says before a read or a commit.
type fragile struct {
	storage.Store
	before func(b storage.Batch) error
	read   func() error
}

func (f *fragile) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if f.read != nil {
		if err := f.read(); err != nil {
			return nil, err
		}
	}
	return f.Store.Get(ctx, shard, names...)
}

func (f *fragile) Commit(ctx context.Context, b storage.Batch) error {
	if f.before != nil {
		if err := f.before(b); err != nil {
			return err
		}
	}
	return f.Store.Commit(ctx, b)
}

// audits fails every commit that writes a record to the log.
func (f *fragile) breakAudit() {
	f.before = func(b storage.Batch) error {
		for _, op := range b.Ops {
			if strings.HasPrefix(op.Name, "audit/") {
				return errors.New("disk full")
			}
		}
		return nil
	}
}

var classes = []symbolon.Class{
	{Name: "line-control", Sets: [][]symbolon.Method{{symbolon.MethodSMS, "pin"}, {"face"}}},
	{Name: "strong", Sets: [][]symbolon.Method{{symbolon.MethodPassword, "hwk"}}},
}

func newWorld(t testing.TB) *world { return newTenant(t, "acme", memory.New()) }

func newTenant(t testing.TB, tenant string, store storage.Store) *world {
	w := &world{
		t: t, now: start, store: &fragile{Store: store},
		actors:    symbolon.ActorMap{"mia": {Roles: []string{"care"}, Org: "north", Entitlements: []string{}}, "pbx": {Kind: symbolon.Service}},
		customers: symbolon.SubjectMap{"cust-42": {Account: "acct-42", Level: symbolon.Owner, Org: "brand"}, "cust-7": {Account: "acct-7"}},
	}
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	w.realm, err = symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: tenant, Store: w.store, Secret: secret, Actors: w.actors, Subjects: w.customers,
	}, &symbolon.RealmOptions{Classes: classes, Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	p := w.realm.Parts(seal.Ours())
	w.space = table.New(p.Store, p.Tenant, p.Now, p.Rand)
	return w
}

// facts are mia's, signed in, serving cust-42 in a call and having proved by
// the methods given; what changes them may be nil.
func (w *world) facts(change func(*symbolon.Facts), methods ...symbolon.Method) symbolon.Facts {
	mia, err := w.actors.Actor(w.t.Context(), "mia")
	require.NoError(w.t, err)
	customer, err := w.customers.Subject(w.t.Context(), "cust-42")
	require.NoError(w.t, err)
	f := symbolon.Facts{
		Actor: mia, ActorProof: symbolon.Verification{}.With(symbolon.Proof{Method: symbolon.MethodPassword, At: w.now}),
		Claimed: &customer, Interaction: symbolon.Interaction{ID: "call-1", Channel: "phone", Opened: w.now},
		Limits: symbolon.Limits{NotAfter: w.now.Add(time.Hour)},
	}
	for _, m := range methods {
		f.SubjectProof = f.SubjectProof.With(symbolon.Proof{Method: m, At: w.now, Interaction: "call-1"})
	}
	if change != nil {
		change(&f)
	}
	return f
}

// seal makes a Principal of facts, and everything live that it rests on.
func (w *world) seal(f symbolon.Facts) symbolon.Principal {
	w.t.Helper()
	f.Proved = !f.SubjectProof.IsZero()
	f.Stamps = seal.Stamps{Actor: string(f.Actor.ID), ActorEpoch: 1, Session: "s/1"}
	w.put("actor", f.Stamps.Actor, map[string]any{
		stamp.ActorName(f.Stamps.Actor):                     stamp.Party{Epoch: 1},
		stamp.SessionName(f.Stamps.Actor, f.Stamps.Session): struct{}{},
	})
	if f.Claimed != nil {
		f.Stamps.Subject, f.Stamps.SubjectEpoch, f.Stamps.Interaction, f.Stamps.Leg = string(f.Claimed.ID), 1, string(f.Interaction.ID), 1
		if f.Proved {
			f.Stamps.Verification = "v-1"
		}
		w.putSubject(f, nil)
	}
	p, err := symbolon.Seal(seal.Ours(), w.realm, f)
	require.NoError(w.t, err)
	return p
}

func (w *world) putSubject(f symbolon.Facts, change func(*stamp.Interaction)) {
	i := stamp.Interaction{
		Subject: string(f.Claimed.ID), Holder: string(f.Actor.ID), Leg: 1, Verification: f.Stamps.Verification,
		Lease: w.now.Add(time.Hour), End: w.now.Add(4 * time.Hour),
	}
	if change != nil {
		change(&i)
	}
	w.put("subject", string(f.Claimed.ID), map[string]any{
		stamp.SubjectName(string(f.Claimed.ID)):         stamp.Party{Epoch: 1},
		stamp.InteractionName(string(f.Interaction.ID)): i,
	})
}

func (w *world) put(kind, id string, records map[string]any) {
	w.t.Helper()
	for name, value := range records {
		_, err := w.space.Update(w.t.Context(), table.ShardOf(kind, id), []string{name}, func(tx *table.Tx) error {
			return table.Put(tx, name, value, time.Time{})
		})
		require.NoError(w.t, err)
	}
}

// served is mia with cust-42, who proved by the methods given.
func (w *world) served(methods ...symbolon.Method) symbolon.Principal {
	w.t.Helper()
	return w.seal(w.facts(nil, methods...))
}

// hangUp ends the call.
func (w *world) hangUp() {
	f := w.facts(nil)
	f.Stamps.Verification = "v-1"
	w.putSubject(f, func(i *stamp.Interaction) { i.Ended = true })
}

var actions = authz.Actions{
	"sim.change":  {On: "Line", Params: map[string]authz.Type{"iccid": authz.TypeString, "fee": authz.TypeInt, "tags": authz.TypeStrings, "at": authz.TypeTime, "esim": authz.TypeBool}},
	"line.read":   {On: "Line", Insensitive: true},
	"line.peek":   {On: "Line", Concern: authz.OfClaimed},
	"desk.unlock": {On: "Desk", Concern: authz.OfNone},
}

const (
	permitAll = `@id("all") permit (principal, action, resource);`
	mayDo     = `@id("care") permit (principal in Role::"care", action, resource);`
	mayAsk    = `@id("sms") permit (principal, action, resource) when { context.subject.methods.contains("sms") };`
)

func (w *world) guard(actorSet, subjectSet string, opts *authz.Options) *authz.Guard {
	w.t.Helper()
	g, err := authz.NewGuard(w.realm, authz.Config{ActorSet: authz.PolicyText(actorSet), SubjectSet: authz.PolicyText(subjectSet), Actions: actions}, opts)
	require.NoError(w.t, err)
	return g
}

var line = authz.Resource{Type: "Line", ID: "+15550100", Account: "acct-42"}

func simChange(iccid string) authz.Request {
	return authz.Request{Action: "sim.change", Resource: line, Params: authz.Params{"iccid": symbolon.StringValue(iccid)}}
}

// log returns the audit, oldest first.
func (w *world) log() []audit.Record {
	w.t.Helper()
	l, err := audit.NewLog(w.realm)
	require.NoError(w.t, err)
	page, err := l.List(w.t.Context(), audit.Query{Limit: 1000})
	require.NoError(w.t, err)
	return page.Records
}

// refused asserts a final refusal for a reason, with the constant text.
func refused(t testing.TB, err error, want authz.Reason, because string) {
	t.Helper()
	var denied *authz.DeniedError
	require.ErrorAs(t, err, &denied, because)
	require.Equal(t, want, denied.Reason, because)
	require.ErrorIs(t, err, authz.ErrDenied, because)
	require.ErrorIs(t, err, symbolon.ErrRefused, because)
	// AZ-28
	require.EqualError(t, err, authz.ErrDenied.Error(), "the text never says why")
}
