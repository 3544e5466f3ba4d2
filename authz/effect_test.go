package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/storage"
)

// granted is a world with a grant for one change of SIM.
func granted(t testing.TB) (*world, *authz.Guard, authz.Grant) {
	w := newWorld(t)
	g := w.guard(mayDo, mayAsk, nil)
	grant, err := g.Authorize(t.Context(), w.served("sms"), simChange("1"))
	require.NoError(t, err)
	return w, g, grant
}

func TestAnActFromBeginToEnd(t *testing.T) {
	w, g, grant := granted(t)
	require.NoError(t, g.Holds(grant, "sim.change"))
	require.Equal(t, line, grant.Resource())
	require.Equal(t, authz.Action("sim.change"), grant.Action())

	w.now = w.now.Add(5 * time.Second)
	effect, err := g.Begin(t.Context(), grant, "sim.change", authz.Params{"iccid": symbolon.StringValue("1"), "fee": {}})
	require.NoError(t, err, "an unset parameter is the same as none")

	w.now = w.now.Add(time.Minute)
	open, err := g.Unfinished(t.Context(), 30*time.Second)
	require.NoError(t, err)
	require.Equal(t, []authz.Unfinished{{
		Decision: grant.Decision(), Begun: start.Add(5 * time.Second), Actor: "mia", Subject: "cust-42",
		Interaction: "call-1", Action: "sim.change", Resource: "Line +15550100",
	}}, open, "begun and not ended is reported")
	open, err = g.Unfinished(t.Context(), 2*time.Minute)
	require.NoError(t, err)
	require.Empty(t, open, "but not what may still be under way")

	require.ErrorIs(t, effect.End(t.Context(), audit.Allowed, nil), symbolon.ErrInvalid, "allowed is not how an act ends")
	require.NoError(t, effect.End(t.Context(), audit.Succeeded, map[string]string{"order": "4711"}))
	require.ErrorIs(t, effect.End(t.Context(), audit.Failed, nil), symbolon.ErrInvalid, "it ends once")
	open, err = g.Unfinished(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, open)

	var outcomes []audit.Outcome
	for _, r := range w.log() {
		require.Equal(t, grant.Decision(), r.Decision, "one id ties it together")
		require.Equal(t, symbolon.SubjectID("cust-42"), r.Subject)
		outcomes = append(outcomes, r.Outcome)
	}
	require.Equal(t, []audit.Outcome{audit.Allowed, audit.Begun, audit.Succeeded}, outcomes)
	require.Equal(t, "4711", w.log()[2].Detail["order"])
}

// S10: changed parameter, second use, hang-up in between: no effect.
func TestAttacksOnAGrant(t *testing.T) {
	params := func(change func(authz.Params)) authz.Params {
		p := authz.Params{"iccid": symbolon.StringValue("1")}
		if change != nil {
			change(p)
		}
		return p
	}
	for _, c := range []struct {
		because string
		between func(w *world, g *authz.Guard, gr authz.Grant)
		action  authz.Action
		params  authz.Params
		want    authz.Reason
	}{
		{"another value", nil, "sim.change", params(func(p authz.Params) { p["iccid"] = symbolon.StringValue("2") }), authz.GrantOther},
		{"the same digits as a number", nil, "sim.change", params(func(p authz.Params) { p["iccid"] = symbolon.IntValue(1) }), authz.GrantOther},
		{"a parameter more", nil, "sim.change", params(func(p authz.Params) { p["fee"] = symbolon.IntValue(0) }), authz.GrantOther},
		{"a parameter less", nil, "sim.change", nil, authz.GrantOther},
		{"the value under another name", nil, "sim.change", authz.Params{"tags": symbolon.StringValue("1")}, authz.GrantOther},
		{"another action", nil, "line.read", params(nil), authz.GrantOther},
		{"an action that nobody declared", nil, "line.delete", params(nil), authz.GrantOther},
		{"a second use", func(w *world, g *authz.Guard, gr authz.Grant) {
			_, err := g.Begin(t.Context(), gr, "sim.change", params(nil))
			require.NoError(t, err)
		}, "sim.change", params(nil), authz.GrantUsed},
		{"a second use after the first has ended", func(w *world, g *authz.Guard, gr authz.Grant) {
			e, err := g.Begin(t.Context(), gr, "sim.change", params(nil))
			require.NoError(t, err)
			require.NoError(t, e.End(t.Context(), audit.Failed, nil))
			w.now = w.now.Add(29 * time.Second)
		}, "sim.change", params(nil), authz.GrantUsed},
		{"30 seconds later", func(w *world, _ *authz.Guard, _ authz.Grant) { w.now = w.now.Add(30 * time.Second) }, "sim.change", params(nil), authz.GrantExpired},
		{"the customer hung up", func(w *world, _ *authz.Guard, _ authz.Grant) { w.hangUp() }, "sim.change", params(nil), authz.NotLive},
		{"the employee's sessions were ended", func(w *world, _ *authz.Guard, _ authz.Grant) {
			w.put("actor", "mia", map[string]any{stamp.ActorName("mia"): stamp.Party{Epoch: 2}})
		}, "sim.change", params(nil), authz.NotLive},
		// AZ-10
		{"the employee was dismissed", func(w *world, _ *authz.Guard, _ authz.Grant) {
			w.actors["mia"] = symbolon.Actor{Disabled: true}
		}, "sim.change", params(nil), authz.ActorDisabled},
	} {
		w, g, grant := granted(t)
		if c.between != nil {
			c.between(w, g, grant)
		}
		before := len(w.log())
		effect, err := g.Begin(t.Context(), grant, c.action, c.params)
		refused(t, err, c.want, c.because)
		require.Nil(t, effect, c.because)
		log := w.log()
		require.Len(t, log, before+1, c.because)
		require.True(t, slices.ContainsFunc(log, func(r audit.Record) bool {
			return r.Event == "act" && r.Outcome == audit.Denied && r.Reason == string(c.want) && r.Actor == "mia" && r.Subject == "cust-42"
		}), "it is on record: "+c.because)
	}
}

