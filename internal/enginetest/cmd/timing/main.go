// Timing measures whether the time of an answer tells an unknown login, a wrong
// password and a locked account apart. It prints, for each pair of them, the
// chance that one reply time orders the two rightly (AUC): 0.5 tells nothing.
//
//	go run ./internal/enginetest/cmd/timing -trials 2000 memory PostgreSQL
//
// PostgreSQL is the one that SYMBOLON_TEST_POSTGRES names. Use a quiet machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
)

const right = "correct horse battery staple"

func main() {
	trials := flag.Int("trials", 2000, "measurements of each kind of answer")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "timing: name the engines: memory, PostgreSQL")
		os.Exit(2)
	}
	for _, engine := range flag.Args() {
		if err := run(engine, *trials); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func run(engine string, trials int) (err error) {
	ctx := context.Background()
	at, drop := "", func() error { return nil }
	if engine == "PostgreSQL" {
		var err error
		if at, drop, err = engines.NewPostgresSchema(os.Getenv(engines.Postgres)); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, drop()) }()
	store, closeAll, err := engines.Connect(ctx, engine, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	actors, err := open(store)
	if err != nil {
		return err
	}
	host := actors.AsHost("timing")
	for _, id := range []symbolon.ActorID{"open", "locked"} {
		if err := host.SetPassword(ctx, id, right); err != nil {
			return err
		}
	}
	kinds := []struct {
		name, login, password string
		times                 []float64
	}{
		{name: "unknown", login: "nobody", password: "wrong"},
		{name: "wrong", login: "open", password: "wrong"},
		{name: "locked", login: "locked", password: "wrong"},
		{name: "locked, right", login: "locked", password: right},
	}
	for range 5 {
		if err := refused(ctx, actors, "locked", "wrong"); err != nil {
			return err
		}
	}
	for i := range trials {
		if i%4 == 0 { // so that "wrong" is never locked
			if _, err := actors.SignIn(ctx, "open", right); err != nil {
				return err
			}
		}
		for k := range kinds {
			k = (k + i) % len(kinds) // no kind always follows the same other
			began := time.Now()
			if err := refused(ctx, actors, kinds[k].login, kinds[k].password); err != nil {
				return err
			}
			kinds[k].times = append(kinds[k].times, time.Since(began).Seconds())
		}
	}
	for i, a := range kinds {
		for _, b := range kinds[i+1:] {
			fmt.Printf("%-10s %-13s against %-13s AUC %.3f\n", engine, a.name, b.name, auc(a.times, b.times))
		}
	}
	return nil
}

func open(store storage.Store) (*authn.Actors, error) {
	secret, err := symbolon.NewSecret("timing", make([]byte, 32))
	if err != nil {
		return nil, err
	}
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: fmt.Sprint("timing-", time.Now().UnixNano()), Store: store, Secret: secret,
		Actors: symbolon.ActorMap{"open": {}, "locked": {}}, Subjects: symbolon.SubjectMap{}}, nil)
	if err != nil {
		return nil, err
	}
	return authn.NewActors(realm, nil)
}

func refused(ctx context.Context, a *authn.Actors, login, password string) error {
	if _, err := a.SignIn(ctx, login, password); !errors.Is(err, authn.ErrRefused) {
		return fmt.Errorf("%s was to be refused: %w", login, err)
	}
	return nil
}

// auc is the chance that a value of a is below one of b, ties counting half.
func auc(a, b []float64) float64 {
	b = slices.Sorted(slices.Values(b))
	var below float64
	for _, x := range a {
		first, _ := slices.BinarySearch(b, x)
		last, _ := slices.BinarySearchFunc(b, x, func(y, x float64) int {
			if y <= x {
				return -1
			}
			return 1
		})
		below += float64(len(b)-last) + float64(last-first)/2
	}
	return below / float64(len(a)*len(b))
}
