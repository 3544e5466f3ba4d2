package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every start says who can sign in. It prints the passwords that are published,
// and none that a host put into files of its own.
func TestEachStartSaysWhoCanSignIn(t *testing.T) {
	p := sqlite(t)
	own := t.TempDir()
	require.NoError(t, os.CopyFS(own, demoData()))
	for _, c := range []config{{Place: p}, {Place: p}, {Place: p, Demo: os.DirFS(own)}} {
		s, err := open(t.Context(), c)
		require.NoError(t, err)
		var said strings.Builder
		s.welcome(&said, c)
		require.NoError(t, s.letGo())
		require.Contains(t, said.String(), "mia@care.example")
		require.Equal(t, c.Demo == nil, strings.Contains(said.String(), "tea with lemon at four"))
		require.Contains(t, said.String(), p.file)
		require.Contains(t, said.String(), p.keys())
	}
}

func TestWhereTheDataLies(t *testing.T) {
	for _, row := range []struct{ engine, dsn, want, err string }{
		{"sqlite", "", "crm.db", ""},
		{"memory", "", "memory", ""},
		{"postgres", "postgres://crm:hush@db.example:5433/calls", "PostgreSQL at db.example:5433, database calls", ""},
		{"postgres", "host=db.example user=crm password=hush dbname=calls", "PostgreSQL at db.example:5432, database calls", ""},
		{"postgres+redis", "postgres://crm:hush@db.example:5433/calls", "calls; what may be lost in Redis at cache.example:6379", ""},
		{"mysql", "crm:hush@tcp(db.example:3306)/calls", "MySQL at db.example:3306, database calls", ""},
		{"postgres", "", "", "needs -dsn"},
		{"sqlite", "x", "", "-dsn goes with"},
		{"oracle", "x", "", "want sqlite"},
		{"sqlite+redis", "", "", "want sqlite"},
		{"", "", "", "want sqlite"},
	} {
		p, err := newPlace(row.engine, row.dsn, "redis://:hush@cache.example:6379", "")
		if row.err != "" {
			require.ErrorContains(t, err, row.err, row)
			continue
		}
		require.NoError(t, err, row)
		require.Contains(t, p.String(), row.want)
		require.NotContains(t, p.String(), "hush")
	}
	_, err := newPlace("sqlite", "", "", "crm.db?mode=ro")
	require.ErrorContains(t, err, "without ? and #")
}
