package storage_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// AU-24, S26: the store that docs/storage.md shows keeps the whole contract.
func TestJournal(t *testing.T) {
	j, err := OpenJournal(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	storagetest.Run(t, func(*testing.T) storage.Store { return j })
}

// AU-24: a process that dies in the middle of a commit leaves all of it or none,
// wherever it dies; and a file that was damaged is not taken for an older one.
func TestJournalAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := OpenJournal(path)
	require.NoError(t, err)
	put := func(j *Journal, version byte) error {
		var ops []storage.Op
		for _, name := range []string{"lock", "session"} {
			ops = append(ops, storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: fmt.Append(nil, version), Version: storage.Version{version}})
		}
		return j.Commit(t.Context(), storage.Batch{Shard: "s", Now: time.Unix(1, 0), Ops: ops})
	}
	is := func(j *Journal) (lock, session string) {
		found, err := j.Get(t.Context(), "s", "lock", "session")
		require.NoError(t, err)
		return string(found[0].Value), string(found[1].Value)
	}
	require.NoError(t, put(j, 1))
	require.NoError(t, put(j, 2))
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	first := bytes.IndexByte(whole, '\n') + 1

	for n := range len(whole) + 1 {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		j, err := OpenJournal(path)
		require.NoError(t, err)
		lock, session := is(j)
		require.Equal(t, lock, session, "half a commit, of %d bytes", n)
		switch {
		case n < first:
			require.Empty(t, lock)
		case n < len(whole):
			require.Equal(t, "1", lock)
		default:
			require.Equal(t, "2", lock)
		}
		require.NoError(t, put(j, 3))
		require.NoError(t, j.Close())
		j, err = OpenJournal(path)
		require.NoError(t, err, "what was torn is out of the way")
		lock, _ = is(j)
		require.Equal(t, "3", lock)
		require.NoError(t, j.Close())
	}

	require.NoError(t, os.WriteFile(path, append([]byte("{\n"), whole...), 0o600))
	_, err = OpenJournal(path)
	require.ErrorContains(t, err, "the line at byte 0 is damaged")

	require.NoError(t, os.WriteFile(path, whole, 0o600))
	j, err = OpenJournal(path)
	require.NoError(t, err)
	require.NoError(t, j.file.Close()) // the disk is gone
	require.Error(t, put(j, 4))
	_, err = j.Get(t.Context(), "s", "lock")
	require.ErrorContains(t, err, "open it again", "nobody knows what holds")
}
