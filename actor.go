package symbolon

import (
	"maps"
	"slices"
)

// Kind is what stands behind an actor (TK-45). The zero Kind is invalid.
type Kind uint8

// The kinds of actor.
const (
	Employee Kind = iota + 1 // a person on the host's staff
	Vendor                   // a person of another company
	Agent                    // a software agent; it judges no evidence and approves nothing
	Service                  // a back-end system with a key, such as telephony
)

var kindNames = [...]string{Employee: "employee", Vendor: "vendor", Agent: "agent", Service: "service"}

// String returns the kind in lower case, as policies and the audit name it.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "invalid"
	}
	return kindNames[k]
}

// Human reports whether a person of flesh and blood is behind the kind.
func (k Kind) Human() bool { return k == Employee || k == Vendor }

// Actor is who acts, as the host's directory describes them. It carries no
// proof of anything; a [Principal] does.
type Actor struct {
	ID           ActorID
	Kind         Kind
	Person       PersonID // empty: unknown, and then never distinct from any other person
	Org          OrgID
	Orgs         []OrgID  // further organisations that they belong to: the strictest of all their settings counts
	Roles        []string // nil: the directory does not know, which policies treat as unset; empty: none
	Entitlements []string
	Attributes   Attributes
	Disabled     bool // a disabled actor is treated as if it did not exist
}

// Clone returns a copy that shares nothing with a.
func (a Actor) Clone() Actor {
	a.Orgs, a.Roles, a.Entitlements = slices.Clone(a.Orgs), slices.Clone(a.Roles), slices.Clone(a.Entitlements)
	a.Attributes = maps.Clone(a.Attributes)
	return a
}

// Level is what the customer's own contract lets them do. The zero Level is
// unknown, and policies treat it as unset.
type Level uint8

// The levels of a subject.
const (
	Restricted Level = iota + 1 // may ask little
	Authorized                  // a user whom the owner has named
	Owner                       // holds the contract
)

var levelNames = [...]string{Restricted: "restricted", Authorized: "authorized", Owner: "owner"}

// String returns the level in lower case, as policies name it.
func (l Level) String() string {
	if l == 0 || int(l) >= len(levelNames) {
		return "unknown"
	}
	return levelNames[l]
}

// Subject is the customer on whose behalf something is done, as the host's
// directory describes them. Contact data stays with the host.
type Subject struct {
	ID         SubjectID
	Account    AccountID
	Person     PersonID // empty: unknown, and then never distinct from any other person
	Org        OrgID
	Level      Level
	Attributes Attributes
}

// Clone returns a copy that shares nothing with s.
func (s Subject) Clone() Subject {
	s.Attributes = maps.Clone(s.Attributes)
	return s
}

// SamePerson reports whether a and b may be one human being. An unknown person
// is never distinct from another (S22): whoever hides who they are must not
// pass a separation of duties.
func SamePerson(a, b PersonID) bool { return a == "" || b == "" || a == b }
