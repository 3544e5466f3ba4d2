package main

import (
	"context"
	"fmt"
	"log"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
)

// notices is an [authn.Notifier] that prints what a mail gateway would send.
type notices struct{ out *log.Logger }

// Notify implements [authn.Notifier].
func (n notices) Notify(_ context.Context, m authn.Notice) error {
	to := fmt.Sprint("employee ", m.Actor)
	if m.Subject != "" {
		to = fmt.Sprint("customer ", m.Subject)
	}
	n.out.Printf("notice to %s: %s, %s", to, m.Event, m.At.Format("15:04:05"))
	return nil
}

// alert prints what a supervisor should look into.
func (n notices) alert(r audit.Record) {
	n.out.Printf("alert: %s by %s, %v", r.Event, r.Actor, r.Detail)
}
