package storage_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// Journal is a host's own store, complete: the records lie in memory, and every
// commit is a line of a file, from which they are read when the program starts.
// One process may have the file open at a time.
type Journal struct {
	mu      sync.RWMutex
	records map[string]map[string]storage.Record // by shard and name
	file    *os.File
	broken  error // why nobody knows what is on the disk
}

// OpenJournal reads the file, or makes it.
func OpenJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{records: map[string]map[string]storage.Record{}, file: file}
	if err := errors.Join(j.replay(), syncDir(path)); err != nil {
		return nil, fmt.Errorf("journal: %w", errors.Join(err, file.Close()))
	}
	return j, nil
}

// replay applies every line again. What stands behind the last line break was
// being written when the process died: no Commit has returned for it.
func (j *Journal) replay() error {
	lines, end := bufio.NewReader(j.file), int64(0)
	for {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return errors.Join(j.file.Truncate(end), j.file.Sync())
		case err != nil:
			return err
		}
		var b storage.Batch
		if err := json.Unmarshal(line, &b); err != nil { // to skip it could bring back what it revoked
			return fmt.Errorf("the line at byte %d is damaged: %w", end, err)
		}
		j.apply(b)
		end += int64(len(line))
	}
}

// syncDir makes sure that a new file will be found after a crash.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Commit implements [storage.Store]: all conditions first, then the disk, then
// memory, and nobody else in between.
func (j *Journal) Commit(ctx context.Context, b storage.Batch) error {
	if err := b.Validate(); err != nil {
		return err
	}
	line, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("journal: commit: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := cmp.Or(ctx.Err(), j.broken); err != nil {
		return fmt.Errorf("journal: commit: %w", err)
	}
	for _, o := range b.Ops {
		if !o.Holds(j.records[b.Shard][o.Name], b.Now) {
			return storage.ErrConflict
		}
	}
	if _, err = j.file.Write(append(line, '\n')); err == nil {
		err = j.file.Sync()
	}
	if err != nil { // it may be there or not, and only reading the file again tells
		j.broken = fmt.Errorf("journal: open it again: %w", err)
		return j.broken
	}
	j.apply(b)
	return nil
}

func (j *Journal) apply(b storage.Batch) {
	if j.records[b.Shard] == nil {
		j.records[b.Shard] = map[string]storage.Record{}
	}
	for _, o := range b.Ops {
		switch o.Act {
		case storage.Put:
			j.records[b.Shard][o.Name] = own(o.Record())
		case storage.Delete:
			delete(j.records[b.Shard], o.Name)
		}
	}
}

// Get implements [storage.Store].
func (j *Journal) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if err := storage.ValidNames(shard, names); err != nil {
		return nil, err
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if err := cmp.Or(ctx.Err(), j.broken); err != nil {
		return nil, fmt.Errorf("journal: get: %w", err)
	}
	found := make([]storage.Record, len(names))
	for i, name := range names {
		found[i] = own(j.records[shard][name])
		found[i].Name = name // also of one that is not there
	}
	return found, nil
}

// Scan implements [storage.Store].
func (j *Journal) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	if err := storage.ValidScan(shard, prefix, after, limit); err != nil {
		return nil, err
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if err := cmp.Or(ctx.Err(), j.broken); err != nil {
		return nil, fmt.Errorf("journal: scan: %w", err)
	}
	var found []storage.Record
	for _, name := range slices.Sorted(maps.Keys(j.records[shard])) { // Go compares strings by bytes
		if name > after && strings.HasPrefix(name, prefix) && len(found) < limit {
			found = append(found, own(j.records[shard][name]))
		}
	}
	return found, nil
}

// Close lets go of the file.
func (j *Journal) Close() error { return j.file.Close() }

// own returns a record whose value nobody else can change.
func own(r storage.Record) storage.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}

// A store of one's own is three methods. This one is tested as any other is:
//
//	func TestJournal(t *testing.T) {
//		j, err := OpenJournal(filepath.Join(t.TempDir(), "journal"))
//		require.NoError(t, err)
//		storagetest.Run(t, func(*testing.T) storage.Store { return j })
//	}
func Example_ownStore() {
	ctx, now := context.Background(), time.Now()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "journal")

	j, err := OpenJournal(path)
	if err != nil {
		panic(err)
	}
	lock := storage.Op{Act: storage.Put, Name: "actor/mia/lock/pwd", Cond: storage.Absent, Value: []byte(`{"v":1}`), Version: storage.Version{1}}
	fmt.Println(j.Commit(ctx, storage.Batch{Shard: "acme/1c", Now: now, Ops: []storage.Op{lock}}))
	fmt.Println(j.Commit(ctx, storage.Batch{Shard: "acme/1c", Now: now, Ops: []storage.Op{lock}}))
	fmt.Println(j.Close())

	if j, err = OpenJournal(path); err != nil { // another day
		panic(err)
	}
	found, err := j.Get(ctx, "acme/1c", "actor/mia/lock/pwd")
	fmt.Printf("%s %v\n", found[0].Value, err)
	fmt.Println(j.Close())
	// Output:
	// <nil>
	// storage: a condition did not hold, nothing was applied
	// <nil>
	// {"v":1} <nil>
	// <nil>
}
