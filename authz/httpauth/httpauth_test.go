package httpauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/authztest"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// desk is a back end whose tokens are names of principals.
type desk struct {
	realm  *symbolon.Realm
	tokens map[string]symbolon.Principal
	down   bool
}

func (d *desk) VerifyRequest(r *http.Request) (symbolon.Principal, error) {
	if d.down {
		return symbolon.Principal{}, fmt.Errorf("store: %w", symbolon.ErrUnavailable)
	}
	p, ok := d.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		return symbolon.Principal{}, errors.New("no such token: sesame")
	}
	return p, nil
}

// Join knows one interaction, which serves the customer of "claimed".
func (d *desk) Join(_ context.Context, _ symbolon.Principal, id symbolon.InteractionID) (symbolon.Principal, error) {
	if id != "call-1" {
		return symbolon.Principal{}, fmt.Errorf("not yours: %w", symbolon.ErrRefused)
	}
	return d.tokens["claimed"], nil
}

// Usable implements authz.Methods.
func (*desk) Usable(context.Context, symbolon.Principal) (actor, subject []symbolon.Method, err error) {
	return []symbolon.Method{"pwd", "hwk"}, []symbolon.Method{"sms", "face", `p"in`}, nil
}

const (
	actorSet = `permit (principal in Role::"care", action, resource);
		forbid (principal, action == Action::"line.port", resource) unless { principal.methods.contains("hwk") };`
	subjectSet = `permit (principal, action, resource) when { context.subject.methods.containsAny(["sms", "face"]) };
		permit (principal, action, resource) when { context.subject.methods.contains("p\"in") };
		permit (principal, action == Action::"line.peek", resource);
		forbid (principal, action == Action::"line.port", resource) when { context.now.durationSince(context.subject.provedAt.sms) > duration("5m") };
		forbid (principal, action == Action::"line.sell", resource);`
)

func newDesk(t testing.TB) (*desk, *httpauth.Auth) {
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors:   symbolon.ActorMap{"mia": {Roles: []string{"care"}}},
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}},
	}, &symbolon.RealmOptions{Classes: []symbolon.Class{{Name: "basic", Sets: [][]symbolon.Method{{"sms"}, {"face"}}}}})
	require.NoError(t, err)
	d := &desk{realm: realm}
	d.tokens = map[string]symbolon.Principal{
		"employee": authntest.Principal(t, realm, authntest.Who{Actor: "mia"}),
		"claimed":  authntest.Principal(t, realm, authntest.Who{Actor: "mia", Subject: "cust-42"}),
		"proved":   authntest.Principal(t, realm, authntest.Who{Actor: "mia", Subject: "cust-42", SubjectMethods: []symbolon.Method{"sms"}}),
		"strong":   authntest.Principal(t, realm, authntest.Who{Actor: "mia", ActorMethods: []symbolon.Method{"hwk"}, Subject: "cust-42", SubjectMethods: []symbolon.Method{"sms"}, Age: 10 * time.Minute}),
		"nobody":   {},
	}
	guard, err := authz.NewGuard(realm, authz.Config{
		ActorSet: authz.PolicyText(actorSet), SubjectSet: authz.PolicyText(subjectSet),
		Actions: authz.Actions{
			"line.read": {On: "Line"}, "line.port": {On: "Line"}, "line.sell": {On: "Line"},
			"line.peek": {On: "Line", Concern: authz.OfClaimed},
		},
	}, &authz.Options{Methods: d})
	require.NoError(t, err)
	auth, err := httpauth.New(d, guard, &httpauth.Options{Join: d})
	require.NoError(t, err)
	return d, auth
}

// serve sends a request for an action with a token and returns status,
// WWW-Authenticate and body.
func serve(auth *httpauth.Auth, action authz.Action, token string, asked httpauth.Asked, err error) (int, string, string) {
	h := auth.Grant(action, func(*http.Request) (httpauth.Asked, error) { return asked, err },
		func(w http.ResponseWriter, _ *http.Request, g authz.Grant) { _, _ = io.WriteString(w, g.String()) })
	r := httptest.NewRequest("POST", "/", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
		return w.Code, "", "a refusal may be kept in a cache"
	}
	return w.Code, w.Header().Get("WWW-Authenticate"), strings.TrimSpace(w.Body.String())
}

