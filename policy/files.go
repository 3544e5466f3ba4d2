package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/symbolon-auth/symbolon"
)

// schemaFile is the name of the published schema, which may lie beside the files that it describes.
const schemaFile = "settings.schema.json"

// ReadFiles returns the forest of all files below fsys whose names end in .json, settings.schema.json aside, each one
// organisation in the form of [ParseNode]. The error names every mistake in every file, by line and column; or else everything that cannot stand
// together, see [NewForest]. To bring a tree that is stored in step with files, use [Forest.Steps].
func ReadFiles(fsys fs.FS) (*Forest, error) {
	var nodes []Node
	var mistakes Mistakes
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" || d.Name() == schemaFile {
			return err
		}
		data, err := readFile(fsys, name)
		if err != nil {
			return err
		}
		node, err := ParseNode(data)
		var wrong Mistakes
		switch {
		case errors.As(err, &wrong):
			for _, m := range wrong {
				m.File = name
				mistakes = append(mistakes, m)
			}
		case err == nil:
			nodes = append(nodes, node)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("policy: %w: %w", symbolon.ErrUnavailable, err)
	case mistakes != nil:
		return nil, mistakes
	}
	return NewForest(nodes...)
}

// readFile reads no more than shows that a file is too long.
func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxText+1))
}
