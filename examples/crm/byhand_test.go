package main

import (
	"context"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/authn"
)

// Whoever pastes what -h prints sees what it promises.
func TestByHand(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("it is run by a shell, with curl and sed:", err)
		}
	}
	sh := exec.CommandContext(t.Context(), "sh", "-eu", "-c", byHand)
	keyboard, err := sh.StdinPipe()
	require.NoError(t, err)
	p := sqlite(t)
	_, c := served(t, p, func(_ context.Context, m authn.Message) error {
		_, err := io.WriteString(keyboard, m.Code.Reveal()+"\n")
		return err
	})
	call, interrupt := rings(t, c, p, "mia:cust-42")

	_, err = io.WriteString(keyboard, callHeader+": "+call+"\n")
	require.NoError(t, err)
	sh.Env = append(sh.Environ(), "crm="+c.base, "no_proxy=*")
	out, err := sh.CombinedOutput()
	require.NoError(t, err, string(out))
	rest := string(out)
	for _, shown := range []string{
		`"name":"N•••"`,
		"Nora Lindqvist",
		`"error":"insufficient_user_authentication"`,
		`"for":"mia for cust-42","iccid":"8900000000000000777"`,
		`"event":"act","outcome":"succeeded"`,
	} {
		_, after, found := strings.Cut(rest, shown)
		require.True(t, found, "%s is missing, or in another order, in\n%s", shown, out)
		rest = after
	}
	require.NoError(t, interrupt())
}

// The same without a shell: each address is one of a route.
func TestByHandKnowsTheRoutes(t *testing.T) {
	s, _ := served(t, sqlite(t), nowhere)
	found := regexp.MustCompile(`curl -s "?\$crm([^ "]+)[^|\n]*`).FindAllStringSubmatch(byHand, -1)
	require.Len(t, found, strings.Count(byHand, "curl"), "every curl is looked at")
	for _, command := range found {
		method := "GET"
		if strings.Contains(command[0], " -d ") {
			method = "POST"
		}
		r, err := http.NewRequest(method, command[1], nil)
		require.NoError(t, err)
		_, pattern := s.mux().Handler(r)
		require.NotEqual(t, "/", pattern, command[0])
	}
}

// The package comment and -h show the same session.
func TestByHandIsShown(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(f.Doc.Text()+"\n", "\n\t", "\n"), "\n"+byHand)

	var help strings.Builder
	require.NoError(t, run(t.Context(), &help, []string{"-h"}))
	require.Contains(t, help.String(), "\n"+byHand)
	require.Contains(t, help.String(), "-ring EMPLOYEE:CUSTOMER")
}
