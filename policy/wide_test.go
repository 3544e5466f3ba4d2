package policy

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

type everybody struct{}

func (everybody) Holds(context.Context, symbolon.Actor, symbolon.OrgID) (bool, error) {
	return true, nil
}

// C1: a tenant with as many merchants as there are: 2,000, and 100,000 with SYMBOLON_FULL=1. A question costs one Get
// however many there are; a change, and to read it in another process, cost as much as all of them together.
func TestWideTree(t *testing.T) {
	n := 2_000
	if os.Getenv("SYMBOLON_FULL") == "1" {
		n = 100_000
	}
	secret, err := symbolon.NewSecret("test", make([]byte, 32))
	require.NoError(t, err)
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{}}, nil)
	require.NoError(t, err)
	open := func() *Tree { return must(New(realm, everybody{}, nil)) }
	here, there := open(), open()
	wide(t, here, n)

	ctx := t.Context()
	timed := func(what string, f func() error) {
		begin := time.Now()
		require.NoError(t, f(), what)
		t.Logf("%d organisations: %s in %v", n+1, what, time.Since(begin).Round(10*time.Microsecond))
	}
	ask := func(tree *Tree, want int) func() error {
		return func() error {
			e, err := tree.Effective(ctx, "n7")
			if err == nil && e.Count(LockoutFailures) != want {
				err = fmt.Errorf("%d failures lock, want %d", e.Count(LockoutFailures), want)
			}
			return err
		}
	}
	timed("read at the start", ask(here, 4))
	timed("asked", ask(here, 4))
	require.NoError(t, ask(there, 4)())
	timed("changed at one", func() error {
		_, err := here.AsHost("test").Change(ctx, Set("n7", Settings{LockoutFailures: Count(3)}))
		return err
	})
	timed("asked in another process", ask(there, 3))
	timed("changed for all", func() error {
		_, err := here.AsHost("test").Change(ctx, Set("top", Settings{PasswordHistory: Count(4)}))
		return err
	})
	log, err := audit.NewLog(realm)
	require.NoError(t, err)
	page, err := log.List(ctx, audit.Query{Event: eventChanged})
	require.NoError(t, err)
	require.Len(t, page.Records, 2)
	for _, r := range page.Records {
		require.LessOrEqual(t, len(r.Detail["change"]), maxDetail+len("..."), "the record has the beginning, and the digest of all")
	}
	timed("refused at the top", func() error {
		_, err := here.AsHost("test").Change(ctx, Set("top", Settings{LockoutFailures: Count(2)}))
		var all Breaches
		require.ErrorAs(t, err, &all)
		require.Len(t, all, n, "every organisation that would break")
		return nil
	})
}

// wide stores a top with n organisations below that all wish something, past the limit of a change.
func wide(t *testing.T, tree *Tree, n int) {
	nodes := map[symbolon.OrgID]Node{"top": {Org: "top"}}
	for i := range n {
		org := symbolon.OrgID(fmt.Sprint("n", i))
		nodes[org] = Node{org, "top", Settings{LockoutFailures: Count(4)}}
	}
	var rows []Node
	commit := func() {
		_, err := tree.space.Update(t.Context(), shard, nil, func(tx *table.Tx) error {
			for _, n := range rows {
				op, err := table.NewRow(nodeName(n.Org), n, time.Time{})
				if err != nil {
					return err
				}
				tx.Add(op)
			}
			return nil
		})
		require.NoError(t, err)
		rows = rows[:0]
	}
	for _, node := range nodes {
		if rows = append(rows, node); len(rows) == MaxSteps {
			commit()
		}
	}
	commit()
	_, err := tree.space.Update(t.Context(), shard, []string{headName}, func(tx *table.Tx) error {
		return tree.sign(tx, headName, head{N: 1, Sum: must(NewForest(slices.Collect(maps.Values(nodes))...)).digest()}, time.Time{})
	})
	require.NoError(t, err)
}
