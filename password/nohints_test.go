package password

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// aids matches the names of what makes a password easier to remember for its owner, and to guess for everybody else.
var aids = regexp.MustCompile(`(?i)hint|reminder|(secret|security)(question|answer)|mothersmaiden`)

// PW-09: no hint is kept beside a password, and no question asked instead of it: nothing in this module has a name for
// one, exported or not, nor a member of what it stores.
func TestNoHintsAndNoQuestions(t *testing.T) {
	for _, name := range []string{"Hint", "PasswordHint", "SecurityQuestion", "secretAnswer"} {
		require.Regexp(t, aids, name, "the test can fail")
	}
	names := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				names++
				require.NotRegexp(t, aids, n.Name, path)
			case *ast.Field:
				if n.Tag != nil {
					require.NotRegexp(t, aids, n.Tag.Value, path)
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, names, 10_000, "the walk found next to nothing")
}
