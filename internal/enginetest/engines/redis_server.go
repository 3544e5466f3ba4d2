package engines

import (
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
)

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
	Require(t, Redis)
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

// CatchUp waits until r, a replica, has every write that its master has answered.
// The command WAIT would not do: it knows the writes of its own connection alone.
func (r *RedisServer) CatchUp(t testing.TB, master *RedisServer) {
	t.Helper()
	offset := func(of *RedisServer) string {
		_, after, _ := strings.Cut(fmt.Sprint(of.Do(t, "info", "replication")), "master_repl_offset:")
		n, _, _ := strings.Cut(after, "\r\n")
		return n
	}
	r.until(t, "it has caught up", func() bool { return offset(r) == offset(master) })
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
		nodes[i] = startRedisNode(t)
		nodes[i].Do(t, "cluster", "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
		nodes[i].meet(t, nodes[:i])
	}
	for _, n := range nodes {
		n.knowsTheCluster(t, nodes)
	}
	return nodes
}

// JoinRedisCluster starts another node, which has no slots.
func JoinRedisCluster(t testing.TB, nodes []*RedisServer) *RedisServer {
	t.Helper()
	n := startRedisNode(t)
	n.meet(t, nodes)
	n.knowsTheCluster(t, nodes)
	return n
}

func startRedisNode(t testing.TB) *RedisServer {
	t.Helper()
	return StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
}

func (r *RedisServer) meet(t testing.TB, nodes []*RedisServer) {
	t.Helper()
	for _, n := range nodes {
		host, port, _ := net.SplitHostPort(n.Addr)
		r.Do(t, "cluster", "meet", host, port, n.bus)
	}
}

// knowsTheCluster waits until r knows who has which slots.
func (r *RedisServer) knowsTheCluster(t testing.TB, nodes []*RedisServer) {
	t.Helper()
	r.until(t, "it knows the cluster", func() bool {
		known := fmt.Sprint(r.Do(t, "cluster", "nodes"))
		for _, n := range nodes {
			if !strings.Contains(known, n.ID(t)) {
				return false
			}
		}
		return strings.Contains(fmt.Sprint(r.Do(t, "cluster", "info")), "cluster_state:ok")
	})
}

// ID returns the name of r in its cluster.
func (r *RedisServer) ID(t testing.TB) string {
	t.Helper()
	return r.Do(t, "cluster", "myid").(string)
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
