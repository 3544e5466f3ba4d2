package authn_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// house returns the engines of a small contact centre.
func house() (*symbolon.Realm, *authn.Actors) {
	secret := must(symbolon.NewSecret("1", []byte("32 bytes from a safe place, once")))
	realm := must(symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors:   symbolon.ActorMap{"mia": {}, "tom": {}, "pbx": {Kind: symbolon.Service}},
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}},
	}, nil))
	return realm, must(authn.NewActors(realm, nil))
}

// How does an employee sign in, and what does whoever may not get to see?
func ExampleActors_SignIn() {
	ctx := context.Background()
	_, actors := house()
	check(actors.AsHost("first day").SetPassword(ctx, "mia", "a long enough pass phrase"))

	mia, err := actors.SignIn(ctx, "mia", "a long enough pass phrase")
	fmt.Println(mia, err)

	_, err = actors.SignIn(ctx, "mia", "a guess")
	fmt.Println(err, errors.Is(err, authn.ErrRefused))

	var why *authn.Refusal // for the log, never for the screen
	errors.As(err, &why)
	fmt.Println(why.Reason)
	// Output:
	// mia <nil>
	// authn: refused true
	// wrong
}

// How does a customer on the phone prove who they are?
func ExampleSubjects_Confirm() {
	ctx := context.Background()
	_, actors := house()
	check(actors.AsHost("first day").SetPassword(ctx, "mia", "a long enough pass phrase"))
	key := must(actors.AsHost("new exchange").NewKey(ctx, "pbx"))

	phone := make(chan string, 1) // the customer's
	subjects := must(authn.NewSubjects(actors, authn.SenderFunc(func(_ context.Context, m authn.Message) error {
		phone <- m.Code.Reveal() // a real one sends m.Text()
		return nil
	}), nil))

	// The exchange says that there is a call, and to whom it went.
	pbx := must(actors.SignInKey(ctx, key))
	call := must(subjects.Open(ctx, pbx, authn.Call{ID: "c-1", Channel: "phone", Actor: "mia", Subject: "cust-42"}))

	mia := must(actors.SignIn(ctx, "mia", "a long enough pass phrase"))
	claim := must(subjects.Join(ctx, mia, call))
	fmt.Println(claim)
	ask := must(subjects.Challenge(ctx, claim, symbolon.MethodSMS, "sim.change"))
	both := must(subjects.Confirm(ctx, claim, ask.ID, <-phone))
	fmt.Println(both)

	check(subjects.End(ctx, pbx, call)) // and with it, what was proved
	_, err := subjects.Join(ctx, mia, call)
	fmt.Println(err)
	// Output:
	// mia with cust-42, not proved
	// mia for cust-42
	// authn: refused
}

// How does an employee who was locked out get back in before the lock is over?
func ExampleActors_Unlock() {
	ctx := context.Background()
	realm, actors := house()
	host := actors.AsHost("first day")
	check(host.SetPassword(ctx, "mia", "a long enough pass phrase"))
	check(host.SetPassword(ctx, "tom", "another long pass phrase"))
	for range 5 {
		_, _ = actors.SignIn(ctx, "mia", "a guess")
	}
	_, err := actors.SignIn(ctx, "mia", "a long enough pass phrase")
	fmt.Println("the right one:", err)

	tom := must(actors.SignIn(ctx, "tom", "another long pass phrase"))
	check(actors.Unlock(ctx, tom, "mia", "she stood at my desk"))
	fmt.Println(must(actors.SignIn(ctx, "mia", "a long enough pass phrase")))

	page := must(must(audit.NewLog(realm)).List(ctx, audit.Query{Event: "account.unlocked"}))
	for _, r := range page.Records {
		fmt.Println(r.Actor, r.Resource, r.Reason)
	}
	// Output:
	// the right one: authn: refused
	// mia
	// tom Actor/mia she stood at my desk
}

// Strangers guess at a login, and its owner comes in all the same, from a device that was known before.
func ExampleActors_SignInFrom() {
	ctx := context.Background()
	_, actors := house()
	check(actors.AsHost("first day").SetPassword(ctx, "mia", "a long enough pass phrase"))
	mia := must(actors.SignIn(ctx, "mia", "a long enough pass phrase"))
	cookie := must(actors.Remember(ctx, mia)).Reveal() // HttpOnly, Secure, for 90 days

	for range 5 {
		_, _ = actors.SignIn(ctx, "mia", "a guess")
	}
	_, err := actors.SignIn(ctx, "mia", "a long enough pass phrase")
	fmt.Println("from elsewhere:", err)
	fmt.Println(must(actors.SignInFrom(ctx, authn.DeviceFromString(cookie), "mia", "a long enough pass phrase")))
	// Output:
	// from elsewhere: authn: refused
	// mia
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
