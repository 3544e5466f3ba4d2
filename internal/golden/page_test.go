package golden_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// row is what docs/storage.md says of a kind of record.
type row struct {
	name    string // with <what> for what differs
	bucket  string
	members []string
}

var (
	placeholder = regexp.MustCompile(`<[^>]+>`)
)

// rows returns the table of docs/storage.md, by pattern.
func rows(t *testing.T) map[string]row {
	page, err := os.ReadFile("../../docs/storage.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n| Name | Bucket of | Members")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	all := map[string]row{}
	for _, line := range strings.Split(table, "\n")[2:] {
		c := strings.Split(line, " | ")
		require.Len(t, c, 5, line)
		r := row{name: strings.Trim(c[0], "| `"), bucket: strings.Trim(c[1], "`"), members: strings.Fields(strings.Trim(c[2], "`"))}
		if like, ok := strings.CutPrefix(c[2], "as "); ok {
			r.members = all[pattern(strings.Trim(like, "`"))].members
		}
		require.NotEmpty(t, r.members, line)
		all[pattern(r.name)] = r
	}
	return all
}

func pattern(name string) string {
	name = strings.ReplaceAll(name, "/lock/pwd", "/lock/*")
	return placeholder.ReplaceAllString(name, "*")
}

// TestPageNamesEveryRecord: docs/storage.md has a row for each kind of record, with
// the members that are stored, in the bucket that it says.
func TestPageNamesEveryRecord(t *testing.T) {
	all := rows(t)
	for _, k := range kinds {
		if k.name != "clock" { // no tenant's
			require.Contains(t, all, k.name, "docs/storage.md has no row for it")
		}
	}
	require.Len(t, all, len(kinds)-1, "docs/storage.md has a row for what nobody writes")

	versions := versions(t)
	for kind, recs := range versions[len(versions)-1].records {
		for _, r := range recs {
			if !strings.HasPrefix(r.Shard, tenant+"/") {
				continue
			}
			var row row
			for _, k := range kinds {
				if k.file == kind {
					row = all[k.name]
				}
			}
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(r.Value, &members))
			delete(members, "v")
			for m := range members {
				require.Contains(t, row.members, m, "docs/storage.md does not name this member of %s", row.name)
			}
			if want, said := bucket(t, row, r, members); said {
				require.Equal(t, tenant+"/"+want, r.Shard, "%s is not in the bucket that docs/storage.md says", r.Name)
			}
		}
	}
}

// bucket computes, as the page tells it, in which bucket a record lies, where the
// page names the kind and the id, or the record its subject.
func bucket(t *testing.T, row row, r record, members map[string]json.RawMessage) (digits string, said bool) {
	kind, id, said := strings.Cut(row.bucket, " ")
	switch {
	case row.bucket == "its subject" && members["subject"] != nil:
		kind, said = "subject", true
		require.NoError(t, json.Unmarshal(members["subject"], &id))
	case strings.HasPrefix(id, "<"):
		at := strings.Split(row.name, "/")
		for i, part := range strings.Split(r.Name, "/") {
			if at[i] == id {
				id = part // in the walk, no id is escaped
				break
			}
		}
	case row.bucket != "policy tree":
		return "", false
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + id))
	return fmt.Sprintf("%02x", sum[0]%64), said
}
