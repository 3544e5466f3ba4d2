package policy

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/password"
)

// Effective is what holds for whoever belongs to one or more organisations: every field has a value. The zero Effective
// is of no organisation and lets nobody in.
type Effective struct {
	orgs   []symbolon.OrgID
	above  [][]symbolon.OrgID
	values [len(fields)]Entry
}

// Entry is one field of an [Effective].
type Entry struct {
	Field Field
	Value Value
	From  []symbolon.OrgID // who set it, several only where sets met; nil: nobody, it is the standard
}

// Effective returns what holds at an organisation; with several, for a person who belongs to all of them, the strictest
// of each field (C11). An organisation that is not in the forest is a refusal, and so is a person for whom the strictest
// leaves no method: nothing is let in by a gap. The error is a [*Refusal].
func (f *Forest) Effective(orgs ...symbolon.OrgID) (Effective, error) {
	orgs = slices.Clone(orgs)
	slices.Sort(orgs)
	orgs = slices.Compact(orgs)
	if len(orgs) == 0 {
		return Effective{}, refuse(ReasonUnknown, "no organisation was named")
	}
	e := Effective{orgs: orgs}
	var joined row
	for n, org := range orgs {
		p := f.nodes[org]
		if p == nil {
			return Effective{}, refuse(ReasonUnknown, fmt.Sprintf("%q is not in the tree", org))
		}
		e.above = append(e.above, f.path(org))
		for i := range fields {
			if n == 0 {
				joined[i] = p.row[i]
				e.values[i] = Entry{fields[i].field, p.row[i].value, sources(p.row[i])}
				continue
			}
			e.values[i] = e.values[i].join(fields[i].order, p.row[i])
			joined[i].value = e.values[i].Value
		}
	}
	// What each organisation has cut down stays below the cut of the others: both are the shorter ones.
	if b := joined.unusable(); b != nil {
		return Effective{}, refuse(ReasonUnusable, fmt.Sprintf("the join of %q: %s %s", orgs, b[0].Field, b[0].Reason))
	}
	return e, nil
}

func sources(h held) []symbolon.OrgID {
	if h.from == "" {
		return nil
	}
	return []symbolon.OrgID{h.from}
}

func (e Entry) join(o order, h held) Entry {
	v := o.join(e.Value, h.value)
	switch {
	case v == e.Value && (v != h.value || e.From != nil):
		return e
	case v == h.value:
		return Entry{e.Field, v, sources(h)}
	}
	from := slices.Concat(e.From, sources(h))
	slices.Sort(from)
	return Entry{e.Field, v, slices.Compact(from)}
}

// Orgs returns the organisations whose settings were joined.
func (e Effective) Orgs() []symbolon.OrgID { return slices.Clone(e.orgs) }

// All returns every field in the order of the constants.
func (e Effective) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, v := range e.values {
			v.From = slices.Clone(v.From)
			if !yield(v) {
				return
			}
		}
	}
}

// Get returns one field, and the zero Entry for one that does not exist.
func (e Effective) Get(f Field) Entry {
	if i := place(f); i >= 0 {
		v := e.values[i]
		v.From = slices.Clone(v.From)
		return v
	}
	return Entry{}
}

func (e Effective) value(f Field) Value { return e.values[place(f)].Value }

// count returns a number, and 0 for no limit.
func (e Effective) count(f Field) int {
	if v := e.value(f); v.kind == number {
		return int(v.n)
	}
	return 0
}

// span returns a duration, and 0 for no limit.
func (e Effective) span(f Field) time.Duration {
	if v := e.value(f); v.kind == span {
		return time.Duration(v.n) * time.Second
	}
	return 0
}

func (e Effective) yes(f Field) bool { return e.value(f) == Flag(true) }

// lease is how long a check of a secret may take. It is no organisation's business.
const lease = 10 * time.Second

// Lockout returns the limits of guessing, for lockout.Policy.Next. That of the zero Effective refuses everything.
func (e Effective) Lockout() lockout.Policy {
	return lockout.Policy{
		Max:      e.count(LockoutFailures),
		Window:   e.span(LockoutWindow),
		Lock:     e.span(LockoutDuration),
		MaxLocks: e.count(LockoutRepeats),
		Lease:    lease,
	}
}

// Password returns the rules for new passwords that package password checks by itself.
func (e Effective) Password() password.Policy {
	return password.Policy{MinLength: e.count(PasswordMinLength), MaxLength: e.count(PasswordMaxLength)}
}

// Age is how long a password lasts.
type Age struct {
	Min    time.Duration // before the owner may change it again
	Expiry time.Duration // after which it must be changed; 0: never
	Notice time.Duration // before the expiry from which its owner is told
}

// PasswordAge returns how long a password lasts.
func (e Effective) PasswordAge() Age {
	return Age{e.span(PasswordMinAge), e.span(PasswordExpiry), e.span(PasswordNotice)}
}

// Session is what bounds a sign-in.
type Session struct {
	Concurrent int           // at a time; 0: any number
	Idle       time.Duration // at most Absolute
	Absolute   time.Duration
}

// Session returns what bounds a sign-in. In that of the zero Effective every session is over at once.
func (e Effective) Session() Session {
	return Session{e.count(SessionConcurrent), e.span(SessionIdle), e.span(SessionAbsolute)}
}

// SecondFactor reports whether a sign-in needs one.
func (e Effective) SecondFactor() bool { return e.yes(SecondFactorRequired) }

// AllowsMethod reports whether a method may be the second factor.
func (e Effective) AllowsMethod(m symbolon.Method) bool {
	return e.allows(SecondFactorMethods, string(m))
}

// AllowsClass reports whether a customer's verification may reach the class.
func (e Effective) AllowsClass(name string) bool { return e.allows(VerificationClasses, name) }

func (e Effective) allows(f Field, name string) bool {
	v := e.value(f)
	return v.kind == endless || v.kind == set && slices.Contains(v.list(), name)
}

// Verification bounds the proofs of customers.
type Verification struct {
	Freshness time.Duration // how old a proof may be
	Attempts  int           // guesses at one code
}

// Verification returns what bounds the proofs of customers; see [Effective.AllowsClass] as well.
func (e Effective) Verification() Verification {
	return Verification{e.span(VerificationFreshness), e.count(VerificationAttempts)}
}

// TokenLife returns how long a token may live that carries a customer, or none.
func (e Effective) TokenLife(customer bool) time.Duration {
	if customer {
		return e.span(TokenComposite)
	}
	return e.span(TokenAccess)
}
