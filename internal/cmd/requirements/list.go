package main

import (
	"fmt"
	"regexp"
	"strings"
)

// list is docs/requirements.txt in its own order.
type list struct {
	rows []row
	// families are the parts before the hyphen, such as LK; an id of one that
	// is not in the list is a mistake and not a coincidence.
	families []string
	known    map[string]bool
}

// row is a requirement, or a heading if it has no id.
type row struct {
	id, owner, text, source string
}

var idForm = regexp.MustCompile(`^(?:([A-Z]{2})-[0-9]{2,3}|S[0-9]{1,2})$`)

func parseList(text string) (list, error) {
	l := list{known: map[string]bool{}}
	for n, line := range strings.Split(text, "\n") {
		fail := func(why string) (list, error) {
			return list{}, fmt.Errorf("%s:%d: %s: %q", listFile, n+1, why, line)
		}
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			l.rows = append(l.rows, row{text: heading})
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		c := strings.Split(line, " | ")
		if len(c) != 4 {
			return fail("want id | package | text | source")
		}
		m := idForm.FindStringSubmatch(c[0])
		switch {
		case m == nil:
			return fail("no id")
		case l.known[c[0]]:
			return fail("the id stands twice")
		case len(l.rows) == 0:
			return fail("no heading before the first requirement")
		}
		l.rows = append(l.rows, row{c[0], c[1], c[2], c[3]})
		l.known[c[0]] = true
		if m[1] != "" && !strings.Contains(strings.Join(l.families, " "), m[1]) {
			l.families = append(l.families, m[1])
		}
	}
	return l, nil
}

// page shows the list with the tests that were found.
func (l list) page(cited map[string][]test) string {
	var b strings.Builder
	shown := 0
	for _, r := range l.rows {
		if r.id != "" && len(cited[r.id]) > 0 {
			shown++
		}
	}
	fmt.Fprintf(&b, `# Requirements

What the standards, the rules and the known attacks ask for, which package
answers for it, and the tests that cite it. %d of %d have one so far.

Generated from [requirements.txt](requirements.txt) and the comments of the
tests by `+"`go run ./internal/cmd/requirements`"+`. This is engineering, not
legal advice.
`, shown, len(l.known))
	for _, r := range l.rows {
		if r.id == "" {
			fmt.Fprintf(&b, "\n## %s\n\n| Id | Requirement | Source | Package | Test |\n|---|---|---|---|---|\n", r.text)
			continue
		}
		tests := "not yet"
		if len(cited[r.id]) > 0 {
			links := make([]string, len(cited[r.id]))
			for i, t := range cited[r.id] {
				links[i] = fmt.Sprintf("[%s](../%s)", t, t.file)
			}
			tests = strings.Join(links, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.id, r.text, r.source, r.owner, tests)
	}
	return b.String()
}
