package authn

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// Sender delivers a code to a customer. The host knows the customer's number;
// this module does not. Send may be called again for the same Message, from any
// process, until it returns nil; a customer without such a number is no error,
// so that nobody can tell (S13). It returns soon after ctx ends. Implementations
// are safe for concurrent use.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// SenderFunc is a function as a [Sender].
type SenderFunc func(ctx context.Context, m Message) error

// Send calls f.
func (f SenderFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

// Message is what a [Sender] delivers.
type Message struct {
	ID          string // the same each time it is sent
	Subject     symbolon.SubjectID
	Interaction symbolon.InteractionID
	Method      symbolon.Method // how to reach the customer
	Code        Code
	Operation   string    // what the code is for; the customer must be told (S15)
	Expires     time.Time // the code is worth nothing after
}

// Code is a one-time code on its way. It neither prints nor marshals.
type Code struct{ hidden }

// NewCode returns a Code, for the tests of a Sender.
func NewCode(s string) Code { return Code{hide(s)} }

// Text returns what to send: the code, what it is for, and the warning that
// stops a stranger from talking the customer out of it (S15). A host may word
// its own.
func (m Message) Text() string {
	return fmt.Sprintf("%s is your code for %q. Tell it only to the agent whom you called yourself. Nobody who calls you will ask for it.", m.Code.Reveal(), m.Operation)
}

// sealed is how a Message lies in the outbox, which encrypts it.
type sealed struct {
	V           int                    `json:"v"`
	ID          string                 `json:"id"`
	Subject     symbolon.SubjectID     `json:"subject"`
	Interaction symbolon.InteractionID `json:"interaction"`
	Method      symbolon.Method        `json:"method"`
	Code        string                 `json:"code"`
	Operation   string                 `json:"operation"`
	Expires     time.Time              `json:"expires"`
}

const sealedFormat = 1

func (m Message) seal() ([]byte, error) {
	return json.Marshal(sealed{sealedFormat, m.ID, m.Subject, m.Interaction, m.Method, m.Code.Reveal(), m.Operation, m.Expires})
}

// sealedNotice is how a Notice lies in the outbox.
type sealedNotice struct {
	V        int                `json:"v"`
	ID       string             `json:"id"`
	Actor    symbolon.ActorID   `json:"actor"`
	Subject  symbolon.SubjectID `json:"subject,omitempty"`
	Event    string             `json:"event"`
	Method   symbolon.Method    `json:"method,omitempty"`
	At       time.Time          `json:"at"`
	Password string             `json:"password,omitempty"`
}

func (n Notice) seal() ([]byte, error) {
	return json.Marshal(sealedNotice{sealedFormat, n.ID, n.Actor, n.Subject, n.Event, n.Method, n.At, n.Password.Reveal()})
}

func notify(to Notifier) func(context.Context, []byte) error {
	return func(ctx context.Context, payload []byte) error {
		var n sealedNotice
		if err := json.Unmarshal(payload, &n); err != nil {
			return err
		}
		if n.V != sealedFormat {
			return fmt.Errorf("authn: a notice of format %d is on its way, and this process knows %d", n.V, sealedFormat)
		}
		return to.Notify(ctx, Notice{n.ID, n.Actor, n.Subject, n.Event, n.Method, n.At, NewCode(n.Password)})
	}
}

func deliver(s Sender) func(context.Context, []byte) error {
	return func(ctx context.Context, payload []byte) error {
		var m sealed
		if err := json.Unmarshal(payload, &m); err != nil {
			return err
		}
		if m.V != sealedFormat {
			return fmt.Errorf("authn: a message of format %d is on its way, and this process knows %d", m.V, sealedFormat)
		}
		return s.Send(ctx, Message{m.ID, m.Subject, m.Interaction, m.Method, NewCode(m.Code), m.Operation, m.Expires})
	}
}
