package lockout

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The member names are a stored format: what an older version wrote, this one reads.
func TestStoredFormat(t *testing.T) {
	s := begin(t, Default())
	s.tell("x x x x x 31m x r1")
	const stored = `{"born":true,"fails":[1793622660000],"reservations":[{"id":"r1","deadline":1793622670000}],` +
		`"locks":1,"consecutive":6,"at":1793622660000}`
	b, err := json.Marshal(s.state)
	require.NoError(t, err)
	require.Equal(t, stored, string(b))
	var back State
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, s.state, back)

	s.tell("hold")
	b, err = json.Marshal(s.state)
	require.NoError(t, err)
	require.Contains(t, string(b), `"until":-3`)

	b, err = json.Marshal(NewState())
	require.NoError(t, err)
	require.Equal(t, `{"born":true}`, string(b))
}

// What this version adds to the stored format, and that a state which an older version wrote means what it meant.
func TestStoredFormatOfBudgetsAndUnlocks(t *testing.T) {
	p := Codes()
	s := begin(t, p)
	s.tell("x x x x x unlock")
	const stored = `{"born":true,"consecutive":5,"spent":[1793620800000,1793620800000,1793620800000,1793620800000,1793620800000],` +
		`"unlocks":[1793620800000],"used":1793620800000,"at":1793620800000}`
	b, err := json.Marshal(s.state)
	require.NoError(t, err)
	require.Equal(t, stored, string(b))

	const older = `{"born":true,"fails":[1793620800000],"until":1793622600000,"locks":1,"consecutive":5,"at":1793620800000}`
	var back State
	require.NoError(t, json.Unmarshal([]byte(older), &back))
	_, a := p.Next(back, Reserve("r1"), noon.Add(29*time.Minute))
	require.Equal(t, Answer{Verdict: Locked, Phase: Timed, Until: noon.Add(30 * time.Minute)}, a)
	_, a = p.Next(back, Reserve("r1"), noon.Add(30*time.Minute))
	require.Equal(t, Answer{Verdict: Admit, Phase: Open}, a)
}

// FuzzStored feeds stored bytes to the machine: no panic, and nothing is granted that was not reserved.
func FuzzStored(f *testing.F) {
	f.Add([]byte(`{"born":true}`), "r1")
	f.Add([]byte(`{"born":true,"fails":[1,2,3],"reservations":[{"id":"r1","deadline":9000000000000}],"at":5}`), "r1")
	f.Add([]byte(`{"born":true,"fails":[-9223372036854775808,9223372036854775807],"until":-1,"consecutive":100}`), "")
	f.Fuzz(func(t *testing.T, stored []byte, id string) {
		var s State
		if json.Unmarshal(stored, &s) != nil {
			s = State{}
		}
		for _, e := range []Event{Tick(), Right(id), Reserve(id), Wrong(id), Unlock(), Hold(), Reset(), Rebind()} {
			_, a := Default().Next(s, e, noon)
			if a.Verdict == Granted && !strings.Contains(fmt.Sprint(s.Reservations), id) {
				t.Fatalf("granted %q without a reservation: %s", id, stored)
			}
		}
	})
}
