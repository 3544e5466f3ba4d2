// Package internal holds no code of its own, only the tests of the house as a
// whole: who may import whom, and that the pages quote code that compiles.
package internal

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/symbolon-auth/symbolon"

// rooms says who may import whom; docs/architecture.md shows the same text. A
// row is a package, the packages of ours that it may import, and the foreign
// modules; the standard library is open to all.
//
//   - A package without a row uses the row of its nearest parent, and may
//     import its parents too.
//   - "." is the root, "any" every package, "public" every one outside of
//     internal/. What may import any or public is a program or a test of the
//     whole, and nothing imports it.
//   - Test files may import, besides, what the row "tests" says. Tests in a
//     package of their own (package x_test) are users: every package of ours
//     is open to them, but no further foreign module.
const rooms = `
package              ours                                                       foreign
.                    storage internal/seal                                      -
password             -                                                          golang.org/x/crypto golang.org/x/text
lockout              -                                                          -
storage              -                                                          -
storage/sealed       storage internal/table                                     -
storage/backup       . storage audit lockout internal/seal internal/table internal/stamp  -
storage/redisstore   storage                                                    github.com/redis/go-redis/v9
audit                . storage internal/seal internal/table                     golang.org/x/mod
policy               . password lockout storage audit internal/seal internal/table internal/stamp  -
authn                . storage policy password lockout audit internal/seal internal/table internal/attempt internal/outbox internal/stamp  github.com/pquerna/otp
token                . storage audit internal/seal internal/table internal/stamp internal/jose  -
authz                . storage audit internal/seal internal/table internal/stamp internal/cedar  -
internal             -                                                          -
internal/seal        -                                                          -
internal/jose        -                                                          github.com/lestrrat-go/jwx/v3
internal/cedar       -                                                          github.com/cedar-policy/cedar-go
internal/table       storage                                                    -
internal/stamp       storage internal/seal internal/table                       -
internal/attempt     storage lockout internal/table                             -
internal/outbox      storage internal/table                                     -
internal/cmd         password                                                   -
cmd                  any                                                        -
examples/quickstart  public                                                     -
examples/crm         public                                                     modernc.org/sqlite github.com/jackc/pgx/v5 github.com/go-sql-driver/mysql github.com/redis/go-redis/v9
internal/enginetest  any                                                        modernc.org/sqlite github.com/jackc/pgx/v5 github.com/go-sql-driver/mysql github.com/redis/go-redis/v9
internal/peers       any                                                        any
tests                storage/memory storage/storagetest                         github.com/stretchr/testify pgregory.net/rapid
`

// TestLayers: every import in every Go file, whatever its build tags, of every
// module in this repository.
func TestLayers(t *testing.T) {
	house, err := parseRooms(rooms)
	require.NoError(t, err)
	files, err := readFiles("..")
	require.NoError(t, err)
	require.Greater(t, len(files), 10, "the walk found next to nothing")
	for _, f := range files {
		for _, imported := range f.imports {
			if why := house.refuse(f, imported); why != "" {
				t.Errorf("%s imports %s: %s", f.path, imported, why)
			}
		}
	}
}

// TestArchitecturePageShowsTheRooms keeps the page from drifting.
func TestArchitecturePageShowsTheRooms(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	require.NoError(t, err)
	require.Contains(t, string(page), "```text"+rooms+"```", "docs/architecture.md must show the table of internal/layers_test.go as it stands")
}

// TestLayersCanFail: the walls hold in the directions in which someone would
// lean on them.
func TestLayersCanFail(t *testing.T) {
	house, err := parseRooms(rooms)
	require.NoError(t, err)
	ours := func(p string) string { return path.Join(module, p) }
	for _, c := range []struct {
		file    string
		imports string
		allowed bool
		because string
	}{
		{"lockout/lockout.go", "time", true, "the standard library is open to all"},
		{"authn/signin.go", ours("lockout"), true, "the row names it"},
		{"lockout/lockout.go", ours("authn"), false, "imports point down only"},
		{"symbolon.go", ours("authn"), false, "the root knows words, not machinery"},
		{"token/token.go", ours("authn"), false, "limits come with the Principal"},
		{"token/token.go", ours("policy"), false, "limits come with the Principal"},
		{"token/token.go", "github.com/lestrrat-go/jwx/v3/jws", false, "jwx stays behind internal/jose"},
		{"internal/jose/sign.go", "github.com/lestrrat-go/jwx/v3/jws", true, "a package of a named module"},
		{"internal/jose/sign.go", "github.com/lestrrat-go/jwx/v30", false, "a longer name is another module"},
		{"internal/seal/seal.go", module, false, "the seal lies beneath the root"},
		{"storage/sqlstore/sql.go", ours("storage"), true, "a sub-package imports its parent"},
		{"storage/sqlstore/sql.go", ours("storage/memory"), false, "but not its sister"},
		{"storage/storage.go", ours("storage/memory"), false, "nor does a parent import its child"},
		{"storage/sqlstore/sql.go", "modernc.org/sqlite", false, "the host brings the driver"},
		{"storage/sqlstore/sql_test.go", "modernc.org/sqlite", false, "not even a test of the core does"},
		{"authz/httpauth/auth.go", ours("authz"), true, "a sub-package imports its parent"},
		{"authz/httpauth/auth.go", ours("internal/stamp"), true, "and what its parent may"},
		{"authz/httpauth/auth.go", ours("token"), false, "it takes one-method interfaces"},
		{"lockout/lockout_test.go", "pgregory.net/rapid", true, "tests may use rapid"},
		{"lockout/lockout.go", "pgregory.net/rapid", false, "code may not"},
		{"internal/table/table_test.go", ours("storage/memory"), true, "tests may use the memory store"},
		{"internal/table/table.go", ours("storage/memory"), false, "code may not"},
		{"authz/guard_test.go", ours("authn"), false, "a test inside a package is part of it"},
		{"authz/guard_test.go package authz_test", ours("authn"), true, "a test outside it is a user"},
		{"authz/guard_test.go package authz_test", ours("examples/quickstart"), false, "nothing imports a program"},
		{"examples/crm/main.go", ours("authz/httpauth"), true, "a host sees what is public"},
		{"examples/crm/main.go", ours("internal/seal"), false, "and nothing else"},
		{"authn/signin.go", ours("examples/crm"), false, "nothing imports an example"},
		{"authn/signin.go", ours("internal/enginetest"), false, "nothing imports the engine tests"},
		{"cmd/symbolon/main.go", ours("internal/peers"), false, "nothing imports the peers"},
		{"kitchen/sink.go", ours("storage"), false, "a room needs a row"},
	} {
		name, external := strings.CutSuffix(c.file, " package authz_test")
		why := house.refuse(file{path: name, external: external}, c.imports)
		require.Equal(t, c.allowed, why == "", "%s imports %s: %s: %s", c.file, c.imports, c.because, why)
	}
}