func TestAGrantBelongsToItsGuard(t *testing.T) {
	w, g, grant := granted(t)
	lenient := w.guard(permitAll, permitAll, nil)
	_, err := lenient.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	refused(t, err, authz.GrantForeign, "another guard of the same realm")
	forged, err := lenient.Authorize(t.Context(), w.served("sms"), simChange("1"))
	require.NoError(t, err)
	_, err = g.Begin(t.Context(), forged, "sim.change", simChange("1").Params)
	// S17
	refused(t, err, authz.GrantForeign, "the grant of a guard that permits all")
	refused(t, g.Holds(forged, "sim.change"), authz.GrantForeign, "nor does it hold for reading")

	refused(t, g.Holds(authz.Grant{}, "sim.change"), authz.GrantForeign, "the zero Grant")
	_, err = g.Begin(t.Context(), authz.Grant{}, "sim.change", nil)
	refused(t, err, authz.GrantForeign, "the zero Grant")
	refused(t, g.Holds(grant, "line.read"), authz.GrantOther, "another action")
	w.now = w.now.Add(30 * time.Second)
	refused(t, g.Holds(grant, "sim.change"), authz.GrantExpired, "too old to read by")
}

func TestHoldsEndsWithThePrincipal(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	p := w.seal(w.facts(func(f *symbolon.Facts) { f.Limits.NotAfter = start.Add(10 * time.Second) }, "sms"))
	grant, err := g.Authorize(t.Context(), p, simChange("1"))
	require.NoError(t, err)
	w.now = start.Add(10 * time.Second)
	refused(t, g.Holds(grant, "sim.change"), authz.Expired, "the weakest thing it rests on is over")
}

func TestTheZeroGrantPanicsWhenRead(t *testing.T) {
	var g authz.Grant
	for name, read := range map[string]func(){
		"Principal": func() { g.Principal() }, "Action": func() { g.Action() },
		"Resource": func() { g.Resource() }, "Decision": func() { g.Decision() },
	} {
		require.Panics(t, read, name)
	}
	require.Equal(t, "no grant", g.String())
	_, err := json.Marshal(g)
	require.Error(t, err, "a Grant does not leave the process")
}

func TestAGrantIsASnapshot(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, &authz.Options{Schema: authz.Schema{Resources: map[string]map[string]authz.Attribute{"Line": {"vip": {Type: authz.TypeBool}}}}})
	r := simChange("1")
	r.Resource.Attributes = symbolon.Attributes{"vip": symbolon.BoolValue(true)}
	grant, err := g.Authorize(t.Context(), w.served("sms"), r)
	require.NoError(t, err)
	r.Params["iccid"] = symbolon.StringValue("2")
	r.Resource.Attributes["vip"] = symbolon.BoolValue(false)
	grant.Resource().Attributes["vip"] = symbolon.BoolValue(false)
	require.Equal(t, true, grant.Resource().Attributes["vip"].Any(), "what was asked for cannot be changed afterwards")
	_, err = g.Begin(t.Context(), grant, "sim.change", r.Params)
	refused(t, err, authz.GrantOther, "through the map that was handed in")
}

