package authn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
)

// Challenge is an open question to a customer.
type Challenge struct {
	ID        string
	Method    symbolon.Method
	Operation string
	Expires   time.Time
}

// challengeRecord is the one open question by a method in an interaction; a new
// one takes its place (AN-21).
type challengeRecord struct {
	ID      string    `json:"id"`
	Code    []byte    `json:"code"` // keyed hash, bound to where the code may be used
	For     string    `json:"for"`
	Expires time.Time `json:"expires"`
}

const (
	codeDigits   = 6 // AN-20; guesses are few, see Options.Lockout
	maxOperation = 128
)

func lockName(subject symbolon.SubjectID, m symbolon.Method) string {
	return table.Name("subject", string(subject), "lock", string(m))
}

func challengeName(id symbolon.InteractionID, m symbolon.Method) string {
	return table.Name("interaction", string(id), "challenge", string(m))
}

// Challenge sends a code to the claimed customer, for one operation: the proof
// that follows counts for nothing else (S15). To a Guard the operation is the
// name of an action; the customer reads it in the message. A new code takes the place of the
// one before and gives no guess back (AN-22). Whether the customer can be reached
// in this way does not show (S13). claim comes from [Subjects.Join].
func (s *Subjects) Challenge(ctx context.Context, claim symbolon.Principal, m symbolon.Method, operation string) (Challenge, error) {
	if n := len(operation); n == 0 || n > maxOperation {
		return Challenge{}, invalid("operation", fmt.Sprintf("has %d bytes, must have 1 to %d: say what the code is for", n, maxOperation))
	}
	f, err := s.claimed(ctx, claim)
	if err != nil {
		return Challenge{}, err
	}
	cust, err := s.custody(ctx, f.Actor, *f.Claimed)
	if err != nil {
		return Challenge{}, failed(err)
	}
	if !slices.Contains(cust.methods, m) { // the same for all customers of an organisation (S13)
		return Challenge{}, invalid("method", fmt.Sprintf("must be one of %q", cust.methods))
	}
	now := s.parts.Now().Truncate(time.Second)
	ch := Challenge{Method: m, Operation: operation, Expires: now.Add(s.opt.CodeLife)}
	if ch.ID, err = table.NewID(s.parts.Rand, string(m)+"."); err != nil {
		return Challenge{}, failed(err)
	}
	code, err := s.newCode()
	if err != nil {
		return Challenge{}, failed(err)
	}
	payload, err := Message{ID: ch.ID, Subject: f.Claimed.ID, Interaction: f.Interaction.ID, Method: m,
		Code: NewCode(code), Operation: operation, Expires: ch.Expires}.seal()
	if err != nil {
		return Challenge{}, failed(err)
	}
	item, err := s.box.Seal(payload, ch.Expires)
	if err != nil {
		return Challenge{}, failed(err)
	}
	auditID, err := table.NewID(s.parts.Rand, "")
	if err != nil {
		return Challenge{}, failed(err)
	}
	shard, names := stamp.Subject(f.Stamps)
	name, iname := challengeName(f.Interaction.ID, m), names[1]
	_, err = s.space.Update(ctx, shard, append(names, name), func(tx *table.Tx) error {
		i, err := s.serving(tx, f)
		if err != nil {
			return err
		}
		if i.Codes >= s.opt.MaxCodes { // a flood of messages is not the customer's to pay for
			return refuse(ReasonLimit)
		}
		i.Codes++
		rec := challengeRecord{ID: ch.ID, For: operation, Expires: ch.Expires}
		rec.Code = s.hashCode(f, rec, code)
		if err := table.Put(tx, name, rec, ch.Expires); err != nil {
			return err
		}
		if err := table.Put(tx, iname, i, i.Opened.Add(keepInteractions)); err != nil {
			return err
		}
		tx.Add(item.Op())
		r := audit.About(claim)
		r.ID, r.Event, r.Outcome = auditID, "challenge.sent", audit.Succeeded
		r.Detail = map[string]string{"method": string(m), "operation": operation}
		return r.Add(tx)
	})
	if err != nil {
		return Challenge{}, failed(err)
	}
	s.box.Start(ctx, shard, item) // and not waited for, or time would tell who has a telephone (S13)
	return ch, nil
}

