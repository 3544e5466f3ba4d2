package authn

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/attempt"
	"github.com/symbolon-auth/symbolon/internal/outbox"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/policy"
)

// Actors signs in those who act, and keeps their passwords, keys and sessions.
// It is safe for concurrent use.
type Actors struct {
	*core
	logins  func(...string) []byte // picks the phantom of a login
	keys    func(...string) []byte // tags keys
	devices func(...string) []byte // and devices
	box     *outbox.Box            // of notices; nil where nobody delivers them
	opt     ActorsOptions
	homes   atomic.Pointer[homes] // of unknown logins
}

// core is what the engines of this package work with.
type core struct {
	realm *symbolon.Realm
	parts symbolon.RealmParts
	space *table.Space
	gate  *attempt.Gate
}

// ActorsOptions are limits of employees' sign-ins. Nil means the defaults.
type ActorsOptions struct {
	Idle     time.Duration    // a session ends when nothing was heard for so long; 15 minutes by default
	Absolute time.Duration    // and when it is this old; 12 hours by default
	Sessions int              // that an employee may have at a time; the oldest ends for a new one; 64 by default and at most
	Lockout  lockout.Policy   // five failures in 15 minutes lock for 30 by default
	Rules    password.Policy  // for new passwords
	Policy   *policy.Tree     // what each organisation demands, in the place of the five above; none by default
	Hasher   *password.Hasher // Argon2id by default; share one between engines to share its bound on memory

	Words    func(symbolon.Actor) []string // that no password of theirs may be made of, besides their login, ids and attributes: brands, nicknames
	Sources  []password.Source             // of passwords that thieves know
	Notifier Notifier                      // tells employees and customers what happened to what they sign in with; none by default
	Alert    func(audit.Record)            // told what somebody should look into, once it is recorded: "unlock.reciprocal", "employee.failing", and what SubjectsOptions.Guarded says. Nil tells nobody
	Failed   func(error)                   // told when a notice could not be delivered; it will be tried again. Nil tells nobody
}

const (
	defaultIdle     = 15 * time.Minute
	defaultAbsolute = 12 * time.Hour
	maxAbsolute     = 30 * 24 * time.Hour // NIST SP 800-63B-4 2.1.3
	maxSessions     = 64                  // they lie in one record
	maxLogin        = 255                 // bytes
	phantomBytes    = 2                   // 65,536 lock records that unknown logins share
)

