package enginetest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
)

// blocks are the blocks of SQL in a page, each under the line before it.
func blocks(t *testing.T, page string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	found := map[string]string{}
	parts := strings.Split(string(text), "```sql\n")
	for i, part := range parts[1:] {
		before := strings.TrimSpace(parts[i])
		block, _, whole := strings.Cut(part, "```")
		require.True(t, whole)
		of := before[strings.LastIndexAny(before, "\n.")+1:]
		found[strings.TrimSuffix(strings.TrimSpace(of), ":")] = block
	}
	return found
}

// What docs/storage.md tells an operator to type works as it stands, and shows
// what it says: who is locked until when, or until somebody acts, and what was
// done for a customer.
func TestTheViewsOfTheDocs(t *testing.T) {
	views := blocks(t, "../../docs/storage.md")
	require.Len(t, views, 3, "%v", views)
	for _, row := range []struct{ engine, driver, under string }{
		{"PostgreSQL", "pgx", "PostgreSQL"},
		{"MariaDB", "mysql", "MySQL and MariaDB"},
		{"SQLite", "sqlite", "SQLite"},
	} {
		t.Run(row.engine, func(t *testing.T) {
			e := engines.Fresh(t, row.engine)
			s := e.Open(t)
			o := openOffice(t, s)
			calls := o.calls(t, "mia-0") // one decision for cust-42, and no lock
			require.NotEmpty(t, calls)
			require.NoError(t, o.actors.AsHost("test").Import(t.Context(), "mia-1", "$count$right"))
			for range 5 {
				_, err := o.actors.SignIn(t.Context(), "mia-1", "wrong")
				require.Error(t, err)
			}
			for actor, lock := range map[string]string{
				"held":   `{"v":1,"born":1,"until":-1}`,
				"dead":   `{"v":1,"born":1,"consecutive":100}`,
				"former": fmt.Sprintf(`{"v":1,"born":1,"until":%d}`, time.Now().Add(-time.Minute).UnixMilli()),
				"soon":   fmt.Sprintf(`{"v":1,"born":1,"until":%d}`, time.Now().Add(time.Minute).UnixMilli()),
			} {
				op := put("actor/"+actor+"/lock/pwd", lock)
				require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: "acme/00", Now: time.Now(), Ops: []storage.Op{op}}))
			}

			db := pool(t, row.driver, e.At)
			for text := range strings.SplitSeq(strings.TrimSpace(views[row.under]), ";\n") {
				_, err := db.Exec(strings.TrimSuffix(text, ";"))
				require.NoError(t, err, text)
			}
			locked := map[string]bool{}
			rows, err := db.Query("SELECT actor, until IS NOT NULL FROM locked_accounts")
			require.NoError(t, err)
			defer rows.Close()
			for rows.Next() {
				var actor string
				var ends bool
				require.NoError(t, rows.Scan(&actor, &ends))
				locked[actor] = ends
			}
			require.NoError(t, rows.Err())
			require.Equal(t, map[string]bool{"mia-1": true, "held": false, "dead": false, "soon": true}, locked)

			var events []string
			told, err := db.Query("SELECT event, outcome, actor, at FROM customer_audit WHERE subject = 'cust-42' ORDER BY name")
			require.NoError(t, err)
			defer told.Close()
			for told.Next() {
				var event, outcome, actor, at string
				require.NoError(t, told.Scan(&event, &outcome, &actor, &at))
				_, err := time.Parse(time.RFC3339, at)
				require.NoError(t, err)
				events = append(events, event+" "+outcome+" "+actor)
			}
			require.NoError(t, told.Err())
			require.True(t, slices.Contains(events, "decision allowed mia-0"), "%q", events)
		})
	}
}
