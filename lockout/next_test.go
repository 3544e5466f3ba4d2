package lockout

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// story is a State with a clock beside it, told what happens in words.
type story struct {
	t      *testing.T
	policy Policy
	state  State
	now    time.Time
	ids    int
	known  bool
}

func begin(t *testing.T, p Policy) *story {
	return &story{t: t, policy: p, state: NewState(), now: noon}
}

func (s *story) event(e Event) (a Answer) {
	if s.known {
		e = e.Known()
	}
	s.state, a = s.policy.Next(s.state, e, s.now)
	return a
}

// guess reserves and settles at once. While refused it settles nothing.
func (s *story) guess(settle func(string) Event) Answer {
	s.ids++
	id := fmt.Sprint("guess-", s.ids)
	if a := s.event(Reserve(id)); a.Verdict != Admit {
		return a
	}
	return s.event(settle(id))
}

// tell plays words and returns the last answer: x a wrong guess, v a right one, r1 a reservation named r1, r1:x and r1:v its
// outcomes, r1:back that it is taken back, each with a k before it from a known device, the administrators' words, max=3 a new policy, and durations that pass.
func (s *story) tell(words string) (a Answer) {
	for word := range strings.FieldsSeq(words) {
		word, s.known = strings.CutPrefix(word, "k")
		name, rest, compound := strings.Cut(word, ":")
		switch {
		case word == "x":
			a = s.guess(Wrong)
		case word == "v":
			a = s.guess(Right)
		case word == "unlock":
			a = s.event(Unlock())
		case word == "hold":
			a = s.event(Hold())
		case word == "reset":
			a = s.event(Reset())
		case word == "rebind":
			a = s.event(Rebind())
		case word == "look":
			a = s.event(Tick())
		case strings.HasPrefix(word, "max="):
			_, err := fmt.Sscanf(word, "max=%d", &s.policy.Max)
			require.NoError(s.t, err)
		case word[0] == 'r' && !compound:
			a = s.event(Reserve(word))
		case word[0] == 'r' && rest == "x":
			a = s.event(Wrong(name))
		case word[0] == 'r' && rest == "back":
			a = s.event(Release(name))
		case word[0] == 'r' && rest == "v":
			a = s.event(Right(name))
		default:
			d, err := time.ParseDuration(word)
			require.NoError(s.t, err, "word %q", word)
			s.now = s.now.Add(d)
		}
	}
	return a
}

