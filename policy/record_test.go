package policy

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/storage"
)

// A head stays short, and says what was touched since as long as one Get can ask for it.
func TestHead(t *testing.T) {
	var h head
	for i := range 100 {
		var touched []symbolon.OrgID
		for j := range 1 + i%5 {
			touched = append(touched, symbolon.OrgID(fmt.Sprint("n", (i+j)%40)))
		}
		before := h
		h = h.next(fmt.Sprint("change", i), touched, "sum")
		require.Equal(t, uint64(i+1), h.N)
		require.LessOrEqual(t, len(h.Recent), maxRecent)
		require.Equal(t, fmt.Sprint("change", i), h.Recent[len(h.Recent)-1])
		last, ok := h.since(before.N)
		require.True(t, ok)
		require.ElementsMatch(t, touched, last)
	}
	n := 0
	for orgs, ok := h.since(h.N); ok; orgs, ok = h.since(h.N - uint64(n)) {
		require.LessOrEqual(t, len(orgs), storage.MaxOps)
		n++
	}
	require.Greater(t, n, 8, "several changes are known")
	_, ok := h.since(h.N + 1)
	require.False(t, ok, "of what is to come, none")
	_, ok = h.since(0)
	require.False(t, ok, "nor from the beginning")

	large := make([]symbolon.OrgID, storage.MaxOps)
	for i := range large {
		large[i] = symbolon.OrgID(fmt.Sprint("l", i))
	}
	h = h.next("large", large, "sum")
	orgs, ok := h.since(h.N - 1)
	require.True(t, ok && len(orgs) == storage.MaxOps, "as many as one Get takes")
	h = h.next("larger", append(large, "one more"), "sum")
	_, ok = h.since(h.N - 1)
	require.False(t, ok, "and not more")
}

// What a newer version has written, and would mind being left out, is not read by half (S6).
func TestNewerVersion(t *testing.T) {
	tree := &Tree{mac: mac(make([]byte, 32))}
	for text, ok := range map[string]bool{
		`{"n":1,"sum":"","recent":null}`:            true,
		`{"n":1,"sum":"","recent":null,"quorum":3}`: false,
		`{"n":-1,"sum":"","recent":null}`:           false,
		`{"n":1,"sum":7,"recent":null}`:             false,
		`[]`:                                        false,
		``:                                          false,
	} {
		_, err := verify[head](tree, headName, signed{Body: json.RawMessage(text), MAC: tree.mac(headName, []byte(text))})
		require.Equal(t, ok, err == nil, text)
		if !ok {
			require.ErrorIs(t, err, symbolon.ErrUnavailable)
		}
	}
}

// What was removed is remembered up to a size, the oldest forgotten first, and the head stays below what a record may have.
func TestRemembersWhatLeft(t *testing.T) {
	id := func(i int) symbolon.OrgID { return symbolon.OrgID(fmt.Sprintf("organisation%04d", i)) }
	f, err := NewForest(Node{Org: "top"})
	require.NoError(t, err)
	after := &Forest{nodes: f.nodes, order: f.order}
	for i := range 1000 {
		one, err := NewForest(Node{Org: "top"}, Node{Org: id(i), Parent: "top"})
		require.NoError(t, err)
		one.left = after.left
		after.left = one.leave(f)
	}
	_, oldest := after.gone(id(0))
	_, enough := after.gone(id(600))
	parent, last := after.gone(id(999))
	require.True(t, !oldest && enough && last && parent == "top")
	h := head{Left: after.left}
	for i := range maxOpen {
		h, err = h.opens(fmt.Sprintf("%026d", i), time.Unix(9e9, 0), time.Now())
		require.NoError(t, err)
	}
	_, err = h.opens("more", time.Unix(9e9, 0), time.Now())
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorContains(t, err, "128 proposals wait already; approve or withdraw some")
	raw, err := json.Marshal(h)
	require.NoError(t, err)
	require.Less(t, len(raw), storage.MaxValue-(16<<10), "with room for what was touched")
	require.Empty(t, h.closes("", time.Unix(9e9, 0)).Open, "what has lapsed is forgotten")
}
