package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeProgram: the README's program, the quickstart and the Example on
// the front page of the documentation are one text, short, and come first.
func TestReadmeProgram(t *testing.T) {
	readme := readPage(t, "../README.md")
	blocks := goBlocks(readme)
	require.NotEmpty(t, blocks)
	program := blocks[0]
	require.LessOrEqual(t, strings.Count(before(readme, "```go\n"), "\n"), 24, "code comes before line 25")
	require.LessOrEqual(t, strings.Count(flat(program), "\n")-1, 25, "lines of the program, blank ones aside")
	require.Equal(t, body(t, "../examples/quickstart/main.go", "main"), program)
	require.Equal(t, body(t, "../example_test.go", "Example"), program)
}

// TestPagesQuoteCode: a page that shows Go shows lines of a file that compiles.
func TestPagesQuoteCode(t *testing.T) {
	files, err := readFiles("..")
	require.NoError(t, err)
	var code strings.Builder
	for _, f := range files {
		code.WriteString(flat(readPage(t, filepath.Join("..", f.path))))
	}
	for _, page := range pages(t) {
		for _, block := range goBlocks(readPage(t, page)) {
			if !strings.Contains(code.String(), flat(block)) {
				t.Errorf("%s shows Go that stands in no file of the repository:\n%s", page, block)
			}
		}
	}
}

// TestPagesLinkToFiles: no page points into the void.
func TestPagesLinkToFiles(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)[^):]*\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(readPage(t, page), -1) {
			target := filepath.Join(filepath.Dir(page), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

func pages(t *testing.T) []string {
	top, err := filepath.Glob("../*.md")
	require.NoError(t, err)
	docs, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, top)
	require.NotEmpty(t, docs)
	return append(top, docs...)
}

func readPage(t *testing.T, name string) string {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// goBlocks returns what stands between fences that say go.
func goBlocks(page string) []string {
	var blocks []string
	for _, rest := range strings.Split(page, "\n```go\n")[1:] {
		blocks = append(blocks, before(rest, "\n```"))
	}
	return blocks
}

func before(text, end string) string {
	text, _, _ = strings.Cut(text, end)
	return text
}

// body returns the statements of a function as they would look at the margin,
// without the comment that says what an Example prints.
func body(t *testing.T, file, name string) string {
	text := readPage(t, file)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
			inner := text[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset]
			return strings.TrimSpace(strings.ReplaceAll(before(inner, "\n\t// Output:"), "\n\t", "\n"))
		}
	}
	t.Fatalf("%s has no func %s", file, name)
	return ""
}

// flat takes indentation and blank lines away.
func flat(text string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// TestThreatsAreShown: a threat that docs/threats.md calls answered names
// requirements, and each of them has a test.
func TestThreatsAreShown(t *testing.T) {
	shown := map[string]bool{}
	for line := range strings.SplitSeq(readPage(t, "../docs/requirements.md"), "\n") {
		if c := strings.Split(line, " | "); len(c) == 5 {
			shown[strings.TrimPrefix(c[0], "| ")] = c[4] != "not yet |"
		}
	}
	answered := before(readPage(t, "../docs/threats.md"), "\n## Known, and not answered yet")
	id := regexp.MustCompile(`^(?:[A-Z]{2}-[0-9]+|S[0-9]+)$`)
	rows := 0
	for line := range strings.SplitSeq(answered, "\n") {
		c := strings.Split(line, " | ")
		if len(c) != 3 || c[0] == "| Shown by" {
			continue
		}
		rows++
		for _, r := range strings.Split(strings.TrimPrefix(c[0], "| "), ", ") {
			if !id.MatchString(r) || !shown[r] {
				t.Errorf("no test cites %s, which docs/threats.md names against: %s", r, c[1])
			}
		}
	}
	require.Greater(t, rows, 20, "the tables were not found")
}
