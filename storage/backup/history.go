package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/lockout"
	"github.com/symbolon-auth/symbolon/storage"
)

// history is what a Log says to have happened in a tenant since the backup, as
// far as a restore must not undo it. Names are those of records.
type history struct {
	passwords map[string]symbolon.ActorID // replaced: the one in the backup may be why
	keys      map[string]bool             // revoked
	owners    map[string]time.Time        // actors of whom a key was revoked, nobody knows which; keys made until then go
	guesses   map[place][]guess           // at the secret of a lock, in order
	calls     []call
	unknown   []string // events that are not known here, or say too little
	newer     int
}

// place is where a record lies.
type place struct {
	shard table.Shard
	name  string
}

func lockOf(kind, id, method string) place {
	return place{table.ShardOf(kind, id), table.Name(kind, id, "lock", method)}
}

// guess is what happened to a lock.
type guess struct {
	at      time.Time
	outcome guessed
	until   lockout.Instant // with tripped; below 0 until an administrator unlocks, see lockout.State
	dead    bool            // with tripped
	known   bool            // it came from a device that was known, which has a count of its own
}

type guessed uint8

const (
	wrong guessed = iota + 1
	right
	tripped
)

// call is a call id that was used.
type call struct {
	id    string
	value callRecord
	at    time.Time
	ended endedInteraction
}

// callRecord and endedInteraction are written as authn writes them.
type callRecord struct {
	V           int    `json:"v"`
	Interaction string `json:"interaction"`
	Service     string `json:"service"`
	Agent       string `json:"agent"`
	Subject     string `json:"subject"`
	Channel     string `json:"channel"`
}

type endedInteraction struct {
	V int `json:"v"`
	stamp.Interaction
	Service string    `json:"service"`
	Channel string    `json:"channel"`
	Opened  time.Time `json:"opened"`
}

const (
	overlap  = time.Hour          // clocks of a fleet differ; and a commit takes its time
	keepCall = 7 * 24 * time.Hour // as authn does
	keepMore = 2 * 24 * time.Hour // an interaction outlives its call id
)

// harmless are the events that change nothing which a restore could undo.
var harmless = []string{"key.made", "account.unlocked", "customer.unlocked", "unlock.reciprocal", "employee.failing", "signout", "sessions.ended", "proofs.ended", "method.bound", "challenge.sent",
	"interaction.joined", "interaction.ended", "decision", "act", "policy.proposed", "policy.approved", "policy.withdrawn",
	"tenant.exported", "tenant.imported", "tenant.fenced", "tenant.unfenced"}

// since returns the name behind which all audit records lie that a backup may
// have missed. A record that counts is named after the start of its day.
func since(made time.Time) string {
	day := made.UTC().Add(-overlap).Truncate(24 * time.Hour)
	return fmt.Sprintf("audit/%017d", day.UnixMicro())
}

// readHistory reads the Log behind a backup that was made at that time and holds
// these audit records. missing is how many of them the Log has not. What the Log
// tells of is taken out of used.
func readHistory(ctx context.Context, log storage.Reader, tenant string, made time.Time, has, used map[string]bool) (h *history, missing int, err error) {
	h = &history{passwords: map[string]symbolon.ActorID{}, keys: map[string]bool{}, owners: map[string]time.Time{},
		guesses: map[place][]guess{}}
	missing = len(has)
	err = walk(ctx, log, tenant, "audit/", since(made), func(_ table.Shard, r storage.Record) error {
		if has[r.Name] {
			missing--
			return nil
		}
		rec, err := table.Decode[audit.Record](table.Row{Name: r.Name, Value: r.Value})
		if err != nil {
			return fmt.Errorf("backup: Options.Log: %w", err)
		}
		delete(used, r.Name)
		h.newer++
		h.add(rec)
		return nil
	})
	for _, g := range h.guesses { // two nodes write to one shard, each by its clock
		slices.SortStableFunc(g, func(a, b guess) int { return a.at.Compare(b.at) })
	}
	slices.Sort(h.unknown)
	h.unknown = slices.Compact(h.unknown)
	return h, missing, err
}

