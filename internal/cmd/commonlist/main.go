// Command commonlist converts the list of common passwords that comes with the
// npm package zxcvbn into the form in which package password embeds it: one a
// line, in the order of their bytes.
//
//	npm pack zxcvbn@4.4.2
//	go run ./internal/cmd/commonlist zxcvbn-4.4.2.tgz > password/common.txt
package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

const member = "package/lib/frequency_lists.js"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "commonlist: name the package's archive, such as zxcvbn-4.4.2.tgz")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "commonlist:", err)
		os.Exit(1)
	}
}

func run(archive string, out io.Writer) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	script, err := find(f)
	if err != nil {
		return err
	}
	list, err := passwords(script)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.Join(list, "\n")+"\n")
	return err
}

func find(archive io.Reader) (string, error) {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return "", err
	}
	for r := tar.NewReader(unzipped); ; {
		head, err := r.Next()
		switch {
		case err == io.EOF:
			return "", fmt.Errorf("no %s in the archive", member)
		case err != nil:
			return "", err
		case head.Name == member:
			script, err := io.ReadAll(r)
			return string(script), err
		}
	}
}

var line = regexp.MustCompile(`(?m)^  passwords: "([^"]+)"\.split\(","\)`)

// passwords returns the list, sorted. What would not survive one a line is an
// error: the check compares bytes.
func passwords(script string) ([]string, error) {
	found := line.FindStringSubmatch(script)
	if found == nil {
		return nil, fmt.Errorf("no passwords in %s", member)
	}
	list := strings.Split(strings.ReplaceAll(found[1], `\'`, `'`), ",") // the only escape that its compiler wrote
	for _, p := range list {
		if p == "" || p != strings.ToLower(p) || strings.Contains(p, `\`) || strings.ContainsFunc(p, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("%q is not visible ASCII in lower case", p)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}
