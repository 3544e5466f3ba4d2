package cedar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// path names an attribute: a variable and the names under it, divided by a
// character that no name of a schema has. The parents of an entity, which a test
// with `in` reads, are a path of their own.
type path string

const (
	divider = "\x00"

	principalIn path = "principal in"
	resourceIn  path = "resource in"
)

// String writes the path as a policy does: principal.host.risk.
func (p path) String() string { return strings.ReplaceAll(string(p), divider, ".") }

// steps splits a path into its variable and the names under it.
func (p path) steps() (variable string, names []string) {
	all := strings.Split(string(p), divider)
	return all[0], all[1:]
}

// readsOf returns every attribute that a policy reads, in its scope or in any
// branch of its conditions, and what in it cannot be told by looking.
func readsOf(p *ast.Policy) (reads []path, refused []string) {
	r := reader{}
	switch p.Principal.(type) {
	case ast.ScopeTypeIn, ast.ScopeTypeIsIn:
		r.add(principalIn)
	}
	switch p.Resource.(type) {
	case ast.ScopeTypeIn, ast.ScopeTypeIsIn:
		r.add(resourceIn)
	}
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), r.visit)
	}
	return r.reads, r.refused
}

type reader struct {
	reads   []path
	refused []string
}

func (r *reader) add(p path) {
	if !slices.Contains(r.reads, p) {
		r.reads = append(r.reads, p)
	}
}

// visit notes what a node reads and reports whether its children say more.
func (r *reader) visit(n ast.IsNode) bool {
	switch n := n.(type) {
	case ast.NodeTypeAccess:
		p, ok := chain(n)
		if !ok {
			r.refused = append(r.refused, fmt.Sprintf("read %q straight from principal, resource or context", n.Value))
			return true
		}
		r.add(path(p))
		return false
	case ast.NodeTypeHas:
		r.refused = append(r.refused, fmt.Sprintf("`has %s` is not needed: a policy that reads an attribute which is not set is skipped if it permits and denies if it forbids", n.Value))
		return false // else `has a.b` is reported once per step
	case ast.NodeTypeHasTag, ast.NodeTypeGetTag:
		r.refused = append(r.refused, "tags are not supported")
	case ast.NodeTypeVariable:
		if n.Name == "context" { // the whole of it; refused as a record
			r.add("context")
		}
	case ast.NodeTypeIn:
		r.hierarchy(n.Left)
	case ast.NodeTypeIsIn:
		r.hierarchy(n.Left)
	}
	return true
}

// hierarchy notes whose parents a test with `in` walks. What stands on the left
// may turn out to be either entity, unless it is plainly one of the variables.
func (r *reader) hierarchy(left ast.IsNode) {
	v, _ := left.(ast.NodeTypeVariable)
	if v.Name != "resource" && v.Name != "action" {
		r.add(principalIn)
	}
	if v.Name != "principal" && v.Name != "action" {
		r.add(resourceIn)
	}
}

// chain spells out a.b.c if it begins with a variable.
func chain(n ast.IsNode) (string, bool) {
	switch n := n.(type) {
	case ast.NodeTypeVariable:
		return string(n.Name), n.Name != "action"
	case ast.NodeTypeAccess:
		p, ok := chain(n.Arg)
		return p + divider + string(n.Value), ok
	}
	return "", false
}

// leavesOf returns every path of the schema; true for an attribute, false for a
// record, which has attributes of its own.
func leavesOf(s *resolved.Schema) map[path]bool {
	out := map[path]bool{principalIn: true, resourceIn: true}
	var walk func(p path, r resolved.RecordType)
	walk = func(p path, r resolved.RecordType) {
		out[p] = false
		for name, a := range r {
			at := p + divider + path(name)
			if inner, ok := a.Type.(resolved.RecordType); ok {
				walk(at, inner)
			} else {
				out[at] = true
			}
		}
	}
	entities := func(variable path, of []types.EntityType) {
		for _, t := range of {
			walk(variable, s.Entities[t].Shape)
		}
	}
	for _, a := range s.Actions {
		if a.AppliesTo == nil {
			continue
		}
		walk("context", a.AppliesTo.Context)
		entities("principal", a.AppliesTo.Principals)
		entities("resource", a.AppliesTo.Resources)
	}
	return out
}
