package lockout

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// check runs a property on 3,000 sequences of events, and on 30,000 with SYMBOLON_FULL=1.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	runs := flag.Lookup("rapid.checks")
	former, want := runs.Value.String(), "3000"
	if os.Getenv("SYMBOLON_FULL") == "1" {
		want = "30000"
	}
	require.NoError(t, runs.Value.Set(want))
	defer func() { require.NoError(t, runs.Value.Set(former)) }()
	rapid.Check(t, property)
}

// policies draws any valid policy, small numbers first so that locks are frequent.
func policies() *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		p := Policy{
			Max:      rapid.IntRange(1, 6).Draw(t, "max"),
			Window:   time.Duration(rapid.IntRange(10, 900).Draw(t, "window")) * time.Second,
			Lock:     time.Duration(rapid.IntRange(0, 1800).Draw(t, "lock")) * time.Second,
			Lease:    time.Duration(rapid.IntRange(1, 10).Draw(t, "lease")) * time.Second,
			MaxLocks: rapid.IntRange(0, 3).Draw(t, "maxLocks"),

			Budget:     rapid.IntRange(0, 12).Draw(t, "budget"),
			MaxUnlocks: rapid.IntRange(-1, 3).Draw(t, "maxUnlocks"),
		}
		if rapid.Bool().Draw(t, "dormant") {
			p.Dormant = p.Window + time.Duration(rapid.IntRange(0, 3600).Draw(t, "unused"))*time.Second
		}
		if p.Max > 1 && rapid.Bool().Draw(t, "delays") {
			p.DelayFrom = rapid.IntRange(1, p.Max-1).Draw(t, "delayFrom")
			p.Delay = time.Duration(rapid.IntRange(1, 10).Draw(t, "delay")) * time.Second
			p.MaxDelay = max(p.Delay, p.Window*time.Duration(rapid.IntRange(0, 4).Draw(t, "maxDelay"))/4)
		}
		require.NoError(t, p.Validate())
		return p
	})
}

// events draws an event on one of a few ids, so that repeated and unknown ones are frequent too.
func events(ids int) *rapid.Generator[Event] {
	return rapid.Custom(func(t *rapid.T) Event {
		id := fmt.Sprint("r", rapid.IntRange(1, ids).Draw(t, "id"))
		kinds := []kind{reserve, reserve, reserve, wrong, wrong, right, release, tick, unlock, hold, reset, rebind}
		return Event{rapid.SampledFrom(kinds).Draw(t, "kind"), id, rapid.Bool().Draw(t, "known")}
	})
}

// laneOf returns the lane that an event is about.
func laneOf(s State, e Event) Lane {
	if e.known && e.guess() {
		return s.Known
	}
	return s.lane()
}

// under reports whether an event's check is under way in its lane.
func under(s State, e Event) bool {
	return slices.ContainsFunc(laneOf(s, e).Reservations, func(r Reservation) bool { return r.ID == e.id })
}

// checks is how many are under way in both lanes.
func checks(s State) int { return len(s.Reservations) + len(s.Known.Reservations) }

// skews draws how far a node's clock is off: minutes, and sometimes years.
func skews() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		if rapid.IntRange(0, 40).Draw(t, "broken") == 0 {
			return rapid.SampledFrom([]time.Duration{-87600 * time.Hour, -24 * time.Hour, 24 * time.Hour, 87600 * time.Hour}).Draw(t, "years")
		}
		return time.Duration(rapid.IntRange(-300, 300).Draw(t, "seconds")) * time.Second
	})
}

