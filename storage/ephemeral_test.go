package storage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/storage"
)

type plainStore struct{ storage.Store }

type forgetful struct {
	storage.Store
	how string
}

func (f forgetful) Ephemeral() string { return f.how }

type wrapper struct{ storage.Store }

func (w wrapper) Unwrap() storage.Store { return w.Store }

// S8: a lock or a revocation never lies on a store that may forget it.
func TestForgets(t *testing.T) {
	for _, row := range []struct {
		because string
		store   storage.Store
		want    string
	}{
		{"no store forgets nothing", nil, ""},
		{"a store that says nothing promises the contract", plainStore{}, ""},
		{"a store says how it forgets", forgetful{how: "a failover"}, "a failover"},
		{"a store may say that it does not, as it is set up", forgetful{how: ""}, ""},
		{"a wrapper does not hide what it wraps", wrapper{wrapper{forgetful{how: "a failover"}}}, "a failover"},
		{"a wrapper adds nothing to a durable store", wrapper{plainStore{}}, ""},
		{"a wrapper around nothing forgets nothing", wrapper{}, ""},
		{"a wrapper may answer for itself", forgetful{Store: wrapper{plainStore{}}, how: "a cache"}, "a cache"},
	} {
		require.Equal(t, row.want, storage.Forgets(row.store), row.because)
	}
}
