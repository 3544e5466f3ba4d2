package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPasswords(t *testing.T) {
	const in = `{"hash":"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1","password":"Hello world!"}
{"hash":"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1","password":"Hello world?","because":"another"}
{"hash":"$1$saltstri$svn8UoSVapNtMuq1ukKS4t","password":"Hello world!"}

{"hash":"","password":""}
`
	var out strings.Builder
	require.NoError(t, passwords(strings.NewReader(in), &out))
	require.Equal(t, `{"supported":true,"ok":true}
{"supported":true,"ok":false}
{"supported":false,"ok":false}
{"supported":false,"ok":false}
`, out.String())
	require.ErrorContains(t, passwords(strings.NewReader("{}\n{"), &out), "vector 2")
}
