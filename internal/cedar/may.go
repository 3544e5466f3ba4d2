package cedar

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	cedarast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// May reports whether the request could be allowed for some values of the hidden
// attributes, named as policies name them; a name hides everything under it. The
// answer does not depend on their values in the request, nor on whether they are
// set: it is for telling somebody what to prove next without telling them
// anything about the data behind it (S13). Where it cannot tell, it says yes; it
// is a hint and never a decision.
func (s *Set) May(r Request, hidden ...string) bool {
	m := maybe{question{set: s, request: r, known: make([]int8, len(s.reads))}, hidden}
	permitted := false
	for _, p := range s.byAction[r.Action] {
		switch t := m.policy(p); {
		case p.forbid && t == yes:
			return false
		case !p.forbid && t != no:
			permitted = true
		}
	}
	return permitted
}

// truth is a boolean of which not everything is known.
type truth int8

const (
	no truth = iota - 1
	unknown
	yes
)

type maybe struct {
	question
	hidden []string
}

// policy reports whether the policy speaks.
func (m *maybe) policy(p *policy) truth {
	tree := *(*ast.Policy)(p.cedar.AST())
	sure := yes // whether the scope holds, given that it can
	if m.hides("resource") {
		switch s := tree.Resource.(type) {
		case ast.ScopeTypeEq, ast.ScopeTypeIn:
			tree.Resource, sure = ast.Scope{}.All(), unknown
		case ast.ScopeTypeIsIn:
			tree.Resource, sure = ast.Scope{}.Is(s.Type), unknown
		}
	}
	if matched, _ := m.eval(m.scopeOnly(&tree)); !matched {
		return no
	}
	for _, i := range p.reads {
		if !m.hides(m.set.reads[i].String()) && !m.knows(i) {
			if p.forbid {
				return sure
			}
			return no
		}
	}
	t := sure
	for _, c := range tree.Conditions {
		holds := m.node(c.Body)
		if c.Condition == ast.ConditionUnless {
			holds = -holds
		}
		t = min(t, holds)
	}
	return t
}

func (m *maybe) node(n ast.IsNode) truth {
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		return min(m.node(n.Left), m.node(n.Right))
	case ast.NodeTypeOr:
		return max(m.node(n.Left), m.node(n.Right))
	case ast.NodeTypeNot:
		return -m.node(n.Arg)
	case ast.NodeTypeIfThenElse:
		then, otherwise := m.node(n.Then), m.node(n.Else)
		switch m.node(n.If) {
		case yes:
			return then
		case no:
			return otherwise
		}
		if then == otherwise {
			return then
		}
		return unknown
	}
	if m.reads(n) {
		return unknown
	}
	matched, failed := m.eval(cedar.NewPolicyFromAST((*cedarast.Policy)(ast.Permit().When(ast.NewNode(n)))))
	switch {
	case failed != "":
		return unknown
	case matched:
		return yes
	}
	return no
}

// reads reports whether an expression depends on anything hidden.
func (m *maybe) reads(n ast.IsNode) bool {
	r := reader{}
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		if v, ok := n.(ast.NodeTypeVariable); ok {
			r.add(path(v.Name)) // the entity itself: which one it is
		}
		if is, ok := n.(ast.NodeTypeIs); ok {
			_, variable := is.Left.(ast.NodeTypeVariable)
			return !variable // its type is no secret: the action determines it
		}
		return r.visit(n)
	})
	return slices.ContainsFunc(r.reads, func(p path) bool { return m.hides(p.String()) })
}

func (m *maybe) hides(name string) bool {
	return slices.ContainsFunc(m.hidden, func(h string) bool {
		rest, under := strings.CutPrefix(name, h)
		return under && (rest == "" || rest[0] == '.' || rest[0] == ' ')
	})
}
