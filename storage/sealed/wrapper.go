package sealed

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// KeyWrapper is the host's key service, such as a cloud KMS. It encrypts the
// keys of a tenant, at most 600 bytes, under a key that never leaves it. It is
// asked once per process and tenant, and again after a rotation.
//
// The keyID is "<tenant>/<generation>". Whoever implements KeyWrapper binds it,
// as the encryption context or associated data: Unwrap must fail when the
// keyID is not the one of the Wrap, or one tenant's keys could be passed off as
// another's. It may refuse generations that it knows to be over, and alone can
// do so for a process that starts after somebody has put back a former ring in
// the database: a running one knows better. Both methods
// are safe for concurrent use.
type KeyWrapper interface {
	Wrap(ctx context.Context, keyID string, plain []byte) (wrapped []byte, err error)
	Unwrap(ctx context.Context, keyID string, wrapped []byte) (plain []byte, err error)
}

// Local is a [KeyWrapper] with a secret of the host's in place of a key
// service. It prints nothing of it. Make one with [NewLocal].
type Local struct {
	aeads func() []cipher.AEAD // the first wraps, all unwrap
}

const minSecret = 32 // bytes

// NewLocal returns a Local that wraps with secret, at least 32 random bytes,
// and also unwraps what was wrapped with former ones. To replace the secret,
// put the new one first and the old one behind it, rotate every tenant, and
// leave the old one out.
func NewLocal(secret []byte, former ...[]byte) (*Local, error) {
	var aeads []cipher.AEAD
	for i, s := range append([][]byte{secret}, former...) {
		if len(s) < minSecret {
			return nil, fmt.Errorf("sealed: secret %d of NewLocal has %d bytes, at least %d random ones are needed", i+1, len(s), minSecret)
		}
		key, err := hkdf.Key(sha256.New, s, nil, "symbolon/sealed/local/1", 32)
		if err != nil {
			return nil, fmt.Errorf("sealed: %w", err)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("sealed: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block) // wraps a few times a year
		if err != nil {
			return nil, fmt.Errorf("sealed: %w", err)
		}
		aeads = append(aeads, aead)
	}
	return &Local{func() []cipher.AEAD { return aeads }}, nil
}

// Format prints REDACTED for every verb.
func (*Local) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// Wrap implements [KeyWrapper].
func (l *Local) Wrap(_ context.Context, keyID string, plain []byte) ([]byte, error) {
	return l.aeads()[0].Seal(nil, nil, plain, []byte(keyID)), nil
}

// Unwrap implements [KeyWrapper].
func (l *Local) Unwrap(_ context.Context, keyID string, wrapped []byte) ([]byte, error) {
	for _, aead := range l.aeads() {
		if plain, err := aead.Open(nil, nil, wrapped, []byte(keyID)); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("sealed: no secret of this Local opens these keys; is the right one configured?")
}
