// Package authztest helps the tests of business code that takes a Grant.
//
// Most tests call [PermitAll] and authorize against it with a Principal of
// authntest, so that they need no policies. Nothing here works outside of a test
// binary.
package authztest

import (
	"testing"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

const permitAll = `@id("test-permits-all") permit (principal, action, resource);`

// PermitAll returns a Guard of the realm whose policies permit everything. The
// floor stands all the same: no policy opens an unproved or foreign customer's
// record. Its Grants are refused by every other Guard. It panics unless it runs
// in a test binary (S17), and fails the test if the actions are not well formed.
func PermitAll(t testing.TB, r *symbolon.Realm, actions authz.Actions) *authz.Guard {
	t.Helper()
	if !testing.Testing() {
		panic("authztest: a Guard that permits everything exists only in tests")
	}
	g, err := authz.NewGuard(r, authz.Config{
		ActorSet: authz.PolicyText(permitAll), SubjectSet: authz.PolicyText(permitAll), Actions: actions,
	}, nil)
	if err != nil {
		t.Fatalf("authztest: %v", err)
	}
	return g
}
