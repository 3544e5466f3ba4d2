package password

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
)

//go:embed common.txt
var commonList string // sorted by bytes, one a line, in lower case; see NOTICE

// common reports whether the whole of the password is on the list, in any case and with the usual digits and signs for
// letters. A listed word that is part of a longer phrase is no matter (NIST SP 800-63B-4 3.1.1.2).
func common(password string) bool {
	if len(password) > longestCommon {
		return false
	}
	password = strings.ToLower(password)
	if onList(commonList, password) {
		return true
	}
	return strings.ContainsAny(password, "0134578!|@$") &&
		(onList(commonList, oneIsI.Replace(password)) || onList(commonList, oneIsL.Replace(password)))
}

const longestCommon = 20 // bytes

var (
	oneIsI = strings.NewReplacer("1", "i", "!", "i", "0", "o", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "8", "b")
	oneIsL = strings.NewReplacer("1", "l", "|", "l", "0", "o", "3", "e", "4", "a", "@", "a", "5", "s", "$", "s", "7", "t", "8", "b")
)

// onList searches by halves in the text itself: no index to build, and nothing on the heap.
func onList(list, word string) bool {
	for list != "" {
		start := strings.LastIndexByte(list[:len(list)/2], '\n') + 1
		line, rest, _ := strings.Cut(list[start:], "\n")
		switch strings.Compare(word, line) {
		case 0:
			return true
		case -1:
			list = list[:start]
		default:
			list = rest
		}
	}
	return false
}

// Source knows passwords that nobody should use: a host's own list, or a collection of those that were stolen elsewhere.
//
// What happens while it does not answer is its own decision. An error refuses the password for the time being; a Source
// that would rather let it pass returns false. It must not log, keep or send on the password, bound its time, and be safe
// for concurrent use.
type Source interface {
	Listed(ctx context.Context, password string) (bool, error)
}

// List is a [Source] of words, in any case.
type List map[string]struct{}

// NewList returns the list of these words.
func NewList(words ...string) List {
	l := make(List, len(words))
	for _, w := range words {
		l[strings.ToLower(normal(w))] = struct{}{}
	}
	return l
}

// Listed reports whether the whole of the password is in the list, in any case. There is no error.
func (l List) Listed(_ context.Context, password string) (bool, error) {
	_, listed := l[strings.ToLower(normal(password))]
	return listed, nil
}

// listed asks every source. Of those that listed it, the others' failures do not matter.
func listed(ctx context.Context, sources []Source, password string) (found bool, err error) {
	for _, s := range sources {
		is, failed := s.Listed(ctx, normal(password))
		if is {
			return true, nil
		}
		if failed != nil {
			err = fmt.Errorf("password: %w: %w", ErrUnchecked, failed)
		}
	}
	return false, err
}
