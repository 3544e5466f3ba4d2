package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/symbolon-auth/symbolon"
)

// Node is one organisation, and what it wishes.
type Node struct {
	Org      symbolon.OrgID `json:"org"`
	Parent   symbolon.OrgID `json:"parent,omitempty"` // empty: it is a top
	Settings Settings       `json:"settings,omitempty"`
}

// Forest is the organisations of a tenant at one moment, of any depth and with any number of tops. It is immutable and
// safe for concurrent use. Whatever Forest there is, no organisation in it is looser than one above it.
type Forest struct {
	nodes  map[symbolon.OrgID]*placed
	order  []symbolon.OrgID // parents before children
	sorted []symbolon.OrgID
	left   []leaving // what was removed, the latest last
}

// placed is a node with what holds there.
type placed struct {
	Node
	row  *row   // shared with the parent by whoever wishes nothing
	line []byte // the node as it counts for the digest
}

func (p *placed) same(n Node) bool { return p.Parent == n.Parent && maps.Equal(p.Settings, n.Settings) }

// row is what holds, field by field.
type row [len(fields)]held

type held struct {
	value Value
	from  symbolon.OrgID // empty: the standard
}

// NewForest returns the forest of the nodes, in any order. The error is [Breaches].
func NewForest(nodes ...Node) (*Forest, error) {
	byOrg := make(map[symbolon.OrgID]Node, len(nodes))
	var b Breaches
	for _, n := range nodes {
		if _, twice := byOrg[n.Org]; twice {
			b = append(b, Breach{Org: n.Org, Reason: "is there twice"})
		}
		n.Settings = maps.Clone(n.Settings)
		byOrg[n.Org] = n
	}
	f, more := grow(byOrg, &Forest{})
	if b = append(b, more...); b != nil {
		return nil, b
	}
	return f, nil
}

// Nodes returns the organisations, parents before children.
func (f *Forest) Nodes() []Node {
	nodes := make([]Node, len(f.order))
	for i, org := range f.order {
		nodes[i] = f.nodes[org].Node
		nodes[i].Settings = maps.Clone(nodes[i].Settings)
	}
	return nodes
}

// grow makes a forest of nodes, which must not be changed any more, or says everything that is wrong with them. What is as
// it was in another forest is taken from there.
func grow(nodes map[symbolon.OrgID]Node, was *Forest) (*Forest, Breaches) {
	var b Breaches
	children := make(map[symbolon.OrgID][]symbolon.OrgID)
	sorted := slices.Sorted(maps.Keys(nodes))
	for _, org := range sorted {
		n := nodes[org]
		if _, err := symbolon.ParseID[symbolon.OrgID](string(org)); err != nil {
			b = append(b, Breach{Org: org, Reason: "has no valid id"})
		}
		if _, ok := nodes[n.Parent]; !ok && n.Parent != "" {
			b = append(b, Breach{Org: org, Reason: fmt.Sprintf("has the parent %q, which is not in the tree", n.Parent)})
		}
		children[n.Parent] = append(children[n.Parent], org)
	}
	if b != nil {
		return nil, b
	}
	f := &Forest{nodes: make(map[symbolon.OrgID]*placed, len(nodes)), order: slices.Clone(children[""]), sorted: sorted}
	for i := 0; i < len(f.order); i++ { // f.order grows
		org := f.order[i]
		n := nodes[org]
		p := was.nodes[org]
		if p == nil || !p.same(n) || f.row(n.Parent) != was.row(n.Parent) {
			var wrong Breaches
			p, wrong = f.place(n)
			b = append(b, wrong...)
		}
		f.nodes[org] = p
		f.order = append(f.order, children[org]...)
	}
	if len(f.order) < len(nodes) {
		for _, org := range sorted {
			if f.nodes[org] == nil {
				b = append(b, Breach{Org: org, Reason: "is below itself"})
			}
		}
	}
	return f, b
}

