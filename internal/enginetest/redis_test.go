package enginetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon/internal/enginetest/engines"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

func TestRedisKeepsTheContract(t *testing.T) {
	e := engines.Redis(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return e.Open(t) })
}

func TestRedisClusterKeepsTheContract(t *testing.T) {
	e, nodes := engines.RedisCluster(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return e.Open(t) })
	for _, n := range nodes {
		require.NotZero(t, n.Client.DBSize(t.Context()).Val(), "shards lie on each node")
	}
}
