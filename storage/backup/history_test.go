package backup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/lockout"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// S9, S11: what was guessed since the backup counts after the restore, by the
// rules of lockout and the policy of the host.
func TestGuessesCountOn(t *testing.T) {
	signin := func(o audit.Outcome, reason string) audit.Record {
		return audit.Record{Event: "signin", Actor: "mia", Outcome: o, Reason: reason}
	}
	wrong, right := signin(audit.Failed, "wrong"), signin(audit.Succeeded, "")
	known := right
	known.Detail = map[string]string{"device": "known"}
	tripped := func(reason, until string) audit.Record {
		return audit.Record{Event: "account.locked", Actor: "mia", Outcome: audit.Succeeded, Reason: reason, Detail: map[string]string{"until": until}}
	}
	held := audit.Record{Event: "account.held", Actor: "mia", Outcome: audit.Succeeded, Host: "stolen laptop", Detail: map[string]string{"before": "open", "after": "held"}}
	forDead := held
	forDead.Reason = "dead"
	byTom := held
	byTom.Actor, byTom.Resource = "tom", "Actor/mia"
	for _, c := range []struct {
		because string
		was     int // failures in the backup, a minute before noon
		since   []audit.Record
		at      time.Duration // after noon
		want    lockout.Phase
		left    int // consecutive failures
	}{
		{"nothing happened", 3, nil, 0, lockout.Open, 3},
		{"the fifth failure locks", 4, []audit.Record{wrong}, 0, lockout.Timed, 5},
		{"four do not", 3, []audit.Record{wrong}, 0, lockout.Open, 4},
		{"the owner came in between", 4, []audit.Record{right, wrong}, 0, lockout.Open, 1},
		{"from a device that is known, which forgets nothing of strangers", 4, []audit.Record{known, wrong}, 0, lockout.Timed, 1},
		{"old failures do not lock", 4, []audit.Record{wrong}, time.Hour, lockout.Open, 5},
		{"a locked or busy account counts nothing", 4, []audit.Record{signin(audit.Failed, "locked"), signin(audit.Failed, "busy")}, 0, lockout.Open, 4},
		{"a lock holds to its end", 0, []audit.Record{tripped("timed", "2026-11-24T13:00:00Z")}, time.Hour, lockout.Timed, 0},
		{"of two locks the later end counts", 0, []audit.Record{tripped("timed", "2026-11-24T13:00:00Z"), tripped("timed", "2026-11-24T12:30:00Z")}, time.Hour, lockout.Timed, 0},
		{"and no longer", 0, []audit.Record{tripped("timed", "2026-11-24T13:00:00Z")}, time.Hour + time.Second, lockout.Open, 0},
		{"a hold holds", 0, []audit.Record{tripped("held", "")}, 1000 * time.Hour, lockout.Held, 0},
		{"a hold outlives a later timed lock", 0, []audit.Record{tripped("held", ""), tripped("timed", "2026-11-24T13:00:00Z")}, 1000 * time.Hour, lockout.Held, 0},
		{"so does one of the host's", 0, []audit.Record{held}, 1000 * time.Hour, lockout.Held, 0},
		{"and one on a colleague's word", 0, []audit.Record{byTom}, 1000 * time.Hour, lockout.Held, 0},
		{"whatever reason was given for it", 0, []audit.Record{forDead}, 1000 * time.Hour, lockout.Held, 0},
		{"a lock whose end nobody can read holds", 0, []audit.Record{tripped("timed", "soon")}, 1000 * time.Hour, lockout.Held, 0},
		{"the dead stay dead", 0, []audit.Record{tripped("dead", "")}, 1000 * time.Hour, lockout.Dead, lockout.DeadAfter},
	} {
		h := &history{guesses: map[place][]guess{}}
		for _, r := range c.since {
			r.Time = noon
			h.add(r)
		}
		s := lockout.NewState()
		for range c.was {
			s = guess{at: noon.Add(-time.Minute), outcome: 1}.apply(s)
		}
		m := newRecord()
		require.NoError(t, m.set(s))
		m["later"] = []byte("1")
		require.NoError(t, h.lock(lockOf("actor", "mia", "pwd"), m))
		require.Equal(t, "1", string(m["later"]), "members of later versions stay")

		s = lockout.State{}
		require.NoError(t, m.get("born", &s.Born))
		require.NoError(t, m.get("fails", &s.Fails))
		require.NoError(t, m.get("until", &s.Until))
		require.NoError(t, m.get("locks", &s.Locks))
		require.NoError(t, m.get("consecutive", &s.Consecutive))
		require.NoError(t, m.get("at", &s.At))
		after, answer := lockout.Default().Next(s, lockout.Tick(), noon.Add(c.at))
		require.Equal(t, c.want, answer.Phase, c.because)
		require.Equal(t, c.left, after.Consecutive, c.because)
	}
}

func TestUnknownEventsAreALoss(t *testing.T) {
	h := &history{}
	for _, event := range append([]string{"novelty", "policy.changed"}, harmless...) {
		h.add(audit.Record{Event: event, Outcome: audit.Succeeded})
	}
	h.add(audit.Record{Event: "policy.changed", Outcome: audit.Denied}) // nothing was changed
	require.Equal(t, []string{"novelty", "policy.changed"}, h.unknown)
}
