package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// MaxSkew is how far the clock of a process may be from that of the store, or of
// the fleet. It is small beside every lifetime that the library hands out.
const MaxSkew = 2 * time.Second

// ErrClock says that the clock of this process is off by more than [MaxSkew]. A
// process whose clock is behind takes what is expired for live; until somebody
// has set it, it does not serve.
var ErrClock = errors.New("storage: the clock of this machine is off, set it before it serves")

// ClockWatch compares the clock of this process with that of the store (S26). It
// is safe for concurrent use. Make one with [WatchClock].
type ClockWatch struct {
	store Store
	clock Clock // nil: see among
	now   func() time.Time
	rand  io.Reader

	mu    sync.Mutex
	seen  Version   // of the fleet's record, zero for none
	told  Version   // what we wrote there last
	since time.Time // when this version was seen first
	last  time.Time // when the record was read last; zero for never
	joins bool      // see Unsure
	ahead error     // of the others, when the record was seen first
}

// WatchClock returns a watch on the clock now. It draws versions from rand, which
// is crypto/rand.Reader outside tests.
func WatchClock(s Store, now func() time.Time, rand io.Reader) *ClockWatch {
	w := &ClockWatch{store: s, now: now, rand: rand}
	for s != nil {
		if c, ok := s.(Clock); ok {
			w.clock = c
			break
		}
		inner, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = inner.Unwrap()
	}
	return w
}

// Check returns an error that wraps [ErrClock] when the clock is off, nil when it
// is not, and any other error when the store did not answer, or too slowly to
// tell. Call it before serving and then once a minute, as every realm does, and
// sooner while the watch is [ClockWatch.Unsure].
//
// Where the store is a [Clock], that is the measure. Where it is not, the fleet
// is: its processes take turns in writing the time into one record, and whoever
// reads there a time that cannot be true by its own clock neither writes nor
// serves. So who joins a fleet at work goes by it; the first process is not
// measured by anybody; and a process that is ahead is found when the next one has
// written.
func (w *ClockWatch) Check(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clock != nil {
		return w.beside(ctx)
	}
	return w.among(ctx)
}

// Unsure reports that the last Check compared with nothing: this process has
// joined a fleet, or comes back to it, and nobody has written since whether its
// clock is ahead.
func (w *ClockWatch) Unsure() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.joins
}

// beside compares with the store's clock, which was read between before and after:
// how far ours is off lies between the two differences. One measurement that leaves
// no doubt is enough; while there is doubt, nobody serves.
func (w *ClockWatch) beside(ctx context.Context) error {
	const tries = 3
	var took time.Duration
	for range tries {
		before := w.now().Round(0) // as it is shown, and as it is compared with what ends
		at, err := w.clock.Now(ctx)
		after := w.now().Round(0)
		took = after.Sub(before)
		switch {
		case err != nil:
			return fmt.Errorf("storage: ask for the time: %w", err)
		case at.Before(before.Add(-MaxSkew)):
			return fmt.Errorf("%w: it is %v ahead of the store's", ErrClock, before.Sub(at).Round(time.Millisecond))
		case at.After(after.Add(MaxSkew)):
			return fmt.Errorf("%w: it is %v behind the store's", ErrClock, at.Sub(after).Round(time.Millisecond))
		case !at.Before(after.Add(-MaxSkew)) && !at.After(before.Add(MaxSkew)):
			return nil
		}
	}
	return fmt.Errorf("storage: the clock could be off by more than %v: the store took %v to tell the time, the last of %d times, too long to say; set the clock, or bring the store nearer", MaxSkew, took.Round(time.Millisecond), tries)
}

// The record in which processes without a Clock tell each other the time. A
// tenant's shards have a slash in their names, so it is nobody's.
const (
	clockShard = "symbolon"
	clockName  = "clock"
)

type clockRecord struct {
	Format int       `json:"v"`
	At     time.Time `json:"at"`
}

// silence is after how long without a change nobody is keeping the record, when
// everybody who serves looks at it once a minute.
const silence = 3 * time.Minute

// among compares with the other processes. Of a record that is late nobody can
// say whether it was written long ago or we are ahead; but one that was written
// after we had looked, and is late beside that look, tells.
func (w *ClockWatch) among(ctx context.Context) error {
	found, err := w.store.Get(ctx, clockShard, clockName)
	if err != nil {
		return fmt.Errorf("storage: read the fleet's time: %w", err)
	}
	r, now, last := found[0], w.now().Round(0), w.last
	changed := r.Version != w.seen
	joins := last.IsZero() || now.Before(last) || now.Sub(last) >= silence // what we saw before says nothing
	if changed || joins {
		w.since, w.ahead = now, nil
	}
	w.seen, w.last = r.Version, now
	if r.Version.IsZero() {
		return w.tell(ctx, r, now)
	}
	var fleet clockRecord
	if err := json.Unmarshal(r.Value, &fleet); err != nil || fleet.Format != 1 {
		return fmt.Errorf("storage: the record %s of shard %s cannot be read, so the clock could be off; delete it: %w", clockName, clockShard, err)
	}
	switch {
	case r.Version == w.told, now.Sub(w.since) >= silence: // nobody says otherwise
		return w.tell(ctx, r, now)
	case fleet.At.After(now.Add(MaxSkew)): // whoever wrote it did so before we read it
		return fmt.Errorf("%w: it is %v behind another process's", ErrClock, fleet.At.Sub(now).Round(time.Millisecond))
	case changed && !joins && fleet.At.Before(last.Add(-MaxSkew)):
		w.joins = false
		w.ahead = fmt.Errorf("%w: it is at least %v ahead of another process's", ErrClock, last.Sub(fleet.At).Round(time.Millisecond))
		return w.ahead
	case w.ahead != nil: // and nobody has written since
		return w.ahead
	case (joins || w.joins && !changed) && fleet.At.Before(now.Add(-MaxSkew)):
		w.joins = true
		return nil // the next change will tell
	}
	return w.tell(ctx, r, now)
}

// tell writes our time for the others, in the place of what we read. Who loses
// this race has been answered by the winner.
func (w *ClockWatch) tell(ctx context.Context, in Record, now time.Time) error {
	v, err := NewVersion(w.rand)
	if err != nil {
		return err
	}
	value, err := json.Marshal(clockRecord{Format: 1, At: now.UTC()})
	if err != nil {
		return err
	}
	o := Op{Act: Put, Name: clockName, Cond: Match, If: in.Version, Value: value, Version: v}
	if in.Version.IsZero() {
		o.Cond = Absent
	}
	ctx, cancel := context.WithTimeout(ctx, MaxSkew/2) // later it would look like a time that is behind
	defer cancel()
	switch err := w.store.Commit(ctx, Batch{Shard: clockShard, Now: now, Ops: []Op{o}}); {
	case errors.Is(err, ErrConflict):
		return nil
	case err != nil:
		return fmt.Errorf("storage: write the fleet's time: %w", err)
	}
	w.seen, w.told, w.since, w.joins, w.ahead = v, v, now, false, nil
	return nil
}
