package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// ErrBusy refuses a [Slot]: the queue is full, or the context ended while waiting in it. No password was looked at, so it
// must not count as a failed guess. Try again shortly, or answer 503.
var ErrBusy = errors.New("password: too many are being hashed; try again shortly")

// Options are what a [Hasher] can be told. Nil and every zero field mean the default.
type Options struct {
	Cost    Cost              // of new hashes; stored ones carry their own
	Slots   int               // hashed at a time; as many as the process has processors
	Waiters int               // waiting for a slot, 64; negative for none
	Schemes map[string]Scheme // kinds of stored hashes that the host brings, by what stands between the first two dollars
	Rand    io.Reader         // salts; crypto/rand; must be safe for concurrent use

	// InsecureTestCost makes hashing take no time, and worthless, whatever Cost says. [NewHasher] panics with it outside of
	// tests.
	InsecureTestCost bool
}

// Scheme compares passwords with hashes of a kind that only the host knows, such as $2b$ or $legacy$, so that accounts can
// be brought along without a reset. It must take the password whole or return false, compare in constant time, bound
// what a stored hash may cost, and be safe for concurrent use. The password is in NFC.
type Scheme interface {
	Compare(encoded, password string) bool
}

// Hasher hashes a bounded number of passwords at a time. It is safe for concurrent use. Share one in a process: two have
// twice the memory.
type Hasher struct {
	cost    Cost
	rand    io.Reader
	schemes map[string]Scheme
	line    chan struct{} // holds one for each who waits or hashes
	slots   chan struct{} // holds one for each who hashes
}

// NewHasher returns a Hasher that takes at most Slots times Cost.Memory, and for imported hashes that cost more at most
// Slots times 256 MiB. The error names every option that is wrong; so does a Cost below the floor of OWASP.
func NewHasher(opts *Options) (*Hasher, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.InsecureTestCost && !testing.Testing() {
		panic("password: Options.InsecureTestCost is for tests only; remove it")
	}
	var wrong []error
	switch {
	case o.InsecureTestCost:
		o.Cost = testCost
	case o.Cost == Cost{}:
		o.Cost = DefaultCost()
	default:
		if err := o.Cost.bounded(); err != nil {
			wrong = append(wrong, err)
		} else if err := o.Cost.strong(); err != nil {
			wrong = append(wrong, err)
		}
	}
	if o.Slots == 0 {
		o.Slots = runtime.GOMAXPROCS(0)
	}
	if o.Slots < 0 || o.Slots > 1<<16 {
		wrong = append(wrong, fmt.Errorf("password: Options.Slots is %d, must be 1 to 65536, or 0 for one a processor", o.Slots))
	}
	if o.Waiters == 0 {
		o.Waiters = defaultWaiters
	}
	if o.Waiters > 1<<16 {
		wrong = append(wrong, fmt.Errorf("password: Options.Waiters is %d, must be at most 65536", o.Waiters))
	}
	for _, ident := range slices.Sorted(maps.Keys(o.Schemes)) {
		if !isIdent(ident) || ident == argon2id || o.Schemes[ident] == nil {
			wrong = append(wrong, fmt.Errorf("password: Options.Schemes[%q] must be a Scheme under 1 to 32 letters, digits and hyphens, other than argon2id", ident))
		}
	}
	if wrong != nil {
		return nil, errors.Join(wrong...)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Hasher{
		cost: o.Cost, rand: o.Rand, schemes: maps.Clone(o.Schemes),
		line: make(chan struct{}, o.Slots+max(o.Waiters, 0)), slots: make(chan struct{}, o.Slots),
	}, nil
}

// Parse reads a stored hash of any kind that this Hasher verifies: Argon2id as [ParseHash], and those of its Schemes,
// which are not looked into. On an error the Hash is zero, and safe to verify against.
func (h *Hasher) Parse(s string) (Hash, error) {
	ident, err := identOf(s)
	if err == nil && h.schemes[ident] != nil {
		return hashOf(stored{encoded: s, ident: ident}), nil
	}
	return ParseHash(s)
}

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

// Hash returns the stored form of a new password, under a salt of its own. It applies no [Policy]. The error is that of
// [Usable], or of the source of randomness.
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
	return hashOf(stored{encode(h.cost, salt, tag), argon2id, h.cost, salt, tag}), nil
}

// Verify reports whether the password is the one behind the Hash. It takes as long for the zero Hash, and for one of a
// kind that this Hasher does not know, as for a new one, so that an account without a password cannot be told from a
// wrong password by its speed. A password that is not [Usable] is refused at once, for every account.
func (s *Slot) Verify(stored Hash, password string) bool {
	h, unlock := s.use()
	defer unlock()
	if Usable(password) != nil {
		return false
	}
	is := stored.open()
	if is.ident == argon2id {
		tag := is.cost.derive(material(password), is.salt, len(is.tag))
		return subtle.ConstantTimeCompare(tag, is.tag) == 1
	}
	if scheme := h.schemes[is.ident]; scheme != nil {
		return scheme.Compare(is.encoded, normal(password))
	}
	h.dummy(password)
	return false
}

// Dummy takes as long as verifying against a new Hash, and tells nothing. Call it where there is nothing to verify.
func (s *Slot) Dummy(password string) {
	h, unlock := s.use()
	defer unlock()
	if Usable(password) == nil {
		h.dummy(password)
	}
}

func (h *Hasher) dummy(password string) {
	var salt [saltSize]byte
	h.cost.derive(material(password), salt[:], tagSize)
}

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
