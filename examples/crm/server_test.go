package main

import (
	"context"
	"io"
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

// served is a server of its own, and a client of it.
func served(t *testing.T, p place, send authn.SenderFunc) (*server, client) {
	t.Helper()
	s, err := open(t.Context(), config{Place: p, Console: io.Discard, Sender: send})
	require.NoError(t, err)
	web := httptest.NewServer(s.routes())
	t.Cleanup(func() { web.Close(); require.NoError(t, s.letGo()) })
	return s, client{base: web.URL}
}

func sqlite(t *testing.T) place {
	t.Helper()
	return place{engine: "sqlite", file: filepath.Join(t.TempDir(), "crm.db")}
}

func nowhere(context.Context, authn.Message) error { return nil }

var miaSignsIn = request{"POST", "/sign-in", "", "", object{"login": "mia@care.example", "password": "tea with lemon at four"}}

// ask sends a request and expects a status.
func ask(t *testing.T, c client, status int, q request) reply {
	t.Helper()
	a, err := c.send(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, status, a.status, a)
	return a
}

// Bad input: a clear answer, the same for what must look alike, and nothing of
// what was sent in it.
func TestBadInput(t *testing.T) {
	_, c := served(t, sqlite(t), nowhere)
	mia := ask(t, c, 200, miaSignsIn).text("token")
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
		{"an iccid that is too short", 400, has{"18 to 22 digits"}, request{"POST", "/lines/+15550100/sim-changes", mia, "", object{"iccid": newCard[:17]}}},
		{"and one that is too long", 400, has{"18 to 22 digits"}, request{"POST", "/lines/+15550100/sim-changes", mia, "", object{"iccid": strings.Repeat("8", 23)}}},
		{"letters in an iccid", 400, has{"18 to 22 digits"}, request{"POST", "/lines/+15550100/sim-changes", mia, "", object{"iccid": newCard + "x"}}},
		{"digits that are not of ASCII", 400, has{"18 to 22 digits"}, request{"POST", "/lines/+15550100/sim-changes", mia, "", object{"iccid": strings.Repeat("٨", 9)}}},
		{"an unlock without a reason", 400, has{"reason"}, request{"POST", "/customers/cust-42/unlock", mia, "", object{"method": "sms"}}},
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
	require.ErrorContains(t, run(t.Context(), io.Discard, []string{"-addr", "0.0.0.0:8080"}), "loopback")
}

// A key that others can read is no secret, and a database without its keys
// cannot be understood.
func TestKeysBesideTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crm.db.keys")
	drawn, found, err := findKeys(path)
	require.NoError(t, err)
	require.False(t, found)
	require.ErrorContains(t, drawn.settle(path, false, true), "is missing", "somebody used the database with other keys")
	require.NoFileExists(t, path)
	require.NoError(t, drawn.settle(path, false, false))

	drawn.Telephony = "a key"
	require.NoError(t, drawn.write(path))
	again, found, err := findKeys(path)
	require.NoError(t, err)
	require.True(t, found)
	require.NoError(t, again.settle(path, true, true))
	require.Equal(t, drawn, again, "a restart finds the keys of before")
	require.NoError(t, again.settle(path, true, false))
	require.Empty(t, again.Telephony, "the exchange had its key from another database")

	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.NoError(t, os.Chmod(path, 0o644))
		_, _, err = findKeys(path)
		require.ErrorContains(t, err, "can be read by others")
	}
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
