package token

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCookbook presents the tokens of the JOSE cookbook (RFC 7520, 7797, 8037)
// to a verifier whose key is that of the RFC 8037 example: none of them is a
// token of ours, the signed one of that very key included.
func TestCookbook(t *testing.T) {
	const variable = "SYMBOLON_TEST_VECTORS"
	dir := os.Getenv(variable)
	if dir == "" {
		t.Skip(variable + " names no folder of published vectors")
	}
	w := newWorld(t)
	seen := 0
	err := filepath.WalkDir(filepath.Join(dir, "rfc7520"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var f struct {
			Output map[string]json.RawMessage
		}
		if json.Unmarshal(text, &f) != nil {
			return nil
		}
		for form, value := range f.Output { // compact, and the JSON serializations
			var compact string
			if json.Unmarshal(value, &compact) != nil {
				compact = string(value)
			}
			_, err := w.verify(strings.TrimSpace(compact))
			refused(t, err, "", path+" "+form)
			seen++
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 20)
}
