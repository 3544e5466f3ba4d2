package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Pepper keeps stored hashes under a key that is not in the store, so that a thief of the store has nothing to guess at,
// and a writer of the store cannot give the hash of one account to another: the key of each account is drawn from it by
// an HMAC over the [Owner]. The zero Pepper is none.
//
// A hash is sealed whole, whatever its kind, so that imported ones are protected at once and need no sign-in, see
// [Hasher.Seal]; and so are a change of the key, and the first key of an installation.
type Pepper struct {
	Keys    map[int]Key // by version from 1; drop one when no record is under it any more
	Current int         // version that new hashes get
	// Bare also verifies hashes that are under no key, while a store that is older than its pepper is being moved. As long
	// as it is set, a writer of the store can plant a hash of his own.
	Bare bool
}

const pepper = "pepper"

// Key is 32 random bytes or more. It does not print, log or marshal, unless it lies in an unexported field of something
// else, of which fmt asks no method: hand it to [NewHasher], which hides it, and keep nothing around it that is printed.
type Key []byte

const leastKey = 32

// Format prints REDACTED, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue logs REDACTED.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses, and so does everything that is built on it.
func (k Key) MarshalText() ([]byte, error) {
	return nil, errors.New("password: a Key does not marshal; it stays where keys are kept")
}

func (p Pepper) isZero() bool { return len(p.Keys) == 0 && p.Current == 0 && !p.Bare }

// validate names everything that is wrong, and no key.
func (p Pepper) validate() []error {
	if p.isZero() {
		return nil
	}
	var wrong []error
	for _, version := range slices.Sorted(maps.Keys(p.Keys)) {
		if n := len(p.Keys[version]); version < 1 || n < leastKey {
			wrong = append(wrong, fmt.Errorf("password: Options.Pepper.Keys[%d] has %d bytes, must have %d or more, under a version from 1", version, n, leastKey))
		}
	}
	if p.Keys[p.Current] == nil {
		wrong = append(wrong, fmt.Errorf("password: Options.Pepper.Current is %d, must be one of Keys", p.Current))
	}
	return wrong
}

// Owner is whose secret is hashed, and which of theirs. Ids that stay are best: a hash under a [Pepper] matches nothing
// when one of them has changed.
type Owner struct {
	Tenant  string
	Account string
	Factor  string
}

func (o Owner) whole() bool { return o.Tenant != "" && o.Account != "" && o.Factor != "" }

// draw returns 32 bytes that only who has the key can draw for this owner.
func (o Owner) draw(key Key, purpose string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{purpose, o.Tenant, o.Account, o.Factor} {
		_ = binary.Write(mac, binary.BigEndian, uint64(len(part))) // or "ab"+"c" would be "a"+"bc"
		_, _ = io.WriteString(mac, part)
	}
	return mac.Sum(nil)
}

// sealed is a stored hash under a pepper: $pepper$k=1$ and nonce and ciphertext in base64.
type sealed struct {
	version int
	box     []byte
}

func sealedHead(version int) string { return fmt.Sprintf("$%s$k=%d$", pepper, version) }

func (p Pepper) parse(s string) (Hash, error) {
	var is sealed
	head, box, _ := cutLast(s)
	if !spelled(head, "$"+pepper+"$k=%d$", &is.version) {
		return Hash{}, fmt.Errorf(errNotSpelled, "peppered", "$pepper$k=1$...")
	}
	var err error
	if _, is.box, err = decode(base64.RawStdEncoding, "", box); err != nil {
		return Hash{}, err
	}
	if p.Keys[is.version] == nil {
		return Hash{}, fmt.Errorf("password: the hash is under version %d of the pepper, which is not in Options.Pepper.Keys", is.version)
	}
	return hashOf(stored{encoded: s, ident: pepper, sealed: is}), nil
}

func cutLast(s string) (head, tail string, found bool) {
	i := strings.LastIndexByte(s, '$')
	return s[:i+1], s[i+1:], i >= 0
}

// box returns the cipher of one account. Many nonces are drawn under one key only if one password is changed for ever.
func (p Pepper) cipher(o Owner, version int) (cipher.AEAD, error) {
	if !o.whole() {
		return nil, errors.New("password: a Pepper binds a hash to its Owner: call Hasher.For with Tenant, Account and Factor")
	}
	key := p.Keys[version]
	if key == nil {
		return nil, fmt.Errorf("password: no key for version %d of the pepper", version)
	}
	block, err := aes.NewCipher(o.draw(key, "symbolon password pepper"))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (p Pepper) seal(o Owner, encoded string, rand io.Reader) (Hash, error) {
	box, err := p.cipher(o, p.Current)
	if err != nil {
		return Hash{}, err
	}
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(encoded)+box.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return Hash{}, fmt.Errorf("password: no randomness for a nonce: %w", err)
	}
	head := sealedHead(p.Current)
	is := sealed{p.Current, box.Seal(nonce, nonce, []byte(encoded), []byte(head))}
	s := head + base64.RawStdEncoding.EncodeToString(is.box)
	if len(s) > maxEncoded {
		return Hash{}, fmt.Errorf("password: under a pepper the hash would have more than %d bytes", maxEncoded)
	}
	return hashOf(stored{encoded: s, ident: pepper, sealed: is}), nil
}

// open returns what was sealed for this owner.
func (p Pepper) open(o Owner, is sealed) (string, error) {
	box, err := p.cipher(o, is.version)
	if err != nil {
		return "", err
	}
	if len(is.box) < box.NonceSize() {
		return "", errNotTheirs
	}
	nonce, text := is.box[:box.NonceSize()], is.box[box.NonceSize():]
	plain, err := box.Open(nil, nonce, text, []byte(sealedHead(is.version)))
	if err != nil {
		return "", errNotTheirs
	}
	return string(plain), nil
}

var errNotTheirs = errors.New("password: the hash was sealed for another Owner, or altered")
