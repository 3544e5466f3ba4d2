package lockout

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// S24, LK-10: strangers lock strangers out. The owner's own device has a lane of its own.
func TestLaneTimelines(t *testing.T) {
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"x x x x x kv", Granted, Open, "strangers have locked the account, and the owner comes in"},
		{"x x x x x kv v", Locked, Timed, "which opens nothing for strangers"},
		{"x x x x kv x", Denied, Timed, "nor forgets their failures"},
		{"r1 r2 r3 r4 r5 kv", Granted, Open, "strangers who are being looked at take no place of the owner's"},
		{"kx kx kx kx kx kv", Locked, Timed, "a thief with the device has as many guesses as anybody"},
		{"kx kx kx kx kx v", Granted, Open, "which lock the device's lane alone"},
		{"kx kx kx kx kx 30m kv", Granted, Open, "for as long as any lock"},
		{"kr1 r1:v", Denied, Open, "what was reserved in one lane is not settled in the other"},
		{"r1 kr1:v", Denied, Open, "either way"},
		{"hold kv", Locked, Held, "a hold on somebody's word closes both"},
		{"kr1 hold kr1:v", Denied, Held, "also over what is under way"},
		{"x x x x x kx kx kx kx kx unlock kv", Granted, Open, "an unlock opens both"},
		{"kx kx kx kx kx unlock v", Granted, Open, "also where only one is locked"},
		{"kx kx kx kx kx unlock kv", Granted, Open, "be it that of the device"},
		{"kx kx kx kx kx reset kv", Granted, Open, "a new secret, proven otherwise, opens both"},
		{"kx kx kx kx kx rebind kv", Granted, Open, "and so does one that was bound"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, Default()).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
}

// S24: a lock without an end, given for failures, is the lane's; disuse is not.
func TestWhatClosesBothLanes(t *testing.T) {
	endless := Default()
	endless.Lock = 0
	require.Equal(t, Granted, begin(t, endless).tell("x x x x x kv").Verdict, "strangers cannot hold the owner out")
	require.Equal(t, Held, begin(t, endless).tell("kx kx kx kx kx 99h klook").Phase)
	require.Equal(t, Open, begin(t, endless).tell("kx kx kx kx kx reset look").Phase)
	require.Equal(t, Held, begin(t, endless).tell("kx kx kx kx kx reset klook").Phase, "nor does a reset open what holds until an unlock")
	require.Equal(t, Dormant, begin(t, closing()).tell("v 2161h kv").Phase)
	require.Equal(t, Granted, begin(t, closing()).tell("v 2000h kv 2000h v").Verdict, "a sign-in by the device is use")
}

// LK-02, S9: one secret, however it is reached: consecutive failures and the budget count over both lanes, in parallel too.
func TestBothLanesWearOutOneSecret(t *testing.T) {
	s := begin(t, Default())
	for range 10 {
		s.tell("x x x x x kx kx kx kx kx 31m")
	}
	require.Equal(t, Dead, s.tell("look").Phase)
	require.Equal(t, Dead, s.tell("kv").Phase, "also for the owner's device")

	budget := Default()
	budget.Budget = 6
	s = begin(t, budget)
	require.Equal(t, Spent, s.tell("x x x kx kx kx kv").Phase)
	s = begin(t, budget)
	require.Equal(t, Busy, s.tell("r1 r2 r3 r4 kr5 kr6 kr7").Verdict, "six are under way")
	s = begin(t, Default())
	s.state.Consecutive = DeadAfter - 2
	require.Equal(t, Busy, s.tell("r1 kr2 kr3").Verdict, "two are left")
}

// S24, LK-10: whatever strangers do, and whenever, the owner's device is answered as if nobody else were there, until the
// secret itself is worn out.
func TestStrangersDoNotMatter(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy")
		p.Budget, p.Dormant = 0, 0
		alone, crowd, at := NewState(), NewState(), noon
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "wait")) * time.Second)
			for j := range rapid.IntRange(0, 3).Draw(t, "strangers") {
				id := fmt.Sprint("s", i, j)
				crowd, _ = p.Next(crowd, Reserve(id), at)
				if rapid.Bool().Draw(t, "settles") {
					crowd, _ = p.Next(crowd, Wrong(id), at)
				}
			}
			if crowd.Consecutive+checks(crowd) > DeadAfter-10 {
				return
			}
			e := events(6).Filter(func(e Event) bool { return e.guess() }).Draw(t, "event").Known()
			var a, b Answer
			alone, a = p.Next(alone, e, at)
			crowd, b = p.Next(crowd, e, at)
			require.Equal(t, a.Verdict, b.Verdict)
			require.Equal(t, a.Phase, b.Phase)
		}
	})
}
