package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
)

var (
	now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	v1  = storage.Version{1}
	v2  = storage.Version{2}
)

func put(name string) storage.Op {
	return storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Version: v1}
}

func TestValidateNamesTheOpAndTheRule(t *testing.T) {
	with := func(change func(*storage.Op)) storage.Batch {
		o := put("broken")
		change(&o)
		return storage.Batch{Shard: "s", Now: now, Ops: []storage.Op{put("fine"), o}}
	}
	many := func(n int, size int) storage.Batch {
		b := storage.Batch{Shard: "s", Now: now}
		for i := range n {
			o := put(fmt.Sprint(i))
			o.Value = make([]byte, size)
			b.Ops = append(b.Ops, o)
		}
		return b
	}
	for _, row := range []struct {
		because string
		batch   storage.Batch
		rule    string // "" is fine
	}{
		{"the plain case", with(func(*storage.Op) {}), ""},
		{"the largest count", many(32, 0), ""},
		{"the largest value", with(func(o *storage.Op) { o.Value = make([]byte, storage.MaxPage) }), ""},
		{"the largest batch", many(8, storage.MaxPage), ""},
		{"the longest name", with(func(o *storage.Op) { o.Name = strings.Repeat("n", 512) }), ""},

		{"a batch without ops would be a commit of nothing", many(0, 0), "1 to 32 ops, not 0"},
		{"one op too many", many(33, 0), "1 to 32 ops, not 33"},
		{"too much at once for DynamoDB", many(9, storage.MaxPage), "values of a batch"},
		{"a forgotten shard", storage.Batch{Now: now, Ops: []storage.Op{put("a")}}, "the shard is empty"},
		{"a forgotten clock", storage.Batch{Shard: "s", Ops: []storage.Op{put("a")}}, "Now is not set"},
		{"two ops on one record have no order", with(func(o *storage.Op) { o.Name = "fine" }), "op 1 (Put \"fine\"): another op has the same name"},
		{"a forgotten act", with(func(o *storage.Op) { o.Act = 0 }), "op 1 (Act(0) \"broken\"): Act(0) is no act"},
		{"an act from the future", with(func(o *storage.Op) { o.Act = 4 }), "Act(4) is no act"},
		{"a forgotten condition is not Any", with(func(o *storage.Op) { o.Cond = 0 }), "Cond(0) is no condition"},
		{"a condition from the future", with(func(o *storage.Op) { o.Cond = 4 }), "Cond(4) is no condition"},
		{"a forgotten name", with(func(o *storage.Op) { o.Name = "" }), "its name is empty"},
		{"one byte too long for an index", with(func(o *storage.Op) { o.Name = strings.Repeat("n", 513) }), "at most 512 bytes"},
		{"PostgreSQL refuses it", with(func(o *storage.Op) { o.Name = "a\x00b" }), "contains NUL"},
		{"PostgreSQL refuses it", with(func(o *storage.Op) { o.Name = "a\xff" }), "not valid UTF-8"},
		{"too large", with(func(o *storage.Op) { o.Value = make([]byte, storage.MaxPage+1) }), "at most 262144 bytes"},
		{"no version would read as no record", with(func(o *storage.Op) { o.Version = storage.Version{} }), "a Put needs a Version"},
		{"a version used twice lets a second writer win", with(func(o *storage.Op) { o.Cond, o.If, o.Version = storage.Match, v2, v2 }), "new Version"},
		{"Match without a version would match nothing, or everything", with(func(o *storage.Op) { o.Cond = storage.Match }), "the field If is set with Match"},
		{"If without Match looks like a condition but is none", with(func(o *storage.Op) { o.If = v2 }), "the field If is set with Match"},
		{"an engine that stores 0 for never", with(func(o *storage.Op) { o.ExpiresAt = time.Unix(0, 0) }), "the years 1970 to 9999"},
		{"a year that no database takes", with(func(o *storage.Op) { o.ExpiresAt = now.AddDate(9000, 0, 0) }), "the years 1970 to 9999"},
		{"only Any and Match say what to delete", with(func(o *storage.Op) {
			*o = storage.Op{Act: storage.Delete, Name: "d", Cond: storage.Absent}
		}), "a Delete goes with Any or Match"},
		{"write skew", with(func(o *storage.Op) {
			*o = storage.Op{Act: storage.Check, Name: "c", Cond: storage.Absent}
		}), "a Check goes with Match only"},
		{"it holds nothing", with(func(o *storage.Op) {
			*o = storage.Op{Act: storage.Check, Name: "c", Cond: storage.Any}
		}), "a Check goes with Match only"},
		{"a value that nobody would store", with(func(o *storage.Op) {
			*o = storage.Op{Act: storage.Check, Name: "c", Cond: storage.Match, If: v1, Value: []byte("x")}
		}), "only a Put carries"},
		{"a version that nobody would store", with(func(o *storage.Op) {
			*o = storage.Op{Act: storage.Delete, Name: "c", Cond: storage.Any, Version: v1}
		}), "only a Put carries"},
	} {
		err := row.batch.Validate()
		if row.rule == "" {
			require.NoError(t, err, row.because)
			continue
		}
		require.ErrorIs(t, err, storage.ErrInvalid, row.because)
		require.ErrorContains(t, err, row.rule, row.because)
	}
}

