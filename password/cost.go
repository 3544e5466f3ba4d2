package password

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what one guess costs whoever stole the store, and what one sign-in costs us. The zero Cost is [DefaultCost].
type Cost struct {
	Memory int // KiB
	Passes int // over the memory
	Lanes  int // filled in parallel
}

// DefaultCost is Argon2id with 19 MiB, two passes and one lane, about 22 ms (OWASP password storage).
func DefaultCost() Cost { return Cost{Memory: 19456, Passes: 2, Lanes: 1} }

// floor holds the pairs that OWASP calls equal; a configured Cost must reach one of them in both numbers.
var floor = [...]Cost{{47104, 1, 1}, {19456, 2, 1}, {12288, 3, 1}, {9216, 4, 1}, {7168, 5, 1}}

// testCost is the least that Argon2 knows.
var testCost = Cost{Memory: 8, Passes: 1, Lanes: 1}

// bounded reports every number that is out of the bounds of what may be computed at all.
func (c Cost) bounded() error {
	var bad []string
	if c.Lanes < 1 || c.Lanes > maxLanes {
		bad = append(bad, fmt.Sprintf("Lanes (p) is %d, must be 1 to %d", c.Lanes, maxLanes))
	}
	if least := 8 * max(c.Lanes, 1); c.Memory < least || c.Memory > maxMemory {
		bad = append(bad, fmt.Sprintf("Memory (m) is %d KiB, must be %d to %d", c.Memory, least, maxMemory))
	}
	if most := maxWork / min(max(c.Memory, 1), maxMemory); c.Passes < 1 || c.Passes > most {
		bad = append(bad, fmt.Sprintf("Passes (t) is %d, must be 1 to %d for this memory", c.Passes, most))
	}
	if bad == nil {
		return nil
	}
	return errors.New("password: Cost." + strings.Join(bad, "; Cost."))
}

// strong reports whether new passwords may be stored at this cost.
func (c Cost) strong() error {
	for _, f := range floor {
		if c.Memory >= f.Memory && c.Passes >= f.Passes {
			return nil
		}
	}
	return fmt.Errorf("password: Cost.Memory of %d KiB with Cost.Passes of %d is below the floor of OWASP; use at least 19456 with 2, or 47104 with 1, 12288 with 3, 9216 with 4, 7168 with 5", c.Memory, c.Passes)
}

// weaker reports whether a thief of the store would guess faster at c than at d.
func (c Cost) weaker(d Cost) bool {
	return c.Memory*c.Passes < d.Memory*d.Passes || c.strong() != nil && d.strong() == nil
}

// derive is the work itself. The numbers fit: they are bounded or ours.
func (c Cost) derive(material, salt []byte, size int) []byte {
	return argon2.IDKey(material, salt, uint32(c.Passes), uint32(c.Memory), uint8(c.Lanes), uint32(size))
}
