package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/backup"
)

var (
	backupKey = []byte("backup keys are 32 random bytes!")
	kept      = times(2_000, 100_000) // records in a backup

	// from and to each of these. What lies on Redis may be lost, and so its copy is
	// worth little; but what was copied is equal.
	storing = []string{"SQLite", "PostgreSQL", "MariaDB", "Redis"}
)

// S11: a bar. What was backed up on one engine is on every other one, record by
// record and byte by byte.
func TestABackupRestoresOnEveryOtherEngine(t *testing.T) {
	for _, name := range storing {
		t.Run(name, func(t *testing.T) {
			source := engines.Fresh(t, name).Open(t)
			fill(t, source)
			var file bytes.Buffer
			began := time.Now()
			sum, err := backup.Export(t.Context(), &file, source, []string{"acme"}, backupKey, nil)
			require.NoError(t, err)
			require.Equal(t, kept+1, sum.Records, "and that it is exported")
			t.Logf("%d records of %s, %d bytes, exported in %v", sum.Records, name, file.Len(), time.Since(began).Round(time.Millisecond))
			was := contentOf(t, source)
			for _, other := range storing {
				if other == name {
					continue
				}
				t.Run("to "+other, func(t *testing.T) {
					target := engines.Fresh(t, other).Open(t)
					began := time.Now()
					sum, err := backup.Import(t.Context(), bytes.NewReader(file.Bytes()), target, backupKey, &backup.Options{AcceptLoss: []string{"acme"}})
					require.NoError(t, err)
					require.Equal(t, kept+1, sum.Records)
					require.Zero(t, sum.Ended+sum.Replayed+sum.Unreadable)
					t.Logf("restored on %s in %v", other, time.Since(began).Round(time.Millisecond))
					sameContent(t, was, contentOf(t, target))
				})
			}
		})
	}
}

// S11: a tenant moves from each engine to the next. It is fenced where it was and
// at work where it is, with everything that it had.
func TestATenantMovesFromEngineToEngine(t *testing.T) {
	for i, name := range storing {
		next := storing[(i+1)%len(storing)]
		t.Run(name+" to "+next, func(t *testing.T) {
			t.Parallel() // a fence waits for what is under way
			source, target := engines.Fresh(t, name).Open(t), engines.Fresh(t, next).Open(t)
			fill(t, source)
			before, err := openDoors(source)
			require.NoError(t, err)
			require.NoError(t, before.actors.AsHost("test").Import(t.Context(), "mia", "$count$right"))
			mia, err := before.actors.SignIn(t.Context(), "mia", "right")
			require.NoError(t, err)
			_, err = before.actors.SignIn(t.Context(), "mia", "wrong") // her lock remembers
			require.Error(t, err)
			was := contentOf(t, source)

			require.NoError(t, backup.Fence(t.Context(), source, "acme", nil))
			var file bytes.Buffer
			_, err = backup.Export(t.Context(), &file, source, []string{"acme"}, backupKey, nil)
			require.NoError(t, err)
			began := time.Now()
			sum, err := backup.Import(t.Context(), bytes.NewReader(file.Bytes()), target, backupKey, &backup.Options{Moved: []string{"acme"}})
			require.NoError(t, err)
			require.Zero(t, sum.Replayed+sum.Unreadable)
			t.Logf("%d records arrived in %v", sum.Records, time.Since(began).Round(time.Millisecond))
			sameContent(t, was, contentOf(t, target))

			before.scheme.compared.Store(0)
			_, err = before.actors.SignIn(t.Context(), "mia", "right")
			require.ErrorIs(t, err, symbolon.ErrUnavailable, "fenced")
			require.ErrorIs(t, before.actors.Touch(t.Context(), mia), symbolon.ErrRefused, "fenced")
			require.Zero(t, before.scheme.compared.Load(), "and no guess is evaluated there")
			after, err := openDoors(target)
			require.NoError(t, err)
			require.ErrorIs(t, after.actors.Touch(t.Context(), mia), symbolon.ErrRefused, "sessions end")
			_, err = after.actors.SignIn(t.Context(), "mia", "right")
			require.NoError(t, err)
		})
	}
}

