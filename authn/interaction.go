package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Call is what telephony says about a contact that has just begun.
type Call struct {
	ID      string             // telephony's own id of the contact; opens one interaction, once
	Channel string             // phone, chat, ...; policies see it
	Actor   symbolon.ActorID   // the employee to whom it was routed
	Subject symbolon.SubjectID // the customer whom it is said to be about; nothing is proved by that
}

// interaction is the stored record; the stamp is the part that is looked at on
// every request.
type interaction struct {
	stamp.Interaction
	Service string    `json:"service"` // who opened it, and alone may renew and end it
	Channel string    `json:"channel"`
	Opened  time.Time `json:"opened"`
	Proofs  []proof   `json:"proofs,omitempty"`
	Codes   int       `json:"codes,omitempty"` // sent so far
	Told    int       `json:"told,omitempty"`  // of them, when somebody last failed at one and that was told
}

type proof struct {
	Method symbolon.Method `json:"m"`
	At     time.Time       `json:"at"`
	For    string          `json:"for"`
}

func (i interaction) verification(id symbolon.InteractionID) symbolon.Verification {
	var v symbolon.Verification
	for _, p := range i.Proofs {
		v = v.With(symbolon.Proof{Method: p.Method, At: p.At, Interaction: id, For: p.For})
	}
	return v
}

// drop forgets what counts no longer: proofs that are too old, or by a method that is not allowed any more, and
// must not make a fresh one end with it.
func (i *interaction) drop(c custody, now time.Time) {
	i.Proofs = slices.DeleteFunc(slices.Clone(i.Proofs), func(p proof) bool {
		return !now.Before(p.At.Add(c.proof)) || !slices.Contains(c.methods, p.Method)
	})
}

// callRecord marks a call id as used. It outlives the interaction.
type callRecord struct {
	Interaction string `json:"interaction"`
	Service     string `json:"service"`
	Agent       string `json:"agent"`
	Subject     string `json:"subject"`
	Channel     string `json:"channel"`
}

const (
	keepCalls        = 7 * 24 * time.Hour       // how long a call id stays used, far beyond any call
	keepInteractions = keepCalls + 2*maxLongest // so that a call id never opens a second one
	idKind           = "i"                      // an interaction's id: kind, its subject's shard, 128 random bits
	shardDigits      = 2
)

func shardOfInteraction(id symbolon.InteractionID) (table.Shard, bool) {
	rest, ok := strings.CutPrefix(string(id), idKind)
	if !ok || len(rest) < shardDigits {
		return 0, false
	}
	return table.ParseShard(rest[:shardDigits])
}

// Open begins an interaction: a call, a chat, a visit. Only a service may say
// that there is one, such as telephony, with a key of its own; an employee's
// desktop cannot invent it (S3). A call id opens one interaction, once; the same
// service may repeat the same Open if it did not get the answer.
func (s *Subjects) Open(ctx context.Context, by symbolon.Principal, c Call) (symbolon.InteractionID, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	f, err := s.service(ctx, by)
	if err != nil {
		return "", err
	}
	agent, err := s.parts.Actor(ctx, c.Actor)
	if err != nil {
		return "", fmt.Errorf("authn: Call.Actor: %w", err)
	}
	if !agent.Kind.Human() {
		return "", invalid("Call.Actor", "is not a person")
	}
	subject, err := s.parts.Subject(ctx, c.Subject)
	if err != nil {
		return "", fmt.Errorf("authn: Call.Subject: %w", err)
	}
	shard := table.ShardOf("subject", string(subject.ID))
	drawn, err := table.NewID(s.parts.Rand, idKind+shard.String())
	if err != nil {
		return "", failed(err)
	}
	id, err := s.claimCall(ctx, f.Actor.ID, c, symbolon.InteractionID(drawn))
	if err != nil {
		return "", failed(err)
	}
	return id, failed(s.begin(ctx, shard, by, c, id))
}

