// Package cedar loads Cedar policies and decides by them. It is the only
// package that knows cedar-go; no type of it leaves.
//
// [Load] parses, validates against a schema and refuses what could surprise;
// [Set.Decide] answers one request. It differs from plain Cedar in one point
// (S5, AZ-03): where Cedar skips a policy that it cannot evaluate, here a permit
// does not count and a forbid denies. And it does not wait for the evaluation to
// fail: all attributes of the schema are required, what each policy reads is
// known since loading, and a policy that reads an attribute which this request
// does not know is not evaluated at all. So taking knowledge away can only
// silence permits and arm forbids, whatever the policy's author wrote.
package cedar

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Source is a text with policies. Its name stands in errors and in the ids of
// policies that have none of their own.
type Source struct{ Name, Text string }

// Set is a set of policies that passed validation. It is immutable and safe for
// concurrent use. The zero Set holds no policy and denies everything.
type Set struct {
	digest   string
	byAction map[string][]*policy // what can speak about an action, in order of id
	reads    []path               // every attribute that any policy reads
	size     int
}

// policy is one policy and what was found out about it at load.
type policy struct {
	id     string
	forbid bool
	cedar  *cedar.Policy
	reads  []int // indexes into Set.reads
}

// Load reads policies that are to hold under a schema in Cedar's own notation.
// The error names file, line and reason of everything that is wrong.
func Load(schemaText string, sources []Source) (*Set, error) {
	sch, err := loadSchema(schemaText)
	if err != nil {
		return nil, err
	}
	l := loader{
		schema:    sch,
		validator: validate.New(sch, validate.WithStrict()),
		leaves:    leavesOf(sch),
		seen:      map[string]string{},
	}
	sources = slices.SortedFunc(slices.Values(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Text, b.Text))
	})
	for _, src := range sources {
		l.source(src)
	}
	if len(l.wrong) > 0 {
		return nil, errors.Join(l.wrong...)
	}
	return l.set(digestOf(sources)), nil
}

// Digest returns the SHA-256 over the names and texts of the sources, in hex.
func (s *Set) Digest() string { return s.digest }

// Len returns how many policies the set holds.
func (s *Set) Len() int { return s.size }

func loadSchema(text string) (*resolved.Schema, error) {
	var s schema.Schema
	s.SetFilename("schema")
	if err := s.UnmarshalCedar([]byte(text)); err != nil {
		return nil, err
	}
	r, err := s.Resolve()
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	for uid, a := range r.Actions {
		if a.Entity.Parents.Len() > 0 { // the index over actions would miss members of a group
			return nil, fmt.Errorf("schema: action %s is in a group, which is not supported", uid)
		}
	}
	return r, nil
}

// loader collects policies, and all that is wrong with them.
type loader struct {
	schema    *resolved.Schema
	validator *validate.Validator
	leaves    map[path]bool
	policies  []*policy
	reads     []path
	seen      map[string]string // id to the place where it was first used
	wrong     []error
}

func (l *loader) source(src Source) {
	if why := tooMuch(src.Text); why != "" {
		l.wrong = append(l.wrong, fmt.Errorf("%s: %s", src.Name, why))
		return
	}
	list, err := cedar.NewPolicyListFromBytes(src.Name, []byte(src.Text))
	if err != nil {
		l.wrong = append(l.wrong, placed(src.Name, err))
		return
	}
	perLine := map[int]int{}
	for _, p := range list {
		line := p.Position().Line
		perLine[line]++
		l.policy(p, fmt.Sprintf("%s:%d", src.Name, line), perLine[line])
	}
}

func (l *loader) policy(p *cedar.Policy, place string, nth int) {
	id := place
	if nth > 1 { // several on one line
		id = fmt.Sprintf("%s#%d", place, nth)
	}
	var wrong []string
	if own, ok := p.Annotations()["id"]; ok {
		id = string(own)
		if !printable(id) {
			wrong = append(wrong, "@id has 1 to 128 printable characters")
		}
	}
	if first, twice := l.seen[id]; twice {
		wrong = append(wrong, fmt.Sprintf("@id %q is taken by the policy at %s", id, first))
	} else {
		l.seen[id] = place
	}

	tree := (*ast.Policy)(p.AST())
	paths, refused := readsOf(tree)
	wrong = append(wrong, refused...)
	if err := l.validator.Policy("", tree); err != nil {
		wrong = append(wrong, strings.Split(err.Error(), "\n")...)
	} else {
		for _, r := range paths {
			wrong = append(wrong, l.undeclared(r)...)
		}
	}
	slices.Sort(wrong) // the validator walks over maps
	for _, why := range slices.Compact(wrong) {
		l.wrong = append(l.wrong, fmt.Errorf("%s: %s", place, why))
	}
	if len(wrong) == 0 {
		l.policies = append(l.policies, &policy{id: id, forbid: p.Effect() == cedar.Forbid, cedar: p, reads: l.index(paths)})
	}
}

// undeclared catches what the validator lets pass: it does not look into
// branches that can never be taken, nor does it mind that a whole record is
// read, where one unset attribute inside of it would hide.
func (l *loader) undeclared(r path) []string {
	switch leaf, known := l.leaves[r]; {
	case !known:
		return []string{fmt.Sprintf("%s is not declared", r)}
	case !leaf:
		return []string{fmt.Sprintf("%s is a record; read its attributes one by one, as in %s.x", r, r)}
	}
	return nil
}

func (l *loader) index(paths []path) []int {
	out := make([]int, len(paths))
	for i, r := range paths {
		at := slices.Index(l.reads, r)
		if at < 0 {
			at = len(l.reads)
			l.reads = append(l.reads, r)
		}
		out[i] = at
	}
	return out
}

func (l *loader) set(digest string) *Set {
	slices.SortFunc(l.policies, func(a, b *policy) int { return cmp.Compare(a.id, b.id) })
	s := &Set{digest: digest, byAction: map[string][]*policy{}, reads: l.reads, size: len(l.policies)}
	for _, uid := range slices.SortedFunc(maps.Keys(l.schema.Actions), func(a, b types.EntityUID) int { return cmp.Compare(a.ID, b.ID) }) {
		for _, p := range l.policies {
			if mayConcern((*ast.Policy)(p.cedar.AST()), uid) {
				s.byAction[string(uid.ID)] = append(s.byAction[string(uid.ID)], p)
			}
		}
	}
	return s
}

// mayConcern reports whether the policy's scope leaves room for the action. A
// policy is left out only where its scope is certainly false.
func mayConcern(p *ast.Policy, action types.EntityUID) bool {
	switch s := p.Action.(type) {
	case ast.ScopeTypeEq:
		return s.Entity == action
	case ast.ScopeTypeIn:
		return s.Entity == action
	case ast.ScopeTypeInSet:
		return slices.Contains(s.Entities, action)
	}
	return true
}

// digestOf frames each part with its length (JSON), so that no text can be
// moved from one source into the next without changing the digest.
func digestOf(sorted []Source) string {
	b, err := json.Marshal(sorted)
	if err != nil {
		panic(err) // two strings always marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func printable(id string) bool {
	return id != "" && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) })
}

var position = regexp.MustCompile(`<input>:(\d+):\d+`)

// placed puts file and line of a syntax error first.
func placed(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "parser error: ")
	line := 1
	if m := position.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
	}
	text = strings.ReplaceAll(text, "<input>:", "")
	return fmt.Errorf("%s:%d: %s", name, line, text)
}
