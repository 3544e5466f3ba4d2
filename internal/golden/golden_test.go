package golden_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/token"
)

var update = flag.Bool("update", false, "write the last folder of testdata anew; to keep what an older version wrote, make the next folder first")

// TestWritesTheGolden: this version writes what the last folder says. A record
// that has changed is a change of a public format: see docs/storage.md.
func TestWritesTheGolden(t *testing.T) {
	all := versions(t)
	last := all[len(all)-1].path
	got := dumpWalk(t)
	for name, again := range dumpWalk(t) {
		same(t, name, got[name], again, "the walk writes the same each time")
	}
	if *update {
		require.NoError(t, os.RemoveAll(last))
		require.NoError(t, os.MkdirAll(last, 0o755))
		for name, text := range got {
			require.NoError(t, os.WriteFile(filepath.Join(last, name), []byte(text), 0o644))
		}
	}
	golden, err := os.ReadDir(last)
	require.NoError(t, err)
	for _, e := range golden {
		if got[e.Name()] == "" {
			t.Errorf("this version writes nothing like %s of %s", e.Name(), last)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		want, _ := os.ReadFile(filepath.Join(last, name)) // one that is not there is empty
		same(t, filepath.Join(last, name), string(want), got[name],
			"if that is meant, and what older versions wrote can still be read: mkdir the next folder of testdata, and go test ./internal/golden -update")
	}
}

// same compares two golden files.
func same(t *testing.T, name, want, got, because string) {
	t.Helper()
	switch {
	case filepath.Base(name) == "sealed-record.json": // its nonce is the system's
		require.Len(t, got, len(want), name)
	case filepath.Ext(name) == ".json":
		require.Equal(t, want, got, "%s: %s", name, because)
	default: // noise to the eye
		require.True(t, want == got, "%s has changed: %s", name, because)
	}
}

func dumpWalk(t *testing.T) map[string]string {
	w, h, file := walk(t)
	return dump(t, w.store, h, file)
}

// AU-25, AU-26, S8: what an older version wrote, this one reads, through nothing
// but what every host calls: passwords let in, locks hold, sessions live, and the
// audit lists every record as it was.
func TestReadsTheGolden(t *testing.T) {
	for _, f := range versions(t) {
		for _, kind := range slices.Sorted(maps.Keys(f.records)) {
			t.Run(filepath.Base(f.path)+"/"+kind, func(t *testing.T) {
				read := readers[kind]
				require.NotNil(t, read, "nothing reads this kind; say in readers what it must still do")
				w := newWorld(t, f.store(t))
				w.step("read", f.hands.Now.Sub(start))
				read(t, w, f)
			})
		}
		t.Run(filepath.Base(f.path)+"/backup", func(t *testing.T) { readBackup(t, f) })
	}
}

// S11: a backup of an older version is restored by this one: passwords let in,
// locks hold, and who had signed in must do so again.
func readBackup(t *testing.T, f folder) {
	w := newWorld(t, memory.New())
	w.step("restore", f.hands.Now.Sub(start)+time.Minute)
	sum, err := backup.Import(t.Context(), bytes.NewReader(f.backup), w.store, []byte(backupKey),
		&backup.Options{AcceptLoss: []string{tenant}, Now: w.now, Rand: w})
	require.NoError(t, err)
	require.Zero(t, sum.Unreadable)
	_, err = w.tokens.Verify(t.Context(), token.FromString(f.hands.Session))
	require.ErrorIs(t, err, token.ErrRefused)
	_, err = w.actors.SignIn(t.Context(), "mia", passwordOf("mia"))
	require.NoError(t, err)
	_, err = w.actors.SignIn(t.Context(), "tom", passwordOf("tom"))
	refused(t, err, authn.ReasonLocked)
}
