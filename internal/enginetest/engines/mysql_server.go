package engines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// MariaDBServer is a MariaDB that a test has started for itself and may spoil.
type MariaDBServer struct {
	DSN string // of the user root, who may do everything, and no database
}

// StartMariaDB starts a server with the settings of a new installation and those
// given, such as "--log-bin". It stops when t ends. Where tests with MariaDB are
// not wanted, t is skipped.
func StartMariaDB(t testing.TB, settings ...string) *MariaDBServer {
	t.Helper()
	Require(t, MySQL)
	dir, port := t.TempDir(), freePort(t)
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "log")
	as := []string{"--no-defaults", "--datadir=" + data}
	if os.Getuid() == 0 {
		as = append(as, "--user=root") // the folder is ours
	}
	if out, err := exec.Command("mariadb-install-db", append(as, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput(); err != nil {
		Missing(t, fmt.Sprintf("mariadb-install-db: %v: %s", err, out))
	}
	cmd := exec.Command("mariadbd", append(append(as, "--port="+strconv.Itoa(port), "--bind-address=127.0.0.1", "--socket="+filepath.Join(dir, "s"),
		"--log-error="+log, "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"), settings...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	s := &MariaDBServer{fmt.Sprintf("root@tcp(127.0.0.1:%d)/", port)}
	for end := time.Now().Add(time.Minute); carryOut("mysql", s.DSN, "DO 1") != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			said, _ := os.ReadFile(log)
			t.Fatalf("MariaDB does not start: %s", said)
		}
	}
	return s
}

// Do carries out statements as root.
func (s *MariaDBServer) Do(t testing.TB, texts ...string) {
	t.Helper()
	if err := carryOut("mysql", s.DSN, texts...); err != nil {
		t.Fatal(err)
	}
}
