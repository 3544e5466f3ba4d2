package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Withdraw takes a proposal back, for a reason that stands in the audit. Whoever proposed it may, and whoever holds
// authority at an organisation that it names, needs or asks, also if it is stale. It loosens nothing, so one person is
// enough, and software may.
func (t *Tree) Withdraw(ctx context.Context, by symbolon.Principal, id, reason string) error {
	rec, f, err := t.who(by)
	if err != nil {
		return err
	}
	rec.Reason = reason
	return t.withdraw(ctx, id, rec, reason, func(ctx context.Context, s *snapshot, p proposal) error {
		actor, err := t.live(ctx, s, f)
		if err != nil || !p.Host && p.By == actor.ID {
			return err
		}
		_, d, _ := t.plan(s.forest, p.Steps) // what cannot stand any more can still be withdrawn
		orgs := slices.Concat(d.Needs, d.Approve)
		for _, step := range p.Steps {
			orgs = append(orgs, step.org, step.parent)
		}
		orgs = slices.DeleteFunc(once(orgs), func(org symbolon.OrgID) bool { return s.forest.nodes[org] == nil })
		held, err := t.held(ctx, actor, orgs)
		if err == nil && len(held) == 0 {
			err = refuse(ReasonAuthority, fmt.Sprintf("holds none at %q", orgs))
		}
		return err
	})
}

// Withdraw is [Tree.Withdraw] by the host.
func (h Host) Withdraw(ctx context.Context, id string) error {
	return h.tree.withdraw(ctx, id, audit.Record{Host: h.reason}, h.reason, func(context.Context, *snapshot, proposal) error { return nil })
}

// withdraw deletes the proposal and writes the record.
func (t *Tree) withdraw(ctx context.Context, id string, rec audit.Record, reason string, may func(context.Context, *snapshot, proposal) error) error {
	if err := reasonable(reason); err != nil {
		return err
	}
	return failed(t.again(ctx, rec, eventWithdrawn, func(ctx context.Context, s *snapshot) error {
		p, err := t.proposal(ctx, id)
		if err != nil {
			return err
		}
		if err := may(ctx, s, p); err != nil {
			return err
		}
		r := rec
		r.Event, r.Outcome, r.Resource = eventWithdrawn, audit.Succeeded, "Org/"+string(p.Steps[0].org)
		r.Detail = map[string]string{"proposal": id, "digest": p.Digest, "proposed_by": p.proposer()}
		if r.ID, err = table.NewID(t.parts.Rand, ""); err != nil {
			return err
		}
		name := proposalName(id)
		_, err = t.space.Update(ctx, shard, []string{headName, name}, func(tx *table.Tx) error {
			_, ok, err := t.waiting(tx.View, id)
			if err != nil {
				return err
			}
			h, err := t.head(tx.View)
			if err == nil && ok {
				tx.Delete(name)
				return errors.Join(t.sign(tx, headName, h.closes(id, tx.Now()), time.Time{}), r.Add(tx))
			}
			if err == nil && slices.Contains(h.Recent, id) {
				err = errMoved // it was approved in between, and is in force
			}
			return err // else it is gone, as was asked: the reply was lost, or somebody else was as fast
		})
		return err
	}))
}
