package authn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
)

// hasher is the Hasher for one account: its pepper binds a hash to the tenant,
// the account and the factor, so that a copy is worth nothing elsewhere (S25).
func (a *Actors) hasher(acc account) *password.Hasher {
	return a.opt.Hasher.For(password.Owner{Tenant: a.parts.Tenant, Account: strings.Join(acc.base, "/"), Factor: "pwd"})
}

// passwordCheck compares one password, and while it has it in hand does what else
// needs it.
type passwordCheck struct {
	*password.Slot
	hasher   *password.Hasher
	acc      account
	pw       string
	upgraded *password.Record      // hashed as new passwords are, if the stored one was not
	then     func(password.Record) // after a right password; nil for nothing
}

func (a *Actors) compare(ctx context.Context, acc account, pw string) (*passwordCheck, error) {
	h := a.hasher(acc)
	slot, err := h.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &passwordCheck{Slot: slot, hasher: h, acc: acc, pw: pw}, nil
}

// Verify implements attempt.Checker.
func (c *passwordCheck) Verify(v *table.View) bool {
	rec, _, err := table.Get[password.Record](v, c.acc.secret())
	if err != nil {
		rec = password.Record{}
	}
	// A record that cannot be read leaves the zero Hash, which matches nothing
	// and takes as long.
	hash, _ := c.hasher.Parse(rec.Hash)
	if !c.Slot.Verify(hash, c.pw) {
		return false
	}
	switch {
	case c.then != nil:
		c.then(rec)
	default:
		if next, err := c.Upgrade(rec, c.pw); err == nil && next.Hash != rec.Hash {
			c.upgraded = &next
		}
	}
	return true
}

// Dummy implements attempt.Checker. It costs what comparing with the stored hash
// would, which may be of a dearer kind than ours.
func (c *passwordCheck) Dummy(v *table.View) {
	rec, ok, err := table.Get[password.Record](v, c.acc.secret())
	if hash, bad := c.hasher.Parse(rec.Hash); err == nil && ok && bad == nil {
		c.DummyLike(hash, c.pw)
		return
	}
	c.Slot.Dummy(c.pw)
}

func reasonFor(r password.Result) Reason {
	if r.MustChange() {
		return ReasonChange
	}
	return ReasonRevoked
}

