package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
)

// Redis Cluster picks the node by what stands between the first { of a key and
// the next }. All keys of a shard must have the same there, and no two shards
// may share a key.
func TestKeysOfAShardStayTogetherAndApart(t *testing.T) {
	s := &Store{prefix: "symbolon:"}
	shards := []string{"a", "a}", "}", "{", "{}", "a}b", "a{b}", "a%7Db", "a%257Db", "%", "a:b", "a}:b", "ä"}
	owner := map[string]string{}
	for _, shard := range shards {
		keys := append(records(s.index(shard), []string{"b", ":b", "}:b", "{x}", "7D"}), s.index(shard))
		for _, key := range keys {
			open := strings.IndexByte(key, '{')
			tag := key[open+1 : open+1+strings.IndexByte(key[open+1:], '}')]
			require.NotEmpty(t, tag, "an empty tag does not count, and %q would lie anywhere", key)
			require.Equal(t, braces.Replace(shard), tag)
			require.Empty(t, owner[key], "%q is of two shards", key)
			owner[key] = shard
		}
	}
}

func TestSpanIsWhatScanAsksFor(t *testing.T) {
	for _, row := range []struct {
		prefix, after, min, max, because string
	}{
		{"", "", "-", "+", "everything"},
		{"", "b", "(b", "+", "everything behind a name"},
		{"p/", "", "[p/", "(p/\xff", "all that begins so; no name has the byte 0xff"},
		{"p/", "a", "[p/", "(p/\xff", "a place before the first"},
		{"p/", "p/1", "(p/1", "(p/\xff", "a place in the middle"},
		{"p/", "p/", "(p/", "(p/\xff", "the name that is the prefix has been seen"},
		{"p/", "q", "(q", "(p/\xff", "a place behind the last, so nothing"},
	} {
		by := span(row.prefix, row.after, 7)
		require.Equal(t, []any{row.min, row.max, int64(7)}, []any{by.Min, by.Max, by.Count}, row.because)
	}
}

// G5: Redis counts from its own now, so it is given the time that is left.
func TestLifeIsWhatIsLeftAndAGrace(t *testing.T) {
	s := &Store{grace: time.Minute}
	now := time.UnixMilli(1_000_000)
	for _, row := range []struct {
		because string
		op      storage.Op
		want    string
	}{
		{"what never expires stays", storage.Op{Act: storage.Put}, ""},
		{"an hour and the grace", storage.Op{Act: storage.Put, ExpiresAt: now.Add(time.Hour)}, "3660000"},
		{"what has expired stays for the grace, for those whose clock is behind", storage.Op{Act: storage.Put, ExpiresAt: now.Add(-time.Hour)}, "60000"},
		{"a Delete writes nothing", storage.Op{Act: storage.Delete}, ""},
	} {
		require.Equal(t, row.want, s.life(row.op, now), row.because)
	}
}

// S8: what somebody has damaged is an error, not an absent record.
func TestDecodeRefusesWhatIsDamaged(t *testing.T) {
	whole := string(encode(storage.Op{Act: storage.Put, Version: storage.Version{1}, Value: []byte("v")}))
	for because, raw := range map[string]string{
		"empty":                   "",
		"cut off in the head":     whole[:head-1],
		"without a version":       strings.Repeat("\x00", head) + "v",
		"an expiry before 1970":   whole[:count] + strings.Repeat("\xff", 8) + "v",
		"text that is not a head": "OK",
	} {
		_, err := decode("lock", raw)
		require.ErrorContains(t, err, "damaged", because)
	}
}

// FuzzDecode: whatever lies in Redis is read as what encode writes, or refused.
func FuzzDecode(f *testing.F) {
	f.Add("")
	f.Add(string(encode(storage.Op{Act: storage.Put, Version: storage.Version{1}, Value: []byte("v")})))
	f.Add(string(encode(storage.Op{Act: storage.Put, Version: storage.Version{15: 1}, ExpiresAt: time.UnixMilli(1<<47 - 1)})))
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := decode("name", raw)
		if err != nil {
			return
		}
		again := encode(storage.Op{Act: storage.Put, Version: r.Version, Value: r.Value, ExpiresAt: r.ExpiresAt})
		require.Equal(t, raw, string(again))
	})
}
