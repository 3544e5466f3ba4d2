package symbolon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon/internal/seal"
)

// Principal is who stands behind one request: an actor and what they proved,
// and, where there is one, the customer and what they proved. Only authn, token
// and, in tests, authntest make one. The zero Principal is nobody. It is a
// snapshot: whoever acts on it asks the store whether it is still live. It is
// immutable, safe for concurrent use, and has no way back from bytes.
type Principal struct {
	realm *Realm
	facts *Facts
}

// IsZero reports whether p is nobody.
func (p Principal) IsZero() bool { return p.facts == nil }

// Actor returns who acts; the zero Actor for nobody.
func (p Principal) Actor() Actor { return p.get().Actor.Clone() }

// ActorVerification returns what the actor proved.
func (p Principal) ActorVerification() Verification { return p.get().ActorProof.Clone() }

// Claimed returns the customer whom the contact is said to be about, proved or
// not. It opens nothing by itself.
func (p Principal) Claimed() (Subject, bool) {
	if c := p.get().Claimed; c != nil {
		return c.Clone(), true
	}
	return Subject{}, false
}

// Subject returns the customer, and only if they proved who they are.
func (p Principal) Subject() (Subject, bool) {
	if !p.get().Proved {
		return Subject{}, false
	}
	return p.Claimed()
}

// SubjectVerification returns what the customer proved. The actor's proofs
// never appear in it.
func (p Principal) SubjectVerification() Verification { return p.get().SubjectProof.Clone() }

// Interaction returns the interaction in which the customer is served.
func (p Principal) Interaction() (Interaction, bool) {
	i := p.get().Interaction
	return i, i.ID != ""
}

// NotAfter returns the instant after which p counts for nothing, however live
// its sessions are.
func (p Principal) NotAfter() time.Time { return p.get().Limits.NotAfter }

// String returns "mia for cust-42", "mia with cust-42, not proved", "mia" or
// "nobody".
func (p Principal) String() string {
	f := p.get()
	switch {
	case f.Actor.ID == "":
		return "nobody"
	case f.Claimed == nil:
		return string(f.Actor.ID)
	case !f.Proved:
		return fmt.Sprintf("%s with %s, not proved", f.Actor.ID, f.Claimed.ID)
	}
	return fmt.Sprintf("%s for %s", f.Actor.ID, f.Claimed.ID)
}

// MarshalJSON refuses: a Principal travels as a token or not at all.
func (Principal) MarshalJSON() ([]byte, error) {
	return nil, errors.New("symbolon: a Principal does not marshal; issue a token")
}

func (p Principal) get() *Facts {
	if p.facts == nil {
		return &Facts{}
	}
	return p.facts
}

// Facts is what a Principal is sealed from. It is for the packages of this module
// alone and not covered by any promise of compatibility.
type Facts struct {
	Actor        Actor
	ActorProof   Verification
	Claimed      *Subject // the customer of the contact; nil: none
	Proved       bool     // whether they proved it
	SubjectProof Verification
	Interaction  Interaction
	Limits       Limits
	Stamps       seal.Stamps
}

// Limits bound what is made of a Principal, under the terms of [Facts].
type Limits struct {
	NotAfter time.Time     // the end of the weakest thing it rests on; zero is already over
	Token    time.Duration // longest life of a token; zero: the issuer's default
}

// Seal makes a Principal of this realm, under the terms of [Facts]. Only the
// packages of this module have a key. Facts that contradict each other make nobody and an error: a proof
// without a customer, a customer without an interaction, stamps that name
// somebody else.
func Seal(k seal.Key, r *Realm, f Facts) (Principal, error) {
	if !k.Opens() || r == nil {
		panic("symbolon: Seal belongs to the packages of this module")
	}
	if what := f.contradiction(); what != "" {
		return Principal{}, fmt.Errorf("symbolon: %w: %s", ErrRefused, what)
	}
	f = f.clone()
	return Principal{r, &f}, nil
}

// Unseal returns the facts of a Principal of this realm, under the terms of
// [Facts]. The error wraps
// [ErrRefused] for nobody and for a Principal of another realm.
func Unseal(k seal.Key, r *Realm, p Principal) (Facts, error) {
	switch {
	case !k.Opens():
		panic("symbolon: Unseal belongs to the packages of this module")
	case p.facts == nil:
		return Facts{}, fmt.Errorf("symbolon: %w: nobody", ErrRefused)
	case r == nil || p.realm != r:
		return Facts{}, fmt.Errorf("symbolon: %w: the Principal belongs to another realm", ErrRefused)
	}
	return p.facts.clone(), nil
}

func (f Facts) clone() Facts {
	f.Actor, f.ActorProof, f.SubjectProof = f.Actor.Clone(), f.ActorProof.Clone(), f.SubjectProof.Clone()
	if f.Claimed != nil {
		s := f.Claimed.Clone()
		f.Claimed = &s
	}
	return f
}

func (f Facts) contradiction() string {
	st := f.Stamps
	foreign := func(p Proof) bool { return p.Interaction != f.Interaction.ID }
	switch {
	case !validID(f.Actor.ID) || f.Actor.Kind == 0:
		return "no actor"
	case f.ActorProof.IsZero():
		return "the actor proved nothing"
	case st.Actor != string(f.Actor.ID) || st.Session == "":
		return "the stamps name another actor or no session"
	case (f.Claimed == nil) != (f.Interaction.ID == ""):
		return "a customer and an interaction come together or not at all"
	case f.Claimed == nil && (f.Proved || !f.SubjectProof.IsZero() || st.Subject != "" || st.Interaction != ""):
		return "a proof without a customer"
	case f.Claimed != nil && (st.Subject != string(f.Claimed.ID) || st.Interaction != string(f.Interaction.ID)):
		return "the stamps name another customer or interaction"
	case f.Proved != !f.SubjectProof.IsZero() || f.Proved != (st.Verification != ""):
		return "a customer is proved exactly if a verification says so"
	case slices.ContainsFunc(f.SubjectProof.Proofs, foreign):
		return "a proof of another interaction"
	}
	return ""
}
