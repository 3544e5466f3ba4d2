package authn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// Sender delivers a code to a customer. The host knows the customer's number;
// this module does not. Send may be called again for the same Message, from any
// process, until it returns nil; a customer without such a number is no error,
// so that nobody can tell (S13). Implementations are safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// SenderFunc is a function as a [Sender].
type SenderFunc func(ctx context.Context, m Message) error

// Send calls f.
func (f SenderFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Message is what a [Sender] delivers. It neither prints nor marshals.
type Message struct {
	ID          string // the same each time it is sent
	Subject     symbolon.SubjectID
	Interaction symbolon.InteractionID
	Method      symbolon.Method // how to reach the customer
	Code        string
	Operation   string    // what the code is for; the customer must be told (S15)
	Expires     time.Time // the code is worth nothing after
}

// Text returns what to send: the code, what it is for, and the warning that
// stops a stranger from talking the customer out of it (S15). A host may word
// its own.
func (m Message) Text() string {
	return fmt.Sprintf("%s is your code for %q. Tell it only to the agent whom you called yourself. Nobody who calls you will ask for it.", m.Code, m.Operation)
}

// Format prints the message without its code.
func (m Message) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "message %s by %s, code REDACTED", m.ID, m.Method)
}

// LogValue logs what Format prints.
func (m Message) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(m)) }

// MarshalJSON refuses; a code in transit is nobody's to store.
func (Message) MarshalJSON() ([]byte, error) {
	return nil, errors.New("authn: a Message does not marshal; send its Text")
}

// wire is how a Message lies in the outbox, sealed.
type wire Message

// Format keeps a wire from printing, too.
func (wire) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

func deliver(s Sender) func(context.Context, []byte) error {
	return func(ctx context.Context, payload []byte) error {
		var w wire
		if err := json.Unmarshal(payload, &w); err != nil {
			return err
		}
		return s.Send(ctx, Message(w))
	}
}
