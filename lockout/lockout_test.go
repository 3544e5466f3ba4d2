package lockout

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestValidateNamesEveryField(t *testing.T) {
	require.NoError(t, Default().Validate())
	require.NoError(t, Policy{}.Validate())
	err := Policy{Max: 101, Lock: time.Nanosecond, Lease: -1, MaxLocks: -1}.Validate()
	for _, field := range []string{"Policy.Max is 101", "Policy.Window is 0s", "Policy.Lock is 1ns", "Policy.Lease is -1ns", "Policy.MaxLocks is -1"} {
		require.ErrorContains(t, err, field)
	}
	p := Default()
	p.Budget, p.DelayFrom, p.Delay = 101, 5, time.Minute
	for _, says := range []string{"Policy.Budget is 101, must be 0 to 100", "DelayFrom is 5, must be 0, or 1 to below Max, which is 5", "MaxDelay is 0s, must be Delay to Window, which are 1m0s and 15m0s"} {
		require.ErrorContains(t, p.Validate(), says)
	}
	p.Budget, p.DelayFrom = -1, 0
	require.ErrorContains(t, p.Validate(), "Policy.Budget is -1")
	require.ErrorContains(t, p.Validate(), "DelayFrom is 0, but Delay or MaxDelay is set")
	require.NoError(t, growing().Validate())
	require.NoError(t, Codes().Validate())
	require.ErrorContains(t, Policy{Max: 1, Window: time.Second, Lease: time.Minute}.Validate(), "Policy.Lease is 1m0s, must not exceed Window, which is 1s")
}

func TestNames(t *testing.T) {
	require.Equal(t, "none admit denied done capped invalid", fmt.Sprint(Verdict(0), " ", Admit, " ", Denied, " ", Done, " ", Capped, " ", Verdict(99)))
	require.Equal(t, "unknown open held dead delayed spent invalid", fmt.Sprint(Unknown, " ", Open, " ", Held, " ", Dead, " ", Delayed, " ", Spent, " ", Phase(99)))
	require.Zero(t, held.Time())
	require.Equal(t, noon, instant(noon.In(time.FixedZone("", 3600))).Time())
}

// LK-19: nothing here reads a clock or draws a random number, nor can it reach a store.
func TestPure(t *testing.T) {
	for _, file := range []string{"lockout.go", "state.go", "event.go", "next.go", "limit.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, i := range f.Imports {
			require.Contains(t, []string{`"cmp"`, `"errors"`, `"fmt"`, `"slices"`, `"strings"`, `"time"`}, i.Path.Value, file)
		}
		for _, name := range f.Unresolved {
			require.NotContains(t, []string{"panic", "go"}, name.Name, file)
		}
		require.NotContains(t, string(must(os.ReadFile(file))), "time."+"Now", file)
	}
}
