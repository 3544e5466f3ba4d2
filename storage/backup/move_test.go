package backup_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// S11: the file of a move is imported once. A second time within its day it would
// undo without a word what was revoked in the new home since.
func TestAFileIsMovedOnce(t *testing.T) {
	acme := []string{"acme"}
	revokeTom := func(d *desk) {
		require.NoError(d.t, d.actors.AsHost("left us").RevokePassword(d.t.Context(), "tom"))
	}
	for _, c := range []struct {
		because string
		since   func(*desk)
		opts    func(source, target *desk) backup.Options
		says    string // nothing: it is imported
		tom     bool   // comes in after it
	}{
		{"what was revoked would come back", revokeTom, func(_, _ *desk) backup.Options {
			return backup.Options{Moved: acme, Replace: acme}
		}, "give the target itself as Options.Log", false},
		{"it came to its end, so anything may rest on it", func(*desk) {}, func(_, _ *desk) backup.Options {
			return backup.Options{Moved: acme, Replace: acme}
		}, "give the target itself as Options.Log", true},
		{"the former home does not know", revokeTom, func(source, _ *desk) backup.Options {
			return backup.Options{Moved: acme, Replace: acme, Log: source.store}
		}, "give the target itself as Options.Log", false},
		{"the new home does", revokeTom, func(_, target *desk) backup.Options {
			return backup.Options{Moved: acme, Replace: acme, Log: target.store}
		}, "", false},
		{"what its log does not describe is a loss, move or not", func(d *desk) {
			put(d.t, d.store, "acme/05", fmt.Sprintf("audit/%017d/x", time.Now().UnixMicro()), `{"v":1,"id":"x","event":"policy.changed","outcome":"succeeded"}`)
		}, func(_, target *desk) backup.Options {
			return backup.Options{Moved: acme, Replace: acme, Log: target.store}
		}, "policy.changed", true},
		{"somebody says that it may be lost", revokeTom, func(_, _ *desk) backup.Options {
			return backup.Options{AcceptLoss: acme, Replace: acme}
		}, "", true},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, target := at(t, memory.New(), "acme"), at(t, memory.New(), "acme")
				source.password("mia", right)
				source.password("tom", right)
				require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil))
				file := export(t, source.store, "acme")
				imported(t, file, target.store, backup.Options{Moved: acme})
				target.in("tom", right)
				time.Sleep(time.Hour)
				c.since(target)

				opts, was := c.opts(source, target), content(t, target.store, "acme")
				_, err := backup.Import(t.Context(), bytes.NewReader(file), target.store, key, &opts)
				if c.says == "" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, backup.ErrLoss)
					require.ErrorContains(t, err, c.says)
					require.Equal(t, was, content(t, target.store, "acme"))
				}
				after := at(t, target.store, "acme")
				_, err = after.signIn("tom", right)
				if c.tom {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, authn.ErrRefused)
				}
				after.in("mia", right)
			})
		})
	}
}

// A move that broke off may be repeated, wherever it did; and a tenant may be moved
// back into the store that it left.
func TestAMoveIsRepeatedAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := backup.Options{Moved: []string{"acme"}}
		again := backup.Options{Moved: []string{"acme"}, Replace: []string{"acme"}}
		source := at(t, memory.New(), "acme")
		source.password("mia", right)
		source.in("mia", right)
		require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil))
		file := export(t, source.store, "acme")
		var target *memory.Store
		broken := 0
		for commits := 1; ; commits++ {
			target = memory.New()
			_, err := backup.Import(t.Context(), bytes.NewReader(file), &dying{Store: target, left: commits}, key, &moved)
			if err == nil {
				break
			}
			require.True(t, errors.Is(err, errDied))
			imported(t, file, target, again)
			broken++
		}
		require.Greater(t, broken, 3)

		time.Sleep(time.Hour)
		d := at(t, target, "acme")
		d.in("mia", right)
		d.password("tom", right)
		require.NoError(t, backup.Fence(t.Context(), target, "acme", nil))
		imported(t, export(t, target, "acme"), source.store, again)
		home := at(t, source.store, "acme")
		home.in("tom", right)
		home.in("mia", right)
	})
}

// What was under way when the tenant was fenced comes along: Fence returns when
// nothing of it can follow any more.
func TestAFenceWaitsForWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := at(t, memory.New(), "acme")
		source.password("mia", right)
		go func() { // it read before the fence, and its commit took its time
			time.Sleep(3 * time.Second)
			put(t, source.store, "acme/05", "org/late", "{}")
		}()
		require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil))
		file := export(t, source.store, "acme")
		synctest.Wait()

		into := memory.New()
		imported(t, file, into, backup.Options{Moved: []string{"acme"}})
		require.Contains(t, content(t, into, "acme"), "acme/05 org/late")
	})
}
