package symbolon

import (
	"slices"
	"time"
)

// Method is how something was proved: a value of the registry of RFC 8176, or
// one of ours with the prefix "sym:" (AN-01).
type Method string

// The methods that this module itself checks.
const (
	MethodPassword Method = "pwd"     // a password, compared with its stored hash
	MethodSMS      Method = "sms"     // a code sent as a text message
	MethodCall     Method = "tel"     // a code spoken in a call
	MethodKey      Method = "sym:key" // a service's key
)

// Proof is one method that succeeded.
type Proof struct {
	Method      Method
	At          time.Time     // UTC, whole seconds
	Interaction InteractionID // in which it was given; empty for an actor
	For         string        // the one operation for which it counts; empty: for all (S15)
}

// Verification is what one party has proved, each method with its own time. The
// zero Verification never happened. It belongs to one party; nothing moves from
// the one to the other.
type Verification struct{ Proofs []Proof }

// IsZero reports whether nothing was proved.
func (v Verification) IsZero() bool { return len(v.Proofs) == 0 }

// Methods returns the distinct methods in alphabetical order (the amr claim).
func (v Verification) Methods() []Method {
	m := make([]Method, 0, len(v.Proofs))
	for _, p := range v.Proofs {
		m = append(m, p.Method)
	}
	slices.Sort(m)
	return slices.Compact(m)
}

// Since returns the time of the oldest proof (the auth_time claim), and zero if
// there is none: a verification is as old as its oldest part.
func (v Verification) Since() time.Time {
	var t time.Time
	for _, p := range v.Proofs {
		if t.IsZero() || p.At.Before(t) {
			t = p.At
		}
	}
	return t
}

// For returns what of v counts for an operation: a code that was sent for a
// change of address proves nothing for a change of SIM (S15).
func (v Verification) For(operation string) Verification {
	var out Verification
	for _, p := range v.Proofs {
		if p.For == "" || p.For == operation {
			out.Proofs = append(out.Proofs, p)
		}
	}
	return out
}

// With returns v and p. Of two proofs by the same method for the same operation
// the newer one stays.
func (v Verification) With(p Proof) Verification {
	p.At = p.At.UTC().Truncate(time.Second)
	out := v.Clone()
	for i, q := range out.Proofs {
		if q.Method == p.Method && q.For == p.For {
			if !p.At.Before(q.At) {
				out.Proofs[i] = p
			}
			return out
		}
	}
	out.Proofs = append(out.Proofs, p)
	return out
}

// Clone returns a copy that shares nothing with v.
func (v Verification) Clone() Verification { return Verification{Proofs: slices.Clone(v.Proofs)} }

// Class is an authentication context class (the acr claim): a name, and the
// sets of methods that reach it. Classes have no order (AN-09): none is higher
// than another, a rule names those that it accepts.
type Class struct {
	Name string
	Sets [][]Method // any one set is enough; all of its methods are needed
}

// Reached reports whether the methods contain one of the class's sets. An empty
// set reaches nothing.
func (c Class) Reached(methods []Method) bool {
	return slices.ContainsFunc(c.Sets, func(set []Method) bool {
		return len(set) > 0 && !slices.ContainsFunc(set, func(m Method) bool { return !slices.Contains(methods, m) })
	})
}

// Interaction is the call, chat or visit in which a customer is served. What
// was proved in it ends with it. The zero Interaction is none, and without one
// there is no customer.
type Interaction struct {
	ID      InteractionID
	Channel string    // as the host's telephony names it: phone, chat, ...
	Opened  time.Time // UTC, whole seconds
}
