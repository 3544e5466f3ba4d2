package password

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Record is what is stored about a password, as JSON inside a record of the package that keeps it. The member names are a
// stored format and do not change. The zero Record is no password. It does not print its hashes.
type Record struct {
	Hash      string    `json:"hash"`
	Set       time.Time `json:"set"`
	Temporary bool      `json:"temporary,omitempty"` // must be changed at once, and lets in once
	Revoked   bool      `json:"revoked,omitempty"`   // spent, or suspected to be known to others
	Former    []string  `json:"former,omitempty"`    // hashes of those before, newest first, where the Policy keeps a History
}

// Format prints when it was set and no hash, whatever the verb.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs the same.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns when it was set, and what is the matter with it.
func (r Record) String() string {
	s := "password of " + r.Set.UTC().Format(time.RFC3339)
	if r.Temporary {
		s += ", temporary"
	}
	if r.Revoked {
		s += ", revoked"
	}
	return s
}

// Spend returns the record after a sign-in with it: a temporary password does not let in twice (PW-22). Store it in the
// commit that lets its owner in.
func (r Record) Spend() Record {
	r.Revoked = r.Revoked || r.Temporary
	return r
}

// Revoke returns the record of a password that others may know: it must be replaced before anybody comes in with it
// (PW-06).
func (r Record) Revoke() Record {
	r.Revoked = true
	return r
}

// Result is what came of a sign-in with a password. It is for the audit and for whoever is already let in; to anybody else
// every result that is not In looks like Wrong.
type Result uint8

// The results. The zero Result is Wrong.
const (
	Wrong     Result = iota
	Accepted         // right
	Expiring         // right, and to be changed within the days of the Status
	Temporary        // right, and to be changed before anything else
	Expired          // right, but too old: to be changed before anything else
	Revoked          // right or was, but no longer lets in: its owner needs a new one by other proof
)

// String returns the result's name in lower case.
func (r Result) String() string {
	names := [...]string{"wrong", "accepted", "expiring", "temporary", "expired", "revoked"}
	if int(r) >= len(names) {
		return "invalid"
	}
	return names[r]
}

// In reports whether the result opens an ordinary session.
func (r Result) In() bool { return r == Accepted || r == Expiring }

// MustChange reports whether the password was right, and the one thing that it opens is a change of it.
func (r Result) MustChange() bool { return r == Temporary || r == Expired }

// Status is a Result with what belongs to it.
type Status struct {
	Result Result
	Days   int       // Expiring: days that are left, counted up; 1 on the last
	Until  time.Time // Accepted, Expiring, Temporary: when it expires; zero for never
}

// Status returns what the outcome of a verification means for this record, now. It is pure. A wrong password is Wrong
// whatever else is the matter, so that guessing tells nothing.
func (p Policy) Status(r Record, right bool, now time.Time) Status {
	p = p.orDefault()
	switch end := p.end(r); {
	case !right || r.Hash == "":
		return Status{Result: Wrong}
	case r.Revoked:
		return Status{Result: Revoked}
	case r.Temporary && !now.Before(end):
		return Status{Result: Revoked} // nobody may find it in a drawer
	case r.Temporary:
		return Status{Result: Temporary, Until: end}
	case end.IsZero():
		return Status{Result: Accepted}
	case !now.Before(end):
		return Status{Result: Expired}
	case !now.Before(end.Add(-p.Notice)):
		return Status{Result: Expiring, Days: int((end.Sub(now) + day - 1) / day), Until: end}
	default:
		return Status{Result: Accepted, Until: end}
	}
}

// end returns when a record's password stops letting in; zero for never.
func (p Policy) end(r Record) time.Time {
	switch {
	case r.Temporary:
		return r.Set.Add(p.TemporaryLife)
	case p.Expiry > 0:
		return r.Set.Add(p.Expiry)
	}
	return time.Time{}
}
