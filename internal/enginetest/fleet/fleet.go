// Package fleet runs a test in several processes of the operating system.
//
// A test binary that calls [Main] from TestMain can be started again as one of
// its own workers; [Run] starts some, lets them begin at the same moment, and
// collects what each has to say.
package fleet

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Worker is what one process of a fleet does. What it returns is one line.
type Worker func(m *Member) (line string, err error)

// Member is the place of a process in its fleet.
type Member struct {
	Number int      // from 0
	Args   []string // what Run was given
	start  *bufio.Reader
}

// Ready waits until all members have come this far. A worker calls it after it
// has opened what it needs, and again before each round that should begin at the
// same moment for all; every member calls it equally often.
func (m *Member) Ready() {
	fmt.Println(ready)
	if _, err := m.start.ReadString('\n'); err != nil { // the test is over
		os.Exit(1)
	}
}

const (
	envWorker = "ENGINETEST_WORKER"
	envNumber = "ENGINETEST_NUMBER"
	ready     = "ready"
	result    = "result "
)

// Main is the body of TestMain: it runs the tests, or the one worker that this
// process was started for.
func Main(m *testing.M, workers map[string]Worker) {
	name, member := os.Getenv(envWorker), &Member{Args: os.Args[1:], start: bufio.NewReader(os.Stdin)}
	if name == "" {
		os.Exit(m.Run())
	}
	member.Number, _ = strconv.Atoi(os.Getenv(envNumber))
	worker, ok := workers[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "fleet: no worker is named %q\n", name)
		os.Exit(1)
	}
	line, err := worker(member)
	if err != nil {
		fmt.Fprintf(os.Stderr, "fleet: worker %s, member %d: %v\n", name, member.Number, err)
		os.Exit(1)
	}
	fmt.Println(result + line)
	os.Exit(0)
}

// patience is for a fleet under the race detector on a busy machine, and for the
// sizes that the bars name.
func patience() time.Duration {
	if os.Getenv("SYMBOLON_FULL") == "1" {
		return 15 * time.Minute
	}
	return 2 * time.Minute
}

// Run starts n processes of the worker, lets them go on together each time that
// all are ready, and returns the line of each. The test fails when one of them
// does.
func Run(t testing.TB, n int, worker string, args ...string) []string {
	t.Helper()
	crew := make([]*process, n)
	for i := range crew {
		crew[i] = start(t, i, worker, args)
	}
	lines := make([]string, n)
	for waiting := n; waiting > 0; {
		waiting = 0
		for i, p := range crew {
			line, _ := p.next()
			after, ended := strings.CutPrefix(line, result)
			switch {
			case line == ready:
				waiting++
			case ended:
				lines[i] = after
			default:
				t.Fatalf("fleet: member %d said %q%s", i, line, p.last())
			}
		}
		if waiting != 0 && waiting != n {
			t.Fatalf("fleet: %d of %d members are ready, the others have ended", waiting, n)
		}
		for _, p := range crew[:waiting] {
			_, _ = io.WriteString(p.in, "\n")
		}
	}
	for i, p := range crew {
		if err := p.cmd.Wait(); err != nil {
			t.Fatalf("fleet: member %d: %v%s", i, err, p.last())
		}
	}
	return lines
}

// process is a running member.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err strings.Builder
}

func start(t testing.TB, number int, worker string, args []string) *process {
	t.Helper()
	p := &process{cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), envWorker+"="+worker, envNumber+"="+strconv.Itoa(number))
	p.cmd.Stderr = &p.err
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal("fleet: ", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal("fleet: ", err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal("fleet: ", err)
	}
	late := time.AfterFunc(patience(), func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		_ = p.cmd.Process.Kill() // when the test failed; else it has ended
	})
	return p
}

// next returns the next line that the member says.
func (p *process) next() (line string, ok bool) {
	ok = p.out.Scan()
	return p.out.Text(), ok
}

// last returns what the member complained of, once it has ended.
func (p *process) last() string {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	if p.err.Len() == 0 {
		return ""
	}
	return "; it said: " + strings.TrimSpace(p.err.String())
}

// Kill starts one process of the worker, waits until it is ready, lets it go on
// for the given time, and kills it without notice, as a power cut would. It
// returns the lines that the worker had printed.
func Kill(t testing.TB, after time.Duration, worker string, args ...string) []string {
	t.Helper()
	p := start(t, 0, worker, args)
	if line, ok := p.next(); !ok || line != ready {
		t.Fatalf("fleet: the worker said %q before it was ready%s", line, p.last())
	}
	_, _ = io.WriteString(p.in, "\n")
	deadline := time.AfterFunc(after, func() { _ = p.cmd.Process.Kill() })
	defer deadline.Stop()
	var lines []string
	for {
		line, ok := p.next()
		if !ok {
			break
		}
		lines = append(lines, line)
	}
	_ = p.cmd.Wait()
	return lines
}
