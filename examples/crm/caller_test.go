package main

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a caller must not learn the operator does, and neither reads a token or a
// customer's name in the log.
func TestTheOperatorLearnsWhy(t *testing.T) {
	var logged bytes.Buffer
	former := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&logged, nil)))
	t.Cleanup(func() { slog.SetDefault(former) })

	s, c := served(t, sqlite(t), nowhere)
	mia := ask(t, c, 200, miaSignsIn).text("token")
	read := request{"GET", "/customers/cust-42", "garbage", "", nil}
	for _, step := range []struct {
		because string
		before  func()
		status  int
		request request
		want    has
	}{
		{"a token that is none", func() {}, 401, read,
			has{`"level":"INFO"`, "a token was refused", `"reason":"framing: `}},
		{"a key that is none", func() {}, 401, request{"POST", "/calls", "symkey.garbage", "", object{"id": "x"}},
			has{`"level":"INFO"`, `"route":"POST /calls"`, `"reason":"wrong"`}},
		{"the database is gone", func() { require.NoError(t, s.letGo()) }, 503, request{"GET", read.path, mia, "", nil},
			has{`"level":"ERROR"`, `"route":"GET /customers/{id}"`}},
		{"and for who has no token yet", func() {}, 503, miaSignsIn,
			has{`"level":"ERROR"`, `"route":"POST /sign-in"`, not("lemon")}},
	} {
		step.before()
		logged.Reset()
		ask(t, c, step.status, step.request)
		require.Empty(t, append(step.want, not("garbage"), not("cust-42"), not(mia)).deviation(logged.String()), "%s: %s", step.because, logged.String())
	}
}
