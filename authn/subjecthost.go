package authn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// SubjectHost is the host application itself at work on what is known of
// customers' proofs. It is never a Principal, and what it does is audited with
// its reason.
type SubjectHost struct {
	subjects *Subjects
	reason   string
	dry      bool
	by       *symbolon.Facts // the employee on whose word it is done; nil: the host's own
}

// AsHost returns the host's own hand, for a reason that stands in the audit. It
// must not be reachable from a request.
func (s *Subjects) AsHost(reason string) SubjectHost { return SubjectHost{subjects: s, reason: reason} }

// DryRun returns the same hand with nothing in it, as [Host.DryRun] does.
func (h SubjectHost) DryRun() SubjectHost {
	h.dry = true
	return h
}

// Rebind binds a method of a customer anew, after as much proof of who they are
// as a first binding needs: its failures are forgotten, also where there were so
// many that it had died of them (LK-02). An administrator's hold stays, and the
// customer is told (AN-26).
func (h SubjectHost) Rebind(ctx context.Context, id symbolon.SubjectID, m symbolon.Method) error {
	if err := h.usable(); err != nil {
		return err
	}
	s := h.subjects
	if !slices.Contains(s.opt.Methods, m) {
		return invalid("method", fmt.Sprintf("must be one of %q", s.opt.Methods))
	}
	item, err := s.actors.notice(Notice{Subject: id, Method: m, Event: "method.bound"})
	if err != nil {
		return failed(err)
	}
	err = h.commit(ctx, id, "method.bound", map[string]string{"method": string(m)}, lockName(id, m), func(tx *table.Tx) error {
		item.add(tx)
		return attempt.Born(tx, lockName(id, m), s.opt.Lockout)
	})
	if err == nil && !h.dry {
		item.start(ctx, table.ShardOf("subject", string(id)))
	}
	return err
}

// EndProofs voids everything that a customer has proved, in every interaction,
// and every token that carries it: after a report of fraud, or when their number
// has moved to somebody else.
func (h SubjectHost) EndProofs(ctx context.Context, id symbolon.SubjectID) error {
	name := stamp.SubjectName(string(id))
	return h.commit(ctx, id, "proofs.ended", nil, name, func(tx *table.Tx) error {
		c, _, err := table.Get[customer](tx.View, name)
		if err != nil {
			return err
		}
		c.Party = c.Next(tx.Now())
		return table.Put(tx, name, c, time.Time{})
	})
}

func (h SubjectHost) usable() error {
	if h.subjects == nil || h.reason == "" {
		return invalid("reason", "is empty: say why this is done")
	}
	return nil
}

func (h SubjectHost) commit(ctx context.Context, id symbolon.SubjectID, event string, detail map[string]string, name string, write func(*table.Tx) error) error {
	if err := h.usable(); err != nil {
		return err
	}
	if _, err := symbolon.ParseID[symbolon.SubjectID](string(id)); err != nil {
		return fmt.Errorf("authn: subject: %w", err)
	}
	auditID, err := table.NewID(h.subjects.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	return failed(h.subjects.core.commit(ctx, h.dry, table.ShardOf("subject", string(id)), []string{name}, func(tx *table.Tx) error {
		if err := write(tx); err != nil {
			return err
		}
		r := h.record(auditID, event, id, detail)
		r.Outcome = audit.Succeeded
		return r.Add(tx)
	}))
}

// record tells what was done to a customer's proofs: by the host, or on the word
// of an employee.
func (h SubjectHost) record(id, event string, of symbolon.SubjectID, detail map[string]string) audit.Record {
	r := audit.Record{ID: id, Event: event, Subject: of, Host: h.reason, Detail: detail}
	if h.by != nil {
		r.Actor, r.Org, r.ActorMethods = h.by.Actor.ID, h.by.Actor.Org, h.by.ActorProof.Methods()
		r.Host, r.Reason, r.Resource = "", h.reason, "Subject/"+string(of)
	}
	return r
}