func (h *history) add(r audit.Record) {
	actor := string(r.Actor)
	switch r.Event {
	case "password.set", "password.imported", "password.changed", "password.reset", "password.revoked":
		owner := r.Actor
		if of, other := strings.CutPrefix(r.Resource, "Actor/"); other { // a colleague had it reset
			owner = symbolon.ActorID(of)
		}
		if r.Event == "password.changed" {
			h.guess(lockOf("actor", actor, "pwd"), r) // the present one was asked for
		}
		if r.Outcome == audit.Succeeded {
			h.passwords[table.Name("actor", string(owner), "password")] = owner
		}
	case "key.revoked":
		if key := r.Detail["key"]; key != "" {
			h.keys[stamp.SessionName(actor, "key/"+key)] = true
		} else if owner := table.Name("actor", actor); r.Time.After(h.owners[owner]) {
			h.owners[owner] = r.Time
		}
	case "signin":
		if actor != "" { // else it counts unknown logins, behind which there is nothing
			h.guess(lockOf("actor", actor, "pwd"), r)
		}
	case "account.locked":
		h.guess(lockOf("actor", actor, "pwd"), r)
	case "account.held":
		if of, other := strings.CutPrefix(r.Resource, "Actor/"); other {
			actor = of
		}
		h.guess(lockOf("actor", actor, "pwd"), r)
	case "challenge.answered", "customer.locked", "customer.held":
		h.guess(lockOf("subject", string(r.Subject), r.Detail["method"]), r)
	case "interaction.opened":
		h.opened(r)
	default:
		if !slices.Contains(harmless, r.Event) && r.Outcome != audit.Denied {
			h.unknown = append(h.unknown, r.Event)
		}
	}
}

func (h *history) guess(lock place, r audit.Record) {
	g := guess{at: r.Time, known: r.Detail["device"] == "known"}
	switch {
	case slices.Contains([]string{"account.locked", "account.held", "customer.locked", "customer.held"}, r.Event):
		g.outcome, g.until, g.dead = tripped, -1, r.Reason == lockout.Dead.String() && strings.HasSuffix(r.Event, ".locked")
		if until, err := time.Parse(time.RFC3339, r.Detail["until"]); err == nil && r.Reason == lockout.Timed.String() {
			g.until = lockout.Instant(until.Add(time.Second).UnixMilli()) // it was rounded down
		}
		if strings.HasSuffix(r.Event, ".held") {
			g.until = -3
		}
	case r.Outcome == audit.Succeeded:
		g.outcome = right
	case r.Outcome == audit.Failed && r.Reason == "wrong":
		g.outcome = wrong
	default:
		return // was not looked at, or not for the sake of the secret
	}
	h.guesses[lock] = append(h.guesses[lock], g)
}

func (h *history) opened(r audit.Record) {
	id, agent, channel := r.Detail["call"], r.Detail["agent"], r.Detail["channel"]
	h.calls = append(h.calls, call{
		id:    id,
		value: callRecord{tableFormat, string(r.Interaction), string(r.Actor), agent, string(r.Subject), channel},
		at:    r.Time,
		ended: endedInteraction{V: tableFormat, Service: string(r.Actor), Channel: channel, Opened: r.Time.Truncate(time.Second),
			Interaction: stamp.Interaction{Subject: string(r.Subject), Holder: agent, Leg: 1, Lease: r.Time, End: r.Time, Ended: true}},
	})
}

// revoked reports whether a key of the backup was revoked since.
func (h *history) revoked(name string, m members) bool {
	if h.keys[name] {
		return true
	}
	until, some := h.owners["actor/"+part(name, 1)]
	var made time.Time
	return some && (m.get("made", &made) != nil || !made.After(until))
}

// lock applies what happened to a lock since.
func (h *history) lock(at place, m members) error {
	all := h.guesses[at]
	if len(all) == 0 {
		return nil
	}
	var s lockout.State
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	for _, g := range all {
		s = g.apply(s)
	}
	return m.set(s, "born", "fails", "reservations", "until", "locks", "consecutive", "spent", "used", "at")
}

// apply adds to what is remembered. Lockout itself decides, with the host's
// policy, as soon as anybody looks: failures lock, age, and count on.
func (g guess) apply(s lockout.State) lockout.State {
	at := lockout.Instant(g.at.UnixMilli())
	switch g.outcome {
	case wrong:
		s.Fails = append(slices.Clone(s.Fails), at)
		slices.Sort(s.Fails)
		s.Spent = append(slices.Clone(s.Spent), at) // where there is a budget, a restore does not refill it (S9)
		slices.Sort(s.Spent)
		s.Consecutive++
	case right:
		if s.Consecutive, s.Used = 0, max(s.Used, at); !g.known {
			s.Fails, s.Locks = nil, 0
		}
	case tripped:
		s.Locks++
		switch {
		case g.dead:
		case g.until < 0:
			s.Until = min(s.Until, g.until)
		case s.Until >= 0:
			s.Until = max(s.Until, g.until)
		}
		if g.dead {
			s.Consecutive = max(s.Consecutive, lockout.DeadAfter)
		}
	}
	s.At = max(s.At, at)
	return s
}
