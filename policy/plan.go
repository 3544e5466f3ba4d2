package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

// MaxSteps is how many steps one change may have, and how many organisations it may touch by itself: they are stored
// together or not at all. What changes below them because it is inherited is not counted.
const MaxSteps = 24

// Difference is what a change does, for those who decide about it.
type Difference struct {
	Steps    []Step
	Added    []symbolon.OrgID
	Removed  []symbolon.OrgID
	Moved    []symbolon.OrgID // with everything below; their sessions must end (S7)
	Returned []symbolon.OrgID // that were removed from under another parent: adding them is moving them
	Lines    []Line           // what will hold in organisations that were there before

	Needs   []symbolon.OrgID // where authority is needed
	Top     bool             // a top is made, moved or removed: only the host may
	Approve []symbolon.OrgID // where a second person with authority must approve, because something loosens
}

// Line is one effective setting that changes.
type Line struct {
	Org           symbolon.OrgID
	Field         Field
	Before, After Value
	Looser        bool // some value that was not allowed before will be
}

// String returns the line as a person reads it.
func (l Line) String() string {
	word := either(l.Looser, "looser", "stricter")
	return fmt.Sprintf("%s: %q %s %s, was %s", word, l.Org, l.Field, shown(l.Field, l.After), shown(l.Field, l.Before))
}

// String returns everything that was asked for and everything that follows, line by line. It is what [Difference.Digest]
// is of, and what an approver must have read.
func (d Difference) String() string {
	var b strings.Builder
	for _, s := range d.Steps {
		fmt.Fprintln(&b, s)
	}
	for _, l := range d.Lines {
		fmt.Fprintln(&b, l)
	}
	list := func(what string, orgs []symbolon.OrgID) {
		if len(orgs) > 0 {
			fmt.Fprintf(&b, "%s: %q\n", what, orgs)
		}
	}
	list("moved", d.Moved)
	list("removed", d.Removed)
	list("was removed elsewhere, comes back", d.Returned)
	list("needs authority at", d.Needs)
	if d.Top {
		fmt.Fprintln(&b, "only the host may: a top is made, moved or removed")
	}
	list("loosens, needs approval at", d.Approve)
	return b.String()
}

// Digest names exactly this difference: two that read the same have the same, and no others.
func (d Difference) Digest() string {
	sum := sha256.Sum256([]byte(d.String()))
	return hex.EncodeToString(sum[:])
}

// Looser reports whether the change loosens anything for anybody, or removes an organisation, which may come back with
// fewer wishes.
func (d Difference) Looser() bool { return len(d.Approve) > 0 }

// Plan computes a change and stores nothing (B8): the forest that it leads to, and the difference. The error is
// [Breaches] and names every organisation, below too, that could not stand.
func (f *Forest) Plan(steps ...Step) (*Forest, Difference, error) {
	if n := len(steps); n < 1 || n > MaxSteps {
		return nil, Difference{}, Breaches{{Reason: fmt.Sprintf("a change has 1 to %d steps, not %d", MaxSteps, n)}}
	}
	p := planner{Difference: Difference{Steps: slices.Clone(steps)}, before: f, nodes: f.all()}
	for _, s := range steps {
		if s.do == add && f.nodes[s.org] != nil { // removed and added at once, it would be moved past those who decide about moves
			return nil, Difference{}, Breaches{{Org: s.org, Reason: "is in the tree already; to put it elsewhere, move it"}}
		}
		p.need(s)
		if b := s.apply(p.nodes); b != nil {
			return nil, Difference{}, Breaches{*b}
		}
	}
	after, b := grow(p.nodes, f)
	if b != nil {
		return nil, Difference{}, b
	}
	p.compare(after)
	after.left = f.leave(after)
	return after, p.Difference, nil
}

// planner is one call of Plan.
type planner struct {
	Difference
	before *Forest
	nodes  map[symbolon.OrgID]Node
	judges []symbolon.OrgID // who must approve if anything loosens
	ends   bool             // an organisation is removed
	moved  []symbolon.OrgID
}

