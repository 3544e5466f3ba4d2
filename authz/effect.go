package authz

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Effect is an act that has begun under a Grant. End it with its outcome: an
// Effect that is never ended stands in [Guard.Unfinished].
type Effect struct {
	guard  *Guard
	matter matter
	id     string // of the decision

	mu      sync.Mutex
	outcome audit.Outcome // the first that End was told
	by      string        // the id of its record
	ended   bool
}

// effect is the stored record: that the Grant was used, and whether the act has
// come to an end.
type effect struct {
	By       string                 `json:"by"` // which call of Begin wrote it
	At       time.Time              `json:"at"`
	Actor    symbolon.ActorID       `json:"actor"`
	Subject  symbolon.SubjectID     `json:"subject,omitempty"`
	Action   Action                 `json:"action"`
	Resource string                 `json:"resource"`
	Ended    string                 `json:"ended,omitempty"` // which call of End wrote that
	Call     symbolon.InteractionID `json:"interaction,omitempty"`
}

const effects = "effect"

func effectName(decision string) string { return table.Name(effects, decision) }

// Begin uses a Grant up and returns the Effect under which its holder acts. It
// asks the store anew whether both parties, the interaction and the verification
// are live, and commits that the act has begun, on condition that they still
// are. The error wraps [ErrDenied] for a Grant that was used before, is older
// than 30 seconds, was given by another Guard, for another action or for other
// parameters, or if anybody hung up in between; nothing has begun then. Name the
// action and the parameters with which the code at hand is about to act: handing
// back those of the Grant compares them with themselves. It wraps
// symbolon.ErrUnavailable if the store fails; whether the Grant was used up is
// then unknown, and another Begin tells.
func (g *Guard) Begin(ctx context.Context, gr Grant, a Action, p Params) (*Effect, error) {
	why := g.refuses(gr, a)
	if why == GrantForeign {
		return nil, &DeniedError{Reason: why} // its matter belongs into another guard's audit
	}
	granted := gr.get()
	if why == "" && granted.params != p.digest() {
		why = GrantOther
	}
	if why != "" {
		return nil, g.refuse(ctx, granted, why)
	}
	if err := g.begin(ctx, granted); err != nil {
		var denied *DeniedError
		if errors.As(err, &denied) {
			return nil, g.refuse(ctx, granted, denied.Reason)
		}
		return nil, err
	}
	return &Effect{guard: g, matter: granted.matter, id: granted.id}, nil
}

// refuse records that a Grant was refused: a second use or a changed parameter
// is an attack or a fault, and somebody will want to see it.
func (g *Guard) refuse(ctx context.Context, gr *granted, why Reason) error {
	r := gr.matter.about(eventAct, audit.Denied, gr.id)
	r.Reason = string(why)
	if err := g.record(ctx, gr.matter, r); err != nil {
		return err
	}
	return &DeniedError{Reason: why}
}

// stillThere asks anew, and nothing that was kept, whether both parties are.
func (g *Guard) stillThere(ctx context.Context, f symbolon.Facts) error {
	if dead, err := g.dead(ctx, f.Stamps); err != nil {
		return err
	} else if dead {
		return &DeniedError{Reason: NotLive}
	}
	return g.same(ctx, f)
}

func (g *Guard) begin(ctx context.Context, gr *granted) error {
	m := gr.matter
	if err := g.stillThere(ctx, m.facts); err != nil {
		return err
	}
	by, err := table.NewID(g.parts.Rand, "b-")
	if err != nil {
		return unavailable(err)
	}
	begun := m.about(eventAct, audit.Begun, gr.id)
	begun.ID = by
	name := effectName(gr.id)
	sh, stamps, live := m.home()
	_, err = g.space.Update(ctx, sh, append([]string{name}, stamps...), func(tx *table.Tx) error {
		switch used, found, err := table.Get[effect](tx.View, name); {
		case err != nil:
			return err
		case found && used.By == by:
			return nil // ours, and the reply was lost
		case found:
			return &DeniedError{Reason: GrantUsed}
		}
		if !tx.Now().Before(gr.until) {
			return &DeniedError{Reason: GrantExpired}
		}
		switch err := live(tx.View, m.facts.Stamps); {
		case errors.Is(err, stamp.ErrDead):
			return &DeniedError{Reason: NotLive}
		case err != nil:
			return err
		}
		for _, s := range stamps {
			tx.Check(s)
		}
		e := effect{By: by, At: tx.Now(), Actor: begun.Actor, Subject: begun.Subject, Call: begun.Interaction, Action: m.request.Action, Resource: begun.Resource}
		if err := table.Put(tx, name, e, time.Time{}); err != nil {
			return err
		}
		return begun.Add(tx)
	})
	return storeError(err)
}

