package authz_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

// BenchmarkDecide: a decision with its two reads of the store, by the number of
// policies in the actor's set, of which ten speak about the action.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			var text strings.Builder
			text.WriteString(mayDo)
			for i := range n - 1 {
				action := "line.read"
				if i < 9 {
					action = "sim.change"
				}
				fmt.Fprintf(&text, "permit (principal in Role::\"role-%d\", action == Action::%q, resource is Line) when { context.now.durationSince(context.subject.verifiedAt) <= duration(\"5m\") };\n", i, action)
			}
			g := w.guard(text.String(), mayAsk, nil)
			p := w.served("sms")
			for b.Loop() {
				d, err := g.Decide(b.Context(), p, simChange("1"))
				require.NoError(b, err)
				require.True(b, d.Allowed)
			}
		})
	}
}

// BenchmarkStepUp: the longest search that a deny can cause with ten methods.
func BenchmarkStepUp(b *testing.B) {
	w := newWorld(b)
	var many []symbolon.Method
	for i := range 10 {
		many = append(many, symbolon.Method(fmt.Sprint("m", i)))
	}
	g := w.guard(mayDo, `permit (principal, action, resource) when { context.subject.level == "owner" && context.subject.methods.contains("never") };`,
		&authz.Options{Methods: &usable{subject: many}})
	p := w.served()
	for b.Loop() {
		d, err := g.Decide(b.Context(), p, simChange("1"))
		require.NoError(b, err)
		require.Empty(b, d.Needs)
	}
}
