package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const known = `"hash":"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"`

// Every line has its answer, whatever is in it, so that answers can be laid beside vectors.
func TestPasswords(t *testing.T) {
	const right, wrong, foreign = `{"supported":true,"ok":true}`, `{"supported":true,"ok":false}`, `{"supported":false,"ok":false}`
	var in, want, out, notes strings.Builder
	for _, c := range []struct{ line, answer, because string }{
		{`{` + known + `,"password":"Hello world!"}`, right, "a published vector"},
		{`{` + known + `,"password":"Hello world?","because":"another"}`, wrong, "another password, and a member that we do not know"},
		{`{` + known + `,"password":"Hello world!"}` + "\r", right, "a line as Windows ends it"},
		{`{` + known + `}`, wrong, "no password"},
		{`{` + known + `,"password":"` + strings.Repeat("a", 100_000) + `"}`, wrong, "a long password"},
		{`{` + known + `,"password":"` + strings.Repeat("a", 2*maxLine) + `"}`, foreign, "a line that is too long"},
		{`{"hash":"` + strings.Repeat("$", 100_000) + `","password":""}`, foreign, "a long hash"},
		{`{"hash":"$1$saltstri$svn8UoSVapNtMuq1ukKS4t","password":"Hello world!"}`, foreign, "a kind that we do not read"},
		{`{"hash":"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA","password":"x"}`, foreign, "a cost out of bounds"},
		{`{"hash":"","password":""}`, foreign, "nothing"},
		{`{}`, foreign, "less than that"},
		{``, foreign, "an empty line"},
		{`{`, foreign, "no JSON"},
		{`[1]`, foreign, "no object"},
		{`{"hash":7}`, foreign, "no text"},
		{`{` + known + `,"password":"Hello world!"} {}`, foreign, "two in a line"},
		{`{` + known + ",\"password\":\"\xff\"}", foreign, "no UTF-8"},
		{"\x00", foreign, "a NUL"},
		{`{` + known + `,"password":"Hello world!"}`, right, "after all that"},
	} {
		in.WriteString(c.line + "\n")
		want.WriteString(c.answer + "\n")
	}
	require.NoError(t, passwords(strings.NewReader(strings.TrimSuffix(in.String(), "\n")), &out, &notes), "the last line need not end")
	require.Equal(t, want.String(), out.String())
	for _, note := range []string{"line 6 is no vector: longer than 1048576 bytes", "line 12 is", "line 13 is", "line 17 is no vector: not UTF-8"} {
		require.Contains(t, notes.String(), note)
	}
	out.Reset()
	require.NoError(t, passwords(strings.NewReader(""), &out, &notes))
	require.Empty(t, out.String())
}
