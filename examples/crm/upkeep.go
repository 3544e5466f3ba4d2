package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// upkeep is what runs beside the requests until ctx ends.
func (s *server) upkeep(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { _ = s.subjects.Run(ctx) }) // sends codes whose first delivery failed; ends with ctx
	all.Go(func() { _ = s.actors.RunNotices(ctx) })
	all.Go(func() { every(ctx, time.Minute, s.sweep) })
	all.Go(func() { every(ctx, time.Hour, s.reportUnfinished) })
}

func every(ctx context.Context, d time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			slog.Error("upkeep", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep removes what has expired, and long enough ago that a clock which is
// behind does not miss it.
func (s *server) sweep(ctx context.Context) error {
	engine, can := s.durable.(storage.Sweeper)
	if !can {
		return nil // it does so by itself
	}
	_, err := engine.Sweep(ctx, time.Now().Add(-time.Hour), 1000)
	return err
}

// reportUnfinished names acts that began and of which nobody said how they
// ended: the process died in the middle, and a person has to look.
func (s *server) reportUnfinished(ctx context.Context) error {
	acts, err := s.guard.Unfinished(ctx, time.Minute)
	for _, a := range acts {
		slog.Warn("an act has no end", "decision", a.Decision, "action", a.Action, "resource", a.Resource, "actor", a.Actor, "begun", a.Begun)
	}
	return err
}
