package main

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rings is -ring in the background: the interaction that it prints, and a
// function that interrupts it.
func rings(t *testing.T, c client, p place, who string) (call string, interrupt func() error) {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := ring(ctx, in, c.base, p.keys(), who)
		_ = in.CloseWithError(err)
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), lines.Err())
	require.Contains(t, lines.Text(), who[strings.Index(who, ":")+1:])
	require.True(t, lines.Scan(), lines.Err())
	call, ok := strings.CutPrefix(lines.Text(), callHeader+": ")
	require.True(t, ok, lines.Text())
	return call, func() error { cancel(); return <-ended }
}

// Whoever is rung has the call until -ring is interrupted.
func TestRing(t *testing.T) {
	p := sqlite(t)
	_, c := served(t, p, nowhere)
	mia := ask(t, c, 200, miaSignsIn).text("token")
	call, interrupt := rings(t, c, p, "mia:cust-42")
	greet := request{"GET", "/customers/cust-42", mia, call, nil}
	require.Contains(t, ask(t, c, 200, greet).body, `"name":"N•••"`)
	require.NoError(t, interrupt())
	ask(t, c, 403, greet)
}

// What goes wrong with -ring says what to do about it.
func TestRingSaysWhatIsWrong(t *testing.T) {
	p := sqlite(t)
	_, c := served(t, p, nowhere)
	other := sqlite(t)
	served(t, other, nowhere)
	for _, row := range []struct{ who, base, keys, err string }{
		{"mia", c.base, p.keys(), "want EMPLOYEE:CUSTOMER"},
		{"mia:", c.base, p.keys(), "want EMPLOYEE:CUSTOMER"},
		{":cust-42", c.base, p.keys(), "want EMPLOYEE:CUSTOMER"},
		{"mia:cust-99", c.base, p.keys(), `no customer is called "cust-99"`},
		{"max:cust-42", c.base, p.keys(), `no employee is called "max"`},
		{"exchange:cust-42", c.base, p.keys(), "is not a person"},
		{"mia:cust-42", c.base, p.file, "damaged"},
		{"mia:cust-42", c.base, other.keys(), "does not know the key"},
		{"mia:cust-42", c.base, p.keys() + "x", "start the server first"},
		{"mia:cust-42", "http://127.0.0.1:1", p.keys(), "start the server first"},
	} {
		require.ErrorContains(t, ring(t.Context(), io.Discard, row.base, row.keys, row.who), row.err, row)
	}
}

// It is a client, and leaves nothing behind.
func TestRingMakesNoDirectory(t *testing.T) {
	db := filepath.Join(t.TempDir(), "nope", "x.db")
	require.ErrorContains(t, run(t.Context(), io.Discard, []string{"-ring", "mia:cust-42", "-db", db}), "start the server first")
	require.NoDirExists(t, filepath.Dir(db))
}
