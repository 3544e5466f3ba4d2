package authntest_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// S17: proof can be made up only in tests.
func TestOutsideOfTestsItPanics(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "run", "./testdata/outside").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "authntest: a Principal without proof exists only in tests", string(out))
}
