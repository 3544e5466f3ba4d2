package policy

import (
	"crypto/sha256"
	"encoding/base64"
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

// Place names where the organisations stand, with all that is above them. It
// changes when one is moved or a level is put in between, which ends the sessions
// of those who belong to it (S7).
func (e Effective) Place() string {
	h := sha256.New()
	for i, org := range e.orgs {
		for _, id := range append(slices.Clone(e.above[i]), org, "") {
			_, _ = fmt.Fprintf(h, "%d:%s", len(id), id)
		}
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

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

// of returns the value of a field that must be of this kind; to ask for another is a fault of the program.
func (e Effective) of(f Field, k kind) Value {
	i := place(f)
	if i < 0 || fields[i].kind != k {
		panic(fmt.Sprintf("policy: %q is not a setting of this kind", f))
	}
	return e.values[i].Value
}

// Count returns a number, and 0 where there is no limit. It panics for a field that is none.
func (e Effective) Count(f Field) int {
	if v := e.of(f, number); v.kind == number {
		return int(v.n)
	}
	return 0
}

// Span returns a duration, and 0 where it reads "never" or "until unlocked". It panics for a field that is none.
func (e Effective) Span(f Field) time.Duration {
	if v := e.of(f, span); v.kind == span {
		return time.Duration(v.n) * time.Second
	}
	return 0
}

// Flag returns yes or no. It panics for a field that is neither.
func (e Effective) Flag(f Field) bool { return e.of(f, yesNo) == Flag(true) }

// Names returns a set of names; any reports that there is no limit. It panics for a field that is no set.
func (e Effective) Names(f Field) (names []string, any bool) {
	v := e.of(f, set)
	return v.list(), v.kind == endless
}

// Allows reports whether a set of what is allowed has the name in it. It panics for a field that is none.
func (e Effective) Allows(f Field, name string) bool {
	names, any := e.Names(f)
	return any || slices.Contains(names, name)
}

// lease is how long a check of a secret may take. It is no organisation's business.
const lease = 10 * time.Second

// Lockout returns the limits of guessing. With those of the zero Effective every attempt is refused.
func (e Effective) Lockout() lockout.Policy {
	p := lockout.Policy{
		Max:        e.Count(LockoutFailures),
		Window:     e.Span(LockoutWindow),
		Lock:       e.Span(LockoutDuration),
		MaxLocks:   e.Count(LockoutRepeats),
		MaxUnlocks: e.Count(LockoutUnlocks),
		Dormant:    e.Span(LockoutDormant),
		Lease:      lease,
	}
	if d := e.Span(LockoutDelay); d > 0 && p.Max > 1 { // a lock comes before any wait where the first failure locks
		p.DelayFrom, p.MaxDelay = min(delayFrom, p.Max-1), min(time.Hour, p.Window)
		p.Delay = min(d, p.MaxDelay)
	}
	return p
}

// delayFrom is the failure from which on one waits (LK-05).
const delayFrom = 3

// Codes returns the limits of guessing at a code that a customer reads out.
func (e Effective) Codes() lockout.Policy {
	p := e.Lockout()
	p.Max, p.Budget = e.Count(VerificationAttempts), e.Count(VerificationBudget)
	p.Dormant = 0 // nobody expects of a customer to call
	if p.DelayFrom >= p.Max {
		p.DelayFrom, p.Delay, p.MaxDelay = 0, 0, 0
	}
	return p
}

// Password returns the rules for new passwords, and how long they last.
func (e Effective) Password() password.Policy {
	names, _ := e.Names(PasswordClasses)
	classes, err := password.ParseClasses(names...)
	if err != nil { // their names are the words of the field
		panic("policy: " + err.Error())
	}
	p := password.Policy{
		MinLength:     e.Count(PasswordMinLength),
		MaxLength:     e.Count(PasswordMaxLength),
		Classes:       classes,
		Sequences:     e.Flag(PasswordSequences),
		Repeats:       e.Flag(PasswordRepeats),
		AllowCommon:   !e.Flag(PasswordCommon),
		History:       e.Count(PasswordHistory),
		MinChanged:    e.Count(PasswordChanged),
		MinAge:        e.Span(PasswordMinAge),
		Expiry:        e.Span(PasswordExpiry),
		TemporaryLife: e.Span(PasswordTemporary),
	}
	if p.Expiry > 0 { // what never expires gives no notice
		p.Notice = e.Span(PasswordNotice)
	}
	return p
}
