package policy

import (
	"fmt"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

// Breach is one thing that cannot stand.
type Breach struct {
	Org      symbolon.OrgID // where
	Field    Field          // empty: it is the place in the tree that is wrong
	Value    Value          // what was wished
	Limit    Value          // the loosest value that the ancestor leaves, if an ancestor forbids it
	Ancestor symbolon.OrgID // who forbids it; empty: nobody, it is wrong in itself
	Reason   string         // for whoever wished it
}

// String returns the breach as one line.
func (b Breach) String() string {
	what := fmt.Sprintf("%q", b.Org)
	if b.Field != "" {
		what += ": " + string(b.Field)
	}
	if b.Value != (Value{}) {
		what += " " + shown(b.Field, b.Value)
	}
	return what + " " + b.Reason
}

// Breaches is the error for a tree or a change that cannot stand: everything that is wrong with it at once. It wraps
// symbolon.ErrInvalid; nothing was stored. Reach it with errors.As.
type Breaches []Breach

// Error returns every breach.
func (b Breaches) Error() string {
	lines := make([]string, len(b))
	for i, one := range b {
		lines[i] = one.String()
	}
	return "policy: " + symbolon.ErrInvalid.Error() + ": " + strings.Join(lines, "; ")
}

// Unwrap returns symbolon.ErrInvalid.
func (Breaches) Unwrap() error { return symbolon.ErrInvalid }

func shown(f Field, v Value) string {
	if i := place(f); i >= 0 {
		return fields[i].text(v)
	}
	return v.String()
}
