package lockout

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// growing is ten failures an hour that lock, with waits from the third on.
func growing() Policy {
	return Policy{Max: 10, Window: time.Hour, Lock: 30 * time.Minute, Lease: 10 * time.Second, DelayFrom: 3, Delay: 30 * time.Second, MaxDelay: 15 * time.Minute}
}

func TestBudgetTimelines(t *testing.T) {
	budget := Policy{Max: 5, Window: 15 * time.Minute, Lock: 30 * time.Minute, Lease: 10 * time.Second, Budget: 6}
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"x x x x v x", Denied, Open, "five of six"},
		{"x x x x v x x", Denied, Spent, "a success refills nothing"},
		{"x x x x v x x v", Locked, Spent, "the right code is refused too"},
		{"x x x x v x x 29m v", Locked, Spent, "no waiting for half an hour"},
		{"x x x x v x x 719h v", Locked, Spent, "nor for 29 days and a bit"},
		{"x x x x v x x 720h v", Locked, Spent, "thirty days to the second still count"},
		{"x x x x v x x 720h1s v", Granted, Open, "a moment later they are over"},
		{"x 240h x 240h x x x 16m x v", Locked, Spent, "over weeks"},
		{"x 240h x 240h x x x 16m x 241h v", Granted, Open, "the oldest gives one back"},
		{"x 240h x 240h x x x 16m x 241h x v", Locked, Spent, "and one only"},
		{"x x x x x unlock x", Denied, Spent, "an unlock refills nothing"},
		{"x x x x x unlock x unlock", Locked, Spent, "and does not help"},
		{"x x x x x unlock x hold unlock", Done, Spent, "though a hold it lifts"},
		{"x x x x x reset x", Denied, Spent, "nor does a reset by mail"},
		{"x x x x v x x reset v", Locked, Spent, "nor after the fact"},
		{"x x x x v x x rebind v", Granted, Open, "a new secret has a budget of its own"},
		{"x x x x v r1 r2 r3", Busy, Full, "those under way count"},
		{"x x x x v r1 r2 r1:x r2:v", Granted, Open, "and the owner's may be among them"},
		{"x x x x v r1 r2 10s v", Locked, Spent, "those that never came back were failures"},
		{"x x x x v x x look", Done, Spent, "it shows"},
		{"x x x x x hold v", Locked, Held, "a hold goes before"},
		{"x x x x v x max=2 x", Denied, Timed, "and so does a lock"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, budget).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
}

// S9: using up the budget is told once, and until when.
func TestBudgetTrips(t *testing.T) {
	s := begin(t, Codes())
	s.tell("x x x x v x x x x v x")
	require.Equal(t, Answer{Verdict: Denied, Phase: Spent, Tripped: true, Until: noon.Add(BudgetPeriod + time.Millisecond)}, s.tell("x"))
	require.False(t, s.tell("x").Tripped)

	lower := begin(t, Codes())
	lower.tell("x x x x v x x x x v")
	lower.policy.Budget = 3
	require.Equal(t, Answer{Verdict: Locked, Phase: Spent, Until: noon.Add(BudgetPeriod + time.Millisecond)}, lower.tell("v"),
		"a lower budget can use it up at the next event")
	lower.policy.Budget = 0
	require.Equal(t, Granted, lower.tell("v").Verdict, "and none is none")
}

// S9, LK-10: four guesses before each of eight sign-ins a day, for a year. Without a budget a success forgets them all.
func TestAYearOfGuesses(t *testing.T) {
	year := func(p Policy) (looked, signedIn, refused int) {
		s := NewState()
		for hour := range 365 * 8 {
			at := noon.Add(time.Duration(hour) * 3 * time.Hour)
			for guess := range 5 {
				id, settle := fmt.Sprint(hour, "-", guess), Wrong
				if guess == 4 {
					settle = Right // the owner
				}
				var a Answer
				if s, a = p.Next(s, Reserve(id), at); a.Verdict != Admit {
					if guess == 4 {
						refused++
					}
					continue
				}
				if s, a = p.Next(s, settle(id), at); a.Verdict == Granted {
					signedIn++
				} else {
					looked++
				}
			}
		}
		return looked, signedIn, refused
	}
	looked, in, out := year(Default())
	t.Logf("without a budget: %5d guesses evaluated, %d sign-ins, %d refused", looked, in, out)
	require.Equal(t, 4*8*365, looked, "what the budget is against")
	require.Zero(t, out)
	looked, in, out = year(Codes())
	t.Logf("with a budget of 10: %3d guesses evaluated, %d sign-ins, %d refused", looked, in, out)
	require.LessOrEqual(t, looked, 10*(365/30+1))
	require.Positive(t, in)
}

