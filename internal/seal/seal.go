// Package seal holds the key that opens the sealed constructors, and the
// stamps that a sealed Principal carries.
//
// A host cannot import it, so a host cannot call [symbolon.Seal]: whoever wants
// a Principal must prove something to authn or token. No Key ever crosses an
// interface that a host can implement.
//
// [symbolon.Seal]: https://pkg.go.dev/github.com/symbolon-auth/symbolon#Seal
package seal

// Key opens the sealed constructors. The zero Key opens nothing: generic code
// outside of this module can obtain a zero value of a type that it cannot name,
// so the check happens when the key is used.
type Key struct{ door *byte }

var door byte

// Ours returns the key. Only packages of this module can call it.
func Ours() Key { return Key{&door} }

// Opens reports whether k is the real key.
func (k Key) Opens() bool { return k.door == &door }

// Stamps say on which stored records a Principal depends. As long as each of
// them still says the same, the Principal is live; ending a session, a call or
// an account changes a record, and every Principal and token that carries the
// former stamp is dead.
type Stamps struct {
	Actor      string // the actor's id
	ActorEpoch uint64 // moves with each change of the actor's credentials
	Session    string // what the actor came by: "s/<id>" for a sign-in, "key/<id>" for a key
	Orgs       string // the organisations to which they belong as far as the caller knows, see stamp.Orgs; empty: not compared
	Place      string // where those stand in the tree; empty: not compared

	Subject      string // the claimed or proved subject's id, if there is one
	SubjectEpoch uint64 // moves when everything proved about this subject is void
	Interaction  string // the interaction in which this subject is served
	Leg          uint64 // which holder of the interaction; moves with each handover
	Verification string // the interaction's verification; empty while the subject is only claimed
}
