package policy

import (
	"encoding/json"
	"slices"

	"github.com/symbolon-auth/symbolon"
)

// leaving is an organisation that was removed, and under what it stood. It is remembered because its people are: who adds
// it elsewhere moves them there, and whoever decides about moves decides about that (S7).
type leaving struct {
	Org    symbolon.OrgID `json:"org"`
	Parent symbolon.OrgID `json:"parent,omitempty"`
}

// maxLeft is how many bytes of the head remember what was removed: more than 400 organisations with ids of 16 bytes. What
// exceeds it is forgotten, the oldest first; nothing is forgotten by time.
const maxLeft = 24 << 10

// gone returns under what an organisation stood that was removed, and is not in the tree.
func (f *Forest) gone(org symbolon.OrgID) (parent symbolon.OrgID, ok bool) {
	for _, l := range f.left {
		if l.Org == org {
			return l.Parent, true
		}
	}
	return "", false
}

// leave returns what the forest after remembers: what f did and what has left since, without what has come back.
func (f *Forest) leave(after *Forest) []leaving {
	left := slices.DeleteFunc(slices.Clone(f.left), func(l leaving) bool { return after.nodes[l.Org] != nil })
	for _, org := range f.order {
		if after.nodes[org] == nil {
			left = append(left, leaving{org, f.nodes[org].Parent})
		}
	}
	for len(left) > 0 {
		if raw, err := json.Marshal(left); err == nil && len(raw) <= maxLeft {
			break
		}
		left = left[1:]
	}
	return left
}

// came returns where something stood that was under this parent: the parent and those above it, or, if it has left as
// well, what it was under itself. Nothing, and thus the host's, if that was a top or is forgotten.
func (p *planner) came(parent symbolon.OrgID) []symbolon.OrgID {
	for range len(p.before.left) + 1 {
		if _, there := p.nodes[parent]; there {
			return p.path(parent)
		}
		parent, _ = p.before.gone(parent)
	}
	return nil
}

// cross notes who decides about what goes from one place to another: the lowest above both.
func (p *planner) cross(from, to []symbolon.OrgID) {
	common := slices.IndexFunc(from, func(o symbolon.OrgID) bool { return slices.Contains(to, o) })
	if common >= 0 {
		p.authority(from[common])
		p.judge(from[common])
		return
	}
	p.Top = true // nobody is above both, so both sides decide, each at its top
	for _, side := range [][]symbolon.OrgID{from, to} {
		if n := len(side); n > 0 {
			p.judge(side[n-1])
		}
	}
}

func first(orgs []symbolon.OrgID) symbolon.OrgID {
	if len(orgs) == 0 {
		return ""
	}
	return orgs[0]
}
