package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon"
)

const (
	maxText     = 64 << 10 // bytes of one file
	maxMistakes = 20       // after which the rest is not worth reading
)

// ParseSettings reads settings from JSON, such as {"password": {"minLength": 12, "expiry": "60d"}}. Nothing is guessed: a
// member that is not a setting, one that is there twice, a number without its unit and two values that contradict each
// other are [Mistakes].
func ParseSettings(data []byte) (Settings, error) {
	return parse(data, func(p *parser) Settings { return p.settings() })
}

// ParseNode reads one organisation from JSON: its "org", its "parent" unless it is a top, and its "settings". A member
// "$schema" is for editors. The error is [Mistakes].
func ParseNode(data []byte) (Node, error) {
	return parse(data, func(p *parser) Node {
		var n Node
		p.object("of an organisation", map[string]func(){
			"$schema":  func() { p.text("an address") },
			"org":      func() { n.Org = id(p) },
			"parent":   func() { n.Parent = id(p) },
			"settings": func() { n.Settings = p.settings() },
		})
		if n.Org == "" && p.mistakes == nil {
			p.wrong(0, `has no member "org"`)
		}
		return n
	})
}

func id(p *parser) symbolon.OrgID {
	before := len(p.mistakes)
	org, err := symbolon.ParseID[symbolon.OrgID](p.text("the id of an organisation"))
	if err != nil && len(p.mistakes) == before {
		p.wrong(p.at, "must be the id of an organisation: 1 to 128 bytes without control characters")
	}
	return org
}

func parse[T any](data []byte, f func(*parser) T) (T, error) {
	var none T
	p := &parser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	switch {
	case len(data) > maxText:
		p.wrong(0, fmt.Sprintf("has %d bytes, at most %d are allowed", len(data), maxText))
	case !utf8.Valid(data):
		p.wrong(0, "is not valid UTF-8")
	default:
		v := f(p)
		at := p.ahead()
		if _, err := p.dec.Token(); !p.broken && err != io.EOF {
			p.wrong(at, "goes on after its end")
		}
		if p.mistakes == nil {
			return v, nil
		}
	}
	return none, p.mistakes
}

// parser reads JSON token by token, because only so is it known where something stands, and that it stands there once.
type parser struct {
	data     []byte
	dec      *json.Decoder
	at       int // where the last token began
	mistakes Mistakes
	broken   bool // it is no JSON from here on
}

func (p *parser) wrong(at int, reason string) {
	if len(p.mistakes) >= maxMistakes {
		return
	}
	before := p.data[:min(at, len(p.data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	p.mistakes = append(p.mistakes, Mistake{Line: line, Column: column, Reason: reason})
}

// ahead returns where the next token begins.
func (p *parser) ahead() int {
	at := int(p.dec.InputOffset())
	for at < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[at]) >= 0 {
		at++
	}
	return at
}

// next returns the next token, and nil when there is none or JSON's null.
func (p *parser) next() json.Token {
	if p.broken {
		return nil
	}
	p.at = p.ahead()
	t, err := p.dec.Token()
	if err != nil {
		p.broken = true
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			p.wrong(max(p.at, int(syntax.Offset)-1), "is not JSON: "+syntax.Error())
		default:
			p.wrong(len(p.data), "is not JSON: it ends too early")
		}
	}
	return t
}

// skip passes over the rest of a value whose first token has been read.
func (p *parser) skip(first json.Token) {
	depth := 0
	for t := first; !p.broken; t = p.next() {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// object reads an object whose members are known.
func (p *parser) object(of string, members map[string]func()) {
	first := p.next()
	if first != json.Delim('{') {
		if !p.broken {
			p.wrong(p.at, "must be an object "+of)
			p.skip(first)
		}
		return
	}
	seen := map[string]bool{}
	for p.dec.More() && !p.broken {
		name, ok := p.next().(string)
		if !ok {
			return // broken, and said so
		}
		read := members[name]
		switch {
		case read == nil:
			p.wrong(p.at, fmt.Sprintf("%q is not a member %s; there are %s", name, of, strings.Join(slices.Sorted(maps.Keys(members)), ", ")))
		case seen[name]:
			p.wrong(p.at, fmt.Sprintf("%q is there twice", name))
		default:
			seen[name] = true
			read()
			continue
		}
		p.skip(p.next())
	}
	p.next()
}

// text reads a string.
func (p *parser) text(what string) string {
	t := p.next()
	s, ok := t.(string)
	if !ok && !p.broken {
		p.wrong(p.at, "must be "+what+", as a text")
		p.skip(t)
	}
	return s
}

// settings reads the groups of settings.
func (p *parser) settings() Settings {
	s, places := Settings{}, map[Field]int{}
	groups := map[string]map[string]func(){}
	for i := range fields {
		spec := &fields[i]
		group, name, _ := strings.Cut(string(spec.field), ".")
		if groups[group] == nil {
			groups[group] = map[string]func(){}
		}
		groups[group][name] = func() {
			before := len(p.mistakes)
			v, at := p.value(spec)
			if why := spec.wrong(v); why != "" && !p.broken && len(p.mistakes) == before {
				p.wrong(at, string(spec.field)+" "+why)
			}
			s[spec.field], places[spec.field] = v, at
		}
	}
	top := map[string]func(){}
	for group, members := range groups {
		top[group] = func() { p.object("of "+group, members) }
	}
	before := len(p.mistakes)
	p.object("of settings", top)
	if !p.broken && len(p.mistakes) == before {
		for _, b := range s.wrong() { // of values that fit, only contradictions are left
			p.wrong(places[b.Field], fmt.Sprintf("%s %s %s", b.Field, shown(b.Field, b.Value), b.Reason))
		}
	}
	return s
}

// value reads what may be a value of the field. What cannot be is the zero Value, which fits nothing.
func (p *parser) value(s *spec) (Value, int) {
	t := p.next()
	at := p.at
	switch t := t.(type) {
	case bool:
		return Flag(t), at
	case json.Number:
		if n, err := strconv.ParseInt(t.String(), 10, 64); err == nil {
			return Value{kind: number, n: n}, at
		}
	case string:
		if s.endless != "" && t == s.endless {
			return NoLimit(), at
		}
		if seconds, ok := parseSpan(t); ok {
			return Value{kind: span, n: seconds}, at
		}
	case json.Delim:
		if t == '[' && s.kind == set {
			return p.names(s), at
		}
		p.skip(t)
	}
	return Value{}, at
}

// names reads the rest of a list.
func (p *parser) names(s *spec) Value {
	var list []string
	for p.dec.More() && !p.broken {
		t := p.next()
		name, ok := t.(string)
		switch {
		case p.broken:
		case !ok:
			p.wrong(p.at, "must be a name")
			p.skip(t)
		case name == "" || strings.Contains(name, "\x00"): // would be lost in the set, or be two names in it
			p.wrong(p.at, string(s.field)+" has an empty name or one with a NUL")
		case slices.Contains(list, name):
			p.wrong(p.at, fmt.Sprintf("%s has %q twice", s.field, name))
		case len(list) == maxNames:
			p.wrong(p.at, fmt.Sprintf("%s has more than %d names", s.field, maxNames))
			p.broken = true
		default:
			list = append(list, name)
		}
	}
	p.next()
	return setOf(list)
}