// same asks the directories again (AZ-10): the decision may be older than a
// dismissal, a role that was taken away, an account that changed hands.
func (g *Guard) same(ctx context.Context, f symbolon.Facts) error {
	switch a, err := g.parts.Actor(ctx, f.Actor.ID); {
	case errors.Is(err, symbolon.ErrNotFound):
		return &DeniedError{Reason: ActorDisabled}
	case err != nil:
		return unavailable(err)
	case a.Kind != f.Actor.Kind || a.Person != f.Actor.Person || a.Org != f.Actor.Org ||
		!sameSet(a.Roles, f.Actor.Roles) || !sameSet(a.Entitlements, f.Actor.Entitlements):
		return &DeniedError{Reason: PartyChanged}
	}
	if f.Claimed == nil {
		return nil
	}
	switch s, err := g.parts.Subject(ctx, f.Claimed.ID); {
	case errors.Is(err, symbolon.ErrNotFound):
		return &DeniedError{Reason: PartyChanged}
	case err != nil:
		return unavailable(err)
	case s.Account != f.Claimed.Account || s.Person != f.Claimed.Person || s.Level != f.Claimed.Level || s.Org != f.Claimed.Org:
		return &DeniedError{Reason: PartyChanged}
	}
	return nil
}

// sameSet compares without order, which a directory need not keep.
func sameSet(a, b []string) bool {
	return (a == nil) == (b == nil) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// storeError passes a refusal on and takes everything else for a store that failed.
func storeError(err error) error {
	var denied *DeniedError
	if err == nil || errors.As(err, &denied) {
		return err
	}
	return unavailable(err)
}

// End records what came of the act: audit.Succeeded or audit.Failed, and details
// that the host wants to find again, of 4 KiB at most, without secrets and contact
// data. The first outcome counts: if the store failed, End can be called again
// with the same one. That the caller has hung up does not keep it from being
// recorded.
func (e *Effect) End(ctx context.Context, o audit.Outcome, detail map[string]string) error {
	if err := endable(o, detail); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.ended:
		return fmt.Errorf("authz: %w: the effect has ended", symbolon.ErrInvalid)
	case e.outcome != "" && e.outcome != o:
		return fmt.Errorf("authz: %w: the effect was ended as %s, which may have been stored", symbolon.ErrInvalid, e.outcome)
	case e.by == "":
		by, err := table.NewID(e.guard.parts.Rand, "e-")
		if err != nil {
			return unavailable(err)
		}
		e.by, e.outcome = by, o
	}
	r := e.matter.about(eventAct, o, e.id)
	r.ID, r.Detail = e.by, detail
	sh, _, _ := e.matter.home()
	if err := e.guard.finish(ctx, sh, e.id, r); err != nil {
		return err
	}
	e.ended = true
	return nil
}

const maxDetail = 4 << 10 // bytes; a record of the audit is no place for documents

func endable(o audit.Outcome, detail map[string]string) error {
	if o != audit.Succeeded && o != audit.Failed {
		return fmt.Errorf("authz: %w: an effect ends as %s or %s, not as %q", symbolon.ErrInvalid, audit.Succeeded, audit.Failed, string(o))
	}
	n := 0
	for k, v := range detail {
		n += len(k) + len(v)
	}
	if n > maxDetail {
		return fmt.Errorf("authz: %w: the detail has %d bytes, at most %d are allowed", symbolon.ErrInvalid, n, maxDetail)
	}
	return nil
}

