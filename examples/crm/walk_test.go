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
	for _, engine := range []struct {
		name     string
		dsn, url func(testing.TB) string
	}{
		{"sqlite", none, none},
		{"memory", none, none},
		{"postgres", postgres, none},
		{"postgres+redis", postgres, redisURL},
		{"mysql", mySQL, none},
	} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for leases
			p, err := newPlace(engine.name, engine.dsn(t), engine.url(t), "")
			require.NoError(t, err)
			require.NoError(t, walk(t.Context(), t.Output(), p))
		})
	}
}

func none(testing.TB) string       { return "" }
func postgres(t testing.TB) string { return required(t, "SYMBOLON_TEST_POSTGRES") }
func mySQL(t testing.TB) string    { return required(t, "SYMBOLON_TEST_MYSQL") }
func redisURL(t testing.TB) string { return "redis://" + required(t, "SYMBOLON_TEST_REDIS") }

// required is a variable that names a server. Where it is not set the test is
// skipped, aloud; with SYMBOLON_TEST_REQUIRE=1 that is a failure.
func required(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	switch {
	case value != "":
	case os.Getenv("SYMBOLON_TEST_REQUIRE") == "1":
		t.Fatal(variable + " names no server, and SYMBOLON_TEST_REQUIRE=1 says that no engine may be skipped")
	default:
		t.Skip(variable + " names no server")
	}
	return value
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
		w := &walker{ctx: t.Context(), out: io.Discard, client: client{base: web.URL}}
		w.step("a step", c.status, c.want, request{method: "GET", path: "/"})
		require.ErrorContains(t, w.err, c.err, c.because)
		require.ErrorContains(t, w.err, `got 200 {"who":"eve"}`, c.because)
		n := w.n
		w.step("the next", 200, nil, request{method: "GET", path: "/"})
		require.Equal(t, n, w.n, "nothing is played after a deviation")
	}
}
