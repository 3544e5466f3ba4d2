package symbolon

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Secret is the host's root key, from which each use derives a key of its own.
// It neither prints nor marshals. The zero Secret is missing.
type Secret struct {
	version string
	reveal  func() []byte // a closure, because %+v of an outer struct looks through fields
}

const minSecret = 32 // bytes: the derived keys are 256 bits, so must be what they come from

// NewSecret returns the secret of at least 32 random bytes. Its version is part
// of every key that is derived: with another version or other bytes, services'
// keys, codes and messages on their way are void, and a policy tree must be built
// again.
func NewSecret(version string, key []byte) (Secret, error) {
	if _, err := ParseID[string](version); err != nil {
		return Secret{}, fmt.Errorf("symbolon: secret version: %w", err)
	}
	if len(key) < minSecret {
		return Secret{}, fmt.Errorf("symbolon: %w: secret has %d bytes, at least %d random ones are needed", ErrInvalid, len(key), minSecret)
	}
	key = bytes.Clone(key)
	return Secret{version, func() []byte { return key }}, nil
}

// Version returns the name given to NewSecret.
func (s Secret) Version() string { return s.version }

// Format prints REDACTED for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// LogValue logs REDACTED.
func (Secret) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// MarshalText refuses; a secret is never stored by this module.
func (Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("symbolon: a Secret does not marshal")
}

// derive returns 32 bytes for one use in one tenant. Two uses or two tenants
// never share a key, so that what leaks from one opens nothing in another.
func (s Secret) derive(tenant, label string) []byte {
	key, err := hkdf.Key(sha256.New, s.reveal(), []byte(tenant), "symbolon/"+s.version+"/"+label, 32)
	if err != nil {
		panic("symbolon: HKDF of 32 bytes cannot fail: " + err.Error())
	}
	return key
}
