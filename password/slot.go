package password

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Acquire waits for its turn to hash. The error is [ErrBusy], and wraps the context's own if that ended. Acquire before a
// guess is counted, so that a full queue does not turn right passwords into failures, and release soon.
func (h *Hasher) Acquire(ctx context.Context) (*Slot, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	select {
	case h.line <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return &Slot{hasher: h}, nil
	case <-ctx.Done():
		<-h.line
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// Slot is the right to hash one password at a time. Its methods take turns, and panic after [Slot.Release]: the bound on
// memory would not hold.
type Slot struct {
	mu     sync.Mutex
	hasher *Hasher // nil once released
}

// Release gives the slot to the next in line. Only the first call does anything; it waits for a hashing under way.
func (s *Slot) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasher == nil {
		return
	}
	<-s.hasher.slots
	<-s.hasher.line
	s.hasher = nil
}

// Hash returns the stored form of a new password, under a salt of its own and the Pepper. It applies no [Policy]. The
// error is that of [Usable], or of the source of randomness, or says that a Pepper needs [Hasher.For].
func (s *Slot) Hash(password string) (Hash, error) {
	h, unlock := s.use()
	defer unlock()
	if err := Usable(password); err != nil {
		return Hash{}, err
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return Hash{}, fmt.Errorf("password: no randomness for a salt: %w", err)
	}
	tag := h.cost.derive(material(password), salt, tagSize)
	hash := hashOf(stored{encoded: encode(h.cost, salt, tag), ident: argon2id, cost: h.cost, salt: salt, tag: tag})
	if len(h.secrets().pepper.Keys) == 0 {
		return hash, nil
	}
	return h.secrets().pepper.seal(h.owner, hash.Reveal(), h.rand)
}

// Verify reports whether the password is the one behind the Hash. It takes as long for the zero Hash, and for one that
// this Hasher cannot read, as for a new one or as the [Mix] says, so that an account without a password cannot be told
// from a wrong password by its speed. A password that is not [Usable] is refused at once, for every account. One that the
// kind of the hash cannot take whole, such as more than 72 bytes for bcrypt, is wrong.
func (s *Slot) Verify(hash Hash, password string) bool {
	h, unlock := s.use()
	defer unlock()
	if Usable(password) != nil {
		return false
	}
	is, ok := h.readable(hash)
	return h.compare(is, normal(password)) && ok
}

// Dummy takes as long as verifying against a new Hash, or as the [Mix] says, and tells nothing. Call it where there is
// nothing to verify.
func (s *Slot) Dummy(password string) {
	h, unlock := s.use()
	defer unlock()
	if Usable(password) == nil {
		h.compare(h.like(), blank(password))
	}
}

// DummyLike takes as long as verifying against this Hash, and looks at neither. Call it where there is one, and it must
// not be verified: the account is locked (LK-08).
func (s *Slot) DummyLike(hash Hash, password string) {
	h, unlock := s.use()
	defer unlock()
	if Usable(password) == nil {
		is, _ := h.readable(hash)
		h.compare(is, blank(password))
	}
}

// readable returns what a password may be compared with. Where there is nothing, it is what would cost as much.
func (h *Hasher) readable(hash Hash) (is stored, ok bool) {
	is, err := h.unsealed(hash.open())
	bare := len(h.secrets().pepper.Keys) > 0 && !h.secrets().pepper.Bare && hash.open().ident != pepper // planted by a writer of the store
	if err != nil || is.ident == "" || bare || !h.knows(is) {
		return h.like(), false
	}
	return is, true
}

func (h *Hasher) knows(is stored) bool {
	return is.ident == argon2id || is.imported != nil || h.schemes[is.ident] != nil
}

// compare is the work, and whether the normal form of the password is behind the hash. For nothing it is that of a new one.
func (h *Hasher) compare(is stored, password string) bool {
	switch scheme := h.schemes[is.ident]; {
	case is.ident == argon2id:
		tag := is.cost.derive([]byte(password), is.salt, len(is.tag))
		return subtle.ConstantTimeCompare(tag, is.tag) == 1
	case scheme != nil:
		return scheme.Compare(is.encoded, password)
	case is.imported == nil:
		var salt [saltSize]byte
		h.cost.derive([]byte(password), salt[:], tagSize)
		return false
	case !is.imported.takes(password):
		is.imported.matches("x") // or speed would tell of what kind the hash is
		return false
	}
	return is.imported.matches(password)
}

// blank returns another password of the same length.
func blank(password string) string { return strings.Repeat("x", len(password)) }

// use takes the slot for one hashing.
func (s *Slot) use() (*Hasher, func()) {
	s.mu.Lock()
	if s.hasher == nil {
		s.mu.Unlock()
		panic("password: a Slot was used after its Release")
	}
	return s.hasher, s.mu.Unlock
}

// material is what is hashed for a usable password: all of it.
func material(password string) []byte { return []byte(normal(password)) }
