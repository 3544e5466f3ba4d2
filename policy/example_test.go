package policy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// An owner sets when passwords expire; a business below may be stricter, and may not be laxer.
func Example() {
	secret, _ := symbolon.NewSecret("1", make([]byte, 32)) // in earnest: random, from a vault
	realm, _ := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{}}, nil)
	tree, err := policy.New(realm, nobody{}, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	host := tree.AsHost("set-up")
	_, err = host.Change(ctx,
		policy.Add("owner", "", policy.Settings{policy.PasswordExpiry: policy.Days(60)}),
		policy.Add("business", "owner", nil))
	fmt.Println(err)

	_, err = host.Change(ctx, policy.Set("business", policy.Settings{policy.PasswordExpiry: policy.Days(30)}))
	fmt.Println(err)
	_, err = host.Change(ctx, policy.Set("business", policy.Settings{policy.PasswordExpiry: policy.Days(90)}))
	fmt.Println(err)

	here, err := tree.Effective(ctx, "business")
	fmt.Println(here.Span(policy.PasswordExpiry), here.Lockout().Max, err)
	// Output:
	// <nil>
	// <nil>
	// policy: invalid input: "business": password.expiry 90d is looser than 60d, which "owner" has set
	// 720h0m0s 5 <nil>
}

// nobody gives authority to nobody, so that all is the host's.
type nobody struct{}

func (nobody) Holds(context.Context, symbolon.Actor, symbolon.OrgID) (bool, error) {
	return false, nil
}

// What a change would do is computed without storing anything, and whose approval it needs.
func ExampleForest_Plan() {
	forest, _ := policy.NewForest(
		policy.Node{Org: "owner"},
		policy.Node{Org: "strict", Parent: "owner", Settings: policy.Settings{policy.SecondFactorRequired: policy.Flag(true)}},
		policy.Node{Org: "shop", Parent: "strict"},
	)
	_, difference, err := forest.Plan(policy.Move("shop", "owner"))
	fmt.Print(difference)
	fmt.Println(difference.Looser(), err)
	// Output:
	// move "shop" under "owner"
	// looser: "shop" secondFactor.required no, was yes
	// moved: ["shop"]
	// needs authority at: ["owner" "strict"]
	// loosens, needs approval at: ["owner"]
	// true <nil>
}

// Everything that would break is told, field by field, before anything is stored.
func ExampleBreaches() {
	_, err := policy.NewForest(
		policy.Node{Org: "owner", Settings: policy.Settings{policy.PasswordHistory: policy.Count(4), policy.SessionConcurrent: policy.Count(2)}},
		policy.Node{Org: "business", Parent: "owner", Settings: policy.Settings{policy.PasswordHistory: policy.Count(1), policy.SessionConcurrent: policy.Count(3)}},
	)
	var breaches policy.Breaches
	if errors.As(err, &breaches) {
		for _, b := range breaches {
			fmt.Println(b.Org, b.Field, b.Value, "but", b.Ancestor, "has", b.Limit)
		}
	}
	// Output:
	// business password.history 1 but owner has 4
	// business session.concurrent 3 but owner has 2
}

// What holds for somebody who works for two organisations, for a compliance officer.
func ExampleExplain() {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	forest, err := policy.ReadFiles(fstest.MapFS{
		"owner.json": file(`{"org": "owner", "settings": {"password": {"expiry": "60d", "notice": "10d"}, "secondFactor": {"required": true, "methods": ["otp", "sms"]}}}`),
		"north.json": file(`{"org": "north", "parent": "owner", "settings": {"password": {"expiry": "30d"}, "lockout": {"duration": "until unlocked"}}}`),
		"south.json": file(`{"org": "south", "parent": "owner", "settings": {"password": {"classes": ["upper", "digit"]}, "session": {"concurrent": 1}}}`),
	})
	if err != nil {
		panic(err)
	}
	both, err := forest.Effective("north", "south")
	if err != nil {
		panic(err)
	}
	_ = policy.Explain(os.Stdout, both)
	// Output:
	// In force for north (below owner)
	//      and for south (below owner)
	// Where they differ, the strictest counts.
	//
	// Password
	//   minimum length                         15 characters   standard
	//   maximum length                         256 characters  standard
	//   must contain                           digit, upper    south
	//   refuse sequences                       no              standard
	//   refuse repeated characters             no              standard
	//   refuse common passwords                yes             standard
	//   refuse former passwords                none            standard
	//   must differ in                         none            standard
	//   minimum age                            none            standard
	//   expires after                          30 days         north
	//   notice before it expires               10 days         owner
	//   a temporary one lasts                  1 day           standard
	//
	// Lockout
	//   failures that lock                     5 failures      standard
	//   a failure counts for                   15 minutes      standard
	//   a lock lasts                           until unlocked  north
	//   locks before one holds until unlocked  unlimited       standard
	//   wait after the third failure           none            standard
	//   unlocks in a day                       3 unlocks       standard
	//   closes when unused for                 never           standard
	//
	// Session
	//   open at a time                         1 session       south
	//   ends when idle for                     15 minutes      standard
	//   ends after                             12 hours        standard
	//
	// Second factor
	//   required                               yes             owner
	//   allowed methods                        otp, sms        owner
	//
	// Customer verification
	//   allowed classes                        any             standard
	//   a proof counts for                     1 hour          standard
	//   guesses at a code                      5 attempts      standard
	//   guesses in 30 days                     10 attempts     standard
	//
	// Token
	//   lasts without a customer               5 minutes       standard
	//   lasts with a customer                  5 minutes       standard
}