type file struct {
	path     string // from the top of the repository, with slashes
	external bool   // a test in a package of its own
	imports  []string
}

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

type room struct {
	name          string
	ours, foreign []string
}

// isTop: a program or a test of the whole, which nothing imports.
func (r room) isTop() bool { return r.ours[0] == "any" || r.ours[0] == "public" }

type house struct {
	rooms map[string]room
	tests room
}

// parseRooms reads the table: columns are parted by two blanks or more, names
// within a column by one.
func parseRooms(text string) (house, error) {
	h := house{rooms: map[string]room{}}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		var columns []string
		for c := range strings.SplitSeq(line, "  ") {
			if c = strings.TrimSpace(c); c != "" {
				columns = append(columns, c)
			}
		}
		if len(columns) != 3 {
			return house{}, fmt.Errorf("not three columns: %q", line)
		}
		r := room{columns[0], strings.Fields(columns[1]), strings.Fields(columns[2])}
		if _, twice := h.rooms[r.name]; twice {
			return house{}, fmt.Errorf("%s has two rows", r.name)
		}
		h.rooms[r.name] = r
	}
	h.tests = h.rooms["tests"]
	delete(h.rooms, "tests")
	return h, nil
}

// roomOf returns the row of a package or of its nearest parent. Nobody inherits
// from the root, or every new folder would have a row.
func (h house) roomOf(pkg string) (room, bool) {
	for p := pkg; ; p = path.Dir(p) {
		if r, ok := h.rooms[p]; ok && (p != "." || pkg == ".") {
			return r, true
		}
		if p == "." {
			return room{}, false
		}
	}
}

// refuse says why a file may not import a package, or nothing.
func (h house) refuse(f file, imported string) string {
	pkg := path.Dir(f.path)
	r, ok := h.roomOf(pkg)
	if !ok {
		return fmt.Sprintf("%s has no row in the table of rooms", pkg)
	}
	row := fmt.Sprintf("row %q allows of ours %v, foreign %v", r.name, r.ours, r.foreign)
	if f.isTest() {
		row += fmt.Sprintf("; its tests also %v %v", h.tests.ours, h.tests.foreign)
	}

	first, _, _ := strings.Cut(imported, "/")
	target, ours := strings.CutPrefix(imported+"/", module+"/")
	switch {
	case !strings.Contains(first, "."):
		return ""
	case !ours:
		allowed := r.foreign
		if f.isTest() {
			allowed = slices.Concat(allowed, h.tests.foreign)
		}
		for _, m := range allowed {
			if m == "any" || imported == m || strings.HasPrefix(imported, m+"/") {
				return ""
			}
		}
		return row
	}

	target = path.Clean(strings.TrimSuffix(target, "/"))
	to, ok := h.roomOf(target)
	switch {
	case !ok:
		return fmt.Sprintf("%s has no row in the table of rooms", target)
	case to.name == r.name && (target == pkg || strings.HasPrefix(pkg, target+"/")): // itself, from its external test, or a parent
		return ""
	case to.name == r.name && r.isTop(): // a program's own packages
		return ""
	case to.isTop():
		return "nothing imports a program or a test of the whole"
	case slices.Contains(r.ours, "any"), slices.Contains(r.ours, target):
		return ""
	case slices.Contains(r.ours, "public") && to.name != "internal" && !strings.HasPrefix(target, "internal/"):
		return ""
	case f.isTest() && (f.external || slices.Contains(h.tests.ours, target)):
		return ""
	}
	return row
}

// readFiles returns every Go file below the top with its imports.
func readFiles(top string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() && rel != "." && (base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_') {
			return filepath.SkipDir // as the go command does
		}
		if d.IsDir() || path.Ext(base) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(rel)}
		f.external = f.isTest() && strings.HasSuffix(parsed.Name.Name, "_test")
		for _, i := range parsed.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}
