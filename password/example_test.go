package password_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/symbolon-auth/symbolon/password"
)

// Set a password, and verify it at the next sign-in.
func Example() {
	hasher, err := password.NewHasher(nil) // one for the whole process
	if err != nil {
		panic(err)
	}
	slot, err := hasher.Acquire(context.Background())
	if err != nil {
		panic(err) // password.ErrBusy: nothing was looked at, try again
	}
	defer slot.Release()

	hash, err := slot.Hash("correct horse battery staple")
	if err != nil {
		panic(err)
	}
	record := hash.Reveal() // for the store
	fmt.Println(record[:30], hash)

	stored, err := hasher.Parse(record)
	if err != nil {
		fmt.Println(err) // stored is zero then: it matches nothing, and takes as long
	}
	fmt.Println(slot.Verify(stored, "correct horse battery staple"), slot.Verify(stored, "Tr0ub4dor&3"))
	// Output:
	// $argon2id$v=19$m=19456,t=2,p=1 REDACTED
	// true false
}

// Tell a person everything that is wrong with a new password.
func ExamplePolicy_Check() {
	err := password.Default().Check("Tr0ub4dor&3")
	var broken password.Violations
	if errors.As(err, &broken) {
		for _, v := range broken {
			fmt.Printf("%s: %s\n", v.Rule, v.Advice)
		}
	}
	// Output:
	// min-length: use at least 15 characters; a few words that do not belong together are easy to remember
}

// legacy compares with what the system before this one stored.
type legacy struct{}

func (legacy) Compare(encoded, password string) bool { return encoded == "$legacy$"+password }

// Bring along accounts whose hashes are of a kind of your own.
func ExampleScheme() {
	hasher, err := password.NewHasher(&password.Options{Schemes: map[string]password.Scheme{"legacy": legacy{}}})
	if err != nil {
		panic(err)
	}
	hash, err := hasher.Parse("$legacy$open sesame")
	if err != nil {
		panic(err)
	}
	slot, err := hasher.Acquire(context.Background())
	if err != nil {
		panic(err)
	}
	defer slot.Release()
	fmt.Println(slot.Verify(hash, "open sesame"))
	// Output: true
}
