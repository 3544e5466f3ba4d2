package password_test

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// Keep hashes under a key that is not in the store. One line more tells whose they are.
func ExamplePepper() {
	hasher, err := password.NewHasher(&password.Options{Pepper: password.Pepper{
		Keys: map[int]password.Key{1: []byte("32 bytes from where keys are kept")}, Current: 1,
	}})
	if err != nil {
		panic(err)
	}
	verify := func(account, record string) bool {
		theirs := hasher.For(password.Owner{Tenant: "north", Account: account, Factor: "password"})
		slot, err := theirs.Acquire(context.Background())
		if err != nil {
			panic(err)
		}
		defer slot.Release()
		hash, _ := theirs.Parse(record)
		return slot.Verify(hash, "Hello world!")
	}

	// Accounts come with what another system stored. No sign-in is needed to protect it.
	imported, err := hasher.Parse("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1")
	if err != nil {
		panic(err)
	}
	sealed, err := hasher.For(password.Owner{Tenant: "north", Account: "actor/17", Factor: "password"}).Seal(imported)
	if err != nil {
		panic(err)
	}
	record := sealed.Reveal()
	fmt.Println(record[:12], verify("actor/17", record), verify("actor/18", record))
	// Output: $pepper$k=1$ true false
}

// See what a change would be, and then make it.
func ExamplePolicy_Change() {
	hasher, err := password.NewHasher(nil)
	if err != nil {
		panic(err)
	}
	slot, err := hasher.Acquire(context.Background())
	if err != nil {
		panic(err)
	}
	defer slot.Release()
	policy, now := password.EmployeeClassic().Policy, time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	about := password.About{Words: []string{"john.smith@example.com", "John Smith", "+1 555 010 9999", "Vodanet"}}

	for _, wish := range []string{"Sm1th-J0hn-26", "qwertz", "Plums in April 7"} {
		record, err := policy.Change(context.Background(), slot, password.Record{}, password.Change{New: wish, About: about}, now)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(record) // store it
	}
	// Output:
	// password: do not make it of your name, login or numbers, or of our name, whatever is put around them
	// password: use at least 8 characters; a few words that do not belong together are easy to remember; add a capital letter and a digit; do not use neighbours in the alphabet or on the keyboard, such as abcdefg, 123456 or qwerty, in either direction; choose another; this one is among those that are tried first
	// password of 2026-11-02T12:00:00Z
}

// Two rulebooks that contradict each other need a winner.
func ExampleCombine() {
	_, err := password.Combine("", password.NIST(), password.PCI())
	fmt.Println(err)
	policy, err := password.Combine("PCI", password.NIST(), password.PCI())
	fmt.Println(policy.MinLength, policy.Classes, err)
	fmt.Println(policy.Deviations(true)[0])
	// Output:
	// password: PCI demands Classes, which NIST forbids: name the winner (we suggest: leave them out, and demand them only of those whom a PCI assessor asks about)
	// 15 letter digit <nil>
	// Classes are demanded (letter digit): SP 800-63B-4 3.1.1.2(5) and ASVS 6.2.5 forbid it, PCI DSS 8.3.6 wants letters and digits
}

// Tell what a right password means today.
func ExamplePolicy_Status() {
	policy := password.Policy{Expiry: 90 * 24 * time.Hour, Notice: 14 * 24 * time.Hour}
	record := password.Record{Hash: "$argon2id$...", Set: time.Date(2026, 8, 10, 12, 0, 0, 0, time.UTC)}
	status := policy.Status(record, true, time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))
	fmt.Println(status.Result, status.Days, status.Result.In())
	// Output: expiring 6 true
}