// need notes whose authority a step needs, as the tree stands when it is its turn (S7).
func (p *planner) need(s Step) {
	switch s.do {
	case add:
		p.authority(s.parent)
		if was, gone := p.before.gone(s.org); gone && was != s.parent { // a move in two changes is one all the same
			from := p.came(was)
			p.authority(first(from))
			p.cross(from, p.path(s.parent))
			p.Returned = append(p.Returned, s.org)
			p.ends = true // what it wished once is not known any more
		}
	case assign, unset:
		p.authority(s.org)
		p.judge(s.org)
	case remove:
		parent := p.nodes[s.org].Parent
		p.authority(parent)
		p.judge(cmp.Or(parent, s.org))
		p.ends = true
		for org, n := range p.nodes {
			if n.Parent == s.org {
				p.moved = append(p.moved, org)
			}
		}
	case move:
		p.authority(p.nodes[s.org].Parent)
		p.authority(s.parent)
		p.moved = append(p.moved, s.org)
		p.cross(p.path(s.org), p.path(s.parent))
	}
}

// authority notes that it is needed at an organisation; at none, it is the host's.
func (p *planner) authority(org symbolon.OrgID) {
	if at := p.standing(org); at != "" {
		p.Needs = append(p.Needs, at)
	} else {
		p.Top = true
	}
}

func (p *planner) judge(org symbolon.OrgID) {
	if at := p.standing(org); at != "" {
		p.judges = append(p.judges, at)
	}
}

// standing returns the organisation or the nearest above it that was there before the change: nobody holds authority at
// what does not exist yet.
func (p *planner) standing(org symbolon.OrgID) symbolon.OrgID {
	for org != "" && p.before.nodes[org] == nil {
		org = p.nodes[org].Parent
	}
	return org
}

// path returns the organisation and those above it, as the tree stands by now.
func (p *planner) path(org symbolon.OrgID) (up []symbolon.OrgID) {
	for {
		n, ok := p.nodes[org]
		if !ok {
			return up
		}
		up, org = append(up, org), n.Parent
	}
}

// compare fills in what follows.
func (p *planner) compare(after *Forest) {
	for _, org := range p.before.order {
		if after.nodes[org] == nil {
			p.Removed = append(p.Removed, org)
		}
	}
	moved := map[symbolon.OrgID]bool{}
	for _, org := range p.moved {
		if after.nodes[org] != nil && p.before.nodes[org] != nil {
			for _, o := range after.below(org) {
				moved[o] = true
			}
		}
	}
	looser := p.ends
	for _, org := range after.order {
		was, is := p.before.nodes[org], after.nodes[org]
		if was == nil {
			p.Added = append(p.Added, org)
			continue
		}
		if moved[org] {
			p.Moved = append(p.Moved, org)
		}
		if was.row == is.row {
			continue
		}
		for i := range fields {
			a, b := was.row[i].value, is.row[i].value
			if a != b {
				l := Line{org, fields[i].field, a, b, !fields[i].order.asStrict(b, a)}
				p.Lines = append(p.Lines, l)
				looser = looser || l.Looser
			}
		}
	}
	p.Needs = once(p.Needs)
	if looser {
		p.Approve = once(p.judges)
	}
}

func once(orgs []symbolon.OrgID) []symbolon.OrgID {
	slices.Sort(orgs)
	return slices.Compact(orgs)
}

// touched returns the organisations whose records a change from f to after writes.
func (f *Forest) touched(after *Forest) []symbolon.OrgID {
	var orgs []symbolon.OrgID
	for org, n := range after.nodes {
		if was := f.nodes[org]; was != n && (was == nil || !was.same(n.Node)) {
			orgs = append(orgs, org)
		}
	}
	for org := range f.nodes {
		if after.nodes[org] == nil {
			orgs = append(orgs, org)
		}
	}
	return once(orgs)
}