// Confirm compares what the employee typed with the code that the customer got,
// and returns the Principal of both. Whoever types learns only yes or no: a
// wrong code, a used one, an old one and a locked customer are one [ErrRefused].
// Guesses count per customer and method, whoever makes them (LK-11).
func (s *Subjects) Confirm(ctx context.Context, claim symbolon.Principal, challengeID, code string) (symbolon.Principal, error) {
	method, _, _ := strings.Cut(challengeID, ".")
	m := symbolon.Method(method)
	if !slices.Contains(s.opt.Methods, m) || len(challengeID) > 64 {
		return symbolon.Principal{}, invalid("challenge", "is not the ID of a Challenge")
	}
	if n := len(code); n == 0 || n > 64 {
		return symbolon.Principal{}, invalid("code", fmt.Sprintf("has %d bytes, must have 1 to 64", n))
	}
	f, err := s.claimed(ctx, claim)
	if err != nil {
		return symbolon.Principal{}, err
	}
	cust, err := s.custody(ctx, f.Actor, *f.Claimed)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	if !slices.Contains(cust.methods, m) { // forbidden since it was sent
		return symbolon.Principal{}, invalid("method", fmt.Sprintf("must be one of %q", cust.methods))
	}
	var ids [3]string
	for i := range ids {
		if ids[i], err = table.NewID(s.parts.Rand, ""); err != nil {
			return symbolon.Principal{}, failed(err)
		}
	}
	locked, err := s.actors.notice(Notice{Subject: f.Claimed.ID, Method: m, Event: "customer.locked"})
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	shard, names := stamp.Subject(f.Stamps)
	name, iname := challengeName(f.Interaction.ID, m), names[1]
	attempted, err := s.actors.notice(Notice{Subject: f.Claimed.ID, Method: m, Event: "customer.attempted"})
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	var over error
	var tripped bool
	var alarm *audit.Record
	check := &codeCheck{subjects: s, facts: f, name: name, id: challengeID, code: code}
	answer, err := s.gate.Run(ctx, attempt.Try{
		Shard: shard, Lock: lockName(f.Claimed.ID, m), Secret: name, With: names, Policy: cust.lockout,
		Acquire: func(context.Context) (attempt.Checker, error) { return check, nil },
		Settle: func(tx *table.Tx, answer lockout.Answer) error {
			over, alarm = nil, nil // it may run again
			r := audit.About(claim)
			r.ID, r.Event, r.Outcome = ids[0], "challenge.answered", audit.Failed
			r.Detail = map[string]string{"method": method}
			if tripped = answer.Tripped; tripped {
				lock := audit.About(claim)
				lock.ID, lock.Event, lock.Outcome, lock.Reason = ids[1], "customer.locked", audit.Succeeded, answer.Phase.String()
				lock.Detail = map[string]string{"method": method, "until": formatTime(answer.Until)}
				if err := lock.Add(tx); err != nil {
					return err
				}
				locked.add(tx)
			}
			ch, asked, err := table.Get[challengeRecord](tx.View, name)
			if err != nil {
				return err
			}
			if asked = asked && ch.ID == challengeID; asked {
				r.Detail["operation"] = ch.For
			}
			if answer.Verdict != lockout.Granted {
				r.Reason = string(reasonOf(answer, false))
				i, ok, err := table.Get[interaction](tx.View, iname)
				if err != nil {
					return err
				}
				if asked && ok && i.Told < i.Codes && slices.Contains(s.opt.Guarded, ch.For) {
					alarm, i.Told = &r, i.Codes // once a code, or guessing would be a way to flood
					attempted.add(tx)
					if err := table.Put(tx, iname, i, i.Opened.Add(keepInteractions)); err != nil {
						return err
					}
				}
				return r.Add(tx)
			}
			var i interaction
			if i, over = s.serving(tx, f); over != nil {
				r.Reason = string(ReasonOver) // it ended while the code was on its way
				return r.Add(tx)
			}
			tx.Delete(name) // a code works once
			at := tx.Now().Truncate(time.Second)
			i.drop(cust, at)
			v := i.verification(f.Interaction.ID).With(symbolon.Proof{Method: m, At: at, Interaction: f.Interaction.ID, For: ch.For})
			i.Proofs = nil
			for _, p := range v.Proofs {
				i.Proofs = append(i.Proofs, proof{p.Method, p.At, p.For})
			}
			if i.Verification == "" {
				i.Verification = ids[2]
			}
			if err := table.Put(tx, iname, i, i.Opened.Add(keepInteractions)); err != nil {
				return err
			}
			prove(&f, i, cust)
			r.Outcome, r.Proved, r.SubjectMethods = audit.Succeeded, true, v.Methods()
			return r.Add(tx)
		},
	})
	if err == nil && tripped {
		locked.start(ctx, shard)
	}
	if err == nil && alarm != nil {
		attempted.start(ctx, shard)
		s.actors.alert(*alarm)
	}
	if err == nil && answer.Verdict != lockout.Busy && answer.Verdict != lockout.Granted {
		err = s.watch(ctx, claim, f)
	}
	switch {
	case err != nil:
		return symbolon.Principal{}, failed(err)
	case answer.Verdict == lockout.Busy:
		return symbolon.Principal{}, ErrBusy
	case answer.Verdict != lockout.Granted:
		return symbolon.Principal{}, &Refusal{Reason: reasonOf(answer, false), Until: answer.Until}
	case over != nil:
		return symbolon.Principal{}, failed(over)
	}
	return symbolon.Seal(seal.Ours(), s.realm, f)
}

