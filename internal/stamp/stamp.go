// Package stamp answers whether what a Principal rests on is still live.
//
// Most callers call [Check] each time: when a token is verified, when a decision
// is made, when an act begins. It is two reads in parallel, one in the actor's
// shard and one in the subject's, and nothing is cached. What authn changes in
// these records, such as the end of a call, thereby ends every token at once.
package stamp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// ErrDead is wrapped by every refusal of this package; the text says what is
// over, for the audit.
var ErrDead = errors.New("no longer live")

// Party is the stored stamp of an actor or a subject. One that is absent is
// dead: deleting it reopens nothing (S8).
type Party struct {
	Epoch uint64 `json:"epoch"` // moves when everything that rests on the party is void
}

// Next returns the stamp with a later epoch. It never starts again from one, so
// that a stamp that was deleted and made anew does not revive old tokens.
func (p Party) Next(now time.Time) Party {
	return Party{Epoch: max(p.Epoch+1, uint64(now.UnixMilli()))}
}

// Session is what is looked at of a session's record; authn keeps more in it, and
// of a key's record there is nothing to look at. A member that is empty is not
// compared: nothing is known of it.
type Session struct {
	Orgs  string `json:"orgs,omitempty"`  // to which the actor belonged at sign-in
	Place string `json:"place,omitempty"` // where those stood in the tree
}

// Live reports why the session is over for somebody with these stamps, or nil:
// who was moved to another organisation, or with it, signs in anew (S7).
func (s Session) Live(st seal.Stamps) error {
	moved := func(was, is string) bool { return was != "" && is != "" && was != is }
	switch {
	case moved(s.Orgs, st.Orgs):
		return fmt.Errorf("session: %w: the actor belongs elsewhere by now", ErrDead)
	case moved(s.Place, st.Place):
		return fmt.Errorf("session: %w: the actor's organisation was moved", ErrDead)
	}
	return nil
}

// Orgs names the organisations of an actor, in any order, for the stamps.
func Orgs[T ~string](org T, more ...T) string {
	all := []T{org}
	if len(more) > 0 {
		all = append(all, more...)
		slices.Sort(all)
		all = slices.Compact(all)
	}
	var room [160]byte // for most, without an allocation
	text := room[:0]
	for _, o := range all {
		text = append(strconv.AppendInt(text, int64(len(o)), 10), ':')
		text = append(text, o...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// Interaction is what is looked at of an interaction's record; authn keeps more
// in it.
type Interaction struct {
	Subject      string    `json:"subject"`
	Holder       string    `json:"holder"` // the actor who serves it
	Leg          uint64    `json:"leg"`
	Lease        time.Time `json:"lease"` // telephony renews it; silence ends the interaction (S3)
	End          time.Time `json:"end"`   // however often the lease is renewed
	Ended        bool      `json:"ended,omitempty"`
	Verification string    `json:"verification,omitempty"` // drawn with the first proof
}

// Live reports why the interaction is over at now, or nil.
func (i Interaction) Live(now time.Time) error {
	switch {
	case i.Ended:
		return fmt.Errorf("interaction: %w: it was ended", ErrDead)
	case !now.Before(i.Lease):
		return fmt.Errorf("interaction: %w: its lease ran out", ErrDead)
	case !now.Before(i.End):
		return fmt.Errorf("interaction: %w: it reached its longest duration", ErrDead)
	}
	return nil
}

// ActorName returns the name of an actor's stamp.
func ActorName(actor string) string { return table.Name("actor", actor, "stamp") }

// SessionName returns the name of a session's or key's record; session is
// "s/<id>" or "key/<id>".
func SessionName(actor, session string) string {
	kind, id, _ := strings.Cut(session, "/")
	return table.Name("actor", actor, kind, id)
}

// SubjectName returns the name of a subject's stamp.
func SubjectName(subject string) string { return table.Name("subject", subject, "stamp") }

// InteractionName returns the name of an interaction's record, in its subject's
// shard.
func InteractionName(id string) string { return table.Name("interaction", id) }

// Actor returns where the actor's half of the stamps lies.
func Actor(st seal.Stamps) (table.Shard, []string) {
	return table.ShardOf("actor", st.Actor), []string{ActorName(st.Actor), SessionName(st.Actor, st.Session)}
}

// Subject returns where the subject's half lies; no names if there is none.
func Subject(st seal.Stamps) (table.Shard, []string) {
	if st.Subject == "" {
		return 0, nil
	}
	return table.ShardOf("subject", st.Subject), []string{SubjectName(st.Subject), InteractionName(st.Interaction)}
}

// Check asks the store whether everything that st rests on is still live. The
// error wraps [ErrDead], or storage.ErrUnavailable if the store cannot tell.
func Check(ctx context.Context, s *table.Space, st seal.Stamps) error {
	subject := make(chan error, 1)
	if shard, names := Subject(st); len(names) == 0 {
		subject <- nil
	} else {
		go func() {
			v, err := s.Read(ctx, shard, names...)
			if err == nil {
				err = SubjectLive(v, st)
			}
			subject <- err
		}()
	}
	shard, names := Actor(st)
	v, err := s.Read(ctx, shard, names...)
	if err == nil {
		err = ActorLive(v, st)
	}
	other := <-subject
	if errors.Is(other, ErrDead) { // one half that is dead is enough to know
		return other
	}
	return cmp.Or(err, other)
}

// ActorLive decides on the records that [Actor] names.
func ActorLive(v *table.View, st seal.Stamps) error {
	p, ok, err := table.Get[Party](v, ActorName(st.Actor))
	switch {
	case err != nil:
		return dead("actor", err)
	case !ok || p.Epoch != st.ActorEpoch:
		return fmt.Errorf("actor: %w: credentials have changed", ErrDead)
	}
	s, ok, err := table.Get[Session](v, SessionName(st.Actor, st.Session))
	switch {
	case err != nil:
		return dead("session", err)
	case !ok:
		return fmt.Errorf("session: %w: it was ended or ran out", ErrDead)
	}
	return s.Live(st)
}

// SubjectLive decides on the records that [Subject] names.
func SubjectLive(v *table.View, st seal.Stamps) error {
	p, ok, err := table.Get[Party](v, SubjectName(st.Subject))
	switch {
	case err != nil:
		return dead("subject", err)
	case !ok || p.Epoch != st.SubjectEpoch:
		return fmt.Errorf("subject: %w: everything proved before is void", ErrDead)
	}
	i, ok, err := table.Get[Interaction](v, InteractionName(st.Interaction))
	switch {
	case err != nil:
		return dead("interaction", err)
	case !ok:
		return fmt.Errorf("interaction: %w: there is none", ErrDead)
	case i.Subject != st.Subject:
		return fmt.Errorf("interaction: %w: it serves another subject", ErrDead)
	case i.Holder != st.Actor || i.Leg != st.Leg:
		return fmt.Errorf("interaction: %w: it has changed hands", ErrDead)
	case st.Verification != "" && i.Verification != st.Verification:
		return fmt.Errorf("interaction: %w: its verification is void", ErrDead)
	}
	return i.Live(v.Now())
}

// dead takes a record that cannot be read for one that is not there.
func dead(what string, err error) error { return fmt.Errorf("%s: %w: %w", what, ErrDead, err) }
