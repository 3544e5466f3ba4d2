// Command floors prints how the stores compare with the plain driver, as a table
// for docs/performance.md, and fails where a floor is missed.
//
//	go run ./internal/enginetest/cmd/floors            every engine
//	go run ./internal/enginetest/cmd/floors SQLite     those named
//
// PostgreSQL is the one that SYMBOLON_TEST_POSTGRES names, and Redis the one of
// SYMBOLON_TEST_REDIS. Use a quiet machine.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/internal/enginetest/floors"
)

func main() {
	turns := flag.Int("turns", 5, "how many times each side runs")
	each := flag.Duration("time", 500*time.Millisecond, "how long it runs each time")
	deadline := flag.Duration("deadline", 0, "how long each operation may take, on both sides, as the library always says")
	only := flag.String("only", "", "the one operation to measure")
	callers := flag.Int("callers", 0, "the one number of callers to measure")
	flag.Parse()
	held := true
	for _, engine := range []struct {
		name  string
		pairs func(context.Context) ([]floors.Pair, func(), error)
	}{{"PostgreSQL", postgreSQL}, {"SQLite", sqlite}, {"Redis", redisServer}} {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), engine.name) {
			continue
		}
		ok, err := measure(engine.pairs, *only, *callers, *deadline, *turns, *each)
		if err != nil {
			fmt.Fprintf(os.Stderr, "floors: %s: %v\n", engine.name, err)
			os.Exit(1)
		}
		held = held && ok
	}
	if !held {
		os.Exit(1)
	}
}

func measure(open func(context.Context) ([]floors.Pair, func(), error), only string, callers int, deadline time.Duration, turns int, each time.Duration) (held bool, err error) {
	ctx := context.Background()
	pairs, done, err := open(ctx)
	if done != nil {
		defer done()
	}
	if err != nil {
		return false, err
	}
	fmt.Println("| engine | operation | callers | plain driver /s | store /s | p99 | ratio | floor | |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	held = true
	for _, p := range pairs {
		if only != "" && p.Name != only || callers > 0 && p.Callers != callers {
			continue
		}
		p.Deadline = deadline
		r, err := p.Measure(ctx, turns, each)
		if err != nil {
			return false, err
		}
		mark := "held"
		if !r.Held() {
			mark, held = "MISSED", false
		}
		fmt.Printf("| %s | %s | %d | %.0f | %.0f | %v | %.2f | %.2f | %s |\n",
			r.Engine, r.Name, r.Callers, r.PlainRate, r.StoreRate, r.Slow.Round(10*time.Microsecond), r.Ratio, r.Floor, mark)
	}
	return held, nil
}

func postgreSQL(ctx context.Context) ([]floors.Pair, func(), error) {
	database := os.Getenv(engines.Postgres)
	if database == "" {
		return nil, nil, fmt.Errorf("%s names no server", engines.Postgres)
	}
	at, drop, err := engines.NewPostgresSchema(database)
	if err != nil {
		return nil, nil, err
	}
	s, closeStore, err := engines.Connect(ctx, "PostgreSQL", at)
	if err != nil {
		return nil, func() { _ = drop() }, err
	}
	db, err := sql.Open("pgx", at)
	done := func() { _, _ = closeStore(), db.Close(); _ = drop() }
	if err != nil {
		return nil, done, err
	}
	engines.Limit(db)
	pairs, err := floors.PostgreSQL(ctx, db, s)
	return pairs, done, err
}

func sqlite(ctx context.Context) ([]floors.Pair, func(), error) {
	dir, err := os.MkdirTemp("", "floors-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	// A file for each side, or each would wait for the other's locks.
	s, closeStore, err := engines.OpenSQLite(ctx, filepath.Join(dir, "store.db"))
	if err != nil {
		return nil, remove, err
	}
	plain := filepath.Join(dir, "plain.db")
	_, closePlain, err := engines.OpenSQLite(ctx, plain) // makes the table
	if err == nil {
		err = closePlain()
	}
	db, openErr := sql.Open("sqlite", plain+"?_pragma=busy_timeout(5000)&_pragma=synchronous(full)&_txlock=immediate")
	done := func() { _, _ = closeStore(), db.Close(); remove() }
	if err != nil || openErr != nil {
		return nil, done, fmt.Errorf("open the file for the plain driver: %w, %w", err, openErr)
	}
	db.SetMaxOpenConns(1)
	pairs, err := floors.SQLite(ctx, db, s)
	return pairs, done, err
}