func TestValidNamesAndScan(t *testing.T) {
	names := make([]string, 33)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	require.NoError(t, storage.ValidNames("s", names[:32]))
	for because, err := range map[string]error{
		"no names":         storage.ValidNames("s", nil),
		"one too many":     storage.ValidNames("s", names),
		"no shard":         storage.ValidNames("", names[:1]),
		"twice":            storage.ValidNames("s", []string{"a", "b", "a"}),
		"an empty name":    storage.ValidNames("s", []string{"a", ""}),
		"no limit":         storage.ValidScan("s", "", "", 0),
		"too large":        storage.ValidScan("s", "", "", storage.MaxScan+1),
		"no shard, scan":   storage.ValidScan("", "", "", 1),
		"NUL in prefix":    storage.ValidScan("s", "a\x00", "", 1),
		"half a character": storage.ValidScan("s", "", "\xc3", 1),
	} {
		require.ErrorIs(t, err, storage.ErrInvalid, because)
	}
	require.NoError(t, storage.ValidScan("s", "", "", storage.MaxScan))
}

// S26: Match and Check fail on a record that is expired at Batch.Now.
func TestWhatIsExpiredIsNotThere(t *testing.T) {
	absent := storage.Op{Cond: storage.Absent}
	match := storage.Op{Cond: storage.Match, If: v1}
	for _, row := range []struct {
		because       string
		found         storage.Record
		absent, match bool
	}{
		{"nothing there", storage.Record{}, true, false},
		{"there for ever", storage.Record{Version: v1}, false, true},
		{"another version", storage.Record{Version: v2}, false, false},
		{"a millisecond left", storage.Record{Version: v1, ExpiresAt: now.Add(time.Millisecond)}, false, true},
		{"less than a millisecond left is rounded down", storage.Record{Version: v1, ExpiresAt: now.Add(999 * time.Microsecond)}, true, false},
		{"expires now", storage.Record{Version: v1, ExpiresAt: now}, true, false},
		{"expired long ago", storage.Record{Version: v1, ExpiresAt: now.Add(-time.Hour)}, true, false},
		{"another version, expired", storage.Record{Version: v2, ExpiresAt: now}, true, false},
	} {
		require.Equal(t, row.absent, absent.Holds(row.found, now), row.because)
		require.Equal(t, row.match, match.Holds(row.found, now), row.because)
		require.True(t, storage.Op{Cond: storage.Any}.Holds(row.found, now), row.because)
		require.False(t, storage.Op{}.Holds(row.found, now), "a forgotten condition never holds: %s", row.because)
	}
}

func TestNewVersionRefusesABrokenSource(t *testing.T) {
	v, err := storage.NewVersion(bytes.NewReader(bytes.Repeat([]byte{7}, 16)))
	require.NoError(t, err)
	require.False(t, v.IsZero())

	_, err = storage.NewVersion(bytes.NewReader(make([]byte, 16)))
	require.ErrorContains(t, err, "only zeros")
	_, err = storage.NewVersion(strings.NewReader("short"))
	require.Error(t, err)
	require.False(t, errors.Is(err, storage.ErrConflict))
}