// LK-09: whatever happens, in whatever order, seen by whatever clocks, no more than Max guesses are under way or failed.
func TestInvariants(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy")
		s, at := NewState(), noon
		for range rapid.IntRange(1, 120).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "wait")) * time.Millisecond)
			if rapid.IntRange(0, 20).Draw(t, "long") == 0 {
				at = at.Add(time.Hour)
			}
			skewed := at.Add(skews().Draw(t, "skew"))
			e := events(8).Draw(t, "event")
			reserved := under(s, e)
			next, a := p.Next(s, e, skewed)
			lane := laneOf(next, e)

			require.LessOrEqual(t, max(len(next.Fails), len(next.Known.Fails)), p.Max)
			require.True(t, next.sound(), "what it writes it can read")
			require.GreaterOrEqual(t, next.At, s.At, "time never runs back")
			switch a.Phase {
			case Open, Full, Delayed, Spent:
				require.LessOrEqual(t, len(lane.Fails)+len(lane.Reservations), p.Max)
				require.LessOrEqual(t, next.Consecutive+checks(next), DeadAfter, "over both lanes")
				if p.Budget > 0 {
					require.LessOrEqual(t, len(next.Spent)+checks(next), p.Budget, "S9")
				}
				if p.DelayFrom > 0 && len(lane.Reservations) > 1 {
					require.LessOrEqual(t, len(lane.Fails)+len(lane.Reservations), p.Max-1)
				}
			default:
				require.NotContains(t, []Verdict{Admit, Busy, Granted}, a.Verdict, "no admit and no grant while refused")
			}
			switch a.Phase {
			case Dead, Dormant:
				require.True(t, next.Closed())
			case Held:
				require.Equal(t, next.Until == ordered, next.Closed(), "guesses alone make a lock, and close nothing")
			default:
				require.False(t, next.Closed())
			}
			if a.Phase == Delayed || a.Phase == Spent {
				require.True(t, a.Until.After(skewed.Add(-5*time.Minute)), "until when, it says")
				require.NotEqual(t, Busy, a.Verdict)
				require.True(t, a.Verdict != Admit || reserved, "nobody new")
			}
			if e.kind != rebind {
				require.Subset(t, next.Spent, recent(s.Spent, next.At), "S9: nothing refills the budget but a new secret and time")
			}
			if most := cmp.Or(p.MaxUnlocks, DefaultUnlocks); most > 0 {
				require.LessOrEqual(t, len(next.Unlocks), most)
				require.False(t, a.Verdict == Capped && len(next.Unlocks) < most)
			}
			require.True(t, slices.IsSorted(next.Spent) && slices.IsSorted(next.Unlocks))
			require.Equal(t, a.Phase == Timed, lane.Until > 0 && next.Until > dormant && next.Consecutive < DeadAfter)
			switch a.Verdict {
			case Admit:
				require.Equal(t, reserve, e.kind)
			case Granted:
				require.Equal(t, right, e.kind, "a wrong secret is never granted")
				require.True(t, reserved, "nor one that was not counted first")
			case Locked, Busy, Capped:
				require.LessOrEqual(t, next.Consecutive, s.Consecutive+checks(s), "only lapses count while refused")
			}
			if e.kind == release {
				timed, _ := p.Next(s, Tick(), skewed)
				require.Equal(t, timed.Consecutive, next.Consecutive, "what is taken back counts nothing, and forgets nothing")
				require.Equal(t, timed.Fails, next.Fails)
				require.Equal(t, [2]Instant{timed.Until, timed.Known.Until}, [2]Instant{next.Until, next.Known.Until}, "nor opens anything")
				require.False(t, under(next, e))
			}
			if e.kind != rebind && a.Verdict != Granted {
				require.GreaterOrEqual(t, next.Consecutive, s.Consecutive)
			}

			again, b := p.Next(next, e, skewed)
			switch {
			case a.Verdict == Done && e.kind == unlock && b.Phase == Spent:
				require.Equal(t, Locked, b.Verdict, "what it could open is open")
			case e.kind == right || e.kind == wrong:
				require.Equal(t, Denied, b.Verdict, "settled once")
				require.Equal(t, next.Consecutive, again.Consecutive, "a repeated event counts nothing")
				require.Equal(t, next, again)
			default:
				require.Equal(t, a.Verdict, b.Verdict, "%v again", e.kind)
				require.Equal(t, next, again)
			}
			s = next
		}
	})
}

