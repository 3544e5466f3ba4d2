package symbolon

import (
	"context"
	"fmt"
)

// ActorDirectory is the host's list of those who act. It is only read, and may
// be asked several times for one request. Implementations are safe for
// concurrent use; they return [ErrNotFound] for somebody whom they do not know.
type ActorDirectory interface {
	// Find returns the actor who signs in with this login.
	Find(ctx context.Context, login string) (Actor, error)
	// Get returns the actor with this id.
	Get(ctx context.Context, id ActorID) (Actor, error)
}

// SubjectDirectory is the host's list of customers, under the same terms as
// [ActorDirectory].
type SubjectDirectory interface {
	// Get returns the subject with this id.
	Get(ctx context.Context, id SubjectID) (Subject, error)
}

// ActorMap is an [ActorDirectory] for tests and first programs, by id. The id
// is the login. What an entry leaves out is filled in: it is an [Employee], a
// person of its own, and its roles are known to be none. The map must not be
// changed while it is in use.
type ActorMap map[string]Actor

// Find implements [ActorDirectory].
func (m ActorMap) Find(ctx context.Context, login string) (Actor, error) {
	return m.Get(ctx, ActorID(login))
}

// Get implements [ActorDirectory].
func (m ActorMap) Get(_ context.Context, id ActorID) (Actor, error) {
	a, ok := m[string(id)]
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
type SubjectMap map[string]Subject

// Get implements [SubjectDirectory].
func (m SubjectMap) Get(_ context.Context, id SubjectID) (Subject, error) {
	s, ok := m[string(id)]
	if !ok {
		return Subject{}, ErrNotFound
	}
	s.ID = id
	if s.Person == "" {
		s.Person = PersonID("subject/" + id)
	}
	return s.Clone(), nil
}

// checkedActor holds a directory to its word: an answer about somebody else, an
// actor without a kind or a disabled one is nobody.
func checkedActor(a Actor, err error) (Actor, error) {
	switch {
	case err != nil:
		return Actor{}, directoryError("actors", err)
	case !validID(a.ID) || a.Kind == 0 || a.Kind > Service || a.Disabled:
		return Actor{}, fmt.Errorf("actor directory: %w: the entry is disabled or has no valid id and kind", ErrNotFound)
	}
	return a.Clone(), nil
}
