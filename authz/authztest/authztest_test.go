package authztest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/authztest"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func TestPermitAllKeepsTheFloor(t *testing.T) {
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	realm, err := symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors: symbolon.ActorMap{"mia": {}}, Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}},
	}, nil)
	require.NoError(t, err)
	guard := authztest.PermitAll(t, realm, authz.Actions{"line.read": {On: "Line"}})
	proved := authntest.Principal(t, realm, authntest.Who{Actor: "mia", Subject: "cust-42", SubjectMethods: []symbolon.Method{"sms"}})
	claimed := authntest.Principal(t, realm, authntest.Who{Actor: "mia", Subject: "cust-42"})
	for _, c := range []struct {
		because string
		who     symbolon.Principal
		account symbolon.AccountID
		allowed bool
	}{
		{"no role and no policy is needed", proved, "acct-42", true},
		{"but a proof is", claimed, "acct-42", false},
		{"and the customer's own account", proved, "acct-7", false},
	} {
		_, err := guard.Authorize(t.Context(), c.who, authz.Request{Action: "line.read", Resource: authz.Resource{Type: "Line", ID: "1", Account: c.account}})
		require.Equal(t, c.allowed, err == nil, c.because)
	}
}
