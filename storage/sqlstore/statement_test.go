package sqlstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon/storage"
)

// everyKind is an op of each kind.
func everyKind(name string) []storage.Op {
	v := func() storage.Version { v, _ := storage.NewVersion(rand.Reader); return v }
	return []storage.Op{
		{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte("value"), Version: v()},
		{Act: storage.Put, Name: name, Cond: storage.Absent, Value: []byte("value"), Version: v()},
		{Act: storage.Put, Name: name, Cond: storage.Match, If: v(), Value: []byte("value"), Version: v()},
		{Act: storage.Delete, Name: name, Cond: storage.Any},
		{Act: storage.Delete, Name: name, Cond: storage.Match, If: v()},
		{Act: storage.Check, Name: name, Cond: storage.Match, If: v()},
	}
}

// batches draws valid batches of n ops, whose names and values can be told from
// any text of ours.
func batches(n int) *rapid.Generator[storage.Batch] {
	return rapid.Custom(func(t *rapid.T) storage.Batch {
		b := storage.Batch{Shard: "§shard", Now: time.Now()}
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`§['"\\$%;?]{1,8}`), n, n, rapid.ID).Draw(t, "names")
		for _, name := range names {
			b.Ops = append(b.Ops, rapid.SampledFrom(everyKind(name)).Draw(t, "kind"))
		}
		return b
	})
}

// S27: nothing that comes from outside is in the text, which is one statement
// with as many places as arguments.
func TestTextIsMadeOfConstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := batches(rapid.IntRange(1, storage.MaxOps).Draw(t, "n")).Draw(t, "batch")
		require.NoError(t, b.Validate())
		s := manyOps(b)
		if len(b.Ops) == 1 && b.Ops[0].Act != storage.Check {
			s = loneOp(b)
		}
		require.NotContains(t, s.String(), "§")
		require.NotContains(t, s.String(), ";")
		for i := range s.args {
			require.Contains(t, s.String(), dollar(i+1))
		}
		require.NotContains(t, s.String(), dollar(len(s.args)+1))
		require.Contains(t, fmt.Sprint(s.args...), "§shard")
	})
}

// A connection keeps a plan for each text, so there is an end to them.
func TestThereAreFewTexts(t *testing.T) {
	texts := map[string]bool{}
	one := everyKind("n")
	for n := 1; n <= fewOps; n++ {
		for combination := range pow(len(one), n) {
			b := storage.Batch{Shard: "s", Now: time.Now()}
			for i := range n {
				b.Ops = append(b.Ops, everyKind(fmt.Sprint(i))[combination%len(one)])
				combination /= len(one)
			}
			if n == 1 && b.Ops[0].Act != storage.Check {
				texts[loneOp(b).String()] = true
			} else {
				texts[manyOps(b).String()] = true
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(fewOps+1, storage.MaxOps).Draw(t, "n")
		texts[manyOps(batches(n).Draw(t, "batch")).String()] = true
	})
	t.Logf("%d texts for commits", len(texts))
	require.LessOrEqual(t, len(texts), 6+36+216+4)
}

func pow(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

func TestOpsAreLockedInOneOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := batches(rapid.IntRange(2, storage.MaxOps).Draw(t, "n")).Draw(t, "batch")
		var names []string
		for _, a := range manyOps(b).args {
			if name, ok := a.(string); ok && name != b.Shard {
				names = append(names, name)
			}
		}
		require.Len(t, names, len(b.Ops))
		require.True(t, slices.IsSorted(names))
	})
}

// G6: what lies between a prefix and the name beyond it is what begins with it.
func TestBeyondIsWhereAPrefixEnds(t *testing.T) {
	name := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune{'%', '\u007f', '\ud7ff', '\ue000', '\uffff', utf8.MaxRune})))
	rapid.Check(t, func(t *rapid.T) {
		prefix, other := name.Draw(t, "prefix"), name.Draw(t, "other")
		if rapid.Bool().Draw(t, "begins with it") {
			other = prefix + other
		}
		end, ok := beyond(prefix)
		require.True(t, utf8.ValidString(end))
		within := other >= prefix && (!ok || other < end)
		require.Equal(t, strings.HasPrefix(other, prefix), within, "%q %q %q", prefix, other, end)
	})
}

type withMethod struct{ code string }

func (e withMethod) Error() string    { return "ERROR: no such luck" }
func (e withMethod) SQLState() string { return e.code }

// G7: only what left nothing behind for certain is a conflict.
func TestWhichErrorsAreConflicts(t *testing.T) {
	for _, row := range []struct {
		because string
		err     error
		code    string
		undone  bool
	}{
		{"pgx and pq have a method", fmt.Errorf("commit: %w", withMethod{"40001"}), "40001", true},
		{"PostgreSQL has a code of its own for deadlocks", withMethod{"40P01"}, "40P01", true},
		{"the server does not know itself whether it committed", withMethod{"40003"}, "40003", false},
		{"a unique key is no business of ours", withMethod{"23505"}, "23505", false},
		{"go-sql-driver writes it into the text", fmt.Errorf("commit: %w", errors.New("Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction")), "40001", true},
		{"a lock that timed out keeps the transaction", errors.New("Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"), "HY000", false},
		{"a text that quotes the words of a user is not trusted", errors.New("refused: Error 1213 (40001): Deadlock"), "", false},
		{"a lost connection", errors.New("unexpected EOF"), "", false},
		{"no error", nil, "", false},
	} {
		require.Equal(t, row.code, sqlState(row.err), row.because)
		require.Equal(t, row.undone, undone(row.code), row.because)
	}
}
