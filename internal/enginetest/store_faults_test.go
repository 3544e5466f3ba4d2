package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/authztest"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/token"
)

// fault is something that happens to a store.
type fault struct {
	name  string
	begin func(t *testing.T, h *house) (end func(*testing.T)) // nil: this engine does not know it

	reads bool // what only reads goes on
	slow  bool // what is quick enough goes on
	gone  bool // the caller has left before
	goes  bool // the caller leaves, and has no deadline
}

// onLine is a fault of the network.
func onLine(f func(*house)) func(*testing.T, *house) func(*testing.T) {
	return func(_ *testing.T, h *house) func(*testing.T) {
		if h.line == nil {
			return nil
		}
		f(h)
		return func(*testing.T) { h.line.Restore() }
	}
}

// setting is a fault that the server is told to have.
func setting(of func(*house) func(*testing.T, bool)) func(*testing.T, *house) func(*testing.T) {
	return func(t *testing.T, h *house) func(*testing.T) {
		set := of(h)
		if set == nil {
			return nil
		}
		set(t, true)
		return func(t *testing.T) { set(t, false) }
	}
}

// by is a fault that somebody else brings about.
func by(of func(*house) func(*testing.T) func()) func(*testing.T, *house) func(*testing.T) {
	return func(t *testing.T, h *house) func(*testing.T) {
		if of(h) == nil {
			return nil
		}
		end := of(h)(t)
		return func(*testing.T) { end() }
	}
}

var faults = []fault{
	{name: "down", begin: onLine(func(h *house) { h.line.Cut() })},
	{name: "stalled", begin: onLine(func(h *house) { h.line.Stall() })},
	{name: "mute", begin: onLine(func(h *house) { h.line.Mute() })},
	{name: "too slow", begin: onLine(func(h *house) { h.line.Slow(2 * deadline) })},
	{name: "slow", begin: onLine(func(h *house) { h.line.Slow(deadline * 2 / 5) }), slow: true},
	{name: "read-only", begin: setting(func(h *house) func(*testing.T, bool) { return h.readOnly }), reads: true},
	{name: "locked by another process", begin: by(func(h *house) func(*testing.T) func() { return h.locked }), reads: true},
	{name: "out of connections at the server", begin: setting(func(h *house) func(*testing.T, bool) { return h.crowded })},
	{name: "out of connections in the pool", begin: by(func(h *house) func(*testing.T) func() { return h.hoard })},
	{name: "cancelled before", begin: func(*testing.T, *house) func(*testing.T) { return func(*testing.T) {} }, gone: true},
	{name: "cancelled meanwhile", begin: onLine(func(h *house) { h.line.Stall() }), goes: true},
}

// AU-24, AU-25: whatever happens to a store, each sign-in, issue, check, decision
// and beginning of an act is refused with a typed error within its caller's
// deadline. Nothing is half done afterwards, no password was looked at that nobody
// counted, and everything goes on without a restart.
func TestAStoreThatFailsRefusesEverything(t *testing.T) {
	for _, place := range houses {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			h := place.open(t)
			o := openOffice(t, h.store)
			for i, f := range faults {
				mia := people[i]
				calls := o.calls(t, mia)
				end := f.begin(t, h)
				if end == nil {
					continue
				}
				t.Run(f.name, func(t *testing.T) {
					o.scheme.compared.Store(0)
					for _, c := range calls {
						took, err := f.suffers(t.Context(), c.do)
						require.Less(t, took, late, c.name)
						if err == nil && (f.slow || f.reads && c.reads) {
							continue
						}
						require.ErrorIs(t, err, symbolon.ErrUnavailable, c.name)
						require.NotErrorIs(t, err, symbolon.ErrRefused, c.name)
						require.NotErrorIs(t, err, storage.ErrConflict, c.name)
					}
					if !f.slow {
						require.Zero(t, o.scheme.compared.Load(), "a password was looked at and not counted")
					}
					end(t)
					for _, c := range o.calls(t, mia) {
						var err error
						for range 1 + connections { // each dead connection may be found once
							if err = c.do(t.Context()); err == nil {
								break
							}
							require.ErrorIs(t, err, symbolon.ErrUnavailable, c.name)
						}
						require.NoError(t, err, "%s, without opening anything again", c.name)
					}
					nothingIsHalfDone(t, h.store)
				})
			}
		})
	}
}

// AU-24: wherever in its steps a call is cut off, on a line that takes a while for
// each, what it did is whole.
func TestACallIsCutOffAtEachOfItsSteps(t *testing.T) {
	const step, steps = 10 * time.Millisecond, 12
	for _, place := range houses {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			h := place.open(t)
			if h.line == nil {
				return // SQLite has no line, and a kill test
			}
			o := openOffice(t, h.store)
			through := 0
			for cut := range people {
				for _, c := range o.calls(t, people[cut]) {
					if c.reads {
						continue
					}
					h.line.Slow(step)
					ctx, cancel := context.WithTimeout(t.Context(), step*steps*time.Duration(cut)/time.Duration(len(people)))
					err := c.do(ctx)
					cancel()
					h.line.Restore()
					if err == nil {
						through++
						continue
					}
					require.ErrorIs(t, err, symbolon.ErrUnavailable, c.name)
				}
			}
			require.Positive(t, through, "with enough time they go through, so the cuts were everywhere before")
			nothingIsHalfDone(t, h.store)
		})
	}
}

