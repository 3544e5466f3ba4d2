// Command vectors answers test vectors that others made, a line for each line.
//
//	go run ./internal/cmd/vectors password < vectors.jsonl
//
// A password vector is {"hash":"...","password":"..."}; the answer to it is
// {"supported":true,"ok":true}: whether the hash is of a kind and cost that we
// read, and whether the password is behind it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/symbolon-auth/symbolon/password"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "password" {
		fmt.Fprintln(os.Stderr, "vectors: say what the vectors are of: password")
		os.Exit(2)
	}
	if err := passwords(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

type answer struct {
	Supported bool `json:"supported"`
	OK        bool `json:"ok"`
}

func passwords(in io.Reader, out io.Writer) error {
	hasher, err := password.NewHasher(nil)
	if err != nil {
		return err
	}
	slot, err := hasher.Acquire(context.Background())
	if err != nil {
		return err
	}
	defer slot.Release()

	lines, answers := json.NewDecoder(in), json.NewEncoder(out)
	for n := 1; ; n++ {
		var v struct {
			Hash, Password string
		}
		switch err := lines.Decode(&v); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("vector %d: %w", n, err)
		}
		var a answer
		if hash, err := hasher.Parse(v.Hash); err == nil {
			a = answer{Supported: true, OK: slot.Verify(hash, v.Password)}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}
