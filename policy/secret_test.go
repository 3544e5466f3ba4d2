package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// AU-03, S6: whoever finds the key of the tree in a log could write a tree of their own. No verb prints it, not even of
// what holds the Tree in an unexported field.
func TestKeyIsNotPrinted(t *testing.T) {
	h := newHouse(t, memory.New())
	key := h.realm.Parts(seal.Ours()).Derive("policy")
	outer := struct{ tree *policy.Tree }{h.tree}
	inner := struct{ tree policy.Host }{h.tree.AsHost("why")}
	for _, v := range []string{"%v", "%+v", "%#v", "%d", "%x", "%X", "%s", "%q"} {
		for _, shape := range []any{key, string(key)} {
			canary := strings.Trim(fmt.Sprintf(v, shape), "[]\"")
			if _, list, ok := strings.Cut(canary, "{"); ok { // of []byte{0x1, ...}
				canary = strings.Trim(list, "{}")
			}
			for _, what := range []any{h.tree, outer, &outer, inner, h.tree.AsHost("why")} {
				require.NotContains(t, fmt.Sprintf(v, what), canary, "%s of %T", v, what)
			}
		}
	}
}
