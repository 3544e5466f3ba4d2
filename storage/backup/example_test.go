package backup_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// A tenant goes into a file, and from the file into another engine. What was
// revoked in between is read from the old store's audit log.
func Example() {
	ctx := context.Background()
	key := []byte("32 random bytes, kept elsewhere!")
	engine := memory.New()
	op := storage.Op{Act: storage.Put, Name: "org/1", Cond: storage.Absent, Value: []byte("{}"), Version: storage.Version{1}}
	fmt.Println(engine.Commit(ctx, storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{op}}))

	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, err := os.Create(filepath.Join(dir, "acme.backup"))
	if err != nil {
		panic(err)
	}
	defer func() { _ = file.Close() }()
	made, err := backup.Export(ctx, file, engine, []string{"acme"}, key, nil)
	fmt.Println(made.Tenants, made.Records, err)

	_, _ = file.Seek(0, 0)
	restored, err := backup.Import(ctx, file, memory.New(), key, &backup.Options{Reason: "new engine", Log: engine})
	fmt.Println(restored.Tenants, restored.Ended, err)
	// Output:
	// <nil>
	// [acme] 2 <nil>
	// [acme] 0 <nil>
}
