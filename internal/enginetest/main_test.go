// Package enginetest runs what must hold on every engine on engines that need a
// driver, in one process and in several.
package enginetest

import (
	"testing"

	"github.com/symbolon-auth/symbolon/internal/enginetest/fleet"
)

// workers are what a process of a fleet can do; see fleet.Run.
var workers = map[string]fleet.Worker{
	"single-winner": singleWinner,
	"transfer":      transfer,
	"acknowledge":   acknowledge,
	"sign-in":       signIn,
	"open-sessions": openSessions,
}

func TestMain(m *testing.M) { fleet.Main(m, workers) }
