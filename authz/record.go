package authz

import (
	"context"
	"fmt"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// The events of this package in the audit.
const (
	eventDecision = "decision" // allowed or denied
	eventAct      = "act"      // begun, then succeeded or failed; denied if a Grant was refused
)

// A record must fit into the store, whatever the policies: one that is refused
// for its size would keep the action from ever happening.
const (
	maxPolicies = 100
	maxReason   = 2 << 10 // bytes
)

// home is where the matter's records lie: with the customer whom it concerns,
// else with the actor. There also lie the stamps to which a commit can be held,
// and that decides on them.
func (m matter) home() (sh table.Shard, stamps []string, live func(*table.View, seal.Stamps) error) {
	if sh, names := stamp.Subject(m.facts.Stamps); m.spec.Concern != OfNone && len(names) > 0 {
		return sh, names, stamp.SubjectLive
	}
	sh, names := stamp.Actor(m.facts.Stamps)
	return sh, names, stamp.ActorLive
}

// about is what every record of the matter says.
func (m matter) about(event string, o audit.Outcome, decision string) audit.Record {
	r := audit.About(m.principal)
	if m.principal.IsZero() {
		r.Host = "authz was given nobody, or a principal of another realm"
	}
	r.Event, r.Outcome, r.Decision = event, o, decision
	r.Action, r.Resource, r.Purpose = string(m.request.Action), m.request.Resource.String(), m.request.Purpose
	return r
}

// decided is the record of a decision: every decision names the policies that
// settled it and the digests of their sets (S6).
func (m matter) decided(d Decision) audit.Record {
	o := audit.Denied
	if d.Allowed {
		o = audit.Allowed
	}
	r := m.about(eventDecision, o, d.ID)
	r.Policies = d.Policies()
	if len(r.Policies) > maxPolicies {
		r.Policies = r.Policies[:maxPolicies]
	}
	r.Reason = d.Reason()
	if len(r.Reason) > maxReason {
		r.Reason = r.Reason[:maxReason]
	}
	r.Detail = map[string]string{}
	for name, digest := range map[string]string{"actor_set": d.ActorDigest, "subject_set": d.SubjectDigest} {
		if digest != "" {
			r.Detail[name] = digest
		}
	}
	return r
}

// record commits a record that tells of no other change.
func (g *Guard) record(ctx context.Context, m matter, r audit.Record) error {
	sh, _, _ := m.home()
	var err error
	if r.ID, err = table.NewID(g.parts.Rand, "a-"); err != nil {
		return unavailable(err)
	}
	if _, err := g.space.Update(ctx, sh, nil, r.Add); err != nil {
		return unavailable(fmt.Errorf("the record could not be written: %w", err))
	}
	return nil
}
