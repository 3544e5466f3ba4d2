package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
)

// diary is an engine that writes down what the group makes it do. A transaction
// takes a second, as the disk does.
type diary struct {
	entries  []string
	onCommit error
	onBegin  error
}

func (d *diary) write(format string, args ...any) {
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

func (d *diary) group(t *testing.T) *group {
	g := newGroup(
		func() error { d.write("begin"); return d.onBegin },
		func() error { time.Sleep(time.Second); d.write("commit"); return d.onCommit },
		func() { d.write("undo") },
	)
	t.Cleanup(g.close)
	return g
}

// job returns work that writes its name and ends with err.
func (d *diary) job(name string, err error) func() error {
	return func() error { d.write("%s", name); return err }
}

// together sends jobs that all wait while the group is busy with another, and
// returns their results.
func together(g *group, d *diary, jobs ...func() error) []error {
	results := make([]error, len(jobs))
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.do(context.Background(), false, d.job("first", nil)) })
	synctest.Wait()
	for i, j := range jobs {
		wg.Go(func() { results[i] = g.do(context.Background(), false, j) })
		synctest.Wait()
	}
	wg.Wait()
	return results
}

func TestWhatWaitsSharesOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := d.group(t)
		begun := time.Now()
		require.Equal(t, []error{nil, nil, nil}, together(g, d, d.job("a", nil), d.job("b", nil), d.job("c", nil)))
		require.Equal(t, []string{"begin", "first", "commit", "begin", "a", "b", "c", "commit"}, d.entries)
		require.Equal(t, 2*time.Second, time.Since(begun), "no result comes before the disk has it, and three waits are one")
	})
}

func TestAGroupHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		jobs := make([]func() error, maxGroup+1)
		for i := range jobs {
			jobs[i] = d.job("job", nil)
		}
		together(d.group(t), d, jobs...)
		require.Equal(t, "commit", d.entries[len(d.entries)-1])
		require.Equal(t, []string{"begin", "job", "commit"}, d.entries[len(d.entries)-3:])
	})
}

func TestALoneStatementNeedsNoTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		require.NoError(t, d.group(t).do(t.Context(), true, d.job("a", nil)))
		require.Equal(t, []string{"a"}, d.entries)
	})
}

func TestAConflictIsOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		results := together(d.group(t), d, d.job("a", nil), d.job("b", storage.ErrConflict), d.job("c", nil))
		require.Equal(t, []error{nil, storage.ErrConflict, nil}, results)
		require.Equal(t, []string{"begin", "first", "commit", "begin", "a", "b", "c", "commit"}, d.entries)
	})
}

func TestNobodyFailsForWhatAnotherAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		full := errors.New("disk full")
		results := together(d.group(t), d, d.job("a", nil), d.job("b", full), d.job("c", nil))
		require.NoError(t, results[0])
		require.ErrorIs(t, results[1], full)
		require.NotErrorIs(t, results[1], storage.ErrConflict)
		require.NoError(t, results[2])
		require.Equal(t, []string{
			"begin", "first", "commit",
			"begin", "a", "b", "undo",
			"begin", "a", "commit", "begin", "b", "undo", "begin", "c", "commit",
		}, d.entries)
	})
}

func TestACommitThatFailsIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{onCommit: errors.New("I/O error")}
		for _, err := range together(d.group(t), d, d.job("a", nil), d.job("b", nil)) {
			require.ErrorIs(t, err, d.onCommit)
			require.ErrorContains(t, err, "the outcome is unknown")
		}
		require.Equal(t, []string{"begin", "first", "commit", "undo", "begin", "a", "b", "commit", "undo"}, d.entries)
	})
}

func TestATransactionThatDoesNotBeginFailsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{onBegin: errors.New("database is locked")}
		g := d.group(t)
		require.ErrorIs(t, g.do(t.Context(), false, d.job("a", nil)), d.onBegin)
		require.Equal(t, []string{"begin", "undo"}, d.entries)
	})
}

// G8: whoever leaves is told that the outcome is unknown, and at once.
func TestACallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := d.group(t)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			err := g.do(ctx, false, d.job("under way", nil))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "the outcome is unknown")
		})
		synctest.Wait()
		wg.Go(func() {
			err := g.do(ctx, false, d.job("in line", nil))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "nothing was applied")
		})
		wg.Wait()
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
		require.ErrorIs(t, g.do(ctx, false, d.job("too late", nil)), context.DeadlineExceeded)
		g.close()
		require.Equal(t, []string{"begin", "under way", "commit"}, d.entries)
	})
}

func TestCloseLetsTheTransactionEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := d.group(t)
		var result error
		var wg sync.WaitGroup
		wg.Go(func() { result = g.do(context.Background(), false, d.job("a", nil)) })
		synctest.Wait()
		g.close()
		g.close()
		wg.Wait()
		require.NoError(t, result)
		require.Equal(t, []string{"begin", "a", "commit"}, d.entries)
		require.ErrorIs(t, g.do(t.Context(), false, d.job("b", nil)), errClosed)
	})
}

// A caller whose context has no end does its work itself, if nobody else is about.
func TestWhoCannotLeaveWorksItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		g := d.group(t)
		inPerson := func() error {
			d.write("in person: %v", strings.Contains(string(debug.Stack()), "(*group).do("))
			return nil
		}
		require.NoError(t, g.do(context.Background(), true, inPerson))
		require.NoError(t, g.do(t.Context(), true, inPerson), "its context ends with the test")
		together(g, d, inPerson, inPerson)
		require.NoError(t, g.do(context.Background(), true, inPerson), "there was a crowd just now")
		require.NoError(t, g.do(context.Background(), true, inPerson))
		require.Equal(t, []string{
			"in person: true", "in person: false",
			"begin", "first", "commit", "begin", "in person: false", "in person: false", "commit",
			"in person: false", "in person: true",
		}, d.entries)
		g.close()
		require.ErrorIs(t, g.do(context.Background(), true, inPerson), errClosed)
	})
}

// Whoever works, one works at a time: the race detector looks at n.
func TestOneWorksAtATime(t *testing.T) {
	n := 0
	add := func() error { n++; return nil }
	g := newGroup(add, add, func() {})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx := context.Background()
			if i%2 == 0 {
				ctx = t.Context()
			}
			for range 500 {
				require.NoError(t, g.do(ctx, i%3 == 0, add))
			}
		})
	}
	wg.Wait()
	g.close()
	require.GreaterOrEqual(t, n, 8*500)
}
