package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/symbolon-auth/symbolon/storage"
)

// maxGroup is how many commits share one transaction. A transaction ends with
// one wait for the disk however many it carries; more than this and the first
// in line notices the last.
const maxGroup = 128

// job is one piece of work that waits for a transaction.
type job struct {
	ctx  context.Context
	do   func() error // ErrConflict: it wrote nothing; any other error: the transaction is spoilt
	one  bool         // do is a single statement, atomic by itself
	done chan error   // has room for the result, so nobody waits for a caller that has left
}

// group is the one writer of an embedded engine. It takes the jobs that wait,
// and runs them in one transaction, each as if it were alone: what a job reads
// includes what the jobs before it wrote, and a job whose condition does not
// hold adds nothing. No job has a result before the disk has all of them.
//
// The goroutine of the group works for its callers, so that one whose context ends
// can leave while the disk takes its time. A caller whose context has no end does
// its work itself if nobody else is about: two changes of goroutine for each
// commit are a tenth of it.
type group struct {
	begin, commit func() error
	undo          func() // makes sure that nothing of the transaction stays

	turn chan struct{} // has room for the one who works
	few  atomic.Bool   // the last transaction had only one job

	jobs    chan job
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
}

// newGroup starts the writer. Of the three functions and all jobs one is called at
// a time.
func newGroup(begin, commit func() error, undo func()) *group {
	g := &group{
		begin: begin, commit: commit, undo: undo,
		turn:    make(chan struct{}, 1),
		jobs:    make(chan job),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
	}
	g.few.Store(true)
	go g.run()
	return g
}

// do has a job carried out and returns its result.
func (g *group) do(ctx context.Context, one bool, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := job{ctx: ctx, do: do, one: one, done: make(chan error, 1)}
	if ctx.Done() == nil && g.few.Load() && g.mayWork() {
		defer g.rest()
		g.serve([]job{j})
		return <-j.done
	}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return fmt.Errorf("nothing was applied: %w", ctx.Err())
	case <-g.closing:
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the outcome is unknown: %w", ctx.Err())
	}
}

// mayWork takes the turn if it is free, until rest.
func (g *group) mayWork() bool {
	select {
	case g.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *group) rest() { <-g.turn }

// close lets the transaction under way end, and stops the writer.
func (g *group) close() {
	g.once.Do(func() { close(g.closing) })
	<-g.closed
}

func (g *group) run() {
	defer close(g.closed)
	defer func() { g.turn <- struct{}{} }() // and nobody works any more
	jobs := make([]job, 0, maxGroup)
	for {
		select {
		case j := <-g.jobs:
			jobs = append(jobs[:0], j)
		case <-g.closing:
			return
		}
		g.turn <- struct{}{}
		runtime.Gosched() // those who just got their result may have the next job ready
		for waiting := true; waiting && len(jobs) < maxGroup; {
			select {
			case j := <-g.jobs:
				jobs = append(jobs, j)
			default:
				waiting = false
			}
		}
		g.few.Store(len(jobs) == 1)
		g.serve(jobs)
		g.rest()
		clear(jobs)
	}
}

// serve runs jobs in one transaction and gives each its result.
func (g *group) serve(jobs []job) {
	results, err := g.together(jobs)
	switch {
	case err == nil:
		for i, j := range jobs {
			j.done <- results[i]
		}
	case len(jobs) > 1 && errors.Is(err, errSpoilt):
		for i := range jobs { // so that nobody fails for what another asked
			g.serve(jobs[i : i+1])
		}
	default:
		for _, j := range jobs {
			j.done <- err
		}
	}
}

// errSpoilt says that a job failed, and that the transaction was undone.
var errSpoilt = errors.New("the transaction was undone")

// together runs jobs in one transaction. The error concerns all of them.
func (g *group) together(jobs []job) ([]error, error) {
	alone := len(jobs) == 1 && jobs[0].one
	if !alone {
		if err := g.begin(); err != nil {
			g.undo()
			return nil, fmt.Errorf("begin: %w", err)
		}
	}
	results := make([]error, len(jobs))
	for i, j := range jobs {
		if results[i] = j.ctx.Err(); results[i] != nil {
			continue // nobody waits for it any more
		}
		if results[i] = j.do(); results[i] == nil || errors.Is(results[i], storage.ErrConflict) {
			continue
		}
		g.undo()
		return nil, fmt.Errorf("%w: %w", errSpoilt, results[i])
	}
	if alone {
		return results, nil
	}
	if err := g.commit(); err != nil {
		g.undo()
		return nil, fmt.Errorf("the outcome is unknown: %w", err)
	}
	return results, nil
}