// about returns what is known of whoever wants a password, and therefore known to
// whoever guesses (PW-08): the login, as far as it was typed, the ids of the
// account, the person and their organisations, every text that the directory
// says of them, such as a name or a telephone number, and what the host adds.
func (a *Actors) about(actor symbolon.Actor, login, previous string) password.About {
	words := []string{login, string(actor.ID)}
	if a.opt.Words != nil {
		words = append(words, a.opt.Words(actor)...)
	}
	words = append(words, string(actor.Person))
	for _, org := range organisations(actor) {
		words = append(words, string(org))
	}
	for _, name := range slices.Sorted(maps.Keys(actor.Attributes)) {
		switch v := actor.Attributes[name].Any().(type) {
		case string:
			words = append(words, v)
		case []string:
			words = append(words, v...)
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	return password.About{Words: words, Previous: previous}
}

// change is one attempt at changing a password.
type change struct {
	*signIn
	next    password.Record
	broken  error // why the new one cannot be taken
	changed posted
}

// ChangePassword replaces an employee's password, on the strength of the present
// one (PW-11): also of one that is temporary or has expired, which opens nothing
// else. A wrong present password, an unknown login and a locked account are one
// [ErrRefused] and count as guesses. A new one that breaks rules wraps
// symbolon.ErrInvalid and lists all of them; nothing is changed then. Every
// session of before ends, and the owner is told.
//
// Where the organisation demands a second factor, the password alone changes only
// one that must be changed, since else nobody could ever use a temporary one. It
// signs nobody in: a thief who has it gains another password that opens nothing,
// and the owner is told. A password that is in good order is refused with
// [ReasonFactor] there: who could change it on its strength alone could shut its
// owner out. From a device that may be known, call [Actors.ChangePasswordFrom].
func (a *Actors) ChangePassword(ctx context.Context, login, present, next string) error {
	return a.changePassword(ctx, Device{}, login, present, next, false)
}

// ChangePasswordFrom is [Actors.ChangePassword] from a device that may be known,
// under the terms of [Actors.SignInFrom]: strangers who guess at a login do not
// keep its owner from replacing a password that has expired.
func (a *Actors) ChangePasswordFrom(ctx context.Context, d Device, login, present, next string) error {
	return a.changePassword(ctx, d, login, present, next, false)
}

func (a *Actors) changePassword(ctx context.Context, d Device, login, present, next string, dry bool) error {
	if n := len(login); n == 0 || n > maxLogin {
		return invalid("login", fmt.Sprintf("has %d bytes, must have 1 to %d", n, maxLogin))
	}
	if err := errors.Join(password.Usable(present), password.Usable(next)); err != nil {
		return passwordError(err)
	}
	acc, err := a.find(ctx, login)
	if err != nil {
		return failed(err)
	}
	lim, err := a.limits(ctx, acc)
	if err != nil {
		return failed(err)
	}
	c, err := a.newChange(acc, lim, a.about(acc.actor, login, present), next, dry)
	if err != nil {
		return failed(err)
	}
	c.Known = a.known(acc, d)
	answer, err := a.gate.Run(ctx, c.Try)
	if err == nil {
		c.start(ctx)
	}
	switch {
	case errors.Is(err, password.ErrBusy) || err == nil && answer.Verdict == lockout.Busy:
		return ErrBusy
	case err != nil:
		return failed(err)
	case answer.Verdict != lockout.Granted:
		return &Refusal{Reason: reasonOf(answer, acc.phantom), Until: answer.Until}
	case c.result == password.Revoked:
		return refuse(ReasonRevoked)
	case c.short:
		return refuse(ReasonFactor)
	case c.broken != nil:
		return passwordError(c.broken)
	}
	return nil
}

// newChange is a sign-in whose success leads to another password instead of a
// session; of a dry run, to neither.
func (a *Actors) newChange(acc account, lim limits, about password.About, next string, dry bool) (*change, error) {
	present := about.Previous
	s, err := a.newSignIn(acc, lim, present)
	if err != nil {
		return nil, err
	}
	c := &change{signIn: s}
	if c.changed, err = a.notice(Notice{Actor: acc.actor.ID, Event: "password.changed"}); err != nil {
		return nil, err
	}
	c.Acquire = func(ctx context.Context) (attempt.Checker, error) {
		check, err := a.compare(ctx, acc, present)
		if err != nil {
			return nil, err
		}
		check.then = func(was password.Record) {
			// Where it leads nowhere it must not take longer than a wrong one.
			if r := lim.rules.Status(was, true, a.parts.Now()).Result; r == password.Revoked || lim.secondFactor && !r.MustChange() {
				c.broken = password.ErrBusy // should it lead somewhere by the time it is settled
				return
			}
			wish := password.Change{New: next, About: about, Sources: a.opt.Sources}
			c.next, c.broken = lim.rules.Change(ctx, check.Slot, was, wish, a.parts.Now())
		}
		return check, nil
	}
	failing := c.Settle
	c.Settle = func(tx *table.Tx, answer lockout.Answer) error {
		if answer.Verdict != lockout.Granted {
			return failing(tx, answer)
		}
		was, _, err := table.Get[password.Record](tx.View, acc.secret())
		if err != nil {
			return err
		}
		c.short, c.told = false, nil                     // it may run again
		if err := c.recordLock(tx, answer); err != nil { // of guesses before this one
			return err
		}
		c.unusual(tx, answer, lim.lockout)
		r := audit.Record{ID: c.auditIDs[0], Event: "password.changed", Outcome: audit.Failed, Actor: acc.actor.ID, Org: acc.actor.Org,
			ActorMethods: []symbolon.Method{symbolon.MethodPassword}}
		switch c.result = lim.rules.Status(was, true, tx.Now()).Result; {
		case c.result == password.Revoked:
			r.Reason = c.result.String()
			return r.Add(tx)
		case lim.secondFactor && !c.result.MustChange():
			r.Reason, c.short = string(ReasonFactor), true
			return r.Add(tx)
		case c.broken != nil:
			r.Reason = "rules"
			return r.Add(tx)
		case dry:
			r.Outcome = audit.Allowed
			return r.Add(tx)
		}
		r.Outcome = audit.Succeeded
		if err := a.replace(tx, acc, c.next); err != nil {
			return err
		}
		c.tell(tx, c.changed)
		return r.Add(tx)
	}
	return c, nil
}

func passwordError(err error) error {
	switch {
	case errors.Is(err, password.ErrBusy):
		return ErrBusy
	case errors.Is(err, password.ErrUnchecked):
		return fmt.Errorf("authn: %w: %w", symbolon.ErrUnavailable, err)
	}
	return fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
}

// replace writes a password and ends everything that came from the former one.
func (a *Actors) replace(tx *table.Tx, acc account, rec password.Record) error {
	name := acc.name("stamp")
	party, _, err := table.Get[stamp.Party](tx.View, name)
	if err != nil {
		return err
	}
	if err := table.Put(tx, name, party.Next(tx.Now()), time.Time{}); err != nil {
		return err
	}
	rec.Set = rec.Set.Truncate(time.Second)
	return table.Put(tx, acc.secret(), rec, time.Time{})
}

// PasswordStatus returns how it stands with the password of whoever is signed in:
// accepted, or expiring within some days.
func (a *Actors) PasswordStatus(ctx context.Context, p symbolon.Principal) (password.Status, error) {
	f, err := a.live(ctx, p)
	if err != nil {
		return password.Status{}, err
	}
	acc := of(f.Actor)
	lim, err := a.limits(ctx, acc)
	if err != nil {
		return password.Status{}, failed(err)
	}
	v, err := a.space.Read(ctx, acc.shard, acc.secret())
	if err != nil {
		return password.Status{}, failed(err)
	}
	rec, ok, err := table.Get[password.Record](v, acc.secret())
	if err != nil {
		return password.Status{}, failed(err)
	}
	return lim.rules.Status(rec, ok, v.Now()), nil
}

// ResetPassword sends an employee a temporary password, on the word of another
// employee, who neither chooses nor learns it (AN-37, B9). It needs a Notifier.
// What it replaces is void at once, and so is every session. It is a decision:
// call it inside of the Begin and End of a Grant.
func (a *Actors) ResetPassword(ctx context.Context, by symbolon.Principal, id symbolon.ActorID, reason string) error {
	h, err := a.onWordOf(ctx, by, id, reason)
	if err != nil {
		return err
	}
	return h.ResetPassword(ctx, id)
}