// finish marks an act as ended and commits the record of it, once.
func (g *Guard) finish(ctx context.Context, sh table.Shard, id string, r audit.Record) error {
	name := effectName(id)
	_, err := g.space.Update(context.WithoutCancel(ctx), sh, []string{name}, func(tx *table.Tx) error {
		was, found, err := table.Get[effect](tx.View, name)
		switch {
		case err != nil:
			return err
		case found && was.Ended == r.ID:
			return nil // ours, and the reply was lost
		case found && was.Ended != "":
			return &DeniedError{Reason: EffectEnded}
		case found:
			was.Ended = r.ID
			// From here on the record only keeps the Grant from being used again (S26).
			if err := table.Put(tx, name, was, tx.Now().Add(grantLife+2*skew)); err != nil {
				return err
			}
		}
		return r.Add(tx) // even where its beginning is gone, the outcome counts
	})
	return storeError(err)
}

// Settle records what came of an act whose process died before it could say so,
// on the word of a person who has looked, and why they say it. The error wraps
// [ErrDenied] if the act has ended meanwhile.
func (g *Guard) Settle(ctx context.Context, by symbolon.Principal, u Unfinished, o audit.Outcome, reason string) error {
	if err := endable(o, map[string]string{"reason": reason}); err != nil {
		return err
	}
	if reason == "" || u.Decision == "" {
		return fmt.Errorf("authz: %w: Settle needs an act of Unfinished, and a reason", symbolon.ErrInvalid)
	}
	f, err := symbolon.Unseal(seal.Ours(), g.realm, by)
	if err != nil || !f.Actor.Kind.Human() {
		return &DeniedError{Reason: NotHuman}
	}
	if dead, err := g.dead(ctx, f.Stamps); err != nil {
		return err
	} else if dead {
		return &DeniedError{Reason: NotLive}
	}
	id, err := table.NewID(g.parts.Rand, "e-")
	if err != nil {
		return unavailable(err)
	}
	r := audit.Record{ID: id, Event: eventAct, Outcome: o, Reason: reason, Actor: u.Actor, Subject: u.Subject, Interaction: u.Interaction,
		Action: string(u.Action), Resource: u.Resource, Decision: u.Decision, Detail: map[string]string{"settled by": string(f.Actor.ID)}}
	sh := table.ShardOf("actor", string(u.Actor))
	if u.Subject != "" {
		sh = table.ShardOf("subject", string(u.Subject))
	}
	return g.finish(ctx, sh, u.Decision, r)
}

// Unfinished is an act that began and of which nobody said how it ended: it is
// under way, or its process died in the middle of it.
type Unfinished struct {
	Decision    string
	Begun       time.Time
	Actor       symbolon.ActorID
	Subject     symbolon.SubjectID
	Interaction symbolon.InteractionID
	Action      Action
	Resource    string
}

// Unfinished lists the acts that began longer ago than that and have not ended,
// oldest first. It looks through the whole store; run it now and then. The error
// wraps symbolon.ErrUnavailable.
func (g *Guard) Unfinished(ctx context.Context, olderThan time.Duration) ([]Unfinished, error) {
	var out []Unfinished
	before := g.parts.Now().Add(-olderThan)
	for sh := range table.Shard(table.Shards) {
		for after, more := "", true; more; more = after != "" {
			rows, next, err := g.space.Scan(ctx, sh, effects+"/", after, 256)
			if err != nil {
				return nil, unavailable(err)
			}
			for _, row := range rows {
				e, err := table.Decode[effect](row)
				if err != nil {
					return nil, unavailable(err)
				}
				if e.Ended == "" && e.At.Before(before) {
					out = append(out, Unfinished{
						Decision: row.Name[len(effects)+1:], Begun: e.At, Actor: e.Actor, Subject: e.Subject,
						Interaction: e.Call, Action: e.Action, Resource: e.Resource,
					})
				}
			}
			after = next
		}
	}
	slices.SortFunc(out, func(a, b Unfinished) int {
		return cmp.Or(a.Begun.Compare(b.Begun), cmp.Compare(a.Decision, b.Decision))
	})
	return out, nil
}
