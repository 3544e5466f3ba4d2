package password

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// Change is a wish for a new password.
type Change struct {
	New     string
	About   About
	Sources []Source // that must not know it; asked with the password
	// Reset is a change on other proof than the present password, or by an administrator: the minimum age, which is
	// against going through the history in an afternoon, does not apply.
	Reset bool
	// Temporary is a password that its owner did not choose. Generate it; it must be changed at once.
	Temporary bool
}

// Format prints REDACTED, whatever the verb.
func (c Change) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText refuses: a wish has passwords in it.
func (c Change) MarshalText() ([]byte, error) { return nil, errNoText }

// LogValue logs REDACTED.
func (c Change) LogValue() slog.Value { return slog.StringValue(redacted) }

// Change returns the record that would follow from a change, and stores nothing: it is the dry run, and the change is to
// store what it returns. The error is [Violations] with every broken rule at once, the history among them, or wraps
// [ErrUnchecked] or what a Hasher may answer. Each hash of the history takes the slot as long as a sign-in does, even
// where another rule is broken.
func (p Policy) Change(ctx context.Context, s *Slot, was Record, c Change, now time.Time) (Record, error) {
	p = p.orDefault()
	broken := p.check(c.New, c.About)
	if early := was.Set.Add(p.MinAge); p.MinAge > 0 && !c.Reset && now.Before(early) && p.Status(was, true, now).Result.In() {
		broken = append(broken, Violation{RuleMinAge, "wait with another change until " + early.UTC().Format("2006-01-02 15:04 MST")})
	}
	if Usable(c.New) != nil {
		return Record{}, broken.orNil()
	}
	known := func(v Violation) bool { return v.Rule == RuleHistory }
	former := p.former(was)
	if !slices.ContainsFunc(broken, known) && s.anyMatches(former, c.New) {
		broken = append(broken, Violation{RuleHistory, "choose one that you have not used before"})
	}
	found, err := listed(ctx, c.Sources, c.New)
	if found {
		broken = append(broken, Violation{RuleListed, "choose another; this one is known to thieves"})
	}
	switch {
	case broken != nil:
		return Record{}, broken
	case err != nil:
		return Record{}, err
	}
	hash, err := s.Hash(c.New)
	if err != nil {
		return Record{}, err
	}
	next := Record{Hash: hash.Reveal(), Set: now, Temporary: c.Temporary}
	if was.Temporary && len(former) > 0 {
		former = former[1:] // nobody chose it
	}
	switch {
	case c.Temporary: // it takes no place in the History either, or a reset would bring the former one back
		next.Former = former
	case p.History > 1:
		next.Former = former[:min(len(former), p.History-1)] // the new one is the last of the History
	}
	return next, nil
}

// former returns the hashes that a new password must not match, newest first.
func (p Policy) former(was Record) []string {
	if was.Hash == "" || p.History == 0 {
		return nil
	}
	if was.Temporary {
		return append([]string{was.Hash}, was.Former[:min(len(was.Former), p.History)]...)
	}
	all := append([]string{was.Hash}, was.Former...)
	return all[:min(len(all), p.History)]
}

// anyMatches looks at every hash, so that the time does not tell which one it was.
func (s *Slot) anyMatches(encoded []string, password string) (found bool) {
	for _, e := range encoded {
		hash, err := s.parse(e)
		if err != nil {
			continue // of a kind, or under a key, that is gone: it lets nobody in either
		}
		found = s.Verify(hash, password) || found
	}
	return found
}

func (s *Slot) parse(encoded string) (Hash, error) {
	h, unlock := s.use()
	defer unlock()
	return h.Parse(encoded)
}

// Upgrade returns the record with a password that was just verified hashed anew, if [Hasher.NeedsUpgrade] says so; else
// the record as it is. Its age stays.
func (s *Slot) Upgrade(r Record, password string) (Record, error) {
	h, unlock := s.use()
	hash, err := h.Parse(r.Hash)
	needed := err == nil && h.NeedsUpgrade(hash)
	unlock()
	if !needed {
		return r, nil
	}
	if hash, err = s.Hash(password); err != nil {
		return r, fmt.Errorf("password: not upgraded: %w", err)
	}
	r.Hash = hash.Reveal()
	return r, nil
}
