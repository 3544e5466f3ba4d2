package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/symbolon-auth/symbolon"
)

// Party is one of the two who stand behind a request. The zero Party is invalid.
type Party uint8

// The parties.
const (
	Actor   Party = iota + 1 // the employee
	Subject                  // the customer
)

// String returns "actor" or "subject".
func (p Party) String() string {
	switch p {
	case Actor:
		return "actor"
	case Subject:
		return "subject"
	}
	return fmt.Sprintf("Party(%d)", uint8(p))
}

// Decision is whether a request is allowed, and why. The zero Decision denies.
// All of it but Needs is for administrators: shown to whoever asked, it would
// teach them the policy (AZ-28).
type Decision struct {
	ID            string // random; the audit ties what was allowed to what was done by it
	Allowed       bool
	Floor         []Reason // what the floor refused; the sets were not asked then
	Voices        []Voice  // every policy that spoke
	ActorDigest   string   // SHA-256 of the actor's set of policies
	SubjectDigest string   // of the subject's; empty if it was not asked
	Needs         []Need   // on a deny: what would change it; empty: nothing would
}

// Voice is what one policy said.
type Voice struct {
	Set    Party  // whose set it is in
	Policy string // its @id, else file and line
	Forbid bool
	Unset  string // the attribute that it reads and that is not set; a permit then does not count, a forbid does
	Err    string // why it could not be evaluated, with the same consequence
}

func (v Voice) counts() bool { return v.Forbid || v.Unset == "" && v.Err == "" }

// Policies returns the policies that settled it, each with its set: the forbids
// that spoke, else the permits that count.
func (d Decision) Policies() []string {
	var permits, forbids []string
	for _, v := range d.Voices {
		name := v.Set.String() + "/" + v.Policy
		switch {
		case v.Forbid:
			forbids = append(forbids, name)
		case v.counts():
			permits = append(permits, name)
		}
	}
	if forbids != nil {
		return forbids
	}
	return permits
}

// Reason says in a line why, for administrators.
func (d Decision) Reason() string {
	var parts []string
	for _, r := range d.Floor {
		parts = append(parts, string(r))
	}
	for _, v := range d.Voices {
		name := v.Set.String() + "/" + v.Policy
		switch {
		case v.Unset != "":
			parts = append(parts, fmt.Sprintf("%s reads %s, which is unset", name, v.Unset))
		case v.Err != "":
			parts = append(parts, fmt.Sprintf("%s failed: %s", name, v.Err))
		case v.Forbid:
			parts = append(parts, name+" forbids")
		}
	}
	if len(parts) == 0 && !d.Allowed {
		parts = append(parts, string(NoPermit))
	}
	return strings.Join(parts, "; ")
}

// Need is one way for one party to change a deny.
type Need struct {
	Party   Party
	Class   string            // the class to reach, as the realm declares it; where it declares none, the methods joined by "+"
	Methods []symbolon.Method // what that party proves for it
	Renew   bool              // they all were proved before, but too long ago
}

// first returns the party that steps up first and its needs. The customer comes
// first: the employee is there in any case.
func first(needs []Need) (Party, []Need) {
	for _, p := range []Party{Subject, Actor} {
		of := slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return n.Party != p })
		if len(of) > 0 {
			return p, of
		}
	}
	return 0, nil
}
