package golden_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// kinds are the kinds of stored records: the file that holds them, and their
// names; * is any component. docs/storage.md has the same list, see page_test.go.
var kinds = []struct{ file, name string }{
	{"actor-stamp", "actor/*/stamp"},
	{"actor-password", "actor/*/password"},
	{"actor-lock", "actor/*/lock/*"},
	{"actor-key", "actor/*/key/*"},
	{"actor-session", "actor/*/s/*"},
	{"actor-sessions", "actor/*/sessions"},
	{"phantom-lock", "phantom/*/lock/*"},
	{"actor-failing", "actor/*/failing"},
	{"person-unlocked", "person/*/unlocked"},
	{"subject-stamp", "subject/*/stamp"},
	{"subject-lock", "subject/*/lock/*"},
	{"call", "call/*"},
	{"interaction", "interaction/*"},
	{"challenge", "interaction/*/challenge/*"},
	{"message", "due/*/*"},
	{"notice", "notice/*/*"},
	{"effect", "effect/*"},
	{"audit", "audit/*/*"},
	{"org", "org/*"},
	{"policy-head", "policy/head"},
	{"policy-proposal", "policy/proposal/*"},
	{"clock", "clock"},
}

// kindOf returns the file of a record, whose name must be one that is known.
func kindOf(t testing.TB, r record) string {
	t.Helper()
	switch shardTenant, _, _ := strings.Cut(r.Shard, "/"); shardTenant {
	case "~keys":
		return "sealed-keys"
	case "vault":
		return "sealed-record"
	}
	for _, k := range kinds {
		if matches(k.name, r.Name) {
			return k.file
		}
	}
	t.Fatalf("the record %s is of a kind without a golden file; add it to kinds, and to docs/storage.md", r.Name)
	return ""
}

func matches(pattern, name string) bool {
	want, is := strings.Split(pattern, "/"), strings.Split(name, "/")
	return slices.EqualFunc(want, is, func(w, i string) bool { return w == "*" || w == i })
}

// record is a stored record in a golden file. The version is there because what
// is sealed is bound to it.
type record struct {
	Shard   string          `json:"shard"`
	Name    string          `json:"name"`
	Expires time.Time       `json:"expires,omitzero"`
	Version string          `json:"version"`
	Value   json.RawMessage `json:"value,omitempty"` // as stored, but for blanks and line breaks
	Bytes   []byte          `json:"bytes,omitempty"` // of a value that is no JSON
}

// dump returns the files of what a store holds: by name, without the folder.
func dump(t testing.TB, s *memory.Store, h hands, backup []byte) map[string]string {
	shards := []string{"symbolon", "~keys", vault}
	for i := range 64 {
		shards = append(shards, fmt.Sprintf("%s/%02x", tenant, i))
	}
	found := map[string][]record{}
	for _, shard := range shards {
		recs, err := s.Scan(t.Context(), shard, "", "", storage.MaxScan)
		require.NoError(t, err)
		require.Less(t, len(recs), storage.MaxScan)
		for _, r := range recs {
			g := record{Shard: shard, Name: r.Name, Expires: r.ExpiresAt, Version: fmt.Sprintf("%x", r.Version), Value: r.Value}
			if !json.Valid(r.Value) {
				g.Value, g.Bytes = nil, r.Value
			}
			found[kindOf(t, g)] = append(found[kindOf(t, g)], g)
		}
	}
	files := map[string]string{"hands.json": pretty(t, h), "tenant.backup": string(backup)}
	for kind, recs := range found {
		slices.SortFunc(recs, func(a, b record) int { return strings.Compare(a.Name, b.Name) })
		files[kind+".json"] = pretty(t, recs)
	}
	return files
}

func pretty(t testing.TB, v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the value's own escapes must stay as they are
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(v))
	return b.String()
}

// folder is what one version wrote.
type folder struct {
	path    string
	records map[string][]record // by kind
	hands   hands
	backup  []byte
}

// versions returns the folders of testdata, the oldest first.
func versions(t testing.TB) (all []folder) {
	entries, err := os.ReadDir("testdata")
	require.NoError(t, err)
	number := func(e os.DirEntry) int {
		n, err := strconv.Atoi(e.Name())
		require.NoError(t, err, "the folders of testdata are numbered")
		return n
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return number(a) - number(b) })
	for _, e := range entries {
		all = append(all, readFolder(t, filepath.Join("testdata", e.Name())))
	}
	require.NotEmpty(t, all)
	return all
}

func readFolder(t testing.TB, path string) folder {
	f := folder{path: path, records: map[string][]record{}}
	names, err := filepath.Glob(filepath.Join(path, "*"))
	require.NoError(t, err)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		switch kind, isJSON := strings.CutSuffix(filepath.Base(name), ".json"); {
		case !isJSON:
			f.backup = raw
		case kind == "hands":
			require.NoError(t, json.Unmarshal(raw, &f.hands), name)
		default:
			var recs []record
			require.NoError(t, json.Unmarshal(raw, &recs), name)
			f.records[kind] = recs
		}
	}
	return f
}

// store returns a store that holds the golden records.
func (f folder) store(t testing.TB) *memory.Store {
	s := memory.New()
	for _, recs := range f.records {
		for _, r := range recs {
			op := storage.Op{Act: storage.Put, Name: r.Name, Cond: storage.Absent, Value: r.value(t), ExpiresAt: r.Expires}
			_, err := hex.Decode(op.Version[:], []byte(r.Version))
			require.NoError(t, err, r.Name)
			require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: r.Shard, Now: start, Ops: []storage.Op{op}}))
		}
	}
	return s
}

// value returns the bytes that were stored.
func (r record) value(t testing.TB) []byte {
	if r.Bytes != nil {
		return r.Bytes
	}
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, r.Value), r.Name)
	return b.Bytes()
}
