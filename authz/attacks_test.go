package authz_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/storage"
)

// S10: a time so far away that its nanoseconds wrap around is another parameter.
func TestFarTimesAreOtherParameters(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	far := at.Add(math.MaxInt64).Add(math.MaxInt64).Add(2)
	require.Equal(t, at.UnixNano(), far.UnixNano(), "the trap")
	r := simChange("1")
	r.Params = authz.Params{"at": symbolon.TimeValue(at)}
	grant, err := g.Authorize(t.Context(), w.served("sms"), r)
	require.NoError(t, err)
	require.Equal(t, at, grant.Params()["at"].Any(), "business code reads what was allowed from the Grant")
	_, err = g.Begin(t.Context(), grant, "sim.change", authz.Params{"at": symbolon.TimeValue(far)})
	require.ErrorIs(t, err, authz.ErrDenied)
}

// S10: what the host changes while the decision is being recorded was never judged, nor granted.
func TestAMapChangedDuringAuthorize(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, `permit (principal, action == Action::"sim.change", resource) when { context.params.fee <= 5 };`, nil)
	r := simChange("1")
	r.Params = authz.Params{"fee": symbolon.IntValue(1)}
	p := w.served("sms")
	w.store.before = func(storage.Batch) error { r.Params["fee"] = symbolon.IntValue(1000); return nil }
	grant, err := g.Authorize(t.Context(), p, r)
	require.NoError(t, err)
	w.store.before = nil
	_, err = g.Begin(t.Context(), grant, "sim.change", authz.Params{"fee": symbolon.IntValue(1000)})
	require.ErrorIs(t, err, authz.ErrDenied)
	require.EqualValues(t, 1, grant.Params()["fee"].Any())
}

// S13: a view before the proof does not tell whose account a resource is, either.
func TestPreviewIsNoOracle(t *testing.T) {
	w := newWorld(t)
	g := w.guard(mayDo, `permit (principal, action == Action::"line.peek", resource is Line) when { resource.id == "mine" && context.subject.methods.contains("sms") };`,
		&authz.Options{Methods: &usable{subject: []symbolon.Method{"sms"}}})
	p := w.served()
	for _, account := range []symbolon.AccountID{"acct-42", "acct-7", ""} {
		for _, id := range []string{"mine", "other"} {
			_, err := g.Authorize(t.Context(), p, authz.Request{Action: "line.peek", Resource: authz.Resource{Type: "Line", ID: id, Account: account}})
			var up *authz.StepUpError
			require.True(t, errors.As(err, &up), "%q %q", account, id)
		}
	}
}

// AZ-10: what the directories say when an act begins counts, not what they said when it was allowed.
func TestPartiesThatChangedMeanwhile(t *testing.T) {
	for because, change := range map[string]func(*world){
		"a role was taken away": func(w *world) { w.actors["mia"] = symbolon.Actor{Roles: []string{}} },
		"another person has the login": func(w *world) {
			w.actors["mia"] = symbolon.Actor{Person: "somebody", Roles: w.actors["mia"].Roles}
		},
		"the account changed hands": func(w *world) { w.customers["cust-42"] = symbolon.Subject{Account: "acct-99"} },
		"the customer is gone":      func(w *world) { delete(w.customers, "cust-42") },
	} {
		w := newWorld(t)
		g := w.guard(mayDo, permitAll, nil)
		grant, err := g.Authorize(t.Context(), w.served("sms"), simChange("1"))
		require.NoError(t, err)
		change(w)
		_, err = g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
		var denied *authz.DeniedError
		require.ErrorAs(t, err, &denied, because)
		require.Equal(t, authz.PartyChanged, denied.Reason, because)
	}
}
