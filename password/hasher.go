package password

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
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
	Pepper  Pepper            // a key apart from the store, under which hashes are kept; none
	Mix     Mix               // of imported hashes, so that those who do not exist cost as much as those who do; none
	Rand    io.Reader         // salts and nonces; crypto/rand; must be safe for concurrent use

	// InsecureTestCost makes hashing take no time, and worthless, whatever Cost says. [NewHasher] panics with it outside of
	// tests.
	InsecureTestCost bool
}

// Scheme compares passwords with hashes of a kind that only the host knows, such as $legacy$, so that accounts can be
// brought along without a reset; under the name of a kind that [ParseHash] knows, other than argon2id, it replaces ours.
// It must take the password whole or return false, compare in constant time, bound what a stored hash may cost, and be
// safe for concurrent use. The password is in NFC.
type Scheme interface {
	Compare(encoded, password string) bool
}

// Hasher hashes a bounded number of passwords at a time. It is safe for concurrent use. Share one in a process: two have
// twice the memory.
type Hasher struct {
	cost    Cost
	rand    io.Reader
	schemes map[string]Scheme
	secrets func() secrets // a closure: %+v follows unexported fields and asks no method
	mix     []share
	owner   Owner
	line    chan struct{} // holds one for each who waits or hashes
	slots   chan struct{} // holds one for each who hashes
}

// secrets is what only a Hasher may know.
type secrets struct {
	pepper Pepper
	mixKey Key
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
		if !isIdent(ident) || ident == argon2id || ident == pepper || o.Schemes[ident] == nil {
			wrong = append(wrong, fmt.Errorf("password: Options.Schemes[%q] must be a Scheme under 1 to 32 letters, digits and hyphens, other than argon2id and pepper", ident))
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	keep := secrets{o.Pepper, slices.Clone(o.Mix.Key)}
	keep.pepper.Keys = maps.Clone(o.Pepper.Keys)
	h := &Hasher{cost: o.Cost, rand: o.Rand, schemes: maps.Clone(o.Schemes), secrets: func() secrets { return keep }}
	wrong = append(wrong, o.Pepper.validate()...)
	mix, bad := h.shares(o.Mix)
	h.mix = mix
	if wrong = append(wrong, bad...); wrong != nil {
		return nil, errors.Join(wrong...)
	}
	h.line, h.slots = make(chan struct{}, o.Slots+max(o.Waiters, 0)), make(chan struct{}, o.Slots)
	return h, nil
}

// For returns the Hasher for one owner's secret. It shares the bounds of h, costs nothing to make, and is needed where
// there is a [Pepper] or a [Mix].
func (h *Hasher) For(o Owner) *Hasher {
	theirs := *h
	theirs.owner = o
	return &theirs
}

// Parse reads a stored hash of any kind that this Hasher verifies: those of [ParseHash], those under its Pepper, and those
// of its Schemes, which are not looked into. On an error the Hash is zero, and safe to verify against.
func (h *Hasher) Parse(s string) (Hash, error) {
	ident, err := identOf(s)
	switch {
	case err == nil && h.schemes[ident] != nil:
		return hashOf(stored{encoded: s, ident: ident}), nil
	case ident == pepper:
		return h.secrets().pepper.parse(s)
	}
	return ParseHash(s)
}

// Seal returns the hash under the current key of the Pepper, for the owner of [Hasher.For]; without a Pepper, as it is. No
// password is needed: call it when hashes are imported, and for every record after a new key became current. A hash that
// was sealed for somebody else is an error.
func (h *Hasher) Seal(hash Hash) (Hash, error) {
	is, err := h.unsealed(hash.open())
	switch {
	case err != nil:
		return Hash{}, err
	case is.ident == "":
		return Hash{}, errors.New("password: the zero Hash is not sealed: there is no password")
	case len(h.secrets().pepper.Keys) == 0 || hash.open().sealed.version == h.secrets().pepper.Current:
		return hash, nil
	}
	return h.secrets().pepper.seal(h.owner, is.encoded, h.rand)
}

// NeedsUpgrade reports whether a password that was just verified against the hash should be hashed anew: it is of another
// kind, costs less, or is under no pepper or a former one. The commit that lets its owner in is the place (PW-14).
func (h *Hasher) NeedsUpgrade(hash Hash) bool {
	is, err := h.unsealed(hash.open())
	if err != nil || is.ident == "" {
		return false // there is nothing to verify
	}
	return is.ident != argon2id || is.cost.weaker(h.cost) || len(is.salt) < saltSize || len(is.tag) < tagSize ||
		hash.open().sealed.version != h.secrets().pepper.Current
}

// unsealed returns what is under the pepper. What is under none stays as it is.
func (h *Hasher) unsealed(is stored) (stored, error) {
	if is.ident != pepper {
		return is, nil
	}
	encoded, err := h.secrets().pepper.open(h.owner, is.sealed)
	if err != nil {
		return stored{}, err
	}
	hash, err := h.Parse(encoded)
	if err == nil && hash.open().ident == pepper {
		err = errors.New("password: a hash is under two peppers")
	}
	return hash.open(), err
}