// check names every field that is wrong at once.
func (c Call) check() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"ID", c.ID}, {"Channel", c.Channel}, {"Actor", string(c.Actor)}, {"Subject", string(c.Subject)},
	} {
		if _, err := symbolon.ParseID[string](f.value); err != nil {
			errs = append(errs, fmt.Errorf("authn: Call.%s: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}

// service returns the facts of a live Principal of kind service.
func (s *Subjects) service(ctx context.Context, by symbolon.Principal) (symbolon.Facts, error) {
	f, err := s.actors.live(ctx, by)
	if err == nil && f.Actor.Kind != symbolon.Service {
		err = refuse(ReasonNotYours)
	}
	return f, err
}

// claimCall is the first of the two commits of Open: the call id is used up, for
// this interaction. If the process dies before the second, the same Open
// repeated finds the id that it drew.
func (s *Subjects) claimCall(ctx context.Context, by symbolon.ActorID, c Call, id symbolon.InteractionID) (symbolon.InteractionID, error) {
	name := table.Name("call", c.ID)
	want := callRecord{string(id), string(by), string(c.Actor), string(c.Subject), c.Channel}
	_, err := s.space.Update(ctx, table.ShardOf("call", c.ID), []string{name}, func(tx *table.Tx) error {
		former, ok, err := table.Get[callRecord](tx.View, name)
		if err != nil {
			return err
		}
		if !ok {
			id = symbolon.InteractionID(want.Interaction)
			return table.Put(tx, name, want, tx.Now().Add(keepCalls))
		}
		id = symbolon.InteractionID(former.Interaction)
		if former.Interaction = want.Interaction; former != want {
			return refuse(ReasonUsed)
		}
		return nil
	})
	return id, err
}

// begin is the second commit of Open. The record of an interaction that has
// ended stays, so that repeating an old Open does not bring it back.
func (s *Subjects) begin(ctx context.Context, shard table.Shard, by symbolon.Principal, c Call, id symbolon.InteractionID) error {
	auditID, err := table.NewID(s.parts.Rand, "")
	if err != nil {
		return err
	}
	name, party := stamp.InteractionName(string(id)), stamp.SubjectName(string(c.Subject))
	names := []string{name, party}
	for _, m := range s.opt.Methods {
		names = append(names, lockName(c.Subject, m))
	}
	_, err = s.space.Update(ctx, shard, names, func(tx *table.Tx) error {
		if former, ok, err := table.Get[interaction](tx.View, name); err != nil || ok {
			if err == nil && former.Live(tx.Now()) != nil {
				err = refuse(ReasonUsed)
			}
			return err
		}
		if err := s.born(tx, c.Subject, party); err != nil {
			return err
		}
		now := tx.Now().Truncate(time.Second)
		rec := interaction{
			Interaction: stamp.Interaction{Subject: string(c.Subject), Holder: string(c.Actor), Leg: 1,
				Lease: tx.Now().Add(s.opt.Lease), End: now.Add(s.opt.Longest)},
			Service: string(by.Actor().ID), Channel: c.Channel, Opened: now,
		}
		if err := table.Put(tx, name, rec, now.Add(keepInteractions)); err != nil {
			return err
		}
		r := audit.About(by)
		r.ID, r.Event, r.Outcome, r.Subject, r.Interaction = auditID, "interaction.opened", audit.Succeeded, c.Subject, id
		r.Detail = map[string]string{"agent": string(c.Actor), "channel": c.Channel, "call": c.ID}
		return r.Add(tx)
	})
	return err
}

// customer is the stored stamp of a subject, with the methods whose locks exist.
type customer struct {
	stamp.Party
	Locks []symbolon.Method `json:"locks,omitempty"`
}

// born writes a customer's stamp and the lock of each method when the first
// interaction is opened in which it may be used. From then on they must be
// there: deleting a lock reopens nothing (S8).
func (s *Subjects) born(tx *table.Tx, subject symbolon.SubjectID, party string) error {
	c, ok, err := table.Get[customer](tx.View, party)
	if err != nil {
		return err
	}
	if !ok {
		c.Party = c.Next(tx.Now())
	}
	known := len(c.Locks)
	for _, m := range s.opt.Methods {
		if slices.Contains(c.Locks, m) {
			continue
		}
		if lock := lockName(subject, m); !tx.Has(lock) { // whoever deletes the list must not open the lock
			if err := attempt.Born(tx, lock, s.opt.Lockout); err != nil {
				return err
			}
		}
		c.Locks = append(c.Locks, m)
	}
	if ok && len(c.Locks) == known {
		return nil
	}
	return table.Put(tx, party, c, time.Time{})
}

// Renew keeps an interaction alive for another lease. One whose lease has run
// out, or that was ended, is over for good.
func (s *Subjects) Renew(ctx context.Context, by symbolon.Principal, id symbolon.InteractionID) error {
	return s.byService(ctx, by, id, func(tx *table.Tx, i *interaction) error {
		if err := i.Live(tx.Now()); err != nil {
			return err
		}
		i.Lease = tx.Now().Add(s.opt.Lease)
		return nil
	})
}

// End ends an interaction and with it everything that was proved in it
// (SE-14). Ending it twice is no error.
func (s *Subjects) End(ctx context.Context, by symbolon.Principal, id symbolon.InteractionID) error {
	auditID, err := table.NewID(s.parts.Rand, "")
	if err != nil {
		return failed(err)
	}
	return s.byService(ctx, by, id, func(tx *table.Tx, i *interaction) error {
		if i.Ended {
			return nil
		}
		i.Ended, i.Proofs, i.Verification = true, nil, ""
		r := audit.About(by)
		r.ID, r.Event, r.Outcome = auditID, "interaction.ended", audit.Succeeded
		r.Subject, r.Interaction = symbolon.SubjectID(i.Subject), id
		return r.Add(tx)
	})
}

func (s *Subjects) byService(ctx context.Context, by symbolon.Principal, id symbolon.InteractionID, change func(*table.Tx, *interaction) error) error {
	f, err := s.service(ctx, by)
	if err != nil {
		return err
	}
	shard, ok := shardOfInteraction(id)
	if !ok {
		return refuse(ReasonUnknown)
	}
	name := stamp.InteractionName(string(id))
	_, err = s.space.Update(ctx, shard, []string{name}, func(tx *table.Tx) error {
		i, ok, err := table.Get[interaction](tx.View, name)
		if err != nil {
			return err
		}
		if !ok || i.Service != string(f.Actor.ID) {
			return refuse(ReasonNotYours)
		}
		if err := change(tx, &i); err != nil {
			return err
		}
		return table.Put(tx, name, i, i.Opened.Add(keepInteractions))
	})
	return failed(err)
}

// Join returns the Principal of an employee who serves an interaction: the
// customer is claimed, nothing is proved. Only the employee to whom telephony
// routed it can join. A former claim is dropped.
func (s *Subjects) Join(ctx context.Context, p symbolon.Principal, id symbolon.InteractionID) (symbolon.Principal, error) {
	f, _, err := s.join(ctx, p, id)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	return symbolon.Seal(seal.Ours(), s.realm, f)
}

// Resume is Join for an interaction in which the customer has proved who they
// are: it returns the Principal of both, with the proofs as they were given, no
// younger and no stronger. Tokens that carry a customer are short; with this the
// employee gets the next one while the call lasts, and asks the customer nothing
// twice. The error is a refusal if nothing was proved yet that still counts.
func (s *Subjects) Resume(ctx context.Context, p symbolon.Principal, id symbolon.InteractionID) (symbolon.Principal, error) {
	f, i, err := s.join(ctx, p, id)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	cust, err := s.custody(ctx, f.Actor, *f.Claimed)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	i.drop(cust, s.parts.Now())
	if len(i.Proofs) == 0 {
		return symbolon.Principal{}, refuse(ReasonWrong)
	}
	prove(&f, i, cust)
	if err := stamp.Check(ctx, s.space, f.Stamps); err != nil { // the verification, too
		return symbolon.Principal{}, failed(err)
	}
	return symbolon.Seal(seal.Ours(), s.realm, f)
}

// join returns the facts of an employee who serves an interaction, with nothing
// proved, and the interaction's record.
func (s *Subjects) join(ctx context.Context, p symbolon.Principal, id symbolon.InteractionID) (symbolon.Facts, interaction, error) {
	none := func(err error) (symbolon.Facts, interaction, error) { return symbolon.Facts{}, interaction{}, err }
	f, err := symbolon.Unseal(seal.Ours(), s.realm, p)
	if err != nil {
		return none(err)
	}
	shard, ok := shardOfInteraction(id)
	if !ok {
		return none(refuse(ReasonUnknown))
	}
	name := stamp.InteractionName(string(id))
	v, err := s.space.Read(ctx, shard, name)
	if err != nil {
		return none(err)
	}
	i, ok, err := table.Get[interaction](v, name)
	if err != nil {
		return none(err)
	}
	if !ok {
		return none(refuse(ReasonUnknown))
	}
	if i.Holder != string(f.Actor.ID) {
		return none(s.recordRefusal(ctx, p, symbolon.SubjectID(i.Subject), id))
	}
	subject, err := s.parts.Subject(ctx, symbolon.SubjectID(i.Subject))
	if err != nil {
		return none(err)
	}
	party := stamp.SubjectName(i.Subject)
	if v, err = s.space.Read(ctx, shard, party); err != nil {
		return none(err)
	}
	epoch, _, err := table.Get[stamp.Party](v, party)
	if err != nil {
		return none(err)
	}
	f.Claimed, f.Proved, f.SubjectProof = &subject, false, symbolon.Verification{}
	f.Interaction = symbolon.Interaction{ID: id, Channel: i.Channel, Opened: i.Opened}
	f.Stamps.Subject, f.Stamps.SubjectEpoch = i.Subject, epoch.Epoch
	f.Stamps.Interaction, f.Stamps.Leg, f.Stamps.Verification = string(id), i.Leg, ""
	if err := s.actors.check(ctx, &f); err != nil { // both halves, the session too
		return none(err)
	}
	f.Limits.NotAfter = earlier(f.Limits.NotAfter, i.End)
	return f, i, nil
}

// recordRefusal writes down who reached for a call that is not theirs (AU-02).
func (s *Subjects) recordRefusal(ctx context.Context, p symbolon.Principal, subject symbolon.SubjectID, id symbolon.InteractionID) error {
	r := audit.About(p)
	r.Event, r.Outcome, r.Reason, r.Subject, r.Interaction = "interaction.joined", audit.Denied, string(ReasonNotYours), subject, id
	var err error
	if r.ID, err = table.NewID(s.parts.Rand, ""); err != nil {
		return failed(err)
	}
	shard := table.ShardOf("actor", string(r.Actor))
	if _, err = s.space.Update(ctx, shard, nil, func(tx *table.Tx) error { return r.Add(tx) }); err != nil {
		return failed(err)
	}
	return refuse(ReasonNotYours)
}

func earlier(a, b time.Time) time.Time {
	return slices.MinFunc([]time.Time{a, b}, time.Time.Compare)
}