func TestTimelines(t *testing.T) {
	for _, row := range []struct {
		words   string
		verdict Verdict
		phase   Phase
		because string
	}{
		{"look", Done, Open, "nobody has guessed yet"},
		{"v", Granted, Open, "the right secret opens"},
		{"x x x x", Denied, Open, "four failures leave one attempt"},
		{"x x x x x", Denied, Timed, "the fifth locks"},
		{"x x x x v", Granted, Open, "the last attempt may be the right one"},
		{"x x x x v x x x x", Denied, Open, "success forgets the failures before it"},
		{"x x x x 16m x", Denied, Open, "failures older than the window do not count"},
		{"x x x x 15m x", Denied, Timed, "a failure that is exactly as old as the window counts"},

		// LK-08: while locked the right secret is refused, and never looked at.
		{"x x x x x 10m v", Locked, Timed, "a lock does not ask whether the secret is right"},
		{"x x x x x 29m59s v", Locked, Timed, "waiting less than the lock does not open it"},
		{"x x x x x 30m v", Granted, Open, "the lock is over to the second"},
		{"x x x x x 29m x x x x x 1m v", Granted, Open, "refused attempts extend nothing"},
		{"x x x x x 29m x x x x x 1m x x x x", Denied, Open, "refused attempts are not counted"},
		{"x x x x x 30m x", Denied, Open, "after a lock the record is empty"},

		{"r1 r2 r3 r4 r5", Admit, Full, "five may be looked at together"},
		{"r1 r2 r3 r4 r5 r6", Busy, Full, "a sixth must wait for one of them"},
		{"r1 r2 r3 r4 r5 r6 r1:v r6", Admit, Full, "a success gives room to those who wait"},
		{"r1 r2 r3 r4 r5 r1:x r6", Busy, Full, "a failure gives no room"},
		{"r1 r2 r3 r4 r5 r1:x r2:x r3:x r4:x r5:v", Granted, Open, "four wrong of five together do not refuse the owner"},
		{"r1 r2 r1:v r2:x", Denied, Open, "a success leaves the others under way alone"},
		{"x x x x r1 r2", Busy, Full, "the last attempt is under way"},
		{"r1 r1 r1 r1 r1 r1 r1", Admit, Open, "a repeated reservation takes one place"},
		{"r1 8s r1 8s r1:v", Granted, Open, "a repeated reservation starts its lease anew"},
		{"r1:v", Denied, Open, "without a reservation being right is nothing"},
		{"r1 r1:x r1:v", Denied, Open, "wrong cannot become right"},
		{"r1 r1:v r1:v", Denied, Open, "a settlement counts once"},

		// S23: what was never looked at is taken back.
		{"r1 r2 r3 r4 r5 r1:back r6", Admit, Full, "which gives its place to others"},
		{"x x x x r1 r1:back r2 r2:back v", Granted, Open, "and is no failure"},
		{"x x x x r1 r1:back x", Denied, Timed, "but forgets none either"},
		{"r1 r1:back r1:v", Denied, Open, "nor can it be settled any more"},
		{"r1 r1:x r1:back r2 r3 r4 r5 r6", Busy, Full, "what was settled stays"},
		{"x x x x r1 10s r1:back look", Done, Timed, "as does what has lapsed"},
		{"r1 hold r1:back look", Done, Held, "and it opens nothing"},
		{"kr1 r1:back kr1:v", Granted, Open, "nor reaches into the other lane"},

		{"r1 9s999ms r1:v", Granted, Open, "within the lease"},
		{"r1 10s r1:v", Denied, Open, "the lease has run out"},
		{"r1 r2 r3 r4 r5 10s look", Done, Timed, "checks that never came back are failures"},
		{"r1 r2 r3 r4 r5 30m9s999ms look", Done, Timed, "their lock begins when the lease ran out"},
		{"r1 r2 r3 r4 r5 30m10s look", Done, Open, "and ends half an hour later"},
		{"r1 r2 r3 r4 r5 24h v", Granted, Open, "a lapse that is noticed late is not a fresh failure"},
		{"x 14m45s r1 r2 r3 r4 20m look", Done, Timed, "lapses count when they happened, not when they are noticed"},
		{"x 14m55s r1 r2 r3 r4 20m look", Done, Open, "the first was too old when the others lapsed"},

		{"hold v", Locked, Held, "an administrator's hold"},
		{"hold 9000h v", Locked, Held, "a hold has no end"},
		{"x x x x x hold 31m v", Locked, Held, "a hold outlives the lock it replaced"},
		{"r1 hold r1:v", Denied, Held, "being right does not outrun a hold"},
		{"r1 hold r1:v unlock r1:v", Denied, Open, "nor does waiting for its end"},
		{"r1 hold unlock r1:v", Granted, Open, "a hold that came and went leaves the check alone"},
		{"x x x x x unlock v", Granted, Open, "unlocked"},
		{"x x x x x unlock x x x x", Denied, Open, "unlocked means five new attempts"},
		{"r1 r2 hold unlock r3 r4 r5 r6", Busy, Full, "but those under way keep their place"},
		{"x x x x unlock x", Denied, Timed, "an unlock of what is open is no refill"},

		{"x x x x x reset v", Granted, Open, "a proven reset opens a timed lock"},
		{"hold reset", Locked, Held, "but no hold"},
		{"r1 reset r1:v", Denied, Open, "the old secret is not let in after the reset"},
		{"x x x x reset x", Denied, Open, "failures at the old secret do not lock the new one"},
		{"x x x x x rebind v", Granted, Open, "a new secret starts clean"},
		{"hold rebind v", Locked, Held, "but a hold is not for the owner to lift"},
		{"r1 rebind r1:v", Denied, Open, "nor is the old secret let in after that"},

		{"x x x max=3 look", Done, Timed, "a lower limit can lock at the next event"},
		{"x x x x max=2 look", Done, Timed, "though there are more failures than it allows"},
		{"x x x x x max=50 look", Done, Timed, "the end of a lock that was given stays"},
		{"r1 r2 r3 r4 r5 max=2 r6", Busy, Full, "nobody new until those under way are settled"},
		{"r1 r2 r3 max=1 r1:x r2:v", Denied, Timed, "locked while it was looked at"},
		{"r1 r2 r3 max=1 r1:x r2:x 40m r3:x", Denied, Open, "what was counted during a lock extends nothing"},
	} {
		t.Run(row.words, func(t *testing.T) {
			a := begin(t, Default()).tell(row.words)
			require.Equal(t, row.verdict.String()+", "+row.phase.String(), a.Verdict.String()+", "+a.Phase.String(), row.because)
		})
	}
}

