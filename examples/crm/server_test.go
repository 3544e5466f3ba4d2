package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/authn"
)

// AN-60, AU-01, LK-08, LK-17, SE-07, SE-14, TK-39: the whole story, over HTTP,
// with a restart in it.
func TestWalk(t *testing.T) {
	require.NoError(t, walk(t.Context(), t.Output()))
}

// A walk that could not fail would show nothing.
func TestWalkStopsAtTheFirstDeviation(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, object{"who": "eve"}) }))
	defer web.Close()
	for _, c := range []struct {
		because string
		status  int
		want    has
		err     string
	}{
		{"another status", 401, nil, "expected 401"},
		{"a text that is missing", 200, has{`"who":"mia"`}, `expected 200 "who":"mia"`},
		{"a text that must not be there", 200, has{not("eve")}, "expected 200 no eve"},
	} {
		w := &walker{ctx: t.Context(), out: io.Discard, client: client{web.URL}}
		w.step("a step", c.status, c.want, request{method: "GET", path: "/"})
		require.ErrorContains(t, w.err, c.err, c.because)
		require.ErrorContains(t, w.err, `got 200 {"who":"eve"}`, c.because)
		n := w.n
		w.step("the next", 200, nil, request{method: "GET", path: "/"})
		require.Equal(t, n, w.n, "nothing is played after a deviation")
	}
}

// desk is a server of its own, with mia signed in.
func desk(t *testing.T) (client, string) {
	t.Helper()
	sender := authn.SenderFunc(func(context.Context, authn.Message) error { return nil })
	s, err := open(t.Context(), config{DB: filepath.Join(t.TempDir(), "crm.db"), Console: io.Discard, Sender: sender})
	require.NoError(t, err)
	web := httptest.NewServer(s.routes())
	t.Cleanup(func() { web.Close(); require.NoError(t, s.close()) })
	c := client{web.URL}
	a, err := c.send(t.Context(), request{"POST", "/sign-in", "", "", object{"login": "mia@care.example", "password": "tea with lemon at four"}})
	require.NoError(t, err)
	require.Equal(t, 200, a.status, a)
	return c, a.text("token")
}

// Bad input: a clear answer, the same for what must look alike, and nothing of
// what was sent in it.
func TestBadInput(t *testing.T) {
	c, mia := desk(t)
	huge := strings.Repeat("x", 10<<20)
	login := func(name, password string) object { return object{"login": name, "password": password} }
	for _, row := range []struct {
		because string
		status  int
		want    has
		request
	}{
		{"a route that is none", 404, has{"not_found"}, request{"GET", "/customer/cust-42", mia, "", nil}},
		{"a method that the route has not", 404, nil, request{"PUT", "/customers/cust-42", mia, "", nil}},
		// AN-63: whoever is nobody learns nothing of what would be needed.
		{"nobody", 401, has{"Bearer", not("acr_values")}, request{"GET", "/customers/cust-42", "", "", nil}},
		{"garbage for a token", 401, has{`error="invalid_token"`, not("garbage")}, request{"GET", "/customers/cust-42", "garbage", "", nil}},
		{"a token cut short", 401, has{`error="invalid_token"`}, request{"GET", "/customers/cust-42", mia[:len(mia)-1], "", nil}},
		{"a token for a service key", 401, nil, request{"POST", "/calls", mia, "", object{"id": "x"}}},
		{"garbage for a service key", 401, nil, request{"POST", "/calls", "symkey.garbage", "", object{"id": "x"}}},
		{"an unknown login", 401, has{not("nobody")}, request{"POST", "/sign-in", "", "", login("nobody@care.example", "x")}},
		{"an empty password", 400, has{"password"}, request{"POST", "/sign-in", "", "", login("mia@care.example", "")}},
		{"a password of 10 MB", 413, has{not("xxxx")}, request{"POST", "/sign-in", "", "", login("mia@care.example", huge)}},
		{"a misspelt member", 400, has{"logn"}, request{"POST", "/sign-in", "", "", object{"logn": "mia"}}},
		{"no body", 400, nil, request{"POST", "/sign-in", "", "", nil}},
		{"a call that is not there", 403, nil, request{"GET", "/customers/cust-42", mia, "i00garbage", nil}},
		{"a customer, and no call", 403, nil, request{"GET", "/customers/cust-42", mia, "", nil}},
		{"a customer who does not exist", 403, nil, request{"GET", "/customers/cust-0", mia, "", nil}},
		{"an iccid that is none", 400, nil, request{"POST", "/lines/+15550100/sim-changes", mia, "", object{"iccid": "1"}}},
		{"a change that nobody decided", 404, nil, request{"POST", "/sim-changes/d-0/confirm", mia, "", object{"iccid": newCard}}},
		{"an operation that is no action", 400, has{"operation"}, request{"POST", "/interactions/i00/challenges", mia, "", object{"method": "sms", "operation": "x"}}},
	} {
		a, err := c.send(t.Context(), row.request)
		require.NoError(t, err, row.because)
		require.Equal(t, row.status, a.status, "%s: %v", row.because, a)
		require.Empty(t, row.want.deviation(a.String()), "%s: %v", row.because, a)
	}
}

// S29: demo passwords are public, so no other machine may reach them.
func TestLoopbackOnly(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:8080": true, "127.8.8.8:0": true, "[::1]:8080": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.0.2.1:8080": false,
		"localhost:8080": false, "crm.example:8080": false, "127.0.0.1": false, "": false,
	} {
		require.Equal(t, ok, loopback(addr) == nil, addr)
	}
	require.ErrorContains(t, run(t.Context(), []string{"-addr", "0.0.0.0:8080"}), "loopback")
}

// A key that others can read is no secret, and a database without its keys
// cannot be understood.
func TestKeysBesideTheDatabase(t *testing.T) {
	db := filepath.Join(t.TempDir(), "crm.db")
	first, err := openKeys(db)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(db, nil, 0o600))
	second, err := openKeys(db)
	require.NoError(t, err)
	require.Equal(t, first, second, "a restart finds the keys of before")

	if runtime.GOOS != "windows" {
		info, err := os.Stat(keysBeside(db))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, os.Chmod(keysBeside(db), 0o644))
		_, err = openKeys(db)
		require.ErrorContains(t, err, "can be read by others")
	}
	require.NoError(t, os.Remove(keysBeside(db)))
	_, err = openKeys(db)
	require.ErrorContains(t, err, "is missing")
}

// A misspelt "roles" would silently mean none.
func TestDemoDataIsReadStrictly(t *testing.T) {
	for because, text := range map[string]string{
		"a misspelt member": `[{"id": "mia", "rolls": ["care"]}]`,
		"an unknown kind":   `[{"id": "mia", "kind": "wizard"}]`,
	} {
		_, err := readEmployees(fstest.MapFS{"employees.json": {Data: []byte(text)}})
		require.ErrorContains(t, err, "employees.json", because)
	}
}
