package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// during serves a place for as long as do takes.
func during(t *testing.T, p place, do func(*testing.T, client)) {
	t.Helper()
	t.Run("a server", func(t *testing.T) {
		_, c := served(t, p, nowhere)
		do(t, c)
	})
}

func signsIn(login, password string) request {
	return request{"POST", "/sign-in", "", "", object{"login": login, "password": password}}
}

var (
	adaSignsIn = signsIn("ada@care.example", "a lighthouse never hurries")
	tomSignsIn = signsIn("tom@care.example", "seven bridges in the fog")
)

func lock(t *testing.T, c client, login string) {
	t.Helper()
	for range 5 {
		ask(t, c, 401, signsIn(login, "let me in, please"))
	}
}

// A backup brings back neither a session nor a lock that was opened in vain:
// what was locked after it was made is locked after it was restored, too.
func TestBackupAndRestore(t *testing.T) {
	p := sqlite(t)
	file := filepath.Join(t.TempDir(), "crm.backup")
	require.ErrorContains(t, backUp(t.Context(), io.Discard, p, file), "nothing has been started here yet")
	require.NoFileExists(t, p.file)

	var ada string
	during(t, p, func(t *testing.T, c client) {
		ada = ask(t, c, 200, adaSignsIn).text("token")
		lock(t, c, "mia@care.example")
		var said strings.Builder
		require.NoError(t, backUp(t.Context(), &said, p, file), "while it runs")
		require.Contains(t, said.String(), p.keys())
		lock(t, c, "tom@care.example")
	})
	require.ErrorIs(t, backUp(t.Context(), io.Discard, p, file), os.ErrExist, "the last good one stays")

	require.ErrorContains(t, restore(t.Context(), io.Discard, p, file, wishes{}), "-replace")
	require.NoError(t, restore(t.Context(), io.Discard, p, file, wishes{replace: true}))
	during(t, p, func(t *testing.T, c client) {
		ask(t, c, 401, request{"GET", "/audit", ada, "", nil})
		ask(t, c, 401, miaSignsIn)
		ask(t, c, 401, tomSignsIn)
		ada := ask(t, c, 200, adaSignsIn).text("token")
		require.Contains(t, ask(t, c, 200, request{"GET", "/audit?actor=tom", ada, "", nil}).body, `"event":"account.locked"`)
	})

	elsewhere := sqlite(t)
	require.ErrorContains(t, restore(t.Context(), io.Discard, elsewhere, file, wishes{acceptLoss: true}), "put the keys that belong to the backup into "+elsewhere.keys())
	keys, err := os.ReadFile(p.keys())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(elsewhere.keys(), keys, 0o600))
	require.ErrorContains(t, restore(t.Context(), io.Discard, elsewhere, file, wishes{}), "-accept-loss")
	require.NoError(t, restore(t.Context(), io.Discard, elsewhere, file, wishes{acceptLoss: true}))
	during(t, elsewhere, func(t *testing.T, c client) {
		ask(t, c, 401, miaSignsIn)
		ask(t, c, 200, tomSignsIn)
		_, interrupt := rings(t, c, elsewhere, "ada:cust-42")
		require.NoError(t, interrupt())
	})
}