// S10: 50 at once, one winner.
func TestOneOfManyBegins(t *testing.T) {
	w, g, grant := granted(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
			var denied *authz.DeniedError
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &denied) || denied.Reason != authz.GrantUsed:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
	begun := 0
	for _, r := range w.log() {
		if r.Outcome == audit.Begun {
			begun++
		}
	}
	require.Equal(t, 1, begun)
}

// A hang-up that is committed after Begin has looked and before it commits.
func TestHangUpDuringBegin(t *testing.T) {
	w, g, grant := granted(t)
	w.store.before = func(storage.Batch) error {
		w.store.before = nil
		w.hangUp()
		return nil
	}
	_, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	refused(t, err, authz.NotLive, "the commit is held to the interaction's record")
}

// A reply that is lost on the way back does not use the grant up for nothing.
func TestLostReplies(t *testing.T) {
	w, g, grant := granted(t)
	lose := func() {
		w.store.before = func(b storage.Batch) error {
			w.store.before = nil
			require.NoError(t, w.store.Store.Commit(t.Context(), b))
			return errors.New("connection reset")
		}
	}
	lose()
	effect, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	lose()
	require.NoError(t, effect.End(t.Context(), audit.Succeeded, nil))
	var outcomes []audit.Outcome
	for _, r := range w.log() {
		outcomes = append(outcomes, r.Outcome)
	}
	require.ElementsMatch(t, []audit.Outcome{audit.Allowed, audit.Begun, audit.Succeeded}, outcomes, "each once")
}

// The outcome is recorded once, even where nobody could tell that it was.
func TestEndAgainAfterALostReply(t *testing.T) {
	w, g, grant := granted(t)
	effect, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	w.store.before = func(b storage.Batch) error {
		require.NoError(t, w.store.Store.Commit(t.Context(), b))
		w.store.read = func() error { return errors.New("connection refused") }
		return errors.New("connection reset")
	}
	require.ErrorIs(t, effect.End(t.Context(), audit.Succeeded, nil), symbolon.ErrUnavailable)
	w.store.before, w.store.read = nil, nil
	require.NoError(t, effect.End(t.Context(), audit.Succeeded, nil))
	require.Len(t, w.log(), 3, "allowed, begun, succeeded")
}

// Time passes while Begin fights for the record.
func TestAGrantExpiresDuringBegin(t *testing.T) {
	w, g, grant := granted(t)
	w.store.before = func(storage.Batch) error {
		w.store.before = nil
		w.now = w.now.Add(30 * time.Second)
		return storage.ErrConflict
	}
	_, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	refused(t, err, authz.GrantExpired, "the deadline counts when it is committed")
}

func TestEndOutlivesTheCaller(t *testing.T) {
	_, g, grant := granted(t)
	effect, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, effect.End(ctx, audit.Succeeded, nil), "the line is moved, whoever hung up")

	w, g, grant := granted(t)
	effect, err = g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	w.store.breakAudit()
	require.ErrorIs(t, effect.End(t.Context(), audit.Failed, nil), symbolon.ErrUnavailable)
	w.store.before = nil
	require.NoError(t, effect.End(t.Context(), audit.Failed, nil), "it can be said again")
}

// What concerns nobody is begun and ended in the actor's shard, under the same
// terms.
func TestAnActWithoutACustomer(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, "", nil)
	p := w.seal(w.facts(func(f *symbolon.Facts) { f.Claimed, f.Interaction = nil, symbolon.Interaction{} }))
	r := authz.Request{Action: "desk.unlock", Resource: authz.Resource{Type: "Desk", ID: "d"}}
	grant, err := g.Authorize(t.Context(), p, r)
	require.NoError(t, err)
	effect, err := g.Begin(t.Context(), grant, "desk.unlock", nil)
	require.NoError(t, err)
	_, err = g.Begin(t.Context(), grant, "desk.unlock", nil)
	refused(t, err, authz.GrantUsed, "a second use")
	require.NoError(t, effect.End(t.Context(), audit.Succeeded, nil))

	grant, err = g.Authorize(t.Context(), p, r)
	require.NoError(t, err)
	w.store.before = func(storage.Batch) error {
		w.store.before = nil
		w.put("actor", "mia", map[string]any{stamp.ActorName("mia"): stamp.Party{Epoch: 2}})
		return nil
	}
	_, err = g.Begin(t.Context(), grant, "desk.unlock", nil)
	refused(t, err, authz.NotLive, "the commit is held to the actor's stamp")
}

