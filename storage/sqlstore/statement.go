package sqlstore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon/storage"
)

// statement is SQL text with its arguments. What comes from outside is an
// argument, always; the text is made of constants.
type statement struct {
	strings.Builder
	mark mark
	args []any
}

// mark is how a text refers to its n-th argument, from 1.
type mark func(n int) string

func dollar(n int) string { return dollars[n] }

func question(int) string { return "?" }

// dollars are $1, $2 and so on, as many as the longest statement has.
var dollars = func() (all [8*storage.MaxOps + 16]string) {
	for i := range all {
		all[i] = fmt.Sprintf("$%d", i)
	}
	return all
}()

func (s *statement) add(text ...string) {
	for _, t := range text {
		s.WriteString(t)
	}
}

// arg adds an argument and returns how the text refers to it.
func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return s.mark(len(s.args))
}

// places rounds the number of names or ops in a statement up, so that there are
// few statements to prepare.
func places(n int) int {
	for _, p := range []int{1, 2, 3, 4, 8, 16} {
		if n <= p {
			return p
		}
	}
	return storage.MaxOps
}

// byName returns ops in the order in which everybody locks rows.
func byName(ops []storage.Op) []storage.Op {
	return slices.SortedFunc(slices.Values(ops), func(o, p storage.Op) int { return cmp.Compare(o.Name, p.Name) })
}

// stored returns what the columns value and expires keep of a Put.
func stored(o storage.Op) (value []byte, expires int64) {
	if value = o.Value; value == nil {
		value = []byte{} // nil is NULL to a driver
	}
	if !o.ExpiresAt.IsZero() {
		expires = o.ExpiresAt.UnixMilli()
	}
	return value, expires
}
