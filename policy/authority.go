package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
)

// Authority is how the host says who decides where.
type Authority interface {
	// Holds reports whether by, as the directory knows them now, may decide about the settings of the organisation and of
	// what is below it. It is asked for every organisation that a change needs, so whoever holds authority above must be
	// told to hold it below as well, if they do. It is asked again for everybody whose word a [Proposal] rests on, long
	// after they have gone home. An error refuses. It is safe for concurrent use.
	Holds(ctx context.Context, by symbolon.Actor, org symbolon.OrgID) (bool, error)
}

// who returns the start of an audit record about somebody, and the facts of them.
func (t *Tree) who(by symbolon.Principal) (audit.Record, symbolon.Facts, error) {
	f, err := symbolon.Unseal(seal.Ours(), t.realm, by)
	if err != nil {
		return audit.Record{}, f, refuse(ReasonAuthority, err.Error())
	}
	return audit.About(by), f, nil
}

// live returns somebody as the directory knows them now, if what they came by has not ended since: a Principal is a
// snapshot, and a stolen one must not outlive the session that was ended because of it. Nor does a session decide here
// whose owner belongs elsewhere by now, or whose organisation was moved or removed: they sign in anew (S7).
func (t *Tree) live(ctx context.Context, s *snapshot, f symbolon.Facts) (symbolon.Actor, error) {
	a, err := t.parts.Actor(ctx, f.Actor.ID)
	switch {
	case errors.Is(err, symbolon.ErrNotFound):
		return a, refuse(ReasonOver, "the directory does not know them any more")
	case err != nil:
		return a, err
	}
	st := f.Stamps
	st.Orgs, st.Place = stamp.Orgs(a.Org, a.Orgs...), nowhere
	if e, err := s.forest.Effective(append(slices.Clone(a.Orgs), a.Org)...); err == nil {
		st.Place = e.Place()
	}
	err = stamp.Check(ctx, t.space, st)
	switch {
	case err == nil && stamp.Orgs(f.Actor.Org, f.Actor.Orgs...) != st.Orgs: // also where the session does not know
		return symbolon.Actor{}, refuse(ReasonOver, "they belong elsewhere by now")
	case errors.Is(err, stamp.ErrDead):
		return symbolon.Actor{}, refuse(ReasonOver, err.Error())
	case err != nil:
		return symbolon.Actor{}, err
	case !t.parts.Now().Before(f.Limits.NotAfter):
		return symbolon.Actor{}, refuse(ReasonOver, "the Principal has reached its end")
	}
	return a, nil
}

// nowhere is the place of who could not sign in by this tree. No session has it; one that was never held to a tree has none.
const nowhere = "nowhere"

// held returns those of the organisations at which by holds authority.
func (t *Tree) held(ctx context.Context, by symbolon.Actor, orgs []symbolon.OrgID) (held []symbolon.OrgID, _ error) {
	for _, org := range orgs {
		switch ok, err := t.authority.Holds(ctx, by, org); {
		case err != nil: // whoever does not know does not let through
			return nil, fmt.Errorf("%w: authority: %w", symbolon.ErrUnavailable, err)
		case ok:
			held = append(held, org)
		}
	}
	return held, nil
}

// word returns somebody as the directory knows them now, and what their word is still worth at the organisations: nothing
// if they are gone.
func (t *Tree) word(ctx context.Context, id symbolon.ActorID, orgs []symbolon.OrgID) (symbolon.Actor, []symbolon.OrgID, error) {
	a, err := t.parts.Actor(ctx, id)
	switch {
	case errors.Is(err, symbolon.ErrNotFound):
		return a, nil, nil
	case err != nil:
		return a, nil, err
	}
	held, err := t.held(ctx, a, orgs)
	return a, held, err
}

// weigh returns the proposal with what every word in it is worth now: authority that was withdrawn between a proposal and
// its approval, or a person who has left, must not change anything. One whose proposer holds none any more is refused as
// stale. persons are those that the proposer was and is, of whom none approves (S22).
func (t *Tree) weigh(ctx context.Context, p proposal, d Difference) (_ proposal, persons []symbolon.PersonID, err error) {
	if !p.Host {
		by, held, err := t.word(ctx, p.By, d.Needs)
		switch {
		case err != nil:
			return p, nil, err
		case len(held) == 0:
			return p, nil, refuse(ReasonStale, fmt.Sprintf("%q, who proposed it, holds no authority in it any more", p.By))
		}
		p.Held, persons = held, []symbolon.PersonID{p.Person, by.Person}
	}
	p.Approvals = slices.Clone(p.Approvals)
	for i, a := range p.Approvals {
		by, held, err := t.word(ctx, a.By, a.For)
		if err != nil {
			return p, nil, err
		}
		if among(persons, by) {
			held = nil
		}
		p.Approvals[i].For = held
	}
	return p, persons, nil
}

// among reports whether somebody is, or may be, one of the persons.
func among(persons []symbolon.PersonID, a symbolon.Actor) bool {
	for _, p := range persons {
		if symbolon.SamePerson(p, a.Person) {
			return true
		}
	}
	return false
}
