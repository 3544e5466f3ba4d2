// Command vectors answers test vectors that others made, a line for each line.
//
//	go run ./internal/cmd/vectors password < vectors.jsonl
//
// A password vector is {"hash":"...","password":"..."}; the answer to it is
// {"supported":true,"ok":true}: whether the hash is of a kind and cost that we
// read, and whether the password is behind it. A line that is no vector is
// answered too, with two times false, and named on the standard error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon/password"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "password" {
		fmt.Fprintln(os.Stderr, "vectors: say what the vectors are of: password")
		os.Exit(2)
	}
	if err := passwords(os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

type answer struct {
	Supported bool `json:"supported"`
	OK        bool `json:"ok"`
}

func passwords(in io.Reader, out, notes io.Writer) error {
	hasher, err := password.NewHasher(nil)
	if err != nil {
		return err
	}
	slot, err := hasher.Acquire(context.Background())
	if err != nil {
		return err
	}
	defer slot.Release()

	lines, answers := bufio.NewReaderSize(in, maxLine), json.NewEncoder(out)
	for n := 1; ; n++ {
		line, err := next(lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var v struct {
			Hash, Password string
		}
		if err == nil && !utf8.Valid(line) {
			err = errors.New("not UTF-8") // would be read as another password
		}
		if err == nil {
			err = json.Unmarshal(line, &v)
		}
		var a answer
		if err != nil {
			fmt.Fprintf(notes, "vectors: line %d is no vector: %v\n", n, err)
		} else if hash, err := hasher.Parse(v.Hash); err == nil {
			a = answer{Supported: true, OK: slot.Verify(hash, v.Password)}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

const maxLine = 1 << 20 // bytes; a password has 4096 at most

// next returns the next line without its end. What is too long is passed over.
func next(r *bufio.Reader) ([]byte, error) {
	line, more, err := r.ReadLine()
	if !more || err != nil {
		return line, err
	}
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return nil, fmt.Errorf("longer than %d bytes", maxLine)
}
