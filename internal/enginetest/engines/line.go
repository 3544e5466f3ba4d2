package engines

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Line is the network between a store and its server, on which a test can make
// happen what happens to networks.
type Line struct {
	listener net.Listener

	mu     sync.Mutex
	calm   sync.Cond // broadcast when anything below changes
	server string
	cut    bool
	mute   bool // nothing arrives from the server
	still  bool // nothing arrives at either side
	slow   time.Duration
	conns  map[net.Conn]bool
}

// newLine returns a line on which everything arrives.
func newLine(t testing.TB) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{listener: listener, conns: map[net.Conn]bool{}}
	l.calm.L = &l.mu
	go l.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
	})
	return l
}

func (l *Line) addr() string { return l.listener.Addr().String() }

func (l *Line) leadTo(server string) { l.change(func() { l.server = server }) }

func (l *Line) other() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

// Cut ends all connections and refuses new ones, as a server does that is down.
func (l *Line) Cut() {
	l.change(func() { l.cut = true })
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close()
	}
}

// Mute loses what the server says: what it is asked to do, it does.
func (l *Line) Mute() { l.change(func() { l.mute = true }) }

// Slow lets what the server says arrive so much later.
func (l *Line) Slow(by time.Duration) { l.change(func() { l.slow = by }) }

// Stall holds everything back, as a cable does that was pulled out.
func (l *Line) Stall() { l.change(func() { l.still = true }) }

// Restore lets everything pass again, what was held back too.
func (l *Line) Restore() {
	l.change(func() { l.cut, l.mute, l.still, l.slow = false, false, false, 0 })
}

func (l *Line) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.calm.Broadcast()
}

func (l *Line) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.other())
		if err != nil || !l.join(client, server) {
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		go l.carry(server, client, func() (bool, time.Duration) { return l.still, 0 })
		go l.carry(client, server, func() (bool, time.Duration) { return l.still || l.mute, l.slow })
	}
}

func (l *Line) join(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	for _, c := range conns {
		l.conns[c] = true
	}
	return true
}

// carry copies from one side to the other while held says that nothing stands in
// the way, and as late as it says.
func (l *Line) carry(to, from net.Conn, held func() (bool, time.Duration)) {
	defer func() {
		_, _ = to.Close(), from.Close()
		l.mu.Lock()
		delete(l.conns, to)
		delete(l.conns, from)
		l.mu.Unlock()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		is, late := held()
		for ; is && !l.cut; is, late = held() {
			l.calm.Wait()
		}
		l.mu.Unlock()
		time.Sleep(late)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
