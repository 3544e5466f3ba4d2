// Command requirements writes docs/requirements.md, which shows for every
// requirement the tests that cite it.
//
// A test cites a requirement by its id in a comment above or inside the test
// function, or in the function's name:
//
//	// LK-09: of 200 parallel guesses five are looked at.
//	func TestParallelGuesses(t *testing.T) {
//
// Run it from the top of the repository after adding a citation:
//
//	go run ./internal/cmd/requirements          # write the page
//	go run ./internal/cmd/requirements -check   # fail if the page is stale
package main

import (
	"flag"
	"fmt"
	"os"
)

const (
	listFile = "docs/requirements.txt"
	pageFile = "docs/requirements.md"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail if "+pageFile+" is stale")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	text, err := os.ReadFile(listFile)
	if err != nil {
		return fmt.Errorf("run it from the top of the repository: %w", err)
	}
	list, err := parseList(string(text))
	if err != nil {
		return err
	}
	cited, err := list.citations(os.DirFS("."))
	if err != nil {
		return err
	}
	page := list.page(cited)
	if !check {
		return os.WriteFile(pageFile, []byte(page), 0o644)
	}
	old, err := os.ReadFile(pageFile)
	if err != nil || string(old) != page {
		return fmt.Errorf("%s is stale; run: go run ./internal/cmd/requirements", pageFile)
	}
	return nil
}
