// Package storagetest is the contract of storage.Store as a test.
//
// Whoever writes a store calls [Run] from one test and reads what it prints:
// each failure states the rule that was broken, in words that need no look at
// this code. [Check] runs the same cases without a *testing.T, for a self-test
// command of the host.
//
// The package also has wrappers for tests of code that uses a store: [Lossy] loses
// replies, [Troubled] delays and fails, [Strict] watches that the caller stays
// within the contract, [Counting] counts calls.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/symbolon-auth/symbolon/storage"
)

// caseTime is how long one case may take. The slowest takes a second on a
// laptop's disk; a store that waits for ever must not stop the suite.
const caseTime = time.Minute

// contractCase is one thing that a store must do.
type contractCase struct {
	name string
	rule string // printed on failure, so it is complete by itself
	run  func(*trial)
}

// cases is the whole contract.
func cases() []contractCase {
	var all []contractCase
	for _, group := range [][]contractCase{
		recordCases, batchCases, expiryCases, nameCases, scanCases, raceCases, limitCases, optionalCases,
	} {
		all = append(all, group...)
	}
	return all
}

// Run holds a store to the contract, each case as a subtest. Each call of open
// returns a new handle on the SAME state (a second connection pool, a second
// client), because a store must agree with itself across a fleet; what it opens
// it closes with t.Cleanup. Every case works in shards of its own with random
// names, so the state may be a shared database and need not be empty.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			handle := func() (storage.Store, error) { return open(t), nil }
			if err := c.check(t.Context(), handle); err != nil {
				t.Errorf("%v\nrule: %s", err, c.rule)
			}
		})
	}
}

// Check holds a store to the contract and returns an error that joins one line
// per broken rule, or nil. It calls open as described at [Run], and closes each
// handle that has a Close method.
func Check(ctx context.Context, open func() (storage.Store, error)) error {
	var broken []error
	for _, c := range cases() {
		var handles []storage.Store
		err := c.check(ctx, func() (storage.Store, error) {
			s, err := open()
			if err == nil {
				handles = append(handles, s)
			}
			return s, err
		})
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w (rule: %s)", c.name, err, c.rule))
		}
		for _, s := range handles {
			if closer, ok := s.(io.Closer); ok {
				if err := closer.Close(); err != nil {
					broken = append(broken, fmt.Errorf("%s: close: %w", c.name, err))
				}
			}
		}
	}
	return errors.Join(broken...)
}

// check runs c against fresh handles.
func (c contractCase) check(ctx context.Context, open func() (storage.Store, error)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, caseTime)
	defer cancel()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		default:
			panic(p)
		}
	}()
	x := &trial{ctx: ctx, open: open, shard: fresh("shard"), now: time.Now()}
	x.store = x.handle()
	c.run(x)
	return nil
}
