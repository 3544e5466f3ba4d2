package token

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Raw is a token in transit: whoever reads it can use it. It neither prints nor
// marshals, not even inside of another struct; [Raw.Reveal] is the one way to
// its text. The zero Raw is no token.
type Raw struct {
	text func() string // a closure: printing an outer struct looks through fields and pointers
}

// FromString returns the Raw of a text that came from outside. It checks
// nothing; [Tokens.Verify] does.
func FromString(text string) Raw { return Raw{func() string { return text }} }

// Reveal returns the token's text, to be sent to somebody who may use it.
func (r Raw) Reveal() string {
	if r.text == nil {
		return ""
	}
	return r.text()
}

// IsZero reports whether r is no token.
func (r Raw) IsZero() bool { return r.text == nil }

// Format prints REDACTED for every verb.
func (Raw) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// LogValue logs REDACTED.
func (Raw) LogValue() slog.Value { return slog.StringValue("REDACTED") }

// MarshalText refuses, and with it JSON and XML.
func (Raw) MarshalText() ([]byte, error) {
	return nil, errors.New("token: a Raw does not marshal; write Reveal() where the token shall go")
}
