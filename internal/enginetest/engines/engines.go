// Package engines opens stores for tests that should hold on every engine.
//
// Each engine has a file of its own and a place in the list of [Each]. Those on a
// server run where a variable of the environment names it, and are skipped
// elsewhere, aloud; with SYMBOLON_TEST_REQUIRE=1 that is a failure.
package engines

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// Engine is one engine with fresh state of its own.
type Engine struct {
	Name string
	At   string // names the state, for Connect in this process or in another

	// Open returns a new handle on the state, closed when t ends.
	Open func(t testing.TB) storage.Store
}

// kind is how an engine is reached.
type kind struct {
	name  string
	alone bool // its state stays in one process

	// fresh makes state of its own and says where it is, and takes it away when t
	// ends. It skips t where the engine cannot be reached, see require.
	fresh func(t testing.TB) (at string)

	// connect opens a handle, and returns what closes it.
	connect func(ctx context.Context, at string) (storage.Store, func() error, error)

	// via names the same state at another address, and the address that it had.
	// It is nil where there is no network in between.
	via func(at, addr string) (there, before string, err error)
}

// kinds are the engines that there are.
func kinds() []kind { return []kind{inMemory(), sqlite, postgreSQL, mariaDB, oneRedis, redisCluster} }

// Each runs f as a subtest for every engine.
func Each(t *testing.T, f func(t *testing.T, e Engine)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) { f(t, k.start(t)) })
	}
}

// EachShared runs f as a subtest for every engine whose state several processes
// can share.
func EachShared(t *testing.T, f func(t *testing.T, e Engine)) {
	t.Helper()
	for _, k := range kinds() {
		if !k.alone {
			t.Run(k.name, func(t *testing.T) { f(t, k.start(t)) })
		}
	}
}

// EachServer runs f as a subtest for every engine on a server, with a line to the
// server that f may disturb.
func EachServer(t *testing.T, f func(t *testing.T, e Engine, line *Line)) {
	t.Helper()
	for _, k := range kinds() {
		if k.via == nil {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			at, line := Through(t, k.name, k.fresh(t))
			f(t, k.at(at), line)
		})
	}
}

// Through returns where to find the state of an engine on a server behind a line
// that the test may disturb.
func Through(t testing.TB, name, at string) (there string, line *Line) {
	t.Helper()
	k, err := named(name)
	if err != nil {
		t.Fatal(err)
	}
	line = newLine(t)
	there, server, err := k.via(at, line.addr())
	if err != nil {
		t.Fatal(err)
	}
	line.leadTo(server)
	return there, line
}

// Fresh returns the engine of that name with fresh state.
func Fresh(t testing.TB, name string) Engine {
	t.Helper()
	k, err := named(name)
	if err != nil {
		t.Fatal(err)
	}
	return k.start(t)
}

// Connect returns a new handle on the state of an engine, for workers that have
// no *testing.T, and what closes it.
func Connect(ctx context.Context, name, at string) (storage.Store, func() error, error) {
	k, err := named(name)
	if err != nil {
		return nil, nil, err
	}
	return k.connect(ctx, at)
}

func named(name string) (kind, error) {
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, fmt.Errorf("engines: none is named %q", name)
	}
	return all[i], nil
}

func (k kind) start(t testing.TB) Engine {
	t.Helper()
	return k.at(k.fresh(t))
}

func (k kind) at(at string) Engine {
	return Engine{Name: k.name, At: at, Open: func(t testing.TB) storage.Store {
		t.Helper()
		s, closeAll, err := k.connect(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := closeAll(); err != nil {
				t.Error(err)
			}
		})
		return s
	}}
}

// Require returns the value of a variable that names a server. Where it is not
// set, the test ends here.
func Require(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		Missing(t, variable+" names no server")
	}
	return value
}

// Missing skips the test, or fails it where nothing may be skipped.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SYMBOLON_TEST_REQUIRE") == "1" {
		t.Fatalf("%s, and SYMBOLON_TEST_REQUIRE=1 says that no engine may be skipped", what)
	}
	t.Skip("NOT RUN: " + what)
}

func inMemory() kind {
	m := memory.New()
	return kind{name: "memory", alone: true,
		fresh: func(testing.TB) string { return "" },
		connect: func(context.Context, string) (storage.Store, func() error, error) {
			return m, func() error { return nil }, nil
		},
	}
}