// The window trails: it is no bucket that empties on the quarter of an hour.
func TestFiveFailuresWithinTheWindow(t *testing.T) {
	quarter := func(span time.Duration) Phase {
		s := begin(t, Default())
		for range 4 {
			require.Equal(t, Denied, s.guess(Wrong).Verdict)
			s.now = s.now.Add(span / 4)
		}
		return s.guess(Wrong).Phase
	}
	require.Equal(t, Timed, quarter(14*time.Minute+59*time.Second))
	require.Equal(t, Open, quarter(15*time.Minute+time.Second))
}

// LK-08: the lock runs from the fifth failure, and nothing that comes during it moves its end.
func TestLockedForHalfAnHourFromTheFifth(t *testing.T) {
	s := begin(t, Default())
	s.tell("-8m x 2m x 2m x 2m x 2m")
	require.Equal(t, noon, s.now)
	fifth := s.guess(Wrong)
	require.Equal(t, Answer{Verdict: Denied, Phase: Timed, Tripped: true, Until: noon.Add(30 * time.Minute)}, fifth)

	locked := s.state
	require.Equal(t, Answer{Verdict: Locked, Phase: Timed, Until: fifth.Until}, s.tell("10m v"))
	require.Equal(t, Locked, s.tell("19m59s v").Verdict, "at 12:29:59")
	locked.At = s.state.At
	require.Equal(t, locked.Until, s.state.Until)
	require.Equal(t, locked.Consecutive, s.state.Consecutive)
	require.Equal(t, Granted, s.tell("1s v").Verdict, "at 12:30:00")
}

// LK-02: the hundredth consecutive failure kills the secret; unlocking does not revive it, a new secret does.
func TestDeadAfterAHundred(t *testing.T) {
	s := begin(t, Policy{Max: 7, Window: time.Hour, Lock: time.Hour, Lease: time.Second, MaxUnlocks: -1}) // so that the hundredth locks by nothing else
	tripped := 0
	for range DeadAfter {
		a := s.tell("unlock x")
		require.Equal(t, Denied, a.Verdict)
		if a.Phase == Dead {
			tripped++
			require.True(t, a.Tripped)
		}
	}
	require.Equal(t, 1, tripped, "the hundredth, not before")
	for _, words := range []string{"v", "unlock", "unlock v", "9000h v", "reset", "reset v"} {
		require.Equal(t, Answer{Verdict: Locked, Phase: Dead}, func() Answer { a := s.tell(words); a.Until = time.Time{}; return a }(), words)
	}
	require.Equal(t, Granted, s.tell("rebind v").Verdict)
	require.Zero(t, s.state.Consecutive)
}

// LK-02: those under way count as failures of the hundred, so that parallel guesses do not overrun it.
func TestDeadIsExactInParallel(t *testing.T) {
	p := Policy{Max: 7, Window: time.Hour, Lock: time.Hour, Lease: time.Second, MaxUnlocks: -1} // after 98 failures a lock has just been opened
	s := begin(t, p)
	s.tell(strings.Repeat("unlock x ", DeadAfter-2) + "unlock")
	require.Equal(t, Admit, s.tell("r1 r2").Verdict)
	require.Equal(t, Answer{Verdict: Busy, Phase: Full}, s.tell("r3"), "the hundred are spoken for")
	require.Equal(t, Dead, s.tell("r1:x r2:x").Phase)

	s = begin(t, p)
	s.tell(strings.Repeat("unlock x ", DeadAfter-2) + "unlock r1 r2 r1:x")
	require.Equal(t, Granted, s.tell("r2:v").Verdict, "the owner's was one of the two")
	require.Zero(t, s.state.Consecutive)
}

func TestConsecutiveSurvivesEverythingButSuccessAndRebind(t *testing.T) {
	for _, words := range []string{"unlock", "reset", "hold unlock", "24h look", "x x x 24h look"} {
		s := begin(t, Default())
		s.tell("x x x x x")
		before := s.state.Consecutive
		s.tell(words)
		require.GreaterOrEqual(t, s.state.Consecutive, before, words)
	}
}

