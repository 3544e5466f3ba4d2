package engines

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PostgresServer is a PostgreSQL that a test has started for itself and may kill.
type PostgresServer struct {
	URL string // of its database postgres

	bin, dir string
	port     int
	as       *syscall.Credential // it refuses to run as root
	main     *os.Process
	ended    chan struct{}
}

// StartPostgres starts a server with the settings of a new installation: it
// answers a commit when that is on disk. It stops when t ends. Where tests with
// PostgreSQL are not wanted, t is skipped.
func StartPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	Require(t, Postgres)
	s := &PostgresServer{port: freePort(t)}
	s.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		installed = append(installed, path)
	}
	if len(installed) == 0 {
		Missing(t, "the programs initdb and postgres are not installed")
	}
	s.bin = filepath.Dir(slices.Max(installed))

	dir, err := os.MkdirTemp("", "symbolon-postgres-") // t.TempDir can be entered by its owner alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.dir = filepath.Join(dir, "data")
	if os.Getuid() == 0 {
		s.as = account(t, "postgres")
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.command("initdb", "-D", s.dir, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	s.Start(t)
	t.Cleanup(s.Kill)
	return s
}

func account(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *PostgresServer) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Start starts the server again, and returns when it answers.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for {
		var log strings.Builder
		cmd := s.command("postgres", "-D", s.dir, "-p", strconv.Itoa(s.port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "log_min_messages=fatal", "-c", "shared_buffers=16MB")
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		s.main, s.ended = cmd.Process, ended
		for alive := true; alive; {
			if carryOut("pgx", s.URL, "SELECT 1") == nil {
				return
			}
			select {
			case <-ended: // the processes of the one before may still be ending
				alive = false
			case <-time.After(20 * time.Millisecond):
			}
			if time.Now().After(end) {
				t.Fatalf("PostgreSQL does not start: %s", log.String())
			}
		}
	}
}

// Kill ends all processes of the server without notice.
func (s *PostgresServer) Kill() {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", s.main.Pid))
	_ = s.main.Kill() // first, so that it starts no others
	for field := range strings.FieldsSeq(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	<-s.ended
}