// Parameters that differ are refused, however alike they look; those that do not
// are accepted, however they are written.
func TestParametersAreBoundExactly(t *testing.T) {
	one := func(name string, v symbolon.Value) authz.Params { return authz.Params{name: v} }
	text, tags := func(s string) authz.Params { return one("iccid", symbolon.StringValue(s)) }, func(s ...string) authz.Params { return one("tags", symbolon.StringsValue(s...)) }
	for _, c := range []struct {
		because     string
		asked, used authz.Params
		same        bool
	}{
		{"nothing and nothing", nil, authz.Params{}, true},
		{"unset and nothing", one("iccid", symbolon.Value{}), nil, true},
		{"the empty text is not nothing", text(""), nil, false},
		{"nor is the empty set", tags(), nil, false},
		{"the set of the empty text is not the empty set", tags(""), tags(), false},
		{"a set has no order", tags("a", "b"), tags("b", "a"), true},
		{"and holds each once", tags("a", "b", "a"), tags("a", "b"), true},
		{"two texts are not one that looks like both", tags("a", "b"), tags(`a","b`), false},
		{"texts that JSON writes alike", text("\xff"), text("\xfe"), false},
		{"texts that a screen shows alike", text("\u00e9"), text("e\u0301"), false},
		{"where a value came from does not matter", text("1"), one("iccid", symbolon.StringValue("1").From("hr", start)), true},
		{"another number", one("fee", symbolon.IntValue(1)), one("fee", symbolon.IntValue(-1)), false},
		{"a number beyond what a float holds", one("fee", symbolon.IntValue(1<<53)), one("fee", symbolon.IntValue(1<<53+1)), false},
		{"another instant", one("at", symbolon.TimeValue(start)), one("at", symbolon.TimeValue(start.Add(1))), false},
		{"the same instant elsewhere", one("at", symbolon.TimeValue(start)), one("at", symbolon.TimeValue(start.In(time.FixedZone("", 3600)))), true},
		{"yes and no", one("esim", symbolon.BoolValue(true)), one("esim", symbolon.BoolValue(false)), false},
	} {
		w := newWorld(t)
		g := w.guard(permitAll, permitAll, nil)
		r := simChange("1")
		r.Params = c.asked
		grant, err := g.Authorize(t.Context(), w.served("sms"), r)
		require.NoError(t, err, c.because)
		_, err = g.Begin(t.Context(), grant, "sim.change", c.used)
		if c.same {
			require.NoError(t, err, c.because)
		} else {
			refused(t, err, authz.GrantOther, c.because)
		}
	}
}

// S10: an act whose process died is settled by a person who has looked, once.
func TestSettle(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	p := w.served("sms")
	grant, err := g.Authorize(t.Context(), p, simChange("1"))
	require.NoError(t, err)
	effect, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute)
	open, err := g.Unfinished(t.Context(), time.Second)
	require.NoError(t, err)
	require.Len(t, open, 1)

	require.ErrorIs(t, g.Settle(t.Context(), p, open[0], audit.Begun, "?"), symbolon.ErrInvalid, "that is no end")
	require.ErrorIs(t, g.Settle(t.Context(), p, open[0], audit.Failed, ""), symbolon.ErrInvalid, "no reason")
	require.ErrorIs(t, g.Settle(t.Context(), symbolon.Principal{}, open[0], audit.Failed, "?"), authz.ErrDenied, "nobody")
	require.NoError(t, g.Settle(t.Context(), p, open[0], audit.Failed, "the switch shows the old card"))
	require.ErrorIs(t, g.Settle(t.Context(), p, open[0], audit.Succeeded, "or not"), authz.ErrDenied, "it has ended")
	require.ErrorIs(t, effect.End(t.Context(), audit.Succeeded, nil), authz.ErrDenied, "and its own process comes too late")
	open, err = g.Unfinished(t.Context(), time.Second)
	require.NoError(t, err)
	require.Empty(t, open)
}

// S10: the first outcome counts, and an overlong detail does not leave the act without one.
func TestOneOutcome(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	grant, err := g.Authorize(t.Context(), w.served("sms"), simChange("1"))
	require.NoError(t, err)
	effect, err := g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err)
	require.ErrorIs(t, effect.End(t.Context(), audit.Succeeded, map[string]string{"log": strings.Repeat("x", 5000)}), symbolon.ErrInvalid)
	w.store.before = func(storage.Batch) error { return errors.New("connection lost") }
	require.ErrorIs(t, effect.End(t.Context(), audit.Succeeded, nil), symbolon.ErrUnavailable)
	w.store.before = nil
	require.ErrorIs(t, effect.End(t.Context(), audit.Failed, nil), symbolon.ErrInvalid, "the other outcome may have been stored")
	require.NoError(t, effect.End(t.Context(), audit.Succeeded, nil))
}
