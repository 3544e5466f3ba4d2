package authn

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/outbox"
	"github.com/symbolon-auth/symbolon/lockout"
)

// Subjects proves who customers are, within the interactions in which they are
// served. It is safe for concurrent use.
type Subjects struct {
	*core
	actors *Actors // who serves them
	box    *outbox.Box
	codes  func(...string) []byte // hashes codes
	opt    SubjectsOptions
}

// SubjectsOptions are limits of customers' proofs. Nil means the defaults.
type SubjectsOptions struct {
	Lease    time.Duration     // an interaction ends when telephony is silent for so long; 30 seconds by default and at most (S3)
	Longest  time.Duration     // and when it is this old; 4 hours by default
	Proof    time.Duration     // how long a proof counts within it; 1 hour by default
	CodeLife time.Duration     // how long a code can be used; 5 minutes by default, 10 at most (AN-20)
	MaxCodes int               // codes that an interaction may send; 5 by default (LK-14)
	Methods  []symbolon.Method // ways in which codes are sent; SMS and spoken calls by default
	Lockout  lockout.Policy    // per customer and method, over all employees (LK-11); lockout.Codes by default
	Guarded  []string          // operations, such as "sim.change": when a proof for one fails, the customer is told by the Notifier, and ActorsOptions.Alert, which may hold the method (LK-13)
	Suspect  int               // customers in a day at whom one employee's proofs fail before ActorsOptions.Alert is told; 10 by default, 64 at most (LK-12)
	Failed   func(error)       // told when a message could not be delivered; it will be tried again. Nil tells nobody
}

const (
	maxLease    = 30 * time.Second
	maxLongest  = 24 * time.Hour
	maxCodeLife = 10 * time.Minute
)

// NewSubjects returns the Subjects of the realm of a, whose codes go out through
// send. The error names everything that is missing or out of bounds.
func NewSubjects(a *Actors, send Sender, opts *SubjectsOptions) (*Subjects, error) {
	var o SubjectsOptions
	if opts != nil {
		o = *opts
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	o.Lease = cmp.Or(o.Lease, maxLease)
	o.Longest = cmp.Or(o.Longest, 4*time.Hour)
	o.Proof = cmp.Or(o.Proof, time.Hour)
	o.CodeLife = cmp.Or(o.CodeLife, 5*time.Minute)
	o.MaxCodes = cmp.Or(o.MaxCodes, 5)
	o.Lockout = cmp.Or(o.Lockout, lockout.Codes())
	if o.Methods == nil {
		o.Methods = []symbolon.Method{symbolon.MethodSMS, symbolon.MethodCall}
	}
	o.Methods = slices.Clone(o.Methods)
	o.Suspect, o.Guarded = cmp.Or(o.Suspect, 10), slices.Clone(o.Guarded)
	need(a != nil, "Actors")
	f, isFunc := send.(SenderFunc)
	need(send != nil && (!isFunc || f != nil), "a Sender")
	need(o.Lease > 0 && o.Lease <= maxLease, "Lease of at most 30 seconds")
	need(o.Longest >= o.Lease && o.Longest <= maxLongest, "Longest of at least Lease and at most 24 hours")
	need(o.Proof > 0 && o.Proof <= o.Longest, "Proof of at most Longest")
	need(o.CodeLife > 0 && o.CodeLife <= maxCodeLife, "CodeLife of at most 10 minutes")
	need(o.MaxCodes > 0 && o.MaxCodes <= 20, "MaxCodes of 1 to 20")
	need(o.Suspect > 0 && o.Suspect <= maxSuspects, "Suspect of 1 to 64")
	for i, m := range o.Methods {
		need(!slices.Contains(o.Methods[:i], m), fmt.Sprintf("Methods with %q only once", string(m)))
		need(m == symbolon.MethodSMS || m == symbolon.MethodCall, fmt.Sprintf("Methods that carry a code to a telephone, which %q does not (AN-24)", string(m)))
	}
	if err := o.Lockout.Validate(); err != nil {
		need(false, err.Error())
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("authn: %w: NewSubjects needs %s", symbolon.ErrInvalid, strings.Join(wrong, "; "))
	}
	box, err := outbox.New(a.space, "due", a.parts.Derive("outbox"), a.parts.Rand, deliver(send), o.Failed)
	if err != nil {
		return nil, fmt.Errorf("authn: %w", err)
	}
	return &Subjects{core: a.core, actors: a, box: box, codes: mac(a.parts.Derive("code")), opt: o}, nil
}

// Run sends the codes whose first delivery failed, until ctx ends, and returns
// why it ended. The host starts it once in each process, on a goroutine.
func (s *Subjects) Run(ctx context.Context) error { return s.box.Run(ctx) }

// Usable returns by which methods each party of p could prove something now: the
// employee by signing in again, the customer of an interaction by what is
// configured. It does not look at who the customer is (S13), and may be handed
// to authz as Options.Methods.
func (s *Subjects) Usable(ctx context.Context, p symbolon.Principal) (actor, subject []symbolon.Method, err error) {
	if p.Actor().Kind.Human() {
		actor = []symbolon.Method{symbolon.MethodPassword}
	}
	if of, serves := p.Claimed(); serves {
		c, err := s.custody(ctx, p.Actor(), of)
		if err != nil {
			return nil, nil, failed(err)
		}
		subject = slices.Clone(c.methods)
	}
	return actor, subject, nil
}
