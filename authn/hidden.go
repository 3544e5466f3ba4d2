package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// hidden is a text that shows only to whoever asks for it by name. It lies in a
// closure, because %+v of an outer struct looks through fields and calls no
// method of theirs.
type hidden struct{ reveal func() string }

func hide(s string) hidden { return hidden{func() string { return s }} }

// Reveal returns the text. Whoever calls it answers for where it goes.
func (h hidden) Reveal() string {
	if h.reveal == nil {
		return ""
	}
	return h.reveal()
}

// Format prints REDACTED for every verb.
func (hidden) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// LogValue logs REDACTED.
func (hidden) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// MarshalText refuses; use Reveal.
func (hidden) MarshalText() ([]byte, error) {
	return nil, errors.New("authn: this does not marshal; use Reveal")
}

// mac returns a keyed hash of parts, whose borders count. The key stays in the
// closure.
func mac(key []byte) func(parts ...string) []byte {
	return func(parts ...string) []byte {
		m := hmac.New(sha256.New, key)
		for _, p := range parts {
			_, _ = fmt.Fprintf(m, "%d:%s", len(p), p)
		}
		return m.Sum(nil)
	}
}
