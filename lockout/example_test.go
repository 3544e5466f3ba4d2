package lockout_test

import (
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon/lockout"
)

// A guess is counted before the secret is looked at. Between the two calls of Next, the State is committed to a store.
func Example() {
	policy := lockout.Default()
	state := lockout.NewState() // stored together with the secret
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

	for i := range 6 {
		id := fmt.Sprint("attempt-", i) // in earnest: 128 random bits
		var answer lockout.Answer
		if state, answer = policy.Next(state, lockout.Reserve(id), now); answer.Verdict != lockout.Admit {
			fmt.Println(answer.Verdict, "until", answer.Until.Format(time.TimeOnly))
			continue
		}
		// Here the secret is compared; it was wrong.
		state, answer = policy.Next(state, lockout.Wrong(id), now)
		fmt.Println(answer.Verdict, answer.Phase)
	}
	// Output:
	// denied open
	// denied open
	// denied open
	// denied open
	// denied timed
	// locked until 12:30:00
}

// To see where an account stands, let time pass.
func ExampleTick() {
	policy, now := lockout.Default(), time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	held, _ := policy.Next(lockout.NewState(), lockout.Hold(), now)
	_, answer := policy.Next(held, lockout.Tick(), now.AddDate(1, 0, 0))
	fmt.Println(answer.Phase)
	// Output: held
}
