package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// test is a function of the go command's kinds: Test, Fuzz, Example, Benchmark.
type test struct {
	file, name string
}

// String returns the package's folder and the function, as in "lockout.TestNext".
func (t test) String() string {
	if dir := path.Dir(t.file); dir != "." {
		return dir + "." + t.name
	}
	return t.name
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Example|Benchmark)(.*)`)

// citations returns the tests that cite each requirement. An id that is not in
// the list, wherever it stands in a test file, is an error that names the place.
func (l list) citations(tree fs.FS) (map[string][]test, error) {
	families := strings.Join(l.families, "|")
	inComment := regexp.MustCompile(`\b(?:(?:` + families + `)-[0-9]+|S[0-9]{1,2})\b`)
	inName := regexp.MustCompile(`^(` + families + `|S)([0-9]{1,3})(?:[^0-9]|$)`)

	cited := map[string][]test{}
	var unknown []error
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && name != "." && (base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_') {
			return fs.SkipDir // as the go command does
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		cite := func(by *ast.FuncDecl, id string, at token.Pos) {
			if !l.known[id] {
				unknown = append(unknown, fmt.Errorf("%s: %s is not in %s", set.Position(at), id, listFile))
			} else if by != nil {
				cited[id] = append(cited[id], test{name, by.Name.Name})
			}
		}
		tests := testFuncs(parsed)
		for _, f := range tests {
			for part := range strings.SplitSeq(testName.FindStringSubmatch(f.Name.Name)[2], "_") {
				if m := inName.FindStringSubmatch(part); m != nil && m[1] != "S" {
					cite(f, m[1]+"-"+m[2], f.Name.Pos())
				} else if m != nil {
					cite(f, m[1]+m[2], f.Name.Pos())
				}
			}
		}
		for _, group := range parsed.Comments {
			for _, comment := range group.List {
				for _, id := range inComment.FindAllString(comment.Text, -1) {
					cite(around(tests, group), id, comment.Pos())
				}
			}
		}
		return nil
	})
	for id, tests := range cited {
		slices.SortFunc(tests, func(a, b test) int {
			return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.name, b.name))
		})
		cited[id] = slices.Compact(tests)
	}
	return cited, errors.Join(append(unknown, err)...)
}

func testFuncs(f *ast.File) []*ast.FuncDecl {
	var found []*ast.FuncDecl
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && testName.MatchString(fn.Name.Name) {
			found = append(found, fn)
		}
	}
	return found
}

// around returns the test above which or in which a comment stands, or nil: a
// comment beside a helper shows nothing.
func around(tests []*ast.FuncDecl, c *ast.CommentGroup) *ast.FuncDecl {
	for _, f := range tests {
		if c == f.Doc || f.Pos() <= c.Pos() && c.End() <= f.End() {
			return f
		}
	}
	return nil
}
