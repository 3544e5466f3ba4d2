package engines

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/redisstore"
)

// Redis returns the server that SYMBOLON_TEST_REDIS names, under keys of t's
// own, which go when t ends. Without the variable t is skipped.
func Redis(t testing.TB) Engine {
	t.Helper()
	addr, prefix := redisAddr(t), RedisPrefix()
	removeKeys(t, addr, prefix)
	return Engine{Name: "Redis", Open: func(t testing.TB) storage.Store { return OpenRedisFor(t, prefix, addr) }}
}

// RedisCluster returns a Redis Cluster of three nodes, which t has started and
// which stops with it.
func RedisCluster(t testing.TB) (Engine, []*RedisServer) {
	t.Helper()
	redisAddr(t)
	nodes := StartRedisCluster(t)
	return Engine{Name: "Redis Cluster", Open: func(t testing.TB) storage.Store {
		return OpenRedisFor(t, "", addrs(nodes)...)
	}}, nodes
}

// RedisPrefix draws a prefix for keys that nobody else uses.
func RedisPrefix() string { return "symbolon-test:" + rand.Text() + ":" }

// OpenRedisFor returns a store on the server at addr, or on the cluster when
// there are several, closed when t ends.
func OpenRedisFor(t testing.TB, prefix string, addr ...string) *redisstore.Store {
	t.Helper()
	s, closeAll, err := OpenRedis(t.Context(), prefix, addr...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closeAll() })
	return s
}

// OpenRedis is OpenRedisFor for workers that have no *testing.T; it also returns
// what closes the client.
func OpenRedis(ctx context.Context, prefix string, addr ...string) (*redisstore.Store, func() error, error) {
	var client redis.UniversalClient
	if len(addr) == 1 {
		client = redis.NewClient(RedisOptions(addr[0]))
	} else {
		client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: addr, ContextTimeoutEnabled: true})
	}
	s, err := redisstore.New(ctx, client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return s, client.Close, nil
}

// RedisOptions returns options of their own for each client: go-redis keeps
// state in them.
func RedisOptions(addr string) *redis.Options {
	return &redis.Options{Addr: addr, ContextTimeoutEnabled: true}
}

// redisAddr says that tests with Redis are wanted, and where it is.
func redisAddr(t testing.TB) string {
	t.Helper()
	addr := os.Getenv("SYMBOLON_TEST_REDIS")
	if addr == "" {
		const why = "SYMBOLON_TEST_REDIS is not set: give it the address of a Redis, such as 127.0.0.1:6379"
		if os.Getenv("SYMBOLON_TEST_REQUIRE") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return addr
}

// removeKeys removes the keys with the prefix when t ends.
func removeKeys(t testing.TB, addr, prefix string) {
	t.Cleanup(func() {
		ctx, client := context.Background(), redis.NewClient(RedisOptions(addr))
		defer client.Close()
		keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
				t.Error(err)
			}
		}
		if err := keys.Err(); err != nil {
			t.Error(err)
		}
	})
}

// RedisServer is a Redis that a test has started for itself and may spoil. It
// keeps nothing on disk.
type RedisServer struct {
	Addr   string
	Client *redis.Client // for commands of the test, without retries

	bus     int // the port on which nodes of a cluster talk to each other
	process *os.Process
	ended   chan struct{}
}

// StartRedis starts a server with the settings of redis.conf, such as
// "--maxmemory", "100mb". It stops when t ends. Where tests with Redis are not
// wanted, t is skipped.
func StartRedis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	redisAddr(t)
	port, bus := freePort(t), freePort(t)
	dir := t.TempDir()
	log := filepath.Join(dir, "redis.log")
	cmd := exec.Command("redis-server", append([]string{
		"--port", strconv.Itoa(port), "--cluster-port", strconv.Itoa(bus), "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", dir, "--logfile", log, "--repl-diskless-sync-delay", "0",
	}, settings...)...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a Redis (the program redis-server 7 or newer is needed): %v", err)
	}
	r := &RedisServer{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), bus: bus, process: cmd.Process, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(r.ended)
	}()
	o := RedisOptions(r.Addr)
	o.MaxRetries = -1
	r.Client = redis.NewClient(o)
	t.Cleanup(func() {
		_ = r.Client.Close()
		r.Kill()
	})
	r.until(t, "it answers", func() bool { return r.Client.Ping(t.Context()).Err() == nil })
	return r
}

// Kill ends the server without notice.
func (r *RedisServer) Kill() {
	_ = r.process.Kill()
	<-r.ended
}

// Freeze stops the server from answering, and Thaw lets it go on.
func (r *RedisServer) Freeze() { _ = r.process.Signal(syscall.SIGSTOP) }
func (r *RedisServer) Thaw()   { _ = r.process.Signal(syscall.SIGCONT) }

// Do sends a command in the words of the Redis manual, and expects that it works.
func (r *RedisServer) Do(t testing.TB, words ...any) any {
	t.Helper()
	reply, err := r.Client.Do(t.Context(), words...).Result()
	if err != nil {
		t.Fatalf("Redis at %s: %v: %v", r.Addr, words, err)
	}
	return reply
}

// Follow makes r a replica of the master and waits until it has everything.
func (r *RedisServer) Follow(t testing.TB, master *RedisServer) {
	t.Helper()
	host, port, _ := net.SplitHostPort(master.Addr)
	r.Do(t, "replicaof", host, port)
	r.HasCopied(t)
}

// HasCopied waits until r, a replica, has everything that its master had.
func (r *RedisServer) HasCopied(t testing.TB) {
	t.Helper()
	r.until(t, "it has copied its master", func() bool {
		return strings.Contains(fmt.Sprint(r.Do(t, "info", "replication")), "master_link_status:up")
	})
}

// Promote makes r a master, as Sentinel does when the old one does not answer.
func (r *RedisServer) Promote(t testing.TB) { r.Do(t, "replicaof", "no", "one") }

func (r *RedisServer) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("Redis at %s: waited in vain until %s", r.Addr, what)
		}
	}
}

// StartRedisCluster starts three masters that share the slots.
func StartRedisCluster(t testing.TB) []*RedisServer {
	t.Helper()
	const masters, slots = 3, 16384
	nodes := make([]*RedisServer, masters)
	for i := range nodes {
		nodes[i] = StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		nodes[i].Do(t, "cluster", "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
	}
	for _, n := range nodes[1:] {
		n.Meet(t, nodes[0])
	}
	for _, n := range nodes {
		n.until(t, "the cluster is complete", func() bool {
			return strings.Contains(fmt.Sprint(n.Do(t, "cluster", "info")), "cluster_state:ok") &&
				strings.Count(fmt.Sprint(n.Do(t, "cluster", "nodes")), " connected") >= masters
		})
	}
	return nodes
}

// Meet introduces r to the cluster of a node.
func (r *RedisServer) Meet(t testing.TB, node *RedisServer) {
	t.Helper()
	host, port, _ := net.SplitHostPort(node.Addr)
	r.Do(t, "cluster", "meet", host, port, node.bus)
}

// ID returns the name of r in its cluster.
func (r *RedisServer) ID(t testing.TB) string {
	t.Helper()
	return r.Do(t, "cluster", "myid").(string)
}

func addrs(nodes []*RedisServer) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Addr
	}
	return all
}

// freePort returns a port that nobody listens on, as far as one can know.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