// row returns what holds at an organisation, and above every top.
func (f *Forest) row(org symbolon.OrgID) *row {
	if n := f.nodes[org]; n != nil {
		return n.row
	}
	return &standards
}

// place holds a node's wishes to what its parent, which stands already, leaves it.
func (f *Forest) place(n Node) (*placed, Breaches) {
	above := f.row(n.Parent)
	line, _ := json.Marshal(n) // what does not marshal is wrong, as is told below
	line = append(line, '\n')  // no line break stands in one unescaped
	if len(n.Settings) == 0 {
		return &placed{n, above, line}, nil
	}
	b := n.Settings.wrong()
	r := *above
	for i := range fields {
		wish, ok := n.Settings[fields[i].field]
		if !ok || fields[i].wrong(wish) != "" {
			continue
		}
		join, from := fields[i].order.join(wish, above[i].value), above[i].from
		switch {
		case n.Parent == "": // nobody is above but the standard, which a top may leave
			r[i] = held{wish, n.Org}
			continue
		case join != wish:
			b = append(b, f.looser(n, &fields[i], wish, above[i]))
		case join != above[i].value || from == "":
			from = n.Org
		}
		r[i] = held{join, from} // the join in any case: what is below is told of its own faults only
	}
	r.cap()
	b = append(b, r.unusable()...)
	for i := range b {
		b[i].Org = n.Org
	}
	return &placed{n, &r, line}, b
}

func (f *Forest) looser(n Node, s *spec, wish Value, limit held) Breach {
	b := Breach{Field: s.field, Value: wish, Limit: limit.value, Ancestor: limit.from}
	if limit.from == "" {
		path := f.path(n.Parent)
		b.Ancestor = path[len(path)-1]
		b.Reason = fmt.Sprintf("is looser than %s, the standard, which holds as long as %q does not set it", s.text(limit.value), b.Ancestor)
		return b
	}
	b.Reason = fmt.Sprintf("is looser than %s, which %q has set", s.text(limit.value), limit.from)
	return b
}

// standards holds above every top.
var standards = func() (r row) {
	for i := range fields {
		r[i].value = fields[i].standard
	}
	return r
}()

// cap cuts down what must not exceed another.
func (r *row) cap() {
	for _, c := range caps {
		if r[c[0]].value.n > r[c[1]].value.n {
			r[c[0]] = r[c[1]]
		}
	}
}

// unusable says what leaves no way in (S7): nobody could be let in, and whoever must let them in would go around it.
func (r *row) unusable() Breaches {
	var b Breaches
	none := func(f Field, why string) {
		if h := r[place(f)]; h.value == Names[string]() {
			b = append(b, Breach{Field: f, Value: h.value, Reason: why})
		}
	}
	if r[place(SecondFactorRequired)].value == Flag(true) {
		none(SecondFactorMethods, "leaves no method, and a second factor is required")
	}
	none(VerificationClasses, "leaves no class, so that no customer could be verified")
	return b
}

// path returns the organisation and those above it, up to the top.
func (f *Forest) path(org symbolon.OrgID) []symbolon.OrgID {
	var p []symbolon.OrgID
	for f.nodes[org] != nil {
		p = append(p, org)
		org = f.nodes[org].Parent
	}
	return p
}

// below returns the organisation and everything below it.
func (f *Forest) below(org symbolon.OrgID) []symbolon.OrgID {
	in := map[symbolon.OrgID]bool{org: true}
	var list []symbolon.OrgID
	for _, o := range f.order {
		if in[o] || in[f.nodes[o].Parent] {
			in[o] = true
			list = append(list, o)
		}
	}
	return list
}

// digest is the same for the same nodes, and for no others.
func (f *Forest) digest() string {
	h := sha256.New()
	for _, org := range f.sorted {
		h.Write(f.nodes[org].line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// all returns the nodes by their ids.
func (f *Forest) all() map[symbolon.OrgID]Node {
	nodes := make(map[symbolon.OrgID]Node, len(f.nodes))
	for org, n := range f.nodes {
		nodes[org] = n.Node
	}
	return nodes
}
