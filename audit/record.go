// Package audit remembers who did what for whom, and why it was allowed.
//
// Most programs make a [Log] with [NewLog] and call [Log.List]. Records are
// written by the other packages, in the same commit as the change that they
// tell of: there is no change without its record and no record of a change
// that did not happen. A decision is recorded before its Grant is given.
//
// A record holds ids, never a secret, and no contact data.
package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage"
)

// Outcome is how it ended.
type Outcome string

// The outcomes. The empty Outcome is refused.
const (
	Succeeded Outcome = "succeeded" // it was done
	Failed    Outcome = "failed"    // it was tried: a wrong secret, an act that broke off
	Denied    Outcome = "denied"    // it was not allowed
	Allowed   Outcome = "allowed"   // it may be done now
	Begun     Outcome = "begun"     // it is being done; a record of its end follows
)

// Record is one entry (AU-01). Fields that do not apply are empty.
type Record struct {
	ID      string    `json:"id"`   // random
	Time    time.Time `json:"time"` // UTC, whole microseconds
	Event   string    `json:"event"`
	Outcome Outcome   `json:"outcome"`
	Reason  string    `json:"reason,omitempty"` // for administrators; never shown to whoever was refused
	Count   int       `json:"count,omitempty"`  // how often, where one record counts many events

	Actor       symbolon.ActorID       `json:"actor,omitempty"`
	Org         symbolon.OrgID         `json:"org,omitempty"`
	Subject     symbolon.SubjectID     `json:"subject,omitempty"` // claimed or proved, see Proved
	Proved      bool                   `json:"proved,omitempty"`
	Interaction symbolon.InteractionID `json:"interaction,omitempty"`
	Host        string                 `json:"host,omitempty"` // why the host itself did it, with no actor

	ActorMethods   []symbolon.Method `json:"actor_methods,omitempty"`
	SubjectMethods []symbolon.Method `json:"subject_methods,omitempty"`

	Action   string            `json:"action,omitempty"`
	Resource string            `json:"resource,omitempty"` // type and id
	Purpose  string            `json:"purpose,omitempty"`
	Decision string            `json:"decision,omitempty"` // ties what was allowed to what was done
	Policies []string          `json:"policies,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
}

// About returns a Record with both parties of a Principal, their methods and
// the interaction.
func About(p symbolon.Principal) Record {
	a := p.Actor()
	r := Record{Actor: a.ID, Org: a.Org, ActorMethods: p.ActorVerification().Methods()}
	if s, ok := p.Claimed(); ok {
		r.Subject, r.SubjectMethods = s.ID, p.SubjectVerification().Methods()
		_, r.Proved = p.Subject()
	}
	if i, ok := p.Interaction(); ok {
		r.Interaction = i.ID
	}
	return r
}

func (r Record) check() error {
	var missing []string
	need := func(ok bool, what string) {
		if !ok {
			missing = append(missing, what)
		}
	}
	need(r.ID != "", "ID")
	need(r.Event != "", "Event")
	need(r.Outcome != "", "Outcome")
	need(r.Actor != "" || r.Host != "" || r.Count > 0, "Actor or Host")
	if missing != nil {
		return errors.New("audit: a record needs " + strings.Join(missing, ", "))
	}
	return nil
}

// Op returns what adds r to the log, to be committed with the change that it
// tells of, in whatever shard that change lies. Whoever runs in a loop draws
// the ID before it, so that the record is added once.
func (r Record) Op(now time.Time) (storage.Op, error) {
	if err := r.check(); err != nil {
		return storage.Op{}, err
	}
	r.Time = now.UTC().Truncate(time.Microsecond)
	return table.NewRow(rowName(r.Time, r.ID), r, time.Time{})
}

// Add is Op within a transaction.
func (r Record) Add(tx *table.Tx) error {
	op, err := r.Op(tx.Now())
	if err == nil {
		tx.Add(op)
	}
	return err
}

// CounterName returns the name of the one record of a day and shard that counts
// events of a kind that is too cheap to cause (S23).
func CounterName(now time.Time, id string) string {
	return rowName(now.UTC().Truncate(24*time.Hour), id)
}

// Increment adds one to the record under a name of [CounterName], which the
// transaction has read, and keeps the rest of r.
func (r Record) Increment(tx *table.Tx, name string) error {
	former, _, err := table.Get[Record](tx.View, name)
	if err != nil {
		return err
	}
	r.Count = former.Count + 1
	if err := r.check(); err != nil {
		return err
	}
	r.Time = tx.Now().UTC().Truncate(time.Microsecond)
	return table.Put(tx, name, r, time.Time{})
}

const prefix = "audit/"

func rowName(t time.Time, id string) string {
	return table.Name("audit", fmt.Sprintf("%017d", t.UnixMicro()), id)
}
