package password

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Mix keeps imported hashes from telling who exists. A guess at one that costs more or less than a new one is as slow or
// as fast as that hash, and no login that does not exist would be, if all of those cost the same. So the part of the
// accounts that still has such hashes is named here, and the same part of the logins that do not exist, or have no
// password, costs as much; which ones is drawn from the [Owner] and stays. Lower the parts as accounts move on.
type Mix struct {
	Key   Key                // from a place like that of a pepper; it stays the same for ever
	Parts map[string]float64 // of all accounts, by any one hash of that kind and cost; together at most 1
}

// share is one entry of a Mix: it ends where the next begins.
type share struct {
	upTo float64
	like stored
}

// shares reads the hashes of the mix, with everything that is wrong.
func (h *Hasher) shares(m Mix) (all []share, wrong []error) {
	if len(m.Parts) > 0 && len(m.Key) < leastKey {
		wrong = append(wrong, fmt.Errorf("password: Options.Mix.Key has %d bytes, must have %d or more", len(m.Key), leastKey))
	}
	var sum float64
	for i, s := range slices.Sorted(maps.Keys(m.Parts)) {
		hash, err := h.Parse(s)
		part := m.Parts[s]
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("password: Options.Mix.Parts, hash %d of them: %w", i+1, err))
		case hash.open().ident == pepper:
			wrong = append(wrong, fmt.Errorf("password: Options.Mix.Parts, hash %d of them is under a pepper; name it as it was imported", i+1))
		case !(part > 0 && part <= 1):
			wrong = append(wrong, fmt.Errorf("password: Options.Mix.Parts, hash %d of them has the part %v, must be above 0 and at most 1", i+1, part))
		}
		sum += part
		all = append(all, share{sum, hash.open()})
	}
	if sum > 1+1e-9 {
		wrong = append(wrong, fmt.Errorf("password: Options.Mix.Parts are %v together, must be at most 1", sum))
	}
	return all, wrong
}

// like returns the kind of hash that this owner would have, if there were one; its zero value is a new one.
func (h *Hasher) like() stored {
	if len(h.mix) == 0 {
		return stored{}
	}
	draw := h.owner.draw(h.secrets().mixKey, "symbolon password mix")
	at := float64(binary.BigEndian.Uint64(draw)) / math.MaxUint64
	for _, s := range h.mix {
		if at < s.upTo {
			return s.like
		}
	}
	return stored{}
}