// suffers makes a call while the fault lasts.
func (f fault) suffers(ctx context.Context, call func(context.Context) error) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch {
	case f.gone:
		cancel()
	case f.goes:
		time.AfterFunc(deadline, cancel)
	default:
		ctx, cancel = context.WithTimeout(ctx, deadline)
		defer cancel()
	}
	begun := time.Now()
	err = call(ctx)
	return time.Since(begun), err
}

// people are more than there are faults, so that no fault meets the locks of another.
var people = func() []symbolon.ActorID {
	all := make([]symbolon.ActorID, times(30, 120))
	for i := range all {
		all[i] = symbolon.ActorID(fmt.Sprint("mia-", i))
	}
	return all
}()

// office is everything that a request passes, over one store.
type office struct {
	realm  *symbolon.Realm
	actors *authn.Actors
	scheme *comparer
	tokens *token.Tokens
	guard  *authz.Guard
}

func openOffice(t *testing.T, store storage.Store) *office {
	t.Helper()
	secret, err := symbolon.NewSecret("test", []byte("the same in all of the processes"))
	require.NoError(t, err)
	directory := symbolon.ActorMap{}
	for _, id := range people {
		directory[id] = symbolon.Actor{}
	}
	o := &office{scheme: &comparer{}}
	o.realm, err = symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: store, Secret: secret,
		Actors: directory, Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}}}, nil)
	require.NoError(t, err)
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true, Schemes: map[string]password.Scheme{"count": o.scheme}})
	require.NoError(t, err)
	o.actors, err = authn.NewActors(o.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	o.tokens, err = token.New(o.realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: token.NewKey()}, nil)
	require.NoError(t, err)
	o.guard = authztest.PermitAll(t, o.realm, authz.Actions{"sim.change": {On: "Line"}})
	return o
}

// call is something that a request asks for.
type call struct {
	name  string
	reads bool // and writes nothing
	do    func(context.Context) error
}

// calls are those of an employee who serves a customer. What they need is there
// before anything happens.
func (o *office) calls(t *testing.T, mia symbolon.ActorID) []call {
	t.Helper()
	request := authz.Request{Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "1", Account: "acct-42"}}
	var p symbolon.Principal
	var raw token.Raw
	var grant authz.Grant
	var err error
	for range 1 + connections {
		if err = o.actors.AsHost("test").Import(t.Context(), mia, "$count$right"); err == nil {
			break
		}
	}
	require.NoError(t, err)
	p = authntest.Principal(t, o.realm, authntest.Who{Actor: mia, Subject: "cust-42", SubjectMethods: []symbolon.Method{symbolon.MethodSMS}})
	raw, err = o.tokens.Issue(t.Context(), p)
	require.NoError(t, err)
	grant, err = o.guard.Authorize(t.Context(), p, request)
	require.NoError(t, err)
	return []call{
		{"SignIn", false, func(ctx context.Context) error {
			_, err := o.actors.SignIn(ctx, string(mia), "right")
			return err
		}},
		{"Issue", true, func(ctx context.Context) error { _, err := o.tokens.Issue(ctx, p); return err }},
		{"Verify", true, func(ctx context.Context) error { _, err := o.tokens.Verify(ctx, raw); return err }},
		{"Authorize", false, func(ctx context.Context) error { _, err := o.guard.Authorize(ctx, p, request); return err }},
		{"Begin", false, func(ctx context.Context) error { _, err := o.guard.Begin(ctx, grant, "sim.change", nil); return err }},
	}
}

// nothingIsHalfDone expects each session in its employee's list and in the audit,
// each act that began with its record, and neither without the other.
func nothingIsHalfDone(t *testing.T, s storage.Store) {
	t.Helper()
	var sessions, listed, signedIn, effects, begun []string
	for place, r := range contentOf(t, s) {
		_, name, _ := strings.Cut(place, " ")
		parts := strings.Split(name, "/")
		switch {
		case parts[0] == "actor" && parts[2] == "s" && !strings.HasPrefix(parts[3], "test-"):
			sessions = append(sessions, parts[1]+" "+parts[3])
		case parts[0] == "actor" && parts[2] == "sessions":
			var all struct {
				Open []struct{ ID string }
			}
			require.NoError(t, json.Unmarshal(r.Value, &all))
			for _, one := range all.Open {
				listed = append(listed, parts[1]+" "+one.ID)
			}
		case parts[0] == "effect":
			var e struct{ By string }
			require.NoError(t, json.Unmarshal(r.Value, &e))
			effects = append(effects, e.By)
		case parts[0] == "audit":
			var a audit.Record
			require.NoError(t, json.Unmarshal(r.Value, &a))
			switch {
			case a.Event == "signin" && a.Outcome == audit.Succeeded:
				signedIn = append(signedIn, string(a.Actor))
			case a.Event == "act" && a.Outcome == audit.Begun:
				begun = append(begun, a.ID)
			}
		}
	}
	for _, all := range [][]string{sessions, listed, effects, begun} {
		slices.Sort(all)
	}
	require.NotEmpty(t, sessions)
	require.Equal(t, sessions, listed, "a session that nobody lists, or the other way round")
	require.Len(t, signedIn, len(sessions), "a session without its record in the audit, or the other way round")
	require.NotEmpty(t, effects)
	require.Equal(t, begun, effects, "an act without its record in the audit, or the other way round")
}
