package policy

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon"
)

var groupTitles = map[string]string{
	"password": "Password", "lockout": "Lockout", "session": "Session", "secondFactor": "Second factor",
	"verification": "Customer verification", "token": "Token",
}

// Explain writes what holds as a table for people: every setting, its value, and who has set it, so that it is plain whom
// to ask. It is for administrators; it names organisations above the reader's own.
func Explain(w io.Writer, e Effective) error {
	var b strings.Builder
	for i, path := range e.above {
		fmt.Fprintf(&b, "%s %s\n", either(i == 0, "In force for", "     and for"), chain(path))
	}
	if len(e.above) > 1 {
		fmt.Fprintln(&b, "Where they differ, the strictest counts.")
	}
	if len(e.above) > 0 { // the zero Effective has nothing to tell
		e.table(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table writes all groups in the same columns.
func (e Effective) table(b *strings.Builder) {
	var value [len(fields)]string
	wide := [2]int{}
	for i, v := range e.values {
		value[i] = fields[i].spoken(v.Value)
		wide = [2]int{max(wide[0], utf8.RuneCountInString(fields[i].title)), max(wide[1], utf8.RuneCountInString(value[i]))}
	}
	group := ""
	for i, v := range e.values {
		if g, _, _ := strings.Cut(string(v.Field), "."); g != group {
			group = g
			fmt.Fprintf(b, "\n%s\n", groupTitles[g])
		}
		fmt.Fprintf(b, "  %-*s  %-*s  %s\n", wide[0], fields[i].title, wide[1], value[i], cmp.Or(names(v.From), "standard"))
	}
}

func chain(path []symbolon.OrgID) string {
	s := names(path[:1])
	if len(path) > 1 {
		s += " (below " + names(path[1:]) + ")"
	}
	return s
}

// names lists organisations. One that would not show as what it is, or turn the line around, is quoted.
func names(orgs []symbolon.OrgID) string {
	s := make([]string, len(orgs))
	for i, o := range orgs {
		s[i] = string(o)
		if strings.ContainsFunc(s[i], func(r rune) bool { return !unicode.IsPrint(r) }) {
			s[i] = strconv.Quote(s[i])
		}
	}
	return strings.Join(s, ", ")
}
