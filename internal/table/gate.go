package table

import (
	"context"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"

	"github.com/symbolon-auth/symbolon/storage"
)

// gate lets one update of this process at a time at a record, and those that
// wait in the order in which they came. It is not needed for correctness: it
// keeps goroutines from fighting at the engine.
//
// Whoever finds it open works alone. Whoever waits alone is let in next and works
// alone too, so that without a crowd nothing costs more than the loop. As soon as
// several wait, a goroutine of the gate works for all of them, see [company].
type gate struct {
	mu   sync.Mutex
	shut bool      // somebody is at work
	line []*caller // who waits, without those who have left
}

func (s *Space) gateOf(v *View) *gate {
	return &s.gate[maphash.String(s.seed, v.shard.String()+v.names[0])%gates]
}

// enter shuts the open gate behind its caller, or returns a place in the line.
func (g *gate) enter(ctx context.Context, from *View, f func(*Tx) error) *caller {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		return nil
	}
	c := &caller{ctx: ctx, from: from, f: f, turn: make(chan turn)}
	g.line = append(g.line, c)
	return c
}

// leave lets in whoever is next.
func (s *Space) leave(g *gate) {
	if !g.pass() {
		go s.serve(g)
	}
}

// serve works for those in line for as long as they are several.
func (s *Space) serve(g *gate) {
	for {
		runtime.Gosched() // those who just got their result may be back by now
		if g.pass() {
			return
		}
		if co := g.gather(); co != nil {
			s.together(g, co)
		}
	}
}

// pass lets in the first in line if they are to work alone, or opens the gate if
// nobody waits. It returns false if several wait: the gate stays with the caller.
func (g *gate) pass() bool {
	for {
		g.mu.Lock()
		switch {
		case len(g.line) == 0:
			g.shut = false
			g.mu.Unlock()
			return true
		case len(g.line) > 1 && !g.line[0].alone:
			g.mu.Unlock()
			return false
		}
		first := g.line[0]
		g.line = slices.Delete(g.line, 0, 1)
		g.mu.Unlock()
		if first.take(turn{}) {
			return true
		}
	}
}

// gather takes those out of the line who may share a commit: the first, and those
// behind as long as one read reaches what all of them read.
func (g *gate) gather() *company {
	g.mu.Lock()
	defer g.mu.Unlock()
	co := &company{most: maxCompany}
	n := 0
	for ; n < min(len(g.line), maxCompany); n++ {
		c := g.line[n]
		names := co.union(c.from.names)
		if c.alone || n > 0 && (c.from.shard != co.shard || len(names) > storage.MaxOps) {
			break
		}
		co.shard, co.names = c.from.shard, names
		co.callers = append(co.callers, c)
		c.in = co
	}
	if n == 0 { // the first in line has left meanwhile
		return nil
	}
	g.line = slices.Delete(g.line, 0, n)
	co.here.Store(int32(n))
	// Of a company no member's end is the end: it has until the last has left.
	co.ctx, co.end = context.WithTimeout(context.WithoutCancel(co.callers[0].ctx), maxTime)
	return co
}

// back puts callers at the head of the line again, to be served next.
func (g *gate) back(callers []*caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	callers = slices.DeleteFunc(callers, func(c *caller) bool { c.in = nil; return c.ctx.Err() != nil })
	g.line = slices.Insert(g.line, 0, callers...)
}

// forget lets a caller go whose context has ended.
func (g *gate) forget(c *caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.line, c); i >= 0 {
		g.line = slices.Delete(g.line, i, i+1)
	}
	if c.in != nil {
		c.in.lose()
	}
}

// caller is an update that waits. Its function is run by its own goroutine and
// by nobody else: what it closes over stays its own, a panic in it is its own,
// and of a caller that has left nothing can run any more.
type caller struct {
	ctx   context.Context
	from  *View
	f     func(*Tx) error
	alone bool      // it cannot share a commit
	turn  chan turn // without room: either the caller takes it, or it has left

	in *company // guarded by the gate's mu
}

// turn is what a caller in line is told. The zero turn says that the gate is
// its own now.
type turn struct {
	tx  *Tx          // run your function on it,
	ran chan<- error // and say here what it returned; closed without, it panicked

	crash any // the store panicked: so does everybody who waits for it

	done bool // this has come of your update
	view *View
	err  error
}

// take hands a turn to the caller, and reports whether it was still there.
func (c *caller) take(t turn) bool {
	select {
	case c.turn <- t:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// wait follows what the caller is told until its update is served, its context
// ends, or the gate is its own.
func (c *caller) wait(g *gate) (view *View, err error, served bool) {
	for {
		select {
		case t := <-c.turn:
			switch {
			case t.crash != nil:
				panic(t.crash)
			case t.done:
				return t.view, t.err, true
			case t.tx == nil:
				return nil, nil, false
			}
			func() {
				returned := false
				defer func() {
					if close(t.ran); !returned { // it panicked, and waits no more
						g.forget(c)
					}
				}()
				err := c.f(t.tx)
				returned = true
				t.ran <- err
			}()
		case <-c.ctx.Done():
			g.forget(c)
			return nil, unavailable(context.Cause(c.ctx)), true
		}
	}
}

// ask has the caller run its function on tx. It is not here if it has left, or
// its function did not return.
func (c *caller) ask(tx *Tx) (err error, here bool) {
	ran := make(chan error, 1)
	if !c.take(turn{tx: tx, ran: ran}) {
		return nil, false
	}
	err, here = <-ran
	return err, here
}
