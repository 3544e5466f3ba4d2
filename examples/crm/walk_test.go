package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// AN-60, AU-01, LK-08, LK-17, SE-07, SE-14, TK-39: the whole story, over HTTP,
// with a restart in it, and the same on every engine.
func TestWalk(t *testing.T) {
	for _, engine := range []struct{ name, server string }{
		{"sqlite", ""}, {"memory", ""}, {"postgres", "SYMBOLON_TEST_POSTGRES"}, {"mysql", "SYMBOLON_TEST_MYSQL"},
	} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for leases
			p := place{engine: engine.name, dsn: os.Getenv(engine.server)}
			if engine.server != "" && p.dsn == "" {
				t.Skip("no server: set " + engine.server)
			}
			require.NoError(t, walk(t.Context(), t.Output(), p))
		})
	}
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
