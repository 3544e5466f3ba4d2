package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Proposal is a change, in force or waiting for others.
type Proposal struct {
	ID         string
	Difference Difference // against the tree as it stands
	Reason     string
	By         symbolon.ActorID // empty: the host
	Expires    time.Time
	Approvals  []Approval
	Missing    []symbolon.OrgID // where authority or approval is missing
	Stale      bool             // by now it would do something else than was proposed: propose it again
	Done       bool             // it is in force
}

// Approval is one person's word for a proposal.
type Approval struct {
	By   symbolon.ActorID `json:"by"`
	For  []symbolon.OrgID `json:"for"` // where they held authority
	Time time.Time        `json:"time"`
}

// proposal is a [Proposal] as stored.
type proposal struct {
	Steps     []Step            `json:"steps"`
	Digest    string            `json:"digest"` // of the difference that was proposed
	Reason    string            `json:"reason"`
	By        symbolon.ActorID  `json:"by,omitempty"`
	Person    symbolon.PersonID `json:"person,omitempty"`
	Host      bool              `json:"host,omitempty"`
	Held      []symbolon.OrgID  `json:"held,omitempty"` // where the proposer held authority
	Expires   time.Time         `json:"expires"`
	Approvals []Approval        `json:"approvals,omitempty"`

	mac []byte // of the record that it was read from; nil: it is new
}

// missing returns where somebody must still agree. The proposer's authority counts for what is needed, never for the
// approval of what loosens.
func (p proposal) missing(d Difference) []symbolon.OrgID {
	var agreed, missing []symbolon.OrgID
	for _, a := range p.Approvals {
		agreed = append(agreed, a.For...)
	}
	for _, org := range d.Needs {
		if !p.Host && !slices.Contains(p.Held, org) && !slices.Contains(agreed, org) {
			missing = append(missing, org)
		}
	}
	for _, org := range d.Approve {
		if !slices.Contains(agreed, org) {
			missing = append(missing, org)
		}
	}
	return once(missing)
}

func (p proposal) proposer() string { return either(p.Host, "host", string(p.By)) }

// of returns for what somebody has approved it; nil: they have not.
func (p proposal) of(a symbolon.ActorID) []symbolon.OrgID {
	for _, one := range p.Approvals {
		if one.By == a {
			return one.For
		}
	}
	return nil
}

// with returns it with somebody's word, instead of an earlier one.
func (p proposal) with(word Approval) proposal {
	others := slices.DeleteFunc(slices.Clone(p.Approvals), func(one Approval) bool { return one.By == word.By })
	p.Approvals = append(others, word)
	return p
}

func (p proposal) shown(id string, d Difference) Proposal {
	m := p.missing(d)
	return Proposal{ID: id, Difference: d, Reason: p.Reason, By: p.By, Expires: p.Expires, Approvals: p.Approvals, Missing: m, Done: len(m) == 0}
}

// Change carries out a change on the word of somebody who holds authority where it is needed, at once if nobody else has
// to agree: then the Proposal is Done. Otherwise it is stored and waits for [Tree.Approve], and nothing has changed. It is
// a decision: call it inside of the Begin and End of a Grant.
//
// The error is [Breaches] for a change that cannot stand, and wraps [ErrRefused] for somebody whose session is over, who
// has no authority in it, and for making, moving or removing a top, which is the host's.
func (t *Tree) Change(ctx context.Context, by symbolon.Principal, reason string, steps ...Step) (Proposal, error) {
	rec, f, err := t.who(by)
	if err != nil {
		return Proposal{}, err
	}
	rec.Reason = reason
	p := proposal{Steps: steps, Reason: reason, By: f.Actor.ID, Person: f.Actor.Person}
	return t.propose(ctx, p, rec, func(ctx context.Context, s *snapshot, d Difference) ([]symbolon.OrgID, error) {
		actor, err := t.live(ctx, s, f)
		switch {
		case err != nil:
			return nil, err
		case d.Top:
			return nil, refuse(ReasonAuthority, "a top is the host's to make, move or remove")
		}
		held, err := t.held(ctx, actor, d.Needs)
		if err == nil && len(held) == 0 {
			err = refuse(ReasonAuthority, fmt.Sprintf("holds none at %q", d.Needs))
		}
		return held, err
	})
}

// Host is the host application itself at work: it makes the tops, and brings the tree in step with files. It is never a
// Principal. Nobody loosens alone, not even the host: what loosens waits for [Tree.Approve] as well.
type Host struct {
	tree   *Tree
	reason string
}

// AsHost returns the host's own hand, for a reason that stands in the audit. It must not be reachable from a request.
func (t *Tree) AsHost(reason string) Host { return Host{t, reason} }

// Change is [Tree.Change] by the host, whose authority is everywhere.
func (h Host) Change(ctx context.Context, steps ...Step) (Proposal, error) {
	p := proposal{Steps: steps, Reason: h.reason, Host: true}
	return h.tree.propose(ctx, p, audit.Record{Host: h.reason},
		func(context.Context, *snapshot, Difference) ([]symbolon.OrgID, error) { return nil, nil })
}

const (
	maxReason   = 500      // bytes
	maxProposal = 60 << 10 // bytes as stored, below what any record may have
)

func reasonable(reason string) error {
	if strings.TrimSpace(reason) == "" || len(reason) > maxReason {
		return fmt.Errorf("policy: %w: a change needs a reason of 1 to %d bytes", symbolon.ErrInvalid, maxReason)
	}
	return nil
}

// propose commits the change, or the proposal.
func (t *Tree) propose(ctx context.Context, p proposal, rec audit.Record,
	holds func(context.Context, *snapshot, Difference) ([]symbolon.OrgID, error)) (Proposal, error) {
	if err := reasonable(p.Reason); err != nil {
		return Proposal{}, err
	}
	id, err := table.NewID(t.parts.Rand, "")
	if err != nil {
		return Proposal{}, failed(err)
	}
	p.Expires = t.parts.Now().Add(t.opt.Wait).Truncate(time.Second)
	var out Proposal
	err = t.again(ctx, rec, eventChanged, func(ctx context.Context, s *snapshot) error {
		after, d, err := t.plan(s.forest, p.Steps)
		if err != nil {
			return err
		}
		if p.Held, err = holds(ctx, s, d); err != nil {
			return err
		}
		p.Digest = d.Digest()
		if raw, err := json.Marshal(p); err != nil || len(raw) > maxProposal {
			return errors.Join(err, fmt.Errorf("%w: the change is too long to be stored; make several", symbolon.ErrInvalid))
		}
		c := commit{Tree: t, id: id, from: s, after: after, diff: d, rec: rec}
		if out = p.shown(id, d); out.Done {
			return c.change(ctx, nil)
		}
		return c.wait(ctx, eventProposed, p)
	})
	if err != nil {
		return Proposal{}, failed(err)
	}
	return out, nil
}
