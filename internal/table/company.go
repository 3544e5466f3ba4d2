package table

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"github.com/symbolon-auth/symbolon/storage"
)

// maxCompany bounds how many updates share a commit, so that running their
// functions, microseconds each, takes no longer than the commit.
const maxCompany = 128

// company are the updates that share a read and a commit. To the loop it is one
// update of everything that they read, whose function runs theirs one after
// another, each on the state as those before it leave it, and merges what they
// write: of each record the condition that was first and the effect that is last.
//
// So all of them are written or none, and a conflict or a lost reply is everybody's:
// each function runs again and finds its own effect, as it would alone.
type company struct {
	ctx     context.Context
	end     context.CancelFunc
	shard   Shard
	names   []string  // what they read, each once
	callers []*caller // in the order of the line
	most    int       // of them are taken at a time

	// Since the last run:
	taken []*caller // what they write is in the commit
	again []*caller // they go to the head of the line

	here atomic.Int32 // callers that still wait for it
}

// union returns what the company would read if it read these names too.
func (co *company) union(names []string) []string {
	all := slices.Clip(co.names)
	for _, name := range names {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// together carries out the updates of a company.
func (s *Space) together(g *gate, co *company) {
	defer co.end()
	defer func() {
		if crash := recover(); crash != nil { // the store's; on this goroutine nobody could recover it
			for _, c := range co.callers {
				c.take(turn{crash: crash})
			}
		}
	}()
	ran := false
	view, err := s.loop(co.ctx, &View{shard: co.shard, names: co.names}, func(tx *Tx) error {
		ran = true
		co.run(tx, s.rand)
		return nil
	})
	if !ran || errors.Is(err, storage.ErrInvalid) { // for what one of them asks, perhaps: each finds out alone
		for _, c := range co.callers {
			c.alone = true
		}
		co.taken, co.again = nil, co.callers
	}
	for _, c := range co.taken {
		if err != nil {
			co.tell(c, nil, err)
		} else {
			co.tell(c, view.only(c.from.names), nil)
		}
	}
	g.back(co.again)
}

// run asks the callers one after another what to write.
//
// A refusal, and an update that has nothing to write, is final only on what is
// stored: behind others it would rest on writes that may never be, or on records
// that nothing holds until they are. Whoever answers so there is asked again,
// first.
//
// When another process was faster it takes half as many, in less time: beside one
// that writes alone and quickly a crowd would never win.
func (co *company) run(tx *Tx, rand io.Reader) {
	callers, state := co.callers, tx.View
	if tx.raced {
		co.most = (len(co.taken) + 1) / 2
	}
	co.callers, co.taken, co.again = nil, nil, nil
	for i, c := range callers {
		if len(co.taken) == co.most {
			co.leave(callers[i:])
			return
		}
		own := &Tx{View: state.only(c.from.names)}
		err, here := c.ask(own)
		if err == nil {
			err = own.stamp(rand)
		}
		switch {
		case !here:
			continue
		case len(own.ops) > 0 && err == nil:
			if !tx.merge(own.ops) {
				c.alone = len(co.taken) == 0 // nor would it in any other company
				co.leave(callers[i:])
				return
			}
			state = tx.after()
			co.taken = append(co.taken, c)
		case len(co.taken) > 0:
			co.again = append(co.again, c)
		default:
			co.tell(c, own.View, err)
			continue
		}
		co.callers = append(co.callers, c)
	}
}

// leave keeps callers for the next company.
func (co *company) leave(callers []*caller) {
	co.again = append(co.again, callers...)
	co.callers = append(co.callers, callers...)
}

// tell gives a caller the result of its update.
func (co *company) tell(c *caller, view *View, err error) {
	if err != nil {
		view = nil
	}
	if c.take(turn{done: true, view: view, err: err}) {
		co.lose()
	}
}

// lose counts a caller off. When nobody waits any more, a store that hangs must
// not keep the gate shut.
func (co *company) lose() {
	if co.here.Add(-1) == 0 {
		co.end()
	}
}
