package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConvert(t *testing.T) {
	for _, row := range []struct{ script, list, says, because string }{
		{"x = {\n  passwords: \"qwerty,123456,123456\".split(\",\"),\n", "123456\nqwerty\n", "", "sorted, each once"},
		{"x = {}", "", "no passwords", "another package"},
		{"x = {\n  passwords: \"Qwerty\".split(\",\"),\n", "", "lower case", "the check is in lower case"},
		{"x = {\n  passwords: \"a,,b\".split(\",\"),\n", "", "lower case", "an empty line matches nothing"},
	} {
		var archive, out bytes.Buffer
		zip := gzip.NewWriter(&archive)
		w := tar.NewWriter(zip)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: "package/README.md", Mode: 0o644}))
		require.NoError(t, w.WriteHeader(&tar.Header{Name: member, Size: int64(len(row.script)), Mode: 0o644}))
		_, err := w.Write([]byte(row.script))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.NoError(t, zip.Close())
		name := filepath.Join(t.TempDir(), "x.tgz")
		require.NoError(t, os.WriteFile(name, archive.Bytes(), 0o600))
		err = run(name, &out)
		if row.says != "" {
			require.ErrorContains(t, err, row.says, row.because)
			continue
		}
		require.NoError(t, err, row.because)
		require.Equal(t, row.list, out.String(), row.because)
	}
}