// LK-09: each event may find another policy than the last one, by another clock: nobody is looked at beyond the limit of
// the moment, and nothing is granted that was not counted first.
func TestAnotherPolicyEachTime(t *testing.T) {
	check(t, func(t *rapid.T) {
		s, at := NewState(), noon
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "wait")) * time.Second)
			p, e := policies().Draw(t, "policy"), events(8).Draw(t, "event")
			next, a := p.Next(s, e, at.Add(skews().Draw(t, "skew")))
			require.True(t, next.sound())
			require.GreaterOrEqual(t, next.At, s.At)
			for _, l := range []Lane{next.lane(), next.Known} {
				require.True(t, l.Until != 0 || len(l.Fails) < p.Max, "as many failures as lock have locked")
			}
			if lane := laneOf(next, e); a.Verdict == Admit && !under(s, e) {
				require.LessOrEqual(t, len(lane.Fails)+len(lane.Reservations), p.Max)
				require.LessOrEqual(t, next.Consecutive+checks(next), DeadAfter)
			}
			require.True(t, a.Verdict != Granted || e.kind == right && under(s, e) && laneOf(next, e).Until == 0 && next.Until > dormant)
			if s.Until < 0 && e.kind != unlock {
				require.Negative(t, next.Until, "no policy opens a hold")
			}
			s = next
		}
	})
}

// recent returns the times that are within the BudgetPeriod.
func recent(times []Instant, at Instant) []Instant {
	return drop(slices.Clone(times), BudgetPeriod, at)
}

// LK-05: between two looks beyond DelayFrom lies the wait that the failures before them earned, however parallel the guesses.
func TestLooksAreSpaced(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := growing()
		p.DelayFrom = rapid.IntRange(1, p.Max-1).Draw(t, "delayFrom")
		s, at, pending := NewState(), noon, 0
		failed := 0
		var last time.Time
		for i := range rapid.IntRange(1, 100).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "wait")) * time.Millisecond)
			var a Answer
			if s, a = p.Next(s, Reserve(fmt.Sprint("g", i)), at); a.Phase == Timed {
				return
			}
			if a.Verdict == Admit {
				require.True(t, failed < p.DelayFrom || !at.Before(last.Add(p.Wait(failed))), "after %d failures", failed)
				pending++
			}
			for pending > 0 && (len(s.Reservations) > 0) && rapid.Bool().Draw(t, "settle") {
				s, a = p.Next(s, Wrong(s.Reservations[0].ID), at)
				pending, failed, last = pending-1, failed+1, at
			}
			if len(s.Reservations) != pending { // one lapsed: another story
				return
			}
		}
	})
}

// LK-09: guessers who run in parallel, forget to settle, and are helped by nobody get at most Max looks in a window.
func TestEvaluationsPerWindow(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy")
		s, at := NewState(), noon
		var a Answer
		var looked []time.Time
		var pending []string
		for i := range rapid.IntRange(1, 200).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 3_000).Draw(t, "wait")) * time.Millisecond)
			if len(pending) > 0 && rapid.Bool().Draw(t, "settle") {
				s, a = p.Next(s, Wrong(pending[0]), at)
				require.Equal(t, Denied, a.Verdict)
				pending = pending[1:]
				continue
			}
			id := fmt.Sprint("g", i)
			if s, a = p.Next(s, Reserve(id), at); a.Verdict == Admit {
				looked = append(looked, at)
				pending = append(pending, id)
			}
		}
		// One window of looks can hold the rest of one count and the whole of the next one only if a lock lies between, so
		// within the shorter of window and lock there are never more than Max.
		span := p.Window
		if p.Lock > 0 { // else it holds
			span = min(span, p.Lock)
		}
		for i := range looked {
			n := 0
			for _, l := range looked[i:] {
				if l.Sub(looked[i]) < span {
					n++
				}
			}
			require.LessOrEqual(t, n, p.Max)
		}
	})
}

// Whether and when somebody looks in between changes nothing.
func TestLookingChangesNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy")
		seen, unseen, at := NewState(), NewState(), noon
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			for range rapid.IntRange(0, 3).Draw(t, "looks") {
				at = at.Add(time.Duration(rapid.IntRange(0, 600_000).Draw(t, "wait")) * time.Millisecond)
				seen, _ = p.Next(seen, Tick(), at)
			}
			e := events(6).Draw(t, "event")
			var a, b Answer
			seen, a = p.Next(seen, e, at)
			unseen, b = p.Next(unseen, e, at)
			require.Equal(t, a.Verdict, b.Verdict)
			require.Equal(t, a.Phase, b.Phase)
			require.Equal(t, string(must(json.Marshal(seen))), string(must(json.Marshal(unseen))))
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
