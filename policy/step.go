package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/symbolon-auth/symbolon"
)

// Step is one thing to do to a tree; a change has one or more, which take effect together. Make it with [Add], [Set],
// [Unset], [Move] or [Remove]. The zero Step cannot be done.
type Step struct {
	do       act
	org      symbolon.OrgID
	parent   symbolon.OrgID
	settings Settings
	fields   []Field
}

type act string

const (
	add    act = "add"
	assign act = "set"
	unset  act = "unset"
	move   act = "move"
	remove act = "remove"
)

// Add puts a new organisation below a parent, or, with no parent, makes it a top. One that was removed from under another
// parent is moved thereby, and needs whom a [Move] needs and their approval: a Tree remembers several hundred of those.
func Add(org, parent symbolon.OrgID, s Settings) Step {
	return Step{do: add, org: org, parent: parent, settings: maps.Clone(s)}
}

// Set makes an organisation wish these settings. Others that it wishes stay.
func Set(org symbolon.OrgID, s Settings) Step {
	return Step{do: assign, org: org, settings: maps.Clone(s)}
}

// Unset makes an organisation inherit these fields.
func Unset(org symbolon.OrgID, f ...Field) Step {
	return Step{do: unset, org: org, fields: slices.Clone(f)}
}

// Move puts an organisation, with all below it, under another parent, or, with no parent, makes it a top.
func Move(org, parent symbolon.OrgID) Step { return Step{do: move, org: org, parent: parent} }

// Remove takes an organisation out of the tree. Those directly below it come under its parent. Whoever still belongs to
// it is let in nowhere.
func Remove(org symbolon.OrgID) Step { return Step{do: remove, org: org} }

// String returns the step as one line, with everything that it does.
func (s Step) String() string {
	line := fmt.Sprintf("%s %q", s.do, s.org)
	if s.do == move || s.do == add {
		if s.parent == "" {
			line += " as a top"
		} else {
			line += fmt.Sprintf(" under %q", s.parent)
		}
	}
	for i, f := range slices.Sorted(maps.Keys(s.settings)) {
		line += fmt.Sprintf("%s %s %s", either(i == 0, ":", ","), f, shown(f, s.settings[f]))
	}
	for i, f := range s.fields {
		line += fmt.Sprintf("%s %s", either(i == 0, ":", ","), f)
	}
	return line
}

type storedStep struct {
	Do       act            `json:"do"`
	Org      symbolon.OrgID `json:"org"`
	Parent   symbolon.OrgID `json:"parent,omitempty"`
	Settings Settings       `json:"settings,omitempty"`
	Fields   []Field        `json:"fields,omitempty"`
}

// MarshalJSON returns the step as it is stored with a [Proposal].
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedStep{s.do, s.org, s.parent, s.settings, s.fields})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Step) UnmarshalJSON(data []byte) error {
	var is storedStep
	if err := strict(data, &is); err != nil {
		return err
	}
	*s = Step{is.Do, is.Org, is.Parent, is.Settings, is.Fields}
	return nil
}

// apply carries the step out on the nodes, or says why it cannot be.
func (s Step) apply(nodes map[symbolon.OrgID]Node) *Breach {
	n, there := nodes[s.org]
	_, parent := nodes[s.parent]
	no := func(f Field, format string, args ...any) *Breach {
		return &Breach{Org: s.org, Field: f, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.do == add && there:
		return no("", "is in the tree already")
	case s.do != add && !there:
		return no("", "is not in the tree")
	case (s.do == add || s.do == move) && s.parent != "" && !parent:
		return no("", "cannot come under %q, which is not in the tree", s.parent)
	}
	switch s.do {
	case add:
		n = Node{Org: s.org, Parent: s.parent, Settings: s.settings}
	case assign:
		n.Settings = maps.Clone(n.Settings)
		if n.Settings == nil {
			n.Settings = Settings{}
		}
		maps.Copy(n.Settings, s.settings)
	case unset:
		n.Settings = maps.Clone(n.Settings)
		for _, f := range s.fields {
			if _, ok := n.Settings[f]; !ok {
				return no(f, "is not set there")
			}
			delete(n.Settings, f)
		}
	case move:
		for up := s.parent; up != ""; up = nodes[up].Parent {
			if up == s.org {
				return no("", "cannot come under %q, which is below it", s.parent)
			}
		}
		n.Parent = s.parent
	case remove:
		for org, child := range nodes {
			if child.Parent != s.org {
				continue
			}
			if n.Parent == "" {
				return no("", "is a top with others below it; move these first")
			}
			child.Parent = n.Parent
			nodes[org] = child
		}
		delete(nodes, s.org)
		return nil
	default:
		return no("", "has a step that was not made with Add, Set, Unset, Move or Remove")
	}
	nodes[s.org] = n
	return nil
}

// Steps returns what turns the forest from into f, in an order in which it can be done: parents are added before their
// children, and removed after them. Where there are more than [MaxSteps], it takes several changes, each of which must
// stand by itself: additions do in this order, while what tightens goes through from below.
func (f *Forest) Steps(from *Forest) []Step {
	var steps []Step
	for _, org := range f.order {
		want, have := f.nodes[org].Node, from.nodes[org]
		if have == nil {
			steps = append(steps, Add(org, want.Parent, want.Settings))
			continue
		}
		if have.Parent != want.Parent {
			steps = append(steps, Move(org, want.Parent))
		}
		steps = append(steps, rewish(have.Node, want)...)
	}
	for _, org := range slices.Backward(from.order) {
		if f.nodes[org] == nil {
			steps = append(steps, Remove(org))
		}
	}
	return steps
}

func rewish(have, want Node) (steps []Step) {
	var gone []Field
	changed := Settings{}
	for i := range fields {
		f := fields[i].field
		was, had := have.Settings[f]
		is, has := want.Settings[f]
		if had && !has {
			gone = append(gone, f)
		}
		if has && (!had || was != is) {
			changed[f] = is
		}
	}
	if gone != nil {
		steps = append(steps, Unset(want.Org, gone...))
	}
	if len(changed) > 0 {
		steps = append(steps, Set(want.Org, changed))
	}
	return steps
}
