package sealed_test

import (
	"context"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sealed"
)

// A store that seals stands in the place of the engine. Here the keys are
// wrapped with a secret of the host; a key service of your own is two methods.
func Example() {
	ctx := context.Background()
	keys, err := sealed.NewLocal([]byte("at least 32 random bytes, not these"))
	if err != nil {
		panic(err)
	}
	engine := memory.New()
	store, err := sealed.New(engine, keys, &sealed.Options{Refresh: 10 * time.Millisecond})
	if err != nil {
		panic(err)
	}
	op := storage.Op{Act: storage.Put, Name: "org/1", Cond: storage.Absent, Value: []byte("secret"), Version: storage.Version{1}} // see storage.NewVersion
	fmt.Println(store.Commit(ctx, storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{op}}))

	resealed, err := store.Rotate(ctx, "acme") // once a year; everybody goes on working
	fmt.Println(resealed, err)

	found, _ := store.Get(ctx, "acme/00", "org/1")
	inside, _ := engine.Get(ctx, "acme/00", "org/1")
	fmt.Printf("%s, in the engine %d bytes\n", found[0].Value, len(inside[0].Value))
	// Output:
	// <nil>
	// 1 <nil>
	// secret, in the engine 39 bytes
}
