package cedar

import (
	"iter"

	"github.com/cedar-policy/cedar-go"
	cedarast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Request is what a decision is about. Its action is the id of an Action of the
// schema; about any other, no policy speaks.
type Request struct {
	Principal Entity
	Action    string
	Resource  Entity
	Context   Record
}

// Entity is who asks or what is touched.
type Entity struct {
	Type, ID   string
	Attributes Record
	Parents    []Parent // what it is in, for `in`; nil: not set, empty: known to be none
}

// Parent names an entity that another is in.
type Parent struct{ Type, ID string }

// Result is a decision and how it came about. The zero Result denies.
type Result struct {
	Allow  bool
	Voices []Voice // every policy that had something to say, in order of id
}

// Voice is what one policy had to say about a request.
type Voice struct {
	Policy string
	Forbid bool
	Unset  string // the attribute that it reads and that is not set; empty: all are
	Err    string // why its evaluation failed; empty: it did not
}

// Counts reports whether the voice takes part in the decision: a permit that
// could not be evaluated does not, a forbid always does (AZ-03).
func (v Voice) Counts() bool { return v.Forbid || v.Unset == "" && v.Err == "" }

// Determining returns the ids of the policies that settled it, in order: the
// forbids, if there is any, else the permits.
func (r Result) Determining() []string {
	var permits, forbids []string
	for _, v := range r.Voices {
		switch {
		case v.Forbid:
			forbids = append(forbids, v.Policy)
		case v.Counts():
			permits = append(permits, v.Policy)
		}
	}
	if forbids != nil {
		return forbids
	}
	return permits
}

// Decide answers a request: allowed exactly if a permit counts and no forbid
// speaks (AZ-01, AZ-02). The answer does not depend on the order in which the
// policies were loaded (AZ-04).
func (s *Set) Decide(r Request) Result {
	q := question{set: s, request: r, known: make([]int8, len(s.reads))}
	var out Result
	permitted, forbidden := false, false
	for _, p := range s.byAction[r.Action] {
		v, spoke := q.ask(p)
		if !spoke {
			continue
		}
		out.Voices = append(out.Voices, v)
		permitted = permitted || !v.Forbid && v.Counts()
		forbidden = forbidden || v.Forbid
	}
	out.Allow = permitted && !forbidden
	return out
}

// question is one request on its way through a set.
type question struct {
	set     *Set
	request Request
	known   []int8 // per attribute that the set reads: 0 not looked up, 1 set, -1 unset

	converted bool // the fields below are filled when the first policy needs them
	cedar     cedar.Request
	entities  cedar.EntityMap
}

// ask puts the question to one policy; false if it does not concern it.
func (q *question) ask(p *policy) (Voice, bool) {
	v := Voice{Policy: p.id, Forbid: p.forbid}
	for _, i := range p.reads {
		if !q.knows(i) {
			v.Unset = q.set.reads[i].String()
			matched, err := q.eval(q.scopeOnly((*ast.Policy)(p.cedar.AST())))
			return v, matched || err != ""
		}
	}
	matched, err := q.eval(p.cedar)
	v.Err = err
	return v, matched || err != ""
}

func (q *question) knows(i int) bool {
	if q.known[i] == 0 {
		q.known[i] = -1
		if q.request.has(q.set.reads[i]) {
			q.known[i] = 1
		}
	}
	return q.known[i] > 0
}

func (r Request) has(p path) bool {
	switch p {
	case principalIn:
		return r.Principal.Parents != nil
	case resourceIn:
		return r.Resource.Parents != nil
	}
	variable, names := p.steps()
	switch variable {
	case "principal":
		return lookup(r.Principal.Attributes, names)
	case "resource":
		return lookup(r.Resource.Attributes, names)
	}
	return lookup(r.Context, names)
}

// scopeOnly is the policy without its conditions: does it concern the request at
// all? Where it asks for a parent and the parents are not set, it may.
func (q *question) scopeOnly(p *ast.Policy) *cedar.Policy {
	tree := *p
	tree.Conditions = nil
	if q.request.Principal.Parents == nil {
		switch s := tree.Principal.(type) {
		case ast.ScopeTypeIn:
			tree.Principal = ast.Scope{}.All()
		case ast.ScopeTypeIsIn:
			tree.Principal = ast.Scope{}.Is(s.Type)
		}
	}
	if q.request.Resource.Parents == nil {
		switch s := tree.Resource.(type) {
		case ast.ScopeTypeIn:
			tree.Resource = ast.Scope{}.All()
		case ast.ScopeTypeIsIn:
			tree.Resource = ast.Scope{}.Is(s.Type)
		}
	}
	return cedar.NewPolicyFromAST((*cedarast.Policy)(&tree))
}

// eval runs one policy by itself, because Cedar names the permits of a request
// only while no forbid holds, and we report every policy that spoke.
func (q *question) eval(p *cedar.Policy) (matched bool, failed string) {
	q.convert()
	_, d := cedar.Authorize(only{p}, q.entities, q.cedar)
	if len(d.Errors) > 0 {
		return false, d.Errors[0].Message
	}
	return len(d.Reasons) > 0, ""
}

func (q *question) convert() {
	if q.converted {
		return
	}
	principal, resource := q.request.Principal.convert(), q.request.Resource.convert()
	q.cedar = cedar.Request{
		Principal: principal.UID,
		Action:    cedar.NewEntityUID("Action", cedar.String(q.request.Action)),
		Resource:  resource.UID,
		Context:   record(q.request.Context),
	}
	q.entities = cedar.EntityMap{principal.UID: principal, resource.UID: resource}
	q.converted = true
}

func (e Entity) convert() types.Entity {
	parents := make([]cedar.EntityUID, len(e.Parents))
	for i, p := range e.Parents {
		parents[i] = cedar.NewEntityUID(cedar.EntityType(p.Type), cedar.String(p.ID))
	}
	return types.Entity{
		UID:        cedar.NewEntityUID(cedar.EntityType(e.Type), cedar.String(e.ID)),
		Parents:    cedar.NewEntityUIDSet(parents...),
		Attributes: record(e.Attributes),
	}
}

// only iterates over one policy.
type only struct{ policy *cedar.Policy }

func (o only) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) { yield("", o.policy) }
}