// LK-08, S8: a record that is absent or damaged refuses, whatever is asked of it.
func TestAbsenceIsRefusal(t *testing.T) {
	refused := Answer{Verdict: Locked, Phase: Unknown}
	damaged := map[string]State{
		"absent":       {},
		"no locks":     {Born: true, Locks: -1},
		"no failures":  {Born: true, Consecutive: -1},
		"no such hold": {Born: true, Until: -4},
		"far end":      {Born: true, Until: 1 << 62},
		"no such time": {Born: true, At: -1},
		"no such lane": {Born: true, Known: Lane{Until: -2}},
		"no lane":      {Born: true, Known: Lane{Locks: -1}},
		"never used":   {Born: true, Used: -1},
		"far time":     {Born: true, At: 1 << 62},
		"far failure":  {Born: true, Fails: []Instant{1<<63 - 1}},
		"no failure":   {Born: true, Fails: []Instant{-1 << 63}},
		"no order":     {Born: true, Spent: []Instant{2, 1}},
		"far unlock":   {Born: true, Unlocks: []Instant{1<<63 - 1}},
		"far deadline": {Born: true, Reservations: []Reservation{{"r1", 1<<63 - 1}}},
		"nobody's":     {Born: true, Reservations: []Reservation{{"", 1}}},
	}
	for name, s := range damaged {
		for _, e := range []Event{Reserve("r1"), Right("r1"), Wrong("r1"), Unlock(), Hold(), Reset(), Rebind(), Tick()} {
			after, a := Default().Next(s, e, noon)
			require.Equal(t, refused, a, name)
			require.Equal(t, s, after, name)
		}
	}
	_, a := Policy{Max: 5}.Next(NewState(), Reserve("r1"), noon)
	require.Equal(t, refused, a, "an invalid policy")
	_, a = Policy{}.Next(NewState(), Reserve("r1"), noon)
	require.Equal(t, Admit, a.Verdict, "the zero Policy is the default")
	_, a = Default().Next(NewState(), Reserve(""), noon)
	require.Equal(t, Locked, a.Verdict, "an empty id would be everybody's")
	_, a = Default().Next(NewState(), Event{}, noon)
	require.Equal(t, Locked, a.Verdict, "the zero Event")
}

func TestLocksBecomeAHold(t *testing.T) {
	p := Default()
	p.MaxLocks = 2
	s := begin(t, p)
	require.Equal(t, Timed, s.tell("x x x x x").Phase)
	require.Equal(t, Timed, s.tell("1h x x x x x").Phase)
	require.Equal(t, Answer{Verdict: Denied, Phase: Held, Tripped: true}, s.tell("1h x x x x x"), "the third in a row")
	require.Equal(t, Timed, s.tell("unlock x x x x x").Phase, "an unlock forgives the locks")

	s = begin(t, p)
	require.Equal(t, Timed, s.tell("x x x x x 1h x x x x x 1h v x x x x x").Phase, "so does a success")

	p.Lock = 0
	require.Equal(t, Held, begin(t, p).tell("x x x x x").Phase, "without a time there is only the hold")
}

// A lock is told of once, and by the event that first sees it, however late.
func TestTrippedIsToldOnce(t *testing.T) {
	s := begin(t, Default())
	require.False(t, s.tell("x x x x").Tripped)
	require.True(t, s.tell("x").Tripped)
	require.False(t, s.tell("v").Tripped)
	require.False(t, s.tell("30m look").Tripped)

	s = begin(t, Default())
	require.Equal(t, Answer{Verdict: Done, Phase: Open, Tripped: true, Until: noon.Add(30*time.Minute + 10*time.Second)},
		s.tell("r1 r2 r3 r4 r5 24h look"), "a lock that came and went unseen")
	require.Equal(t, 1, s.state.Locks)

	s = begin(t, Policy{Max: 5, Window: 2 * time.Hour, Lock: time.Minute, Lease: time.Second})
	require.Equal(t, Answer{Verdict: Done, Phase: Open, Tripped: true, Until: noon.Add(time.Minute)}, s.tell("x x x 1h max=3 look"),
		"a lower limit locks from the last failure, which is long ago")
}

func TestLowerLimitLocksFromTheLastFailure(t *testing.T) {
	s := begin(t, Default())
	require.Equal(t, noon.Add(33*time.Minute), s.tell("x 1m x 1m x 1m x 1m max=2 look").Until)
}

func TestFailuresDuringALockAreNotKept(t *testing.T) {
	s := begin(t, Default())
	s.tell("r1 r2 r3 max=1 r1:x r2:x r3:x")
	require.Len(t, s.state.Fails, 1)
	require.Equal(t, 3, s.state.Consecutive)

	s = begin(t, Default())
	s.tell("r1 hold r1:x")
	require.Empty(t, s.state.Fails)
	require.Equal(t, 1, s.state.Consecutive, "but counted it is")
}

func TestNextLeavesItsArgumentAlone(t *testing.T) {
	s := begin(t, Default())
	s.tell("x x r1 1s r2 r3")
	before, err := json.Marshal(s.state)
	require.NoError(t, err)
	for _, e := range []Event{Reserve("r1"), Right("r2"), Wrong("r1"), Hold(), Reset(), Rebind()} {
		for _, later := range []time.Duration{0, time.Second, time.Hour} {
			Default().Next(s.state, e, s.now.Add(later))
		}
	}
	after, err := json.Marshal(s.state)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}
