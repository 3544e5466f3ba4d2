package backup

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon/internal/stamp"
)

// kind is what a restore does with a record. There is none for what this package
// does not know: it may be a live proof.
type kind uint8

const (
	stays    kind = iota + 1 // counts as before
	gone                     // was a proof of somebody's presence; it ends
	stamped                  // a party's stamp: gets a new epoch, which ends every token
	locked                   // the memory of guesses
	secret                   // a password
	credit                   // a key
	contact                  // an interaction: stays, ended, so that its call id opens no second one
	recorded                 // an entry of the audit
)

// kinds are the names that the library writes; * is any component.
var kinds = []struct {
	name string
	kind kind
}{
	{"actor/*/stamp", stamped},
	{"actor/*/lock/*", locked},
	{"actor/*/password", secret},
	{"actor/*/key/*", credit},
	{"actor/*/sessions", gone},
	{"actor/*/s/*", gone},
	{"actor/*/failing", stays},
	{"phantom/*/lock/*", locked},
	{"person/*/unlocked", stays},
	{"subject/*/stamp", stamped},
	{"subject/*/lock/*", locked},
	{"interaction/*", contact},
	{"interaction/*/challenge/*", gone},
	{"call/*", stays},
	{"effect/*", stays},
	{"due/*/*", gone},
	{"notice/*/*", gone},
	{"audit/*/*", recorded},
	{"org/*", stays},
	{"policy/head", stays},
	{"policy/proposal/*", gone},
}

// kindOf returns what a record is; ok is false if nobody here knows.
func kindOf(name string) (kind, bool) {
	parts := strings.Split(name, "/")
next:
	for _, k := range kinds {
		want := strings.Split(k.name, "/")
		if len(want) != len(parts) {
			continue
		}
		for i := range want {
			if want[i] != "*" && want[i] != parts[i] {
				continue next
			}
		}
		return k.kind, true
	}
	return 0, false
}

// part returns a component of a name, as it is escaped there.
func part(name string, i int) string { return strings.Split(name, "/")[i] }

// members is a stored record whose members are mostly somebody else's.
type members map[string]json.RawMessage

const tableFormat = 1 // of stored records, see internal/table

func newRecord() members { return members{"v": json.RawMessage(strconv.Itoa(tableFormat))} }

func parse(value []byte) (members, error) {
	var m members
	if err := json.Unmarshal(value, &m); err != nil {
		return nil, err
	}
	var v int
	if err := json.Unmarshal(m["v"], &v); err != nil || v < 1 || v > tableFormat {
		return nil, fmt.Errorf("its format is %s", m["v"])
	}
	return m, nil
}

// get reads one member; it is left as it is if it is not there.
func (m members) get(name string, into any) error {
	if raw, ok := m[name]; ok {
		return json.Unmarshal(raw, into)
	}
	return nil
}

// set overlays the members of a struct, and takes away those that it omits.
func (m members) set(v any, names ...string) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	for _, name := range names {
		delete(m, name)
	}
	return json.Unmarshal(raw, &m)
}

// restamp moves a party's epoch, so that everything that rests on it is over.
func restamp(m members, now time.Time) error {
	var p stamp.Party
	if err := m.get("epoch", &p.Epoch); err != nil {
		return err
	}
	return m.set(p.Next(now))
}

// hangUp ends an interaction and everything proved in it.
func hangUp(m members) error {
	return m.set(struct {
		Ended bool `json:"ended"`
	}{true}, "proofs", "verification")
}
