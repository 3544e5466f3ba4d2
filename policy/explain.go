package policy

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

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
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	group := ""
	for i, v := range e.values {
		if v.Field == "" {
			continue // the zero Effective
		}
		if g, _, _ := strings.Cut(string(v.Field), "."); g != group {
			group = g
			fmt.Fprintf(t, "\n%s\n", groupTitles[g])
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", fields[i].title, fields[i].text(v.Value), cmp.Or(names(v.From), "standard"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func chain(path []symbolon.OrgID) string {
	s := fmt.Sprint(path[0])
	if len(path) > 1 {
		s += " (below " + strings.Join(strs(path[1:]), ", ") + ")"
	}
	return s
}

func names(orgs []symbolon.OrgID) string { return strings.Join(strs(orgs), ", ") }

func strs(orgs []symbolon.OrgID) []string {
	s := make([]string, len(orgs))
	for i, o := range orgs {
		s[i] = string(o)
	}
	return s
}
