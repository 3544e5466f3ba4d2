package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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
	effect, err := g.Begin(t.Context(), grant, "sim.change", authz.Params{"iccid": symbolon.String("1"), "fee": {}})
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
		p := authz.Params{"iccid": symbolon.String("1")}
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
		{"another value", nil, "sim.change", params(func(p authz.Params) { p["iccid"] = symbolon.String("2") }), authz.GrantOther},
		{"the same digits as a number", nil, "sim.change", params(func(p authz.Params) { p["iccid"] = symbolon.Int(1) }), authz.GrantOther},
		{"a parameter more", nil, "sim.change", params(func(p authz.Params) { p["fee"] = symbolon.Int(0) }), authz.GrantOther},
		{"a parameter less", nil, "sim.change", nil, authz.GrantOther},
		{"the value under another name", nil, "sim.change", authz.Params{"tags": symbolon.String("1")}, authz.GrantOther},
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
		{"AZ-10: the employee was dismissed", func(w *world, _ *authz.Guard, _ authz.Grant) {
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
	refused(t, err, authz.GrantForeign, "S17: the grant of a guard that permits all")
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
	r.Resource.Attributes = symbolon.Attributes{"vip": symbolon.Bool(true)}
	grant, err := g.Authorize(t.Context(), w.served("sms"), r)
	require.NoError(t, err)
	r.Params["iccid"] = symbolon.String("2")
	r.Resource.Attributes["vip"] = symbolon.Bool(false)
	grant.Resource().Attributes["vip"] = symbolon.Bool(false)
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

// Any two sets of parameters that differ are refused, however alike they look;
// any two that do not are accepted.
func TestParametersAreBoundExactly(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	p := w.served("sms")
	values := map[string]*rapid.Generator[symbolon.Value]{
		"iccid": rapid.Map(rapid.SampledFrom([]string{"", "1", "\xff", "\xfe", "\u00e9", "e\u0301", "unset"}), func(s string) symbolon.Value {
			if s == "unset" {
				return symbolon.Value{}
			}
			return symbolon.String(s)
		}),
		"fee": rapid.Map(rapid.Int64Range(-1, 1), symbolon.Int),
		"tags": rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "a\",\"b", ""}), 0, 3), func(s []string) symbolon.Value {
			return symbolon.Strings(s...)
		}),
	}
	canon := func(p authz.Params) string {
		var out []string
		for name, v := range p {
			switch v := v.Any().(type) {
			case nil:
			case []string:
				slices.Sort(v)
				out = append(out, fmt.Sprintf("%s=%q", name, slices.Compact(v)))
			default:
				out = append(out, fmt.Sprintf("%s=%q", name, fmt.Sprint(v)))
			}
		}
		slices.Sort(out)
		return fmt.Sprint(out)
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) authz.Params {
			out := authz.Params{}
			for _, name := range slices.Sorted(maps.Keys(values)) {
				if rapid.Bool().Draw(t, label+name) {
					out[name] = values[name].Draw(t, label+name)
				}
			}
			return out
		}
		asked, used := draw("asked "), draw("used ")
		r := simChange("1")
		r.Params = asked
		grant, err := g.Authorize(w.t.Context(), p, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = g.Begin(w.t.Context(), grant, "sim.change", used); (err == nil) != (canon(asked) == canon(used)) {
			t.Fatalf("asked %s, used %s: %v", canon(asked), canon(used), err)
		}
	})
}
