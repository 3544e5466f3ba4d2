package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Events in the audit.
const (
	eventProposed  = "policy.proposed"
	eventApproved  = "policy.approved"
	eventChanged   = "policy.changed"
	eventWithdrawn = "policy.withdrawn"
)

// errMoved says that something was changed since a commit was computed.
var errMoved = errors.New("changed meanwhile")

// again runs f on the tree as it stands, until nobody changes it meanwhile. A refusal is recorded.
func (t *Tree) again(ctx context.Context, rec audit.Record, event string, f func(context.Context, *snapshot) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", symbolon.ErrUnavailable, context.Cause(ctx))
	}
	for {
		s, err := t.load(ctx)
		if err != nil {
			return err
		}
		err = f(ctx, s)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			rec.Event, rec.Outcome, rec.Reason = event, audit.Denied, string(refusal.Reason)+": "+refusal.detail
			if failed := t.record(ctx, rec); failed != nil {
				return failed
			}
			return refusal
		case !errors.Is(err, errMoved):
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", symbolon.ErrUnavailable, context.Cause(ctx))
		}
	}
}

func (t *Tree) record(ctx context.Context, rec audit.Record) (err error) {
	if rec.ID, err = table.NewID(t.parts.Rand, ""); err != nil {
		return err
	}
	_, err = t.space.Update(ctx, shard, nil, func(tx *table.Tx) error { return rec.Add(tx) })
	return err
}

// commit is one change on its way into the store.
type commit struct {
	*Tree
	id    string // of the proposal, and of the change
	from  *snapshot
	after *Forest
	diff  Difference
	rec   audit.Record
}

// change writes the organisations that differ, the head, and the record. If it was a proposal until now, that is done.
func (c *commit) change(ctx context.Context, p *proposal) error {
	recs, err := c.tells(p, either(p == nil, []string{eventChanged}, []string{eventApproved, eventChanged})...)
	if err != nil {
		return err
	}
	touched := c.from.forest.touched(c.after)
	var h head
	names := []string{headName, proposalName(c.id)}
	for _, org := range touched {
		names = append(names, nodeName(org))
	}
	_, err = c.space.Update(ctx, shard, names, func(tx *table.Tx) error {
		is, err := c.head(tx.View)
		switch {
		case err != nil:
			return err
		case slices.Contains(is.Recent, c.id): // the reply was lost; what it came to is read anew
			h = head{}
			return nil
		case is.N != c.from.head.N || is.Sum != c.from.head.Sum:
			return errMoved
		}
		if p != nil { // a proposal counts once, and not after its time
			was, ok, err := c.waiting(tx.View, c.id)
			if err != nil {
				return err
			}
			if !ok || !bytes.Equal(was.mac, p.mac) {
				return errMoved
			}
			tx.Delete(proposalName(c.id))
		}
		h = is.next(c.id, touched, c.after.digest()).closes(c.id, tx.Now())
		h.Left = c.after.left
		for _, org := range touched {
			if n := c.after.nodes[org]; n == nil {
				tx.Delete(nodeName(org))
			} else if err := table.Put(tx, nodeName(org), n.Node, time.Time{}); err != nil {
				return err
			}
		}
		return errors.Join(c.sign(tx, headName, h, time.Time{}), addAll(tx, recs))
	})
	if err == nil && h.N > 0 {
		c.keep(&snapshot{h, c.after})
	}
	return err
}

// wait writes the proposal, and the record.
func (c *commit) wait(ctx context.Context, event string, p proposal) error {
	recs, err := c.tells(&p, event)
	if err != nil {
		return err
	}
	name := proposalName(c.id)
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	now := signed{body, c.mac(name, body)}
	_, err = c.space.Update(ctx, shard, []string{headName, name}, func(tx *table.Tx) error {
		was, _, err := c.waiting(tx.View, c.id)
		switch {
		case err != nil:
			return err
		case bytes.Equal(was.mac, now.MAC): // the reply was lost
			return nil
		case !bytes.Equal(was.mac, p.mac):
			return errMoved
		}
		if p.mac == nil {
			h, err := c.head(tx.View)
			if err == nil {
				h, err = h.opens(c.id, p.Expires, tx.Now())
			}
			if err != nil {
				return err
			}
			if err := c.sign(tx, headName, h, time.Time{}); err != nil {
				return err
			}
		}
		return errors.Join(table.Put(tx, name, now, p.Expires), addAll(tx, recs))
	})
	return err
}

const maxDetail = 4 << 10 // bytes of a difference in the audit; the digest names the whole of it

// tells returns the records of a change or a proposal, one for each event.
func (c *commit) tells(p *proposal, events ...string) (recs []audit.Record, err error) {
	looser := 0
	for _, l := range c.diff.Lines {
		if l.Looser {
			looser++
		}
	}
	text := c.diff.String()
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "..."
	}
	detail := map[string]string{"proposal": c.id, "digest": c.diff.Digest(), "change": text,
		"settings": strconv.Itoa(len(c.diff.Lines)), "looser": strconv.Itoa(looser)}
	if p != nil {
		var by []string
		for _, a := range p.Approvals {
			by = append(by, string(a.By))
		}
		detail["proposed_by"], detail["approved_by"] = p.proposer(), strings.Join(by, " ")
	}
	for _, event := range events {
		r := c.rec
		r.Event, r.Outcome, r.Resource, r.Detail = event, audit.Succeeded, "Org/"+string(c.diff.Steps[0].org), maps.Clone(detail)
		if event == eventChanged { // a tree that was put back has fewer changes than the log
			r.Detail["number"] = strconv.FormatUint(c.from.head.N+1, 10)
		}
		if r.ID, err = table.NewID(c.parts.Rand, ""); err != nil {
			return nil, err
		}
		recs = append(recs, r)
	}
	return recs, nil
}

func addAll(tx *table.Tx, recs []audit.Record) error {
	var errs []error
	for _, r := range recs {
		errs = append(errs, r.Add(tx))
	}
	return errors.Join(errs...)
}
