package symbolon

import (
	"context"
	"errors"
	"fmt"
)

// ActorDirectory is the host's list of those who act. It is only read, and may
// be asked several times for one request. Implementations are safe for
// concurrent use; they return [ErrNotFound] for somebody whom they do not know.
type ActorDirectory interface {
	// Actor returns the actor with this id.
	Actor(ctx context.Context, id ActorID) (Actor, error)
	// ActorByLogin returns the actor who signs in with this login.
	ActorByLogin(ctx context.Context, login string) (Actor, error)
}

// SubjectDirectory is the host's list of customers, under the same terms as
// [ActorDirectory].
type SubjectDirectory interface {
	// Subject returns the subject with this id.
	Subject(ctx context.Context, id SubjectID) (Subject, error)
}

// ActorMap is an [ActorDirectory] for tests and first programs, by id. The id
// is the login. What an entry leaves out is filled in: it is an [Employee], a
// person of its own, and its roles are known to be none. The map must not be
// changed while it is in use.
type ActorMap map[ActorID]Actor

// ActorByLogin implements [ActorDirectory].
func (m ActorMap) ActorByLogin(ctx context.Context, login string) (Actor, error) {
	return m.Actor(ctx, ActorID(login))
}

// Actor implements [ActorDirectory].
func (m ActorMap) Actor(_ context.Context, id ActorID) (Actor, error) {
	a, ok := m[id]
	if !ok {
		return Actor{}, ErrNotFound
	}
	a.ID = id
	if a.Kind == 0 {
		a.Kind = Employee
	}
	if a.Person == "" {
		a.Person = PersonID("actor/" + id)
	}
	if a.Roles == nil {
		a.Roles = []string{}
	}
	return a.Clone(), nil
}

// SubjectMap is a [SubjectDirectory] for tests and first programs, by id. An
// entry without a person is a person of its own. The map must not be changed
// while it is in use.
type SubjectMap map[SubjectID]Subject

// Subject implements [SubjectDirectory].
func (m SubjectMap) Subject(_ context.Context, id SubjectID) (Subject, error) {
	s, ok := m[id]
	if !ok {
		return Subject{}, ErrNotFound
	}
	s.ID = id
	if s.Person == "" {
		s.Person = PersonID("subject/" + id)
	}
	return s.Clone(), nil
}

// checkedActor holds a directory to its word: a disabled actor is nobody, and an
// entry that cannot be right is an outage, which somebody will look into.
func checkedActor(a Actor, err error) (Actor, error) {
	switch {
	case err != nil:
		return Actor{}, directoryError("actors", err)
	case a.Disabled:
		return Actor{}, directoryError("actors", ErrNotFound)
	case !validID(a.ID) || a.Kind == 0 || a.Kind > Service:
		return Actor{}, directoryError("actors", errors.New("the entry has no valid id or kind"))
	}
	return a.Clone(), nil
}

func directoryError(which string, err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("directory of %s: %w", which, ErrNotFound)
	case errors.Is(err, ErrUnavailable):
		return fmt.Errorf("directory of %s: %w", which, err)
	}
	return fmt.Errorf("directory of %s: %w: %w", which, ErrUnavailable, err)
}
