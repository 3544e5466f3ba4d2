package lockout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// closing is the default, with accounts that close when nobody has used them for ninety days.
func closing() Policy {
	p := Default()
	p.Dormant = 90 * 24 * time.Hour
	return p
}

// LK-18: what nobody uses is closed.
func TestDormantTimelines(t *testing.T) {
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"rebind 2160h v", Granted, Open, "ninety days to the second"},
		{"rebind 2160h1s v", Locked, Dormant, "a second more, and the right secret is refused"},
		{"v 2160h1s v", Locked, Dormant, "counted from the last success"},
		{"v 2000h v 2000h v", Granted, Open, "of which each begins anew"},
		{"v 2000h x 200h v", Locked, Dormant, "a guess is no use"},
		{"v 2000h x x x x x 160h1s v", Locked, Dormant, "nor is a lock"},
		{"v 2160h1s x x x x x look", Done, Dormant, "guesses change nothing any more"},
		{"v 2160h1s 9999h v", Locked, Dormant, "and no time opens it"},
		{"v 2160h1s rebind v", Locked, Dormant, "nor does a new secret"},
		{"v 2160h1s reset v", Locked, Dormant, "however it came about"},
		{"v 2160h1s unlock v", Granted, Open, "only another person's word"},
		{"v 2160h1s unlock 2160h v", Granted, Open, "from which the days count"},
		{"v 2160h1s unlock 2160h1s v", Locked, Dormant, "and run out again"},
		{"v 2160h1s hold unlock v", Granted, Open, "a hold on top is lifted with it"},
		{"v hold 2160h1s look", Done, Held, "what is held stays held"},
		{"v 2159h59m55s r1 10s r1:v", Denied, Dormant, "who comes in the very last second is too late"},
		{"look 9999h v", Granted, Open, "of what is not known to have been bound, nobody knows how old it is"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, closing()).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
	a := begin(t, Default()).tell("v 99999h v")
	require.Equal(t, Granted, a.Verdict, "without the rule, never")
}

// LK-18, S24: locks that hold until somebody unlocks do not keep what nobody uses from being closed.
func TestDormantBehindALock(t *testing.T) {
	p := closing()
	p.Lock = 0
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"v x x x x x look", Done, Held, "strangers have locked their lane"},
		{"v x x x x x 2160h kv", Granted, Open, "and the owner comes in for ninety days"},
		{"v x x x x x 2160h1s kv", Locked, Dormant, "but no longer"},
		{"v x x x x x 2160h kv 2160h1s kv", Locked, Dormant, "counted from the last success, though it opened no lock"},
		{"v x x x x x 2160h1s v", Locked, Dormant, "the locked lane is out of use as well"},
		{"v kx kx kx kx kx 2160h1s kv", Locked, Dormant, "and so is that of the device"},
		{"v x x x x x 2160h1s rebind kv", Locked, Dormant, "a new secret opens nothing"},
		{"v x x x x x 2160h1s unlock kv", Granted, Open, "another person's word does"},
		{"v x x x x x hold 2160h1s look", Done, Held, "what is held on somebody's word stays held"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, p).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
	s := begin(t, p)
	s.tell("v x x x x x")
	require.Equal(t, Answer{Verdict: Done, Phase: Dormant, Tripped: true}, s.tell("2161h look"), "told, though it was locked before")
	require.Equal(t, Answer{Verdict: Done, Phase: Dormant}, s.tell("look"), "once")
}

// LK-18: it is told once.
func TestDormantTrips(t *testing.T) {
	s := begin(t, closing())
	require.Equal(t, Answer{Verdict: Locked, Phase: Dormant, Tripped: true}, s.tell("v 2161h v"))
	require.Equal(t, Answer{Verdict: Locked, Phase: Dormant}, s.tell("v"))
}

// LK-15: a success tells what came before it.
func TestWhatCameBefore(t *testing.T) {
	for _, row := range []struct {
		words    string
		failures int
		unused   time.Duration
		because  string
	}{
		{"v", 0, 0, "nothing is known of before"},
		{"v 3h v", 0, 3 * time.Hour, "since the last success"},
		{"rebind 5h x 1h v", 1, 6 * time.Hour, "or since it was bound"},
		{"v x x x x x 30m x x 20m v", 7, 50 * time.Minute, "over locks and windows"},
		{"v x x v x v", 1, 0, "since the last success, no further"},
	} {
		a := begin(t, Default()).tell(row.words)
		require.Equal(t, Answer{Verdict: Granted, Phase: Open, Failures: row.failures, Unused: row.unused}, a, row.because)
	}
	require.Zero(t, begin(t, Default()).tell("x x x").Failures, "a stranger is told nothing")
}