// NewActors returns the realm's Actors. The error names every option that is
// out of bounds.
func NewActors(r *symbolon.Realm, opts *ActorsOptions) (*Actors, error) {
	var o ActorsOptions
	if opts != nil {
		o = *opts
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	o.Idle = cmp.Or(o.Idle, defaultIdle)
	o.Absolute = cmp.Or(o.Absolute, defaultAbsolute)
	need(r != nil, "a Realm")
	need(o.Absolute > 0 && o.Absolute <= maxAbsolute, "Absolute of at most 30 days")
	need(o.Idle > 0 && o.Idle <= o.Absolute, "Idle of at most Absolute")
	o.Sessions = cmp.Or(o.Sessions, maxSessions)
	need(o.Sessions > 0 && o.Sessions <= maxSessions, "Sessions of 1 to 64")
	for _, err := range []error{o.Lockout.Validate(), o.Rules.Validate()} {
		if err != nil {
			need(false, err.Error())
		}
	}
	if o.Hasher == nil {
		h, err := password.NewHasher(nil)
		if err != nil {
			return nil, fmt.Errorf("authn: %w", err)
		}
		o.Hasher = h
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("authn: %w: NewActors needs %s", symbolon.ErrInvalid, strings.Join(wrong, "; "))
	}
	p := r.Parts(seal.Ours())
	space := table.New(p.Store, p.Tenant, p.Now, p.Rand)
	a := &Actors{
		core: &core{r, p, space, attempt.New(space, p.Rand)}, opt: o,
		logins: mac(p.Derive("login")), keys: mac(p.Derive("actor key")), devices: mac(p.Derive("device")),
	}
	if o.Notifier != nil {
		box, err := outbox.New(space, "notice", p.Derive("notice"), p.Rand, notify(o.Notifier), o.Failed)
		if err != nil {
			return nil, fmt.Errorf("authn: %w", err)
		}
		a.box = box
	}
	return a, nil
}

// String names the realm.
func (a *Actors) String() string { return "authn.Actors of " + a.realm.String() }

// account is where an actor's password and its lock lie; an unknown login has
// one too, shared with others, in which there is never a password.
type account struct {
	actor   symbolon.Actor
	shard   table.Shard
	base    []string
	phantom bool
	draw    int // of a phantom: which one
}

func (a account) name(parts ...string) string { return table.Name(append(a.base, parts...)...) }
func (a account) lock() string                { return a.name("lock", "pwd") }
func (a account) secret() string              { return a.name("password") }

func of(actor symbolon.Actor) account {
	id := string(actor.ID)
	return account{actor: actor, shard: table.ShardOf("actor", id), base: []string{"actor", id}}
}

// phantomOf picks the record that unknown logins share by a keyed hash, so that
// nobody can tell from outside which logins share one.
func (a *Actors) phantomOf(login string) account {
	drawn := a.logins(login)[:phantomBytes]
	n := hex.EncodeToString(drawn)
	return account{shard: table.ShardOf("phantom", n), base: []string{"phantom", n}, phantom: true, draw: int(binary.BigEndian.Uint16(drawn))}
}

// SignIn checks an employee's login and password and opens a session. A wrong
// password, an unknown login and a locked account are one [ErrRefused] and cost
// the same. An empty or overlong login or password is symbolon.ErrInvalid and
// counts as no attempt. While the directory or the store does not answer, the
// error wraps symbolon.ErrUnavailable and nobody comes in.
func (a *Actors) SignIn(ctx context.Context, login, pw string) (symbolon.Principal, error) {
	return a.signIn(ctx, Device{}, login, pw)
}

func (a *Actors) signIn(ctx context.Context, d Device, login, pw string) (symbolon.Principal, error) {
	if n := len(login); n == 0 || n > maxLogin {
		return symbolon.Principal{}, invalid("login", fmt.Sprintf("has %d bytes, must have 1 to %d", n, maxLogin))
	}
	if err := password.Usable(pw); err != nil {
		return symbolon.Principal{}, fmt.Errorf("authn: %w: %w", symbolon.ErrInvalid, err)
	}
	acc, err := a.find(ctx, login)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	lim, err := a.limits(ctx, acc)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	try, err := a.newSignIn(acc, lim, pw)
	if err != nil {
		return symbolon.Principal{}, failed(err)
	}
	try.Known = a.known(acc, d)
	answer, err := a.gate.Run(ctx, try.Try)
	if err == nil {
		try.start(ctx)
	}
	switch {
	case errors.Is(err, password.ErrBusy): // the same for everybody, so it tells nothing
		return symbolon.Principal{}, ErrBusy
	case err != nil:
		return symbolon.Principal{}, failed(err)
	case answer.Verdict == lockout.Busy:
		return symbolon.Principal{}, ErrBusy
	case answer.Verdict != lockout.Granted:
		return symbolon.Principal{}, &Refusal{Reason: reasonOf(answer, acc.phantom), Until: answer.Until}
	case !try.result.In():
		return symbolon.Principal{}, refuse(reasonFor(try.result))
	case try.short:
		return symbolon.Principal{}, refuse(ReasonFactor)
	}
	return symbolon.Seal(seal.Ours(), a.realm, try.facts)
}

// find returns the account behind a login. Who does not sign in with a password
// is treated like somebody who does not exist.
func (a *Actors) find(ctx context.Context, login string) (account, error) {
	actor, err := a.parts.FindActor(ctx, login)
	switch {
	case err == nil && actor.Kind.Human():
		return of(actor), nil
	case err == nil || errors.Is(err, symbolon.ErrNotFound):
		return a.phantomOf(login), nil
	}
	return account{}, err
}

func reasonOf(answer lockout.Answer, phantom bool) Reason {
	switch {
	case phantom:
		return ReasonUnknown
	case answer.Verdict == lockout.Locked:
		return ReasonLocked
	}
	return ReasonWrong
}

// signIn is one attempt with a password, and what it leads to.
type signIn struct {
	attempt.Try
	acc      account
	session  string
	result   password.Result
	auditIDs [2]string
	counter  string
	facts    symbolon.Facts
	short    bool // the password was right, and is not enough

	locked, guessed, absent posted   // what the owner may have to be told,
	told                    []posted // and what they are
}

func (a *Actors) newSignIn(acc account, lim limits, pw string) (*signIn, error) {
	s := &signIn{acc: acc}
	for _, id := range []*string{&s.session, &s.auditIDs[0], &s.auditIDs[1]} {
		var err error
		if *id, err = table.NewID(a.parts.Rand, ""); err != nil {
			return nil, err
		}
	}
	for _, n := range []struct {
		item  *posted
		event string
	}{{&s.locked, "account.locked"}, {&s.guessed, "signin.guessed"}, {&s.absent, "signin.absent"}} {
		var err error
		if *n.item, err = a.notice(Notice{Actor: acc.actor.ID, Event: n.event}); err != nil {
			return nil, err
		}
	}
	var check *passwordCheck
	stampName := acc.name("stamp")
	counterID := "unknown-login-" + acc.shard.String()
	s.counter = audit.CounterName(a.parts.Now(), counterID)
	s.Try = attempt.Try{
		Shard: acc.shard, Lock: acc.lock(), Secret: acc.secret(),
		// A password that is merely hashed anew at a parallel sign-in is the same one;
		// one that is replaced moves the stamp.
		Still: stampName, With: []string{stampName, acc.name("sessions"), s.counter},
		Policy: lim.lockout, Unbound: true,
		Acquire: func(ctx context.Context) (attempt.Checker, error) {
			var err error
			check, err = a.compare(ctx, acc, pw)
			return check, err
		},
		Settle: func(tx *table.Tx, answer lockout.Answer) error {
			s.result, s.short, s.told = password.Wrong, false, nil // it may run again
			if acc.phantom {                                       // one record, rewritten: guessing at names must not fill the log (S23)
				return audit.Record{ID: counterID, Event: "signin", Outcome: audit.Failed, Reason: string(ReasonUnknown)}.Increment(tx, s.counter)
			}
			rec := audit.Record{ID: s.auditIDs[0], Event: "signin", Outcome: audit.Failed, Actor: acc.actor.ID, Org: acc.actor.Org}
			if s.Known != nil && s.Known(tx.View) {
				rec.Detail = map[string]string{"device": "known"}
			}
			if err := s.recordLock(tx, answer); err != nil {
				return err
			}
			if answer.Verdict != lockout.Granted {
				rec.Reason = string(reasonOf(answer, false))
				return rec.Add(tx)
			}
			rec.ActorMethods = []symbolon.Method{symbolon.MethodPassword}
			s.unusual(tx, answer, lim.lockout)
			stored, _, err := table.Get[password.Record](tx.View, acc.secret())
			if err != nil {
				return err
			}
			if s.result = lim.rules.Status(stored, true, tx.Now()).Result; !s.result.In() {
				rec.Reason = s.result.String()
				return rec.Add(tx)
			}
			if check.upgraded != nil { // hashed anew while we had it in hand (PW-14)
				if err := table.Put(tx, acc.secret(), *check.upgraded, time.Time{}); err != nil {
					return err
				}
			}
			if lim.secondFactor { // a password alone opens nothing there
				rec.Reason, s.short = string(ReasonFactor), true
				return rec.Add(tx)
			}
			rec.Outcome = audit.Succeeded
			if err := rec.Add(tx); err != nil {
				return err
			}
			party, ok, err := table.Get[stamp.Party](tx.View, stampName)
			if err != nil {
				return err
			}
			if !ok { // a password without a stamp: restored in part, or tampered with
				return refuse(ReasonOver)
			}
			s.facts, err = a.openSession(tx, acc.actor, party.Epoch, s.session, lim)
			return err
		},
	}
	return s, nil
}

// recordLock records that the account was locked, if that is so, and tells its
// owner.
func (s *signIn) recordLock(tx *table.Tx, answer lockout.Answer) error {
	if !answer.Tripped {
		return nil
	}
	err := audit.Record{ID: s.auditIDs[1], Event: "account.locked", Outcome: audit.Succeeded, Actor: s.acc.actor.ID, Org: s.acc.actor.Org,
		Reason: answer.Phase.String(), Detail: map[string]string{"until": formatTime(answer.Until)}}.Add(tx)
	s.tell(tx, s.locked)
	return err
}

const (
	unusualFailures = 5 // or as few as lock
	unusualAbsence  = 30 * 24 * time.Hour
)

// unusual tells the owner of a sign-in that somebody else may have made (LK-15).
func (s *signIn) unusual(tx *table.Tx, answer lockout.Answer, p lockout.Policy) {
	if answer.Failures >= min(unusualFailures, cmp.Or(p.Max, lockout.Default().Max)) {
		s.tell(tx, s.guessed)
	}
	if answer.Unused >= unusualAbsence {
		s.tell(tx, s.absent)
	}
}

func (s *signIn) tell(tx *table.Tx, item posted) {
	item.add(tx)
	s.told = append(s.told, item)
}

// start sends what the settling commit has in it.
func (s *signIn) start(ctx context.Context) {
	for _, item := range s.told {
		item.start(ctx, s.acc.shard)
	}
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
