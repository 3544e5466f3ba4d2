package token

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON as strictly as the text allows: valid UTF-8, no duplicate
// member in any object (TK-09), bounded depth and width, nothing after the
// value. It goes forward only, and what it returns are pieces of its text.
//
// It is ours because encoding/json takes the last of two equal members, ignores
// letter case and replaces broken text, and because reading the claims is most
// of what a verification costs beside the signature.
type scanner struct {
	text  string
	at    int
	depth int
}

var errJSON = errors.New("not the JSON that it should be")

// scan reads text, which must be one object.
func scan(text string, member func(s *scanner, name string) error) error {
	if !utf8.ValidString(text) {
		return errJSON
	}
	s := scanner{text: text}
	if err := s.object(member); err != nil {
		return err
	}
	if s.space(); s.at < len(s.text) {
		return errJSON
	}
	return nil
}

// object calls member for each member, with the scanner before its value.
// member must read the value.
func (s *scanner) object(member func(s *scanner, name string) error) error {
	var seen [maxMembers]string
	n := 0
	return s.list('{', '}', func(s *scanner) error {
		name, err := s.string()
		if err != nil {
			return err
		}
		for _, earlier := range seen[:n] {
			if name == earlier {
				return errJSON
			}
		}
		seen[n] = name
		n++
		if !s.take(':') {
			return errJSON
		}
		return member(s, name)
	})
}

// array calls element with the scanner before each element.
func (s *scanner) array(element func(s *scanner) error) error { return s.list('[', ']', element) }

// list reads what array and object have in common; item is called at most
// maxMembers times.
func (s *scanner) list(open, shut byte, item func(s *scanner) error) error {
	if s.depth++; s.depth > maxDepth || !s.take(open) {
		return errJSON
	}
	for n := 0; !s.take(shut); n++ {
		if n == maxMembers || n > 0 && !s.take(',') {
			return errJSON
		}
		if err := item(s); err != nil {
			return err
		}
	}
	s.depth--
	return nil
}

// string reads a string. Without escapes it is a piece of the text.
func (s *scanner) string() (string, error) {
	if !s.take('"') {
		return "", errJSON
	}
	from := s.at
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[from : s.at-1], nil
		case c == '\\':
			return s.escaped(from)
		case c < 0x20:
			return "", errJSON
		}
		s.at++
	}
	return "", errJSON
}

// escaped goes on with a string in which an escape has been met.
func (s *scanner) escaped(from int) (string, error) {
	var b strings.Builder
	b.WriteString(s.text[from:s.at])
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return b.String(), nil
		case c < 0x20:
			return "", errJSON
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if s.at == len(s.text) {
			return "", errJSON
		}
		c = s.text[s.at]
		s.at++
		if c == 'u' {
			r, ok := s.codePoint()
			if !ok {
				return "", errJSON
			}
			b.WriteRune(r)
			continue
		}
		const short, long = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		i := strings.IndexByte(short, c)
		if i < 0 {
			return "", errJSON
		}
		b.WriteByte(long[i])
	}
	return "", errJSON
}

// codePoint reads what follows \u, and the other half of a surrogate pair. Half
// a pair is refused: readers differ on what it means.
func (s *scanner) codePoint() (rune, bool) {
	r, ok := s.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !strings.HasPrefix(s.text[s.at:], `\u`) {
		return 0, false
	}
	s.at += 2
	low, ok := s.hex4()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s.text[s.at:s.at+4], 16, 16)
	s.at += 4
	return rune(n), err == nil
}

// integer reads a whole number from 0 to most, written without sign, fraction
// and exponent.
func (s *scanner) integer(most uint64) (uint64, error) {
	s.space()
	from := s.at
	if err := s.number(); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s.text[from:s.at], 10, 64)
	if err != nil || n > most {
		return 0, errJSON
	}
	return n, nil
}

// number reads any number.
func (s *scanner) number() error {
	digits := func() bool {
		from := s.at
		for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
			s.at++
		}
		return s.at > from
	}
	s.one("-")
	from := s.at
	if !digits() || s.text[from] == '0' && s.at > from+1 {
		return errJSON
	}
	if s.one(".") && !digits() {
		return errJSON
	}
	if s.one("eE") {
		s.one("+-")
		if !digits() {
			return errJSON
		}
	}
	return nil
}

// skip reads a value of any kind that nobody asks for. It must still be JSON,
// or two readers of one token could disagree about the rest.
func (s *scanner) skip() error {
	switch s.next() {
	case '{':
		return s.object(func(s *scanner, _ string) error { return s.skip() })
	case '[':
		return s.array((*scanner).skip)
	case '"':
		_, err := s.string()
		return err
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s.text[s.at:], word) {
			s.at += len(word)
			return nil
		}
	}
	return s.number()
}

// take reads white space and then c, if it is next.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// next returns the byte after white space without reading it, and 0 at the end.
func (s *scanner) next() byte {
	if s.space(); s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// one reads one of the bytes of set, if it is next.
func (s *scanner) one(set string) bool {
	if s.at < len(s.text) && strings.IndexByte(set, s.text[s.at]) >= 0 {
		s.at++
		return true
	}
	return false
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}
