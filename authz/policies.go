package authz

import (
	"fmt"
	"io/fs"

	"github.com/symbolon-auth/symbolon/internal/cedar"
)

// Policies are Cedar policies as they were written; [NewGuard] reads them. The
// zero Policies is missing.
type Policies struct {
	sources []cedar.Source
	given   bool
	err     error
}

// PolicyText returns the policies in a text. The empty text is the empty set,
// which denies everything.
func PolicyText(text string) Policies {
	return Policies{sources: []cedar.Source{{Name: "text", Text: text}}, given: true}
}

// PolicyFS returns the policies of all files that match a pattern of [fs.Glob],
// in a directory (os.DirFS) or an embedded file system. A file that cannot be
// read, or a pattern that no file matches, stops [NewGuard].
func PolicyFS(fsys fs.FS, pattern string) Policies {
	p := Policies{given: true}
	names, err := fs.Glob(fsys, pattern)
	if err == nil && len(names) == 0 {
		err = fs.ErrNotExist // else a moved folder would be an empty set, and nobody would know why
	}
	if err != nil {
		p.err = fmt.Errorf("policies %q: %w", pattern, err)
		return p
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			p.err = fmt.Errorf("policies: %w", err)
			return p
		}
		p.sources = append(p.sources, cedar.Source{Name: name, Text: string(text)})
	}
	return p
}

// load reads the policies, which hold under a schema.
func (p Policies) load(schema string) (*cedar.Set, error) {
	if p.err != nil {
		return nil, p.err
	}
	return cedar.Load(schema, p.sources)
}
