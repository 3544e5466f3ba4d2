package backup_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// clocked is a store that knows the time.
type clocked struct{ storage.Store }

func (clocked) Now(context.Context) (time.Time, error) { return time.Now(), nil }

// S11, S26: who does not know the time makes no file, fences nothing and restores
// nothing. A file that is made ahead of time would let a restore undo what is
// revoked until then.
func TestAWrongClockIsRefused(t *testing.T) {
	for because, off := range map[string]time.Duration{"ahead": 30 * time.Hour, "behind": -25 * time.Hour, "a little": 3 * time.Second} {
		t.Run(because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, target := clocked{filled(t, 20, "acme")}, clocked{memory.New()}
				file := export(t, source, "acme")
				was := content(t, source, "acme")
				wrong := &backup.Options{Now: func() time.Time { return time.Now().Add(off) }, AcceptLoss: []string{"acme"}}

				_, err := backup.Export(t.Context(), io.Discard, source, []string{"acme"}, key, wrong)
				require.ErrorIs(t, err, storage.ErrClock)
				require.ErrorIs(t, backup.Fence(t.Context(), source, "acme", wrong), storage.ErrClock)
				_, err = backup.Import(t.Context(), bytes.NewReader(file), target, key, wrong)
				require.ErrorIs(t, err, storage.ErrClock)
				require.Equal(t, was, content(t, source, "acme"))
				require.Empty(t, content(t, target, "acme"))
			})
		})
	}
}

// S11: where no store could tell that the clock was ahead, the file does, until that
// time has come.
func TestAFileFromTheFuture(t *testing.T) {
	for _, c := range []struct {
		because string
		ahead   time.Duration
		refused bool
	}{
		{"the log would be read from too late on", 30 * time.Hour, true},
		{"clocks of a fleet differ, and the log is read from an hour before", 59 * time.Minute, false},
	} {
		d := at(t, memory.New(), "acme")
		d.password("mia", right)
		var file bytes.Buffer
		_, err := backup.Export(t.Context(), &file, d.store, []string{"acme"}, key,
			&backup.Options{Now: func() time.Time { return time.Now().Add(c.ahead) }})
		require.NoError(t, err)
		require.NoError(t, d.actors.AsHost("left us").RevokePassword(t.Context(), "mia"))
		into := memory.New()
		_, err = backup.Import(t.Context(), bytes.NewReader(file.Bytes()), into, key, &backup.Options{Log: d.store})
		if c.refused {
			require.ErrorIs(t, err, backup.ErrLoss, c.because)
			require.ErrorContains(t, err, "yet to come", c.because)
			imported(t, file.Bytes(), into, backup.Options{Log: d.store, AcceptLoss: []string{"acme"}})
			continue
		}
		require.NoError(t, err, c.because)
		_, err = at(t, into, "acme").signIn("mia", right)
		require.Error(t, err, "her password was revoked")
	}
}
