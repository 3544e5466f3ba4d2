package password

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Profile is a [Policy] as some rulebook has it, with what the rulebook forbids to demand.
type Profile struct {
	Name    string
	Policy  Policy
	Forbids []Field
}

// Field names a setting that rulebooks disagree on.
type Field string

// The settings that some rulebook forbids and another demands.
const (
	FieldClasses Field = "Classes"
	FieldExpiry  Field = "Expiry"
)

// NIST is SP 800-63B-4, and OWASP ASVS 5.0 agrees: long, not common, no classes and no expiry. Lower MinLength to 8 where
// the password is always one of several factors.
func NIST() Profile {
	return Profile{Name: "NIST", Policy: Default(), Forbids: []Field{FieldClasses, FieldExpiry}}
}

// PCI is PCI DSS 4.0.1, 8.3.5 to 8.3.7: twelve characters, letters and digits, none of the last four. Its expiry of 90
// days (8.3.9) concerns passwords that are the only factor, and is left out: demand a second factor, or set it.
func PCI() Profile {
	return Profile{Name: "PCI", Policy: Policy{MinLength: 12, MaxLength: defaultMaxLength, Classes: Letter | Digit, History: 4, TemporaryLife: day}}
}

// CustomerClassic is what customer portals of CRM systems ask for: eight characters, no sequences, not the previous one. A
// password of it is weak where it is the only factor.
func CustomerClassic() Profile {
	return Profile{Name: "CustomerClassic", Policy: Policy{MinLength: 8, MaxLength: defaultMaxLength, Sequences: true, History: 1, TemporaryLife: day}}
}

// EmployeeClassic is CustomerClassic with capital and small letters and a digit, as CRM systems ask their users for.
func EmployeeClassic() Profile {
	p := CustomerClassic()
	p.Name, p.Policy.Classes = "EmployeeClassic", Upper|Lower|Digit
	return p
}

// Combine returns the policy that is as strict as each of the profiles. Where one demands what another forbids, winner
// names the one whose word counts; without a winner, or with one that has nothing to say in the matter, the error is
// [Conflicts]. It also is an error if the result is out of bounds.
func Combine(winner string, profiles ...Profile) (Policy, error) {
	if len(profiles) == 0 {
		return Policy{}, fmt.Errorf("password: Combine needs a Profile")
	}
	if winner != "" && !slices.ContainsFunc(profiles, func(p Profile) bool { return p.Name == winner }) {
		return Policy{}, fmt.Errorf("password: the winner %q is none of the profiles", winner)
	}
	joined := profiles[0].Policy.orDefault()
	for _, p := range profiles[1:] {
		joined = joined.join(p.Policy.orDefault())
	}
	var conflicts Conflicts
	for _, f := range disputed {
		c := Conflict{Field: f.field, Choice: f.choice}
		for _, p := range profiles {
			if f.demands(p.Policy) {
				c.Demand = append(c.Demand, p.Name)
			}
			if slices.Contains(p.Forbids, f.field) {
				c.Forbid = append(c.Forbid, p.Name)
			}
		}
		switch {
		case c.Demand == nil || c.Forbid == nil || slices.Contains(c.Demand, winner):
		case slices.Contains(c.Forbid, winner):
			f.drop(&joined)
		default:
			conflicts = append(conflicts, c)
		}
	}
	if conflicts != nil {
		return Policy{}, conflicts
	}
	return joined, joined.Validate()
}

var disputed = [...]struct {
	field   Field
	demands func(Policy) bool
	drop    func(*Policy)
	choice  string
}{
	{FieldClasses, func(p Policy) bool { return p.Classes != 0 }, func(p *Policy) { p.Classes = 0 },
		"leave them out, and demand them only of those whom a PCI assessor asks about"},
	{FieldExpiry, func(p Policy) bool { return p.Expiry != 0 }, func(p *Policy) { p.Expiry, p.Notice = 0, 0 },
		"leave it out and demand a second factor; PCI DSS then no longer asks for it"},
}

// Conflict is a setting that some profiles demand and others forbid.
type Conflict struct {
	Field          Field
	Demand, Forbid []string // names of profiles
	Choice         string   // what we suggest
}

// Conflicts is the error of [Combine]. Reach it with errors.As.
type Conflicts []Conflict

// Error names every setting, who wants what, and what to do.
func (c Conflicts) Error() string {
	each := make([]string, len(c))
	for i, one := range c {
		each[i] = fmt.Sprintf("%s demands %s, which %s forbids: name the winner (we suggest: %s)",
			strings.Join(one.Demand, " and "), one.Field, strings.Join(one.Forbid, " and "), one.Choice)
	}
	return "password: " + strings.Join(each, "; ")
}

// join returns the loosest policy that is as strict as both. Neither has zero fields that mean a default.
func (p Policy) join(q Policy) Policy {
	return Policy{
		MinLength: max(p.MinLength, q.MinLength), MaxLength: min(p.MaxLength, q.MaxLength),
		Classes: p.Classes | q.Classes, Sequences: p.Sequences || q.Sequences, Repeats: p.Repeats || q.Repeats,
		AllowCommon: p.AllowCommon && q.AllowCommon,
		History:     max(p.History, q.History), MinChanged: max(p.MinChanged, q.MinChanged), MinAge: max(p.MinAge, q.MinAge),
		Expiry: shorter(p.Expiry, q.Expiry), Notice: min(shorter(p.Notice, q.Notice), shorter(p.Expiry, q.Expiry)),
		TemporaryLife: min(p.TemporaryLife, q.TemporaryLife),
	}
}

// shorter returns the shorter of two durations of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Deviations says where the policy departs from NIST SP 800-63B-4 and OWASP ASVS, for the log at start-up and for whoever
// approves the settings; secondFactor tells whether the password is always one of several factors.
func (p Policy) Deviations(secondFactor bool) (all []string) {
	p = p.orDefault()
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(p.MinLength < defaultMinLength && !secondFactor, "MinLength is %d: SP 800-63B-4 3.1.1.2(1) demands 15 of a password that is the only factor", p.MinLength)
	add(p.Classes != 0, "Classes are demanded (%v): SP 800-63B-4 3.1.1.2(5) and ASVS 6.2.5 forbid it, PCI DSS 8.3.6 wants letters and digits", p.Classes)
	add(p.Expiry != 0, "Expiry is %v: SP 800-63B-4 3.1.1.2(6) and ASVS 6.2.10 forbid it", p.Expiry)
	add(p.Expiry != 0 && secondFactor, "Expiry is set beside a second factor: PCI DSS 8.3.9 asks for it only without one")
	add(p.AllowCommon, "AllowCommon is set: SP 800-63B-4 3.1.1.2 demands a list of common passwords")
	return all
}