// prove completes the facts of a claim with what an interaction's record holds.
func prove(f *symbolon.Facts, i interaction, c custody) {
	f.SubjectProof = i.verification(f.Interaction.ID)
	f.Proved = true
	f.Stamps.Verification = i.Verification
	f.Limits.NotAfter = earlier(f.Limits.NotAfter, earlier(i.End, f.SubjectProof.Since().Add(c.proof)))
	f.Limits.Token = c.token
}

// claimed returns the facts of a live Principal that serves a customer.
func (s *Subjects) claimed(ctx context.Context, claim symbolon.Principal) (symbolon.Facts, error) {
	f, err := s.actors.live(ctx, claim)
	if err == nil && f.Claimed == nil {
		err = invalid("principal", "serves nobody: Join an interaction first")
	}
	return f, err
}

// serving returns the interaction's record if it is still the one that the facts
// rest on. It is asked in the very commit that depends on it.
func (s *Subjects) serving(tx *table.Tx, f symbolon.Facts) (interaction, error) {
	st := f.Stamps
	if i, ok, err := table.Get[interaction](tx.View, stamp.InteractionName(st.Interaction)); err == nil && ok {
		st.Verification = i.Verification // a second proof may have been given meanwhile
		return i, stamp.SubjectLive(tx.View, st)
	} else if err != nil {
		return interaction{}, err
	}
	return interaction{}, stamp.ErrDead
}

// newCode draws a code of which each is equally likely.
func (s *Subjects) newCode() (string, error) {
	n, err := rand.Int(s.parts.Rand, new(big.Int).Exp(big.NewInt(10), big.NewInt(codeDigits), nil))
	if err != nil {
		return "", fmt.Errorf("%w: draw a code: %w", symbolon.ErrUnavailable, err)
	}
	return fmt.Sprintf("%0*d", codeDigits, n), nil
}

// hashCode binds a code to its customer, interaction, challenge, operation and
// end, so that it works nowhere else and for nothing else, whoever rewrites the
// record; the key keeps a reader of the store from trying all codes.
func (s *Subjects) hashCode(f symbolon.Facts, c challengeRecord, code string) []byte {
	return s.codes(string(f.Claimed.ID), string(f.Interaction.ID), c.ID, c.For, formatTime(c.Expires), code)
}

type codeCheck struct {
	subjects *Subjects
	facts    symbolon.Facts
	name     string
	id, code string
}

func (c *codeCheck) Verify(v *table.View) bool {
	rec, ok, err := table.Get[challengeRecord](v, c.name)
	want := c.subjects.hashCode(c.facts, rec, c.code)
	return err == nil && ok && rec.ID == c.id && v.Now().Before(rec.Expires) && hmac.Equal(want, rec.Code)
}

func (c *codeCheck) Dummy(*table.View) {
	c.subjects.hashCode(c.facts, challengeRecord{ID: c.id}, c.code)
}
func (c *codeCheck) Release() {}