func TestAnswers(t *testing.T) {
	line := authz.Resource{Type: "Line", ID: "1", Account: "acct-42"}
	foreign := authz.Resource{Type: "Line", ID: "1", Account: "acct-7"}
	of := func(r authz.Resource, i symbolon.InteractionID) httpauth.Asked {
		return httpauth.Asked{Resource: r, Interaction: i}
	}
	const invalid, denied = `{"error":"invalid_token"}`, `{"error":"access_denied"}`
	for _, c := range []struct {
		because      string
		action       authz.Action
		token        string
		asked        httpauth.Asked
		err          error
		status       int
		header, body string
	}{
		{"both halves are there", "line.read", "proved", of(line, ""), nil, 200, "", "line.read on Line 1, mia for cust-42"},
		// AN-63
		{"anonymous learns nothing, not even that a token was missing in form", "line.read", "", of(line, ""), nil, 401, "Bearer", `{"error":"unauthorized"}`},
		{"a token that is none", "line.read", "sesame", of(line, ""), nil, 401, `Bearer error="invalid_token"`, invalid},
		{"a verifier that lets nobody in by mistake", "line.read", "nobody", of(line, ""), nil, 401, `Bearer error="invalid_token"`, invalid},
		{
			// AN-60, AN-61
			"the customer is weak, and the challenge names the customer", "line.read", "employee", of(line, "call-1"), nil, 401,
			`Bearer error="insufficient_user_authentication", acr_values="basic pin", party="subject"`,
			`{"error":"insufficient_user_authentication","needs":[{"party":"subject","acr":"basic","amr":["face"]},{"party":"subject","acr":"p\"in","amr":["p\"in"]},{"party":"subject","acr":"basic","amr":["sms"]}]}`,
		},
		{
			// AN-61
			"the employee is weak, and the challenge names the employee", "line.port", "proved", of(line, ""), nil, 401,
			`Bearer error="insufficient_user_authentication", acr_values="hwk", party="actor"`,
			`{"error":"insufficient_user_authentication","needs":[{"party":"actor","acr":"hwk","amr":["hwk"]}]}`,
		},
		{
			// AN-60
			"the proof is too old, and max_age says so", "line.port", "strong", of(line, ""), nil, 401,
			`Bearer error="insufficient_user_authentication", acr_values="basic", max_age="0", party="subject"`,
			`{"error":"insufficient_user_authentication","needs":[{"party":"subject","acr":"basic","amr":["sms"],"renew":true}]}`,
		},
		// AZ-28
		{"a policy forbids, and says no more", "line.sell", "proved", of(line, ""), nil, 403, "", denied},
		{"another customer's line", "line.read", "proved", of(foreign, ""), nil, 403, "", denied},
		{"a line that does not exist looks the same", "line.read", "proved", httpauth.Asked{}, symbolon.ErrNotFound, 403, "", denied},
		{"an employee without a customer", "line.read", "employee", of(line, ""), nil, 403, "", denied},
		{"a claimed customer is joined by the interaction", "line.peek", "employee", of(line, "call-1"), nil, 200, "", "line.peek on Line 1, mia with cust-42, not proved"},
		{"an interaction of somebody else", "line.peek", "employee", of(line, "call-2"), nil, 403, "", denied},
		{"a token from another interaction than the request says", "line.read", "proved", of(line, "call-1"), nil, 403, "", denied},
		{"a request that makes no sense", "line.read", "proved", httpauth.Asked{}, fmt.Errorf("id: %w", symbolon.ErrInvalid), 400, "", `{"error":"invalid_request","error_description":"id: invalid input"}`},
		{"a body beyond the host's bound", "line.read", "proved", httpauth.Asked{}, &http.MaxBytesError{Limit: 10}, 413, "", `{"error":"invalid_request","error_description":"http: request body too large"}`},
		{"the host's data base is away", "line.read", "proved", httpauth.Asked{}, symbolon.ErrUnavailable, 503, "", `{"error":"temporarily_unavailable"}`},
		{"the host's own error shows nothing of itself", "line.read", "proved", httpauth.Asked{}, errors.New("pq: password is 1234"), 500, "", `{"error":"server_error"}`},
	} {
		_, auth := newDesk(t)
		status, header, body := serve(auth, c.action, c.token, c.asked, c.err)
		require.Equal(t, c.status, status, c.because)
		require.Equal(t, c.header, header, c.because)
		require.Equal(t, c.body, body, c.because)
	}
}

