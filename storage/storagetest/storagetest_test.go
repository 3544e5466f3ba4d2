package storagetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func TestCheckPasses(t *testing.T) {
	s := memory.New()
	require.NoError(t, Check(t.Context(), func() (storage.Store, error) { return s, nil }))
}

// closing counts its Close calls.
type closing struct {
	storage.Store
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

func TestCheckClosesWhatItOpens(t *testing.T) {
	opened, closed := 0, 0
	s := memory.New()
	require.NoError(t, Check(t.Context(), func() (storage.Store, error) {
		opened++
		return closing{s, &closed}, nil
	}))
	require.Equal(t, opened, closed)
	require.Greater(t, opened, len(cases()))
}

func TestCheckReportsAStoreThatDoesNotOpen(t *testing.T) {
	none := errors.New("no such host")
	require.ErrorIs(t, Check(t.Context(), func() (storage.Store, error) { return nil, none }), none)
}

func TestEveryCaseHasANameAndARule(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		require.NotEmpty(t, c.name)
		require.NotEmpty(t, c.rule, c.name)
		require.False(t, seen[c.name], "two cases named %s", c.name)
		seen[c.name] = true
	}
	require.GreaterOrEqual(t, len(seen), 35)
}

func TestLossyAppliesAndLies(t *testing.T) {
	s := memory.New()
	x := &trial{ctx: t.Context(), store: Lossy(s, 3), shard: "s", now: t0}
	lost := 0
	for range 9 {
		o := put("a", "1")
		if err := x.try(o); err != nil {
			require.ErrorIs(t, err, errLost)
			lost++
		}
		x.kept(o)
	}
	require.Equal(t, 3, lost)
}

func TestCountingCounts(t *testing.T) {
	c := Counting(memory.New())
	x := &trial{ctx: t.Context(), store: c, shard: "s", now: t0}
	x.commit(put("a", "1"))
	x.commit(put("b", "1"))
	x.get("a", "b")
	x.lists("", "", 9, "a", "b")
	require.EqualValues(t, []int64{1, 1, 2}, []int64{c.Gets.Load(), c.Scans.Load(), c.Commits.Load()})
}

// complaints is a testing.TB that remembers what it was told.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Helper() {}
func (c *complaints) Errorf(format string, _ ...any) {
	c.said = append(c.said, format)
}

func TestStrictSeesWhoLeavesTheContract(t *testing.T) {
	large := put("org/acme", strings.Repeat("x", storage.MaxValue+1))
	page := put("log/page/1", strings.Repeat("x", storage.MaxPage))
	point := put("nonce", "1")
	point.Point = true
	again := put("other", "1")
	again.Version = point.Version
	for _, row := range []struct {
		because string
		do      func(*trial)
		says    string
	}{
		{"an ordinary day", func(x *trial) { x.kept(x.commit(put("a", "1"))); x.lists("", "", 1, "a") }, ""},
		{"log pages are large", func(x *trial) { x.commit(page) }, ""},
		{"a lost reply is tried again", func(x *trial) { x.commit(put("a", "1")); x.commit(point); x.commit(point) }, ""},
		{"points may be read", func(x *trial) { x.commit(point); x.kept(point) }, ""},
		{"an invalid batch", func(x *trial) { _ = x.try() }, "Commit left the contract"},
		{"an invalid Get", func(x *trial) { _, _ = x.store.Get(x.ctx, "s") }, "Get left the contract"},
		{"an invalid Scan", func(x *trial) { _, _ = x.store.Scan(x.ctx, "s", "", "", 0) }, "Scan left the contract"},
		{"a version for two records", func(x *trial) { x.commit(point); x.commit(again) }, "has the version of"},
		{"a record that has grown too large", func(x *trial) { x.commit(large) }, "only log pages"},
		{"an old session goes when the list is rewritten, as when it came", func(x *trial) {
			list := x.commit(create("list", "s"), create("s", "1"))
			x.commit(replace("list", list.Version, ""), remove("s"))
		}, ""},
		{"a clearance", func(x *trial) { x.commit(put("a", "1")); x.commit(remove("a"), remove("b")) }, ""},
		{"a removal that misses what comes meanwhile", func(x *trial) { x.commit(remove("s"), put("other", "1")) }, "Delete with Any"},
		{"one whose other side has no guard", func(x *trial) {
			x.commit(create("s", "1"))
			x.commit(create("list", ""), remove("s"))
		}, "Delete with Any"},
		{"a scan that only some engines answer", func(x *trial) { x.commit(point); x.scan("n", "", 1) }, "put with Point"},
	} {
		c := &complaints{TB: t}
		row.do(&trial{ctx: context.Background(), store: Strict(c, memory.New()), shard: "s", now: t0})
		if row.says == "" {
			require.Empty(t, c.said, row.because)
			continue
		}
		require.Len(t, c.said, 1, row.because)
		require.Contains(t, c.said[0], row.says, row.because)
	}
}

// What fails has not reached the store, and what is delayed has not gone wrong.
func TestTroubled(t *testing.T) {
	errDown := errors.New("down")
	inner, down, called := memory.New(), false, []string{}
	s := Troubled(inner, func(_ context.Context, method string) error {
		called = append(called, method)
		if down {
			return errDown
		}
		return nil
	})
	x := &trial{ctx: t.Context(), store: s, shard: "s", now: t0}
	o := x.commit(put("a", "1"))
	x.kept(o)
	x.lists("", "", 9, "a")
	require.Equal(t, []string{"Commit", "Get", "Scan"}, called)
	down = true
	require.ErrorIs(t, x.try(put("a", "2")), errDown)
	_, err := s.Get(t.Context(), "s", "a")
	require.ErrorIs(t, err, errDown)
	_, err = s.Scan(t.Context(), "s", "", "", 9)
	require.ErrorIs(t, err, errDown)
	x.on(inner).kept(o)
}
