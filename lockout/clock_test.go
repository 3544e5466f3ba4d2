package lockout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// LK-19: the clock is handed in; a slow one cannot reopen, one that was ahead is followed for two minutes at most.
func TestClocksThatDisagree(t *testing.T) {
	s := begin(t, Default())
	s.tell("x x x x x")
	require.Equal(t, Timed, s.tell("-1h look").Phase, "an hour slow: locked all the same")
	require.Equal(t, instant(noon), s.state.At, "time never runs back")

	s = begin(t, Default())
	s.tell("x x x x x")
	require.Equal(t, Open, s.tell("29m30s 1m look").Phase, "a node one minute ahead opens a minute early")
	s = begin(t, Default())
	s.tell("29m30s look -29m30s x")
	require.Equal(t, instant(noon.Add(2*time.Minute)), s.state.Fails[0], "a node was far ahead: others follow for two minutes")

	s = begin(t, Default())
	s.tell("1m look -1m r1")
	require.Equal(t, instant(noon.Add(time.Minute+10*time.Second)), s.state.Reservations[0].Deadline, "a slow node's lease is not over at once")

	s = begin(t, Default())
	s.tell("r1 -10m r1")
	require.Equal(t, instant(noon.Add(10*time.Second)), s.state.Reservations[0].Deadline, "nor does it shorten the lease of another")

	for _, now := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<60, 0), time.Unix(1<<40, 0)} {
		s := begin(t, Default())
		s.now = now
		require.Equal(t, Timed, s.tell("x x x x x").Phase, "%v", now)
		require.Equal(t, Locked, s.tell("v").Verdict, "%v", now)
	}
}

// One node is ten years ahead. The others keep their own time, and what it has locked opens by hand or with a new secret.
func TestANodeYearsAhead(t *testing.T) {
	const ahead, back = "87600h ", " -87600h "
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"x" + back + "x x x x 33m look", Done, Timed, "its failure stays"},
		{"x x x x x" + back + "31m v", Locked, Timed, "its lock is not believed less than another's: a slow clock would open all locks"},
		{"x x x x x" + back + "unlock v", Granted, Open, "an administrator opens it"},
		{"x x x x x" + back + "unlock x x x x x 29m59s v", Locked, Timed, "after that, locks are as long as ever"},
		{"x x x x x" + back + "unlock x x x x x 30m v", Granted, Open, "and not longer"},
		{"x x x x x" + back + "rebind v", Granted, Open, "a new secret opens it"},
		{"r1 r2 r3 r4 r5" + back + "v", Busy, Full, "what it never settled"},
		{"r1 r2 r3 r4 r5" + back + "reset v", Granted, Open, "is void with the secret that was looked at"},
	} {
		a := begin(t, Default()).tell(ahead + row.words)
		require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
	}
	spent := begin(t, Codes())
	spent.tell(ahead + "x x x x v x x x x v x x" + back)
	require.Equal(t, Answer{Verdict: Locked, Phase: Spent, Until: spent.now.Add(87600*time.Hour + BudgetPeriod + time.Millisecond)}, spent.tell("unlock v"))
	require.Equal(t, Granted, spent.tell("rebind v").Verdict, "a budget too")
}