// The host is told what the caller is not, and only then.
func TestFailed(t *testing.T) {
	line := httpauth.Asked{Resource: authz.Resource{Type: "Line", ID: "1", Account: "acct-42"}}
	for _, c := range []struct {
		because string
		token   string
		asked   httpauth.Asked
		err     error
		told    string
	}{
		{"allowed", "proved", line, nil, ""},
		{"a refusal is in the audit", "proved", httpauth.Asked{Resource: authz.Resource{Type: "Line", ID: "1", Account: "acct-7"}}, nil, ""},
		{"bad input is the caller's own", "proved", line, symbolon.ErrInvalid, ""},
		{"an outage", "proved", line, symbolon.ErrUnavailable, "temporarily unavailable"},
		{"an error of the host's own", "proved", line, errors.New("no such column"), "no such column"},
	} {
		d, _ := newDesk(t)
		told := ""
		auth, err := httpauth.New(d, authztest.PermitAll(t, d.realm, authz.Actions{"line.read": {On: "Line"}}),
			&httpauth.Options{Failed: func(_ *http.Request, err error) { told = err.Error() }})
		require.NoError(t, err)
		serve(auth, "line.read", c.token, c.asked, c.err)
		require.Equal(t, c.told, told, c.because)
	}
}

func TestAnUndeclaredActionStopsTheStart(t *testing.T) {
	_, auth := newDesk(t)
	require.PanicsWithValue(t, `httpauth: the Guard's Config.Actions do not declare "line.raed"`, func() { auth.Grant("line.raed", nil, nil) })
}

func TestPrincipal(t *testing.T) {
	_, auth := newDesk(t)
	h := auth.Principal(func(w http.ResponseWriter, _ *http.Request, p symbolon.Principal) {
		_, _ = io.WriteString(w, p.String())
	})
	for token, want := range map[string]string{"employee": "200 mia", "proved": "200 mia for cust-42", "nobody": `401 {"error":"invalid_token"}`, "": `401 {"error":"unauthorized"}`} {
		r := httptest.NewRequest("GET", "/", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String())), token)
	}
}

func TestStoreDown(t *testing.T) {
	d, auth := newDesk(t)
	d.down = true
	status, header, body := serve(auth, "line.read", "proved", httpauth.Asked{}, nil)
	require.Equal(t, 503, status, "nobody knows whether the token is good; it may be sent again")
	require.Empty(t, header)
	require.Equal(t, `{"error":"temporarily_unavailable"}`, body)
}

// What the handler finds out later is answered in the same words.
func TestRefuse(t *testing.T) {
	for because, c := range map[string]struct {
		err    error
		status int
	}{
		"the grant was used before":         {&authz.DeniedError{Reason: authz.GrantUsed}, 403},
		"the customer hung up in between":   {&authz.DeniedError{Reason: authz.NotLive}, 401},
		"the employee was dismissed":        {fmt.Errorf("begin: %w", &authz.DeniedError{Reason: authz.ActorDisabled}), 401},
		"the store is away":                 {fmt.Errorf("begin: %w", symbolon.ErrUnavailable), 503},
		"the store is away, and it says no": {errors.Join(symbolon.ErrUnavailable, symbolon.ErrRefused), 503},
	} {
		w := httptest.NewRecorder()
		httpauth.Refuse(w, c.err)
		require.Equal(t, c.status, w.Code, because)
	}
}

func TestNewNamesEverythingThatIsMissing(t *testing.T) {
	_, err := httpauth.New(nil, nil, nil)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorContains(t, err, "a Verifier")
	require.ErrorContains(t, err, "a Guard")
}

func TestWithoutAJoinerNoInteractionIsBelieved(t *testing.T) {
	d, _ := newDesk(t)
	guard, err := authz.NewGuard(d.realm, authz.Config{
		ActorSet: authz.PolicyText(actorSetAll), SubjectSet: authz.PolicyText(actorSetAll),
		Actions: authz.Actions{"line.peek": {On: "Line", Concern: authz.OfClaimed}},
	}, nil)
	require.NoError(t, err)
	auth, err := httpauth.New(d, guard, nil)
	require.NoError(t, err)
	asked := httpauth.Asked{Resource: authz.Resource{Type: "Line", ID: "1", Account: "acct-42"}, Interaction: "call-1"}
	status, _, _ := serve(auth, "line.peek", "employee", asked, nil)
	require.Equal(t, 403, status)
}

const actorSetAll = `permit (principal, action, resource);`
