// Package floors sets a store beside the plain driver: the same statement, the
// same round trips, the same pool, in turns on the same machine, so that the
// ratio means something although the figures of two machines do not.
package floors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Work is one operation of a caller, its n-th in all.
type Work func(ctx context.Context, caller int, n int64) error

// Pair is an operation on the plain driver and on the store.
type Pair struct {
	Engine, Name string
	Callers      int
	Floor        float64 // what the store reaches at least, as a part of the plain driver; 0: no floor
	Plain, Store Work
	Deadline     time.Duration // of each operation, on both sides; 0: none
}

// Result is what a Pair was measured at.
type Result struct {
	Pair
	PlainRate, StoreRate float64 // operations a second, medians
	Ratio                float64 // the median of the ratios of each turn
	Slow                 time.Duration
}

// Held reports whether the floor is reached.
func (r Result) Held() bool { return r.Ratio >= r.Floor }

// Measure runs both sides in turns, each for the time given.
func (p Pair) Measure(ctx context.Context, turns int, each time.Duration) (Result, error) {
	plain, store, ratio := make([]float64, turns), make([]float64, turns), make([]float64, turns)
	var slow []time.Duration
	for i := range turns {
		var err error
		sides := []func() error{
			func() (err error) { plain[i], _, err = rate(ctx, p.Callers, each, p.within(p.Plain)); return err },
			func() (err error) {
				var took []time.Duration
				store[i], took, err = rate(ctx, p.Callers, each, p.within(p.Store))
				slow = append(slow, took...)
				return err
			},
		}
		if i%2 == 1 { // who is second finds a warmer machine
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err = side(); err != nil {
				return Result{}, fmt.Errorf("%s, %s, %d callers: %w", p.Engine, p.Name, p.Callers, err)
			}
		}
		ratio[i] = store[i] / plain[i]
	}
	slices.Sort(slow)
	return Result{Pair: p, PlainRate: median(plain), StoreRate: median(store), Ratio: median(ratio), Slow: slow[len(slow)*99/100]}, nil
}

// within gives each operation its deadline. The library's always have one, and
// drivers pay for it too.
func (p Pair) within(work Work) Work {
	if p.Deadline == 0 {
		return work
	}
	return func(ctx context.Context, caller int, n int64) error {
		ctx, cancel := context.WithTimeout(ctx, p.Deadline)
		defer cancel()
		return work(ctx, caller, n)
	}
}

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// rate lets callers work for the time given and returns how many operations they
// did in a second, and how long each took.
func rate(ctx context.Context, callers int, long time.Duration, work Work) (perSecond float64, took []time.Duration, err error) {
	each := make([][]time.Duration, callers)
	errs := make([]error, callers)
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for c := range callers {
		wg.Go(func() {
			for time.Since(begun) < long {
				start := time.Now()
				if errs[c] = work(ctx, c, number.Add(1)); errs[c] != nil {
					return
				}
				each[c] = append(each[c], time.Since(start))
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds(), slices.Concat(each...), errors.Join(errs...)
}

// number tells every operation from every other.
var number atomic.Int64