// fill writes records of every kind that a restore keeps, and what no engine may
// change on the way: any bytes, awkward names, expiries in milliseconds.
func fill(t *testing.T, s storage.Store) {
	t.Helper()
	hour := time.Now().Add(time.Hour)
	ops := map[string][]storage.Op{}
	for i := range kept {
		o := put("", `{"v":1}`)
		switch i % 7 {
		case 0:
			o.Name, o.Value = fmt.Sprintf("org/%d", i), []byte("any bytes\x00\xff\x80, 'quoted' \\ and not JSON at all")
		case 1:
			o.Name, o.ExpiresAt = fmt.Sprintf("call/%d", i), hour.Add(time.Duration(i)*time.Minute+time.Millisecond)
		case 2:
			o.Name, o.Value = fmt.Sprintf("audit/%017d/%d", i, i), bytes.Repeat([]byte{byte(i)}, i%25*80) // of which some are empty
		case 3:
			o.Name = table.Name("effect", "%_'\"\\ü"+strings.Repeat("n", i%100)+fmt.Sprint(i))
		case 4:
			o.Name, o.Value = fmt.Sprintf("actor/%d/password", i), []byte(`{"v":1,"later":"member"}`)
		case 5:
			o.Name, o.Value = fmt.Sprintf("actor/%d/stamp", i), fmt.Appendf(nil, `{"v":1,"epoch":%d,"later":"member"}`, i)
		case 6:
			o.Name, o.Value = fmt.Sprintf("subject/%d/lock/sms", i), fmt.Appendf(nil, `{"born":true,"consecutive":3,"later":"member","spent":[%d],"v":1}`, i)
		}
		shard := fmt.Sprintf("acme/%02x", i%table.Shards)
		if ops[shard] = append(ops[shard], o); len(ops[shard]) == storage.MaxOps || i >= kept-table.Shards {
			require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: ops[shard]}))
			delete(ops, shard)
		}
	}
}

// contentOf returns the tenant's records by shard and name, without versions.
func contentOf(t *testing.T, s storage.Store) map[string]storage.Record {
	t.Helper()
	all := map[string]storage.Record{}
	for sh := range table.Shards {
		shard := fmt.Sprintf("acme/%02x", sh)
		for after, more := "", true; more; {
			found, err := s.Scan(t.Context(), shard, "", after, storage.MaxScan)
			require.NoError(t, err)
			for _, r := range found {
				all[shard+" "+r.Name] = r
				after = r.Name
			}
			more = len(found) == storage.MaxScan
		}
	}
	return all
}

// sameContent expects everything that stays to be the same. A stamp has another
// epoch, sessions are over, and the export and the import are on record.
func sameContent(t *testing.T, was, is map[string]storage.Record) {
	t.Helper()
	same := 0
	for place, want := range was {
		got, there := is[place]
		if strings.Contains(place, "/s/") || strings.HasSuffix(place, "/sessions") {
			require.False(t, there, "%s is over", place)
			continue
		}
		if !there && strings.Contains(string(want.Value), "tenant.exported") {
			continue // written when the export was done
		}
		require.True(t, there, "%s is lost", place)
		require.Equal(t, want.ExpiresAt, got.ExpiresAt, place)
		switch {
		case strings.HasSuffix(place, "/stamp"):
			before, after := membersOf(t, want), membersOf(t, got)
			require.NotEqual(t, before["epoch"], after["epoch"], place)
			delete(before, "epoch")
			delete(after, "epoch")
			require.Equal(t, before, after, place)
		case strings.Contains(place, "/lock/"):
			require.Equal(t, membersOf(t, want), membersOf(t, got), place)
		case !bytes.Equal(want.Value, got.Value):
			require.Equal(t, string(want.Value), string(got.Value), place)
		}
		same++
	}
	require.GreaterOrEqual(t, same, kept)
	for place, r := range is {
		if _, known := was[place]; !known {
			var rec audit.Record
			require.NoError(t, json.Unmarshal(r.Value, &rec), place)
			require.Contains(t, []string{"tenant.imported", "tenant.exported", "tenant.fenced"}, rec.Event, "%s came from nowhere", place)
		}
	}
}

func membersOf(t *testing.T, r storage.Record) (m map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.Value, &m))
	return m
}
