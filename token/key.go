package token

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/symbolon-auth/symbolon/internal/jose"
)

// Key signs tokens. The algorithm belongs to the key: today Ed25519. It neither
// prints nor marshals, and lives as long as the process unless its signer is
// kept elsewhere (see [KeyFrom]). The zero Key is missing.
type Key struct{ key jose.Key }

// NewKey returns a fresh key, for tests and for processes whose tokens need not
// outlive them. It panics if the system has no randomness.
func NewKey() Key {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic("token: the system has no randomness: " + err.Error())
	}
	k, err := KeyFrom(private)
	if err != nil {
		panic("token: a fresh key does not sign: " + err.Error())
	}
	return k
}

// KeyFrom returns the key of a signer: an ed25519.PrivateKey, or a module that
// keeps one. It signs once, to see that the signer works.
func KeyFrom(s crypto.Signer) (Key, error) {
	k, err := jose.NewKey(s)
	if err != nil {
		return Key{}, fmt.Errorf("token: %w", err)
	}
	return Key{k}, nil
}

// Public returns what verifies the tokens that k signs.
func (k Key) Public() PublicKey { return PublicKey{key: k.key.Public()} }

// IsZero reports whether the key is missing.
func (k Key) IsZero() bool { return k.key.Public().IsZero() }

// Format prints the key's id, never the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.Public().String()) }

// LogValue logs the key's id, never the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Public().String()) }

// MarshalText refuses, and with it JSON and XML.
func (Key) MarshalText() ([]byte, error) {
	return nil, errors.New("token: a Key does not marshal; keep it in a crypto.Signer of your own")
}

// PublicKey verifies tokens, such as those of the key before the present one.
// The zero PublicKey is missing.
type PublicKey struct {
	key   jose.VerifyKey
	until time.Time
}

// PublicKeyFrom returns the PublicKey of an ed25519.PublicKey. Keys of low
// order, under which anybody can sign, are refused.
func PublicKeyFrom(p crypto.PublicKey) (PublicKey, error) {
	k, err := jose.NewVerifyKey(p)
	if err != nil {
		return PublicKey{}, fmt.Errorf("token: %w", err)
	}
	return PublicKey{key: k}, nil
}

// Until returns k, to verify nothing from t on: the expiry of the last token
// that the old key has signed (TK-18).
func (k PublicKey) Until(t time.Time) PublicKey {
	k.until = t
	return k
}

// ID returns the kid, the RFC 7638 thumbprint of the key.
func (k PublicKey) ID() string { return k.key.ID() }

// String names the key by its id.
func (k PublicKey) String() string { return k.key.String() }

func (k PublicKey) over(now time.Time) bool { return !k.until.IsZero() && !now.Before(k.until) }
