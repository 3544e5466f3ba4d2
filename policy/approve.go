package policy

import (
	"context"
	"errors"
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
// Everybody who has spoken for it must still hold their authority: whoever has lost it is not heard, and if that is who
// proposed it, it is refused. It is a decision, as [Tree.Change] is.
func (t *Tree) Approve(ctx context.Context, by symbolon.Principal, id, digest string) (Proposal, error) {
	rec, f, err := t.who(by)
	if err != nil {
		return Proposal{}, err
	}
	var out Proposal
	err = t.again(ctx, rec, eventApproved, func(ctx context.Context, s *snapshot) error {
		actor, err := t.live(ctx, s, f)
		if err != nil {
			return err
		}
		p, err := t.proposal(ctx, id)
		switch {
		case err != nil:
			return err
		case !actor.Kind.Human():
			return refuse(ReasonNotHuman, actor.Kind.String())
		}
		after, d, err := t.plan(s.forest, p.Steps)
		if err != nil || d.Digest() != p.Digest || p.Digest != digest {
			return refuse(ReasonStale, "the tree has changed, or something else was read")
		}
		now, persons, err := t.weigh(ctx, p, d)
		switch {
		case err != nil:
			return err
		case among(persons, actor):
			return refuse(ReasonSamePerson, fmt.Sprintf("it was proposed by %q", p.By))
		}
		held, err := t.held(ctx, actor, once(slices.Concat(d.Needs, d.Approve)))
		switch {
		case err != nil:
			return err
		case len(held) == 0:
			return refuse(ReasonAuthority, fmt.Sprintf("holds none at %q, nor at %q", d.Needs, d.Approve))
		}
		before, word := p.of(actor.ID), Approval{By: actor.ID, For: held, Time: t.parts.Now().Truncate(time.Second)}
		p, now = p.with(word), now.with(word)
		rec.Reason = p.Reason
		c := commit{Tree: t, id: id, from: s, after: after, diff: d, rec: rec}
		switch out = now.shown(id, d); {
		case out.Done:
			return c.change(ctx, &p)
		case slices.Equal(before, held):
			return nil // heard already
		}
		return c.wait(ctx, eventApproved, p)
	})
	if err != nil {
		return Proposal{}, failed(err)
	}
	return out, nil
}

// Proposals returns what waits for approval, with what each would do to the tree as it stands, and whose word is worth
// what by now.
func (t *Tree) Proposals(ctx context.Context) ([]Proposal, error) {
	s, err := t.load(ctx)
	if err != nil {
		return nil, failed(err)
	}
	var waiting []proposal
	var ids []string
	err = t.scan(ctx, proposalPrefix, func(row table.Row) error {
		rec, err := table.Decode[signed](row)
		if err != nil {
			return err
		}
		p, err := verify[proposal](t, row.Name, rec)
		if err != nil {
			return err
		}
		id := strings.TrimPrefix(row.Name, proposalPrefix)
		if s.head.waits(id) && t.parts.Now().Before(p.Expires) {
			waiting, ids = append(waiting, p), append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, failed(err)
	}
	list := make([]Proposal, len(waiting))
	for i, p := range waiting {
		_, d, err := t.plan(s.forest, p.Steps)
		stale := err != nil || d.Digest() != p.Digest
		var refusal *Refusal
		now, _, err := t.weigh(ctx, p, d)
		if errors.As(err, &refusal) {
			stale = true
		} else if err != nil {
			return nil, failed(err)
		}
		list[i] = now.shown(ids[i], d)
		list[i].Stale, list[i].Done = stale, false
	}
	return list, nil
}

// proposal reads one that waits.
func (t *Tree) proposal(ctx context.Context, id string) (proposal, error) {
	v, err := t.space.Read(ctx, shard, headName, proposalName(id))
	if err != nil {
		return proposal{}, err
	}
	p, ok, err := t.waiting(v, id)
	if err == nil && !ok {
		err = refuse(ReasonUnknown, "no such proposal waits")
	}
	return p, err
}

// waiting returns a proposal if the head says that it waits, however long a writer of the database has kept it.
func (t *Tree) waiting(v *table.View, id string) (p proposal, ok bool, err error) {
	h, err := t.head(v)
	if err != nil || !h.waits(id) {
		return p, false, err
	}
	s, ok, err := table.Get[signed](v, proposalName(id))
	switch {
	case err != nil:
		return p, false, unreadable(err)
	case !ok:
		return p, false, nil
	}
	p, err = verify[proposal](t, proposalName(id), s)
	if err != nil || !v.Now().Before(p.Expires) {
		return proposal{}, false, err
	}
	p.mac = s.MAC
	return p, true, nil
}
