package policy

import (
	"fmt"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

// Mistake is one thing that is wrong with a text.
type Mistake struct {
	File         string // empty if it was none
	Line, Column int    // from 1; columns count characters
	Reason       string
}

// String returns the mistake as editors know it: file:line:column: reason.
func (m Mistake) String() string {
	where := fmt.Sprintf("%d:%d: %s", m.Line, m.Column, m.Reason)
	if m.File != "" {
		return m.File + ":" + where
	}
	return where
}

// Mistakes is the error for a text that cannot be read: everything that is wrong with it at once (PO-26). It wraps
// symbolon.ErrInvalid. Reach it with errors.As.
type Mistakes []Mistake

// Error returns every mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return "policy: " + symbolon.ErrInvalid.Error() + ": " + strings.Join(lines, "; ")
}

// Unwrap returns symbolon.ErrInvalid.
func (Mistakes) Unwrap() error { return symbolon.ErrInvalid }
