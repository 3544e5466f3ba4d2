package symbolon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/storage"
)

// Realm is where an engine lives: one tenant, its store, its secret and its
// directories, named once and handed to every constructor. Its identity is its
// pointer: a [Principal] sealed in one realm is refused in every other, even in
// one that was made from the same configuration (S17). A Realm is immutable and
// safe for concurrent use, and prints only its tenant.
type Realm struct {
	tenant string
	parts  func() RealmParts // a closure, so that nothing prints what is inside
}

// RealmConfig is what every realm needs.
type RealmConfig struct {
	Tenant   string // names the installation's data in a store shared with others; 1 to 128 bytes
	Store    storage.Store
	Secret   Secret
	Actors   ActorDirectory
	Subjects SubjectDirectory
}

// RealmOptions is what a realm may be told. Nil means the defaults.
type RealmOptions struct {
	// Ephemeral keeps what may be lost: replay markers, nonces, caches. Store by
	// default. Locks, revocations, proofs and the audit never lie there.
	Ephemeral storage.Store

	Classes []Class          // authentication context classes that policies may name
	Now     func() time.Time // the clock; time.Now by default (LK-19). One that is off does not serve (S26)
	Rand    io.Reader        // the source of randomness; crypto/rand by default
}

// NewRealm returns a realm. The error wraps [ErrInvalid] and names everything
// that is missing or wrong at once.
func NewRealm(c RealmConfig, opts *RealmOptions) (*Realm, error) {
	var o RealmOptions
	if opts != nil {
		o = *opts
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	need(validID(c.Tenant), "Tenant (1 to 128 bytes)")
	need(c.Store != nil, "Store")
	if c.Store != nil {
		// A store that forgets a lock or a revocation reopens what it closed (S8).
		how := storage.Forgets(c.Store)
		need(how == "", "a durable Store, which this one is not: "+how)
	}
	need(c.Secret.reveal != nil, "Secret (see NewSecret)")
	need(c.Actors != nil, "Actors")
	need(c.Subjects != nil, "Subjects")
	seen := map[string]bool{}
	for _, k := range o.Classes {
		need(scopeChars(k.Name), fmt.Sprintf("Classes: a name of printable ASCII without blanks, quotes and backslashes instead of %q", k.Name))
		for _, set := range k.Sets {
			for _, m := range set {
				need(scopeChars(string(m)), fmt.Sprintf("Classes: methods of the same characters instead of %q", string(m)))
			}
		}
		need(!seen[k.Name], fmt.Sprintf("Classes: %q only once", k.Name))
		need(len(k.Sets) > 0 && !slices.ContainsFunc(k.Sets, func(s []Method) bool { return len(s) == 0 }),
			fmt.Sprintf("Classes: at least one set of methods for %q, and none of them empty", k.Name))
		seen[k.Name] = true
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("symbolon: %w: NewRealm needs %s", ErrInvalid, strings.Join(wrong, "; "))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	classes := make([]Class, len(o.Classes))
	for i, k := range o.Classes {
		classes[i] = Class{Name: k.Name, Sets: make([][]Method, len(k.Sets))}
		for j, set := range k.Sets {
			classes[i].Sets[j] = slices.Clone(set)
		}
	}
	now := func() time.Time { return o.Now().UTC().Round(0) }
	store := &punctual{Store: c.Store, now: now, watch: storage.WatchClock(c.Store, now, o.Rand)}
	if o.Ephemeral == nil {
		o.Ephemeral = store
	}
	parts := RealmParts{
		Tenant:    c.Tenant,
		Store:     store,
		Ephemeral: o.Ephemeral,
		Classes:   classes,
		Rand:      o.Rand,
		Now:       now,
		Derive:    func(label string) []byte { return c.Secret.derive(c.Tenant, label) },
		actors:    c.Actors,
		subjects:  c.Subjects,
	}
	return &Realm{tenant: c.Tenant, parts: func() RealmParts { return parts }}, nil
}

// scopeChars reports whether s can stand in a challenge of HTTP as it is
// (RFC 6749 3.3, RFC 9470 3).
func scopeChars(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

// String returns the tenant.
func (r *Realm) String() string { return r.tenant }

// Parts returns what is inside of the realm to the packages of this module; for
// anybody else there is no key to call it with.
func (r *Realm) Parts(k seal.Key) RealmParts {
	if !k.Opens() {
		panic("symbolon: Realm.Parts belongs to the packages of this module")
	}
	return r.parts()
}

// RealmParts is what the packages of this module see of a realm, under the terms
// of [Facts].
type RealmParts struct {
	Tenant    string
	Store     storage.Store // durable
	Ephemeral storage.Store // may forget
	Classes   []Class
	Rand      io.Reader
	Now       func() time.Time          // UTC, no monotonic part
	Derive    func(label string) []byte // 32 bytes, one label per use

	actors   ActorDirectory
	subjects SubjectDirectory
}

// Actor asks the directory for an actor. The error wraps [ErrNotFound] for one
// who does not exist or is disabled, else [ErrUnavailable].
func (p RealmParts) Actor(ctx context.Context, id ActorID) (Actor, error) {
	a, err := checkedActor(p.actors.Actor(ctx, id))
	if err == nil && a.ID != id {
		return Actor{}, directoryError("actors", errors.New("it answered with another actor"))
	}
	return a, err
}

// FindActor is Actor by login.
func (p RealmParts) FindActor(ctx context.Context, login string) (Actor, error) {
	return checkedActor(p.actors.ActorByLogin(ctx, login))
}

// Subject asks the directory for a subject, with the errors of Actor.
func (p RealmParts) Subject(ctx context.Context, id SubjectID) (Subject, error) {
	s, err := p.subjects.Subject(ctx, id)
	switch {
	case err != nil:
		return Subject{}, directoryError("subjects", err)
	case s.ID != id || !validID(id):
		return Subject{}, directoryError("subjects", errors.New("it answered with another subject"))
	}
	return s.Clone(), nil
}
