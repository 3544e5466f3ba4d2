package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Approve is the word of another person for a proposal, and carries it out when nobody else has to agree. The digest is
// that of the [Difference] which they have read; it is refused if the change would do anything else by now. Who proposed
// it, or may be the same person, cannot approve it (S22), and software cannot (S29). Whoever approves twice is heard once.
// It is a decision, as [Tree.Change] is.
func (t *Tree) Approve(ctx context.Context, by symbolon.Principal, id, digest string) (Proposal, error) {
	rec, f, err := t.who(by)
	if err != nil {
		return Proposal{}, err
	}
	var out Proposal
	err = t.again(ctx, rec, eventApproved, func(ctx context.Context, s *snapshot) error {
		p, err := t.proposal(ctx, id)
		switch {
		case err != nil:
			return err
		case !f.Actor.Kind.Human():
			return refuse(ReasonNotHuman, f.Actor.Kind.String())
		case !p.Host && symbolon.SamePerson(p.Person, f.Actor.Person):
			return refuse(ReasonSamePerson, fmt.Sprintf("it was proposed by %q", p.By))
		}
		after, d, err := t.plan(s.forest, p.Steps)
		if err != nil || d.Digest() != p.Digest || p.Digest != digest {
			return refuse(ReasonStale, "the tree has changed, or something else was read")
		}
		if out = p.shown(id, d); p.by(f.Actor.ID) {
			return nil
		}
		held, err := t.held(ctx, by, out.Missing)
		switch {
		case err != nil:
			return err
		case len(held) == 0:
			return refuse(ReasonAuthority, fmt.Sprintf("holds none at %q", out.Missing))
		}
		word := Approval{By: f.Actor.ID, For: held, Time: t.parts.Now().Truncate(time.Second)}
		p.Approvals = append(slices.Clone(p.Approvals), word)
		rec.Reason = p.Reason
		c := commit{Tree: t, id: id, from: s, after: after, diff: d, rec: rec}
		if out = p.shown(id, d); out.Done {
			return c.change(ctx, &p)
		}
		return c.wait(ctx, eventApproved, p)
	})
	if err != nil {
		return Proposal{}, failed(err)
	}
	return out, nil
}

// Proposals returns what waits for approval, with what each would do to the tree as it stands.
func (t *Tree) Proposals(ctx context.Context) ([]Proposal, error) {
	s, err := t.load(ctx)
	if err != nil {
		return nil, failed(err)
	}
	var list []Proposal
	err = t.scan(ctx, proposalPrefix, func(row table.Row) error {
		rec, err := table.Decode[signed](row)
		if err != nil {
			return err
		}
		p, err := verify[proposal](t, row.Name, rec)
		if err != nil {
			return err
		}
		_, d, err := t.plan(s.forest, p.Steps)
		one := p.shown(strings.TrimPrefix(row.Name, proposalPrefix), d)
		one.Stale, one.Done = err != nil || d.Digest() != p.Digest, false
		list = append(list, one)
		return nil
	})
	return list, failed(err)
}

// proposal reads one that waits.
func (t *Tree) proposal(ctx context.Context, id string) (proposal, error) {
	v, err := t.space.Read(ctx, shard, proposalName(id))
	if err != nil {
		return proposal{}, err
	}
	p, ok, err := t.waiting(v, id)
	if err == nil && !ok {
		err = refuse(ReasonUnknown, "no such proposal waits")
	}
	return p, err
}

func (t *Tree) waiting(v *table.View, id string) (p proposal, ok bool, err error) {
	s, ok, err := table.Get[signed](v, proposalName(id))
	switch {
	case err != nil:
		return p, false, unreadable(err)
	case !ok:
		return p, false, nil
	}
	p, err = verify[proposal](t, proposalName(id), s)
	return p, err == nil, err
}
