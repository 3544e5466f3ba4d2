package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const sample = `
# about this file
## Lockout
LK-09 | lockout | No guess beyond the limit. | design
LK-10 | lockout | No cheap lock. | ASVS 6.1.1
S7 | policy | Nothing loosens unseen. | security design
`

func tree(files map[string]string) fstest.MapFS {
	t := fstest.MapFS{}
	for name, text := range files {
		t[name] = &fstest.MapFile{Data: []byte("package p\n" + text)}
	}
	return t
}

func TestCitationsAreFound(t *testing.T) {
	for _, c := range []struct {
		text    string
		want    string // id and tests
		because string
	}{
		{"// LK-09: counted first.\nfunc TestA(t *testing.T) {}", "LK-09 x.TestA", "a comment above a test"},
		{"func FuzzA(f *testing.F) {\n\t// LK-10 and S7\n}", "LK-10 x.FuzzA, S7 x.FuzzA", "a comment inside, two ids"},
		{"func TestA(t *testing.T) {\n\tx := 1 // LK-09\n}", "LK-09 x.TestA", "a row's comment"},
		{"func TestLK09_parallel(t *testing.T) {}", "LK-09 x.TestLK09_parallel", "a name"},
		{"func Test_S7(t *testing.T) {}", "S7 x.Test_S7", "a name without a hyphen in its id"},
		{"// LK-09\nfunc helper() {}", "", "a helper shows nothing"},
		{"// LK-09\n\nfunc TestA(t *testing.T) {}", "", "a blank line parts the comment from the test"},
		{"func TestA(t *testing.T) { _ = `LK-09` }", "", "a string is data"},
		{"// ES256, LKS-09, S256\nfunc TestA(t *testing.T) {}", "", "other words"},
	} {
		list, err := parseList(sample)
		require.NoError(t, err)
		cited, err := list.citations(tree(map[string]string{"x/a_test.go": c.text}))
		require.NoError(t, err, c.because)
		var got []string
		for _, r := range list.rows {
			for _, by := range cited[r.id] {
				got = append(got, r.id+" "+by.String())
			}
		}
		require.Equal(t, c.want, strings.Join(got, ", "), c.because)
	}
}

func TestUnknownIdIsAnError(t *testing.T) {
	list, err := parseList(sample)
	require.NoError(t, err)
	for _, text := range []string{
		"// LK-99\nfunc TestA(t *testing.T) {}",
		"// LK-9 lacks its zero\nfunc TestA(t *testing.T) {}",
		"// S70\nfunc TestA(t *testing.T) {}",
		"// LK-99\nfunc helper() {}",
		"func TestLK99(t *testing.T) {}",
	} {
		_, err := list.citations(tree(map[string]string{"x/a_test.go": text}))
		require.ErrorContains(t, err, "x/a_test.go:", text)
		require.ErrorContains(t, err, "is not in docs/requirements.txt", text)
	}
}

func TestPage(t *testing.T) {
	list, err := parseList(sample)
	require.NoError(t, err)
	files := tree(map[string]string{
		"b/b_test.go":        "// LK-09, LK-09\nfunc TestB(t *testing.T) {}",
		"a/a_test.go":        "// LK-09\nfunc TestA(t *testing.T) {}",
		"c/testdata/no.go":   "// LK-10\nfunc TestNo(t *testing.T) {}",
		"c/.git/no_test.go":  "// LK-10\nfunc TestNo(t *testing.T) {}",
		"c/lockout.go":       "// LK-10\nfunc TestNo(t *testing.T) {}",
		"front_page_test.go": "// S7\nfunc Example() {}",
	})
	for range 3 { // maps come in another order each time
		cited, err := list.citations(files)
		require.NoError(t, err)
		page := list.page(cited)
		require.Contains(t, page, "2 of 3 have one")
		require.Contains(t, page, "| LK-09 | No guess beyond the limit. | design | lockout | [a.TestA](../a/a_test.go), [b.TestB](../b/b_test.go) |\n")
		require.Contains(t, page, "| LK-10 | No cheap lock. | ASVS 6.1.1 | lockout | not yet |\n")
		require.Contains(t, page, "| [Example](../front_page_test.go) |\n")
	}
}

func TestListIsRefused(t *testing.T) {
	for because, text := range map[string]string{
		"the id stands twice":                  sample + sample,
		"no id":                                "## A\nLK9 | lockout | text | source",
		"want id | package | text | source":    "## A\nS1 | lockout | text",
		"no heading before the first requirem": "S1 | lockout | text | source",
	} {
		_, err := parseList(text)
		require.ErrorContains(t, err, because)
	}
}

// TestList: the list of this repository is whole and brief.
func TestList(t *testing.T) {
	text, err := os.ReadFile("../../../" + listFile)
	require.NoError(t, err)
	list, err := parseList(string(text))
	require.NoError(t, err)
	count := map[bool]int{}
	for _, r := range list.rows {
		if r.id != "" {
			count[strings.Contains(r.id, "-")]++
			require.LessOrEqual(t, len(strings.Fields(r.text)), 14, r.text)
		}
	}
	require.Equal(t, map[bool]int{true: 319, false: 29}, count, "requirements of the sources, attacks on the design")
}