// S9: an unlock is carried out three times a day; what it would open stays closed after that.
func TestUnlocksAreCapped(t *testing.T) {
	s := begin(t, Default())
	for range DefaultUnlocks {
		require.Equal(t, Done, s.tell("x x x x x unlock").Verdict)
		s.tell("1h")
	}
	require.Equal(t, Answer{Verdict: Capped, Phase: Timed, Until: s.now.Add(30 * time.Minute)}, s.tell("x x x x x unlock"))
	require.Equal(t, Locked, s.tell("v").Verdict)
	require.Equal(t, Done, s.tell("30m unlock").Verdict, "what time has opened needs none")
	require.Equal(t, Capped, s.tell("x x x x x rebind x x x x x unlock").Verdict, "a new secret does not forget them")
	require.Equal(t, Done, s.tell("hold 21h unlock").Verdict, "a day after the first")
	require.Equal(t, Capped, s.tell("hold unlock").Verdict, "one came free")

	s = begin(t, Default())
	s.policy.MaxUnlocks = -1
	for range 20 {
		require.Equal(t, Done, s.tell("hold unlock").Verdict)
	}
	s = begin(t, Default())
	for range 20 {
		require.Equal(t, Done, s.tell("unlock").Verdict, "those that open nothing do not count")
	}
	require.Equal(t, Done, s.tell("hold unlock").Verdict)
}

// LK-05: the waits grow as the limit nears, and never shrink.
func TestWaitsGrow(t *testing.T) {
	p := growing()
	var waits []time.Duration
	for n := range p.Max + 1 {
		waits = append(waits, p.Wait(n))
		require.True(t, n == 0 || waits[n] >= waits[n-1])
	}
	s := time.Second
	require.Equal(t, []time.Duration{0, 0, 0, 30 * s, 60 * s, 120 * s, 240 * s, 480 * s, 900 * s, 900 * s, 900 * s}, waits)
	require.Zero(t, Default().Wait(4))
	require.Equal(t, time.Hour, Policy{DelayFrom: 1, Delay: time.Minute, MaxDelay: time.Hour}.Wait(1<<30), "without overflow, and at once")
}

func TestDelayTimelines(t *testing.T) {
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"x x v", Granted, Open, "two failures are free"},
		{"x x x", Denied, Delayed, "the third makes wait"},
		{"x x x 29s v", Locked, Delayed, "the right secret too"},
		{"x x x 29s x x x x 1s v", Granted, Open, "refused attempts extend nothing, and are not counted"},
		{"x x x 30s x 59s v", Locked, Delayed, "twice as long after the fourth"},
		{"x x x 30s x 60s v", Granted, Open, "and not longer"},
		{"x x x unlock v", Locked, Delayed, "nobody is locked: there is nothing to unlock"},
		{"x x x reset v", Granted, Open, "a new secret need not wait"},
		{"x x x hold unlock v", Granted, Open, "an administrator ends it"},
		{"x x x 30s look", Done, Open, "over"},
		{"r1 r2 r3 r4", Busy, Full, "as many at a time as are free"},
		{"r1 r2 r3 r1:x r4", Busy, Full, "and no more than those"},
		{"r1 r2 r3 r1:x r2:x r3:x 30s r4 r5", Busy, Full, "beyond them one at a time"},
		{"r1 r2 r3 r1:x r2:x r3:v", Granted, Open, "who was first may come in"},
		{"x x r1 1s r1:x r2", Locked, Delayed, "wait from when it was settled"},
		{"x x r1 10s look", Done, Delayed, "or lapsed"},
		{"x x x 30s x 60s x 120s x 240s x 480s x 900s x 900s x", Denied, Timed, "the tenth locks"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, growing()).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
	s := begin(t, growing())
	require.Equal(t, noon.Add(30*time.Second), s.tell("x x x").Until)
	require.Equal(t, noon.Add(30*time.Second), s.tell("29s v").Until)
}

// LK-04: eleven failures, or 29 minutes, are not PCI's.
func TestPCI(t *testing.T) {
	p := Default()
	require.NoError(t, p.ValidatePCI())
	require.NoError(t, Policy{}.ValidatePCI())
	require.NoError(t, growing().ValidatePCI())
	p.Max, p.Lock = 11, 29*time.Minute
	require.NoError(t, p.Validate())
	require.ErrorContains(t, p.ValidatePCI(), "Policy.Max is 11, PCI DSS 8.3.4 demands at most 10; Policy.Lock is 29m0s")
	p.Max, p.Lock = 10, 0
	require.NoError(t, p.ValidatePCI(), "until identity is confirmed")
	p.Window = 0
	require.ErrorContains(t, p.ValidatePCI(), "Window is 0s", "what is wrong anyhow is told as well")
}
