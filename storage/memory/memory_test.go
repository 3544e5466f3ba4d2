package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

func TestContract(t *testing.T) {
	s := memory.New()
	storagetest.Run(t, func(*testing.T) storage.Store { return s })
}

func TestTwoStoresShareNothing(t *testing.T) {
	a, b := memory.New(), memory.New()
	o := storage.Op{Act: storage.Put, Name: "n", Cond: storage.Any, Version: storage.Version{1}}
	require.NoError(t, a.Commit(t.Context(), storage.Batch{Shard: "s", Now: time.Unix(1, 0), Ops: []storage.Op{o}}))
	found, err := b.Get(t.Context(), "s", "n")
	require.NoError(t, err)
	require.True(t, found[0].Version.IsZero())
}

// Two callers read the same balance. The first to commit wins, and the second
// is told to read again.
func Example() {
	ctx := context.Background()
	s := memory.New()
	commit := func(o storage.Op) error {
		return s.Commit(ctx, storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{o}})
	}
	v1, v2, v3 := storage.Version{1}, storage.Version{2}, storage.Version{3} // see storage.NewVersion

	fmt.Println(commit(storage.Op{Act: storage.Put, Name: "balance", Cond: storage.Absent, Version: v1, Value: []byte("10")}))
	fmt.Println(commit(storage.Op{Act: storage.Put, Name: "balance", Cond: storage.Match, If: v1, Version: v2, Value: []byte("7")}))
	fmt.Println(commit(storage.Op{Act: storage.Put, Name: "balance", Cond: storage.Match, If: v1, Version: v3, Value: []byte("3")}))

	found, _ := s.Get(ctx, "acme/00", "balance")
	fmt.Printf("%s\n", found[0].Value)
	// Output:
	// <nil>
	// <nil>
	// storage: a condition did not hold, nothing was applied
	// 7
}
