package link

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers what it is sent.
func echo(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	t.Cleanup(func() { must(t, listener.Close()); <-done })
	return listener.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T) *Line {
	t.Helper()
	l, err := Start(t.Context(), echo(t))
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

type end struct {
	net.Conn

	lines *bufio.Reader
}

func dial(t *testing.T, l *Line) *end {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", l.Address.String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &end{conn, bufio.NewReader(conn)}
}

func (e *end) says(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(e, line+"\n")
	must(t, err)
}

func (e *end) hears(t *testing.T, line string) {
	t.Helper()
	got, err := e.lines.ReadString('\n')
	if err != nil || got != line+"\n" {
		t.Fatalf("got %q, %v; want %q", got, err, line)
	}
}

func TestALineThatIsCutBreaksConnectionsUntilItIsMended(t *testing.T) {
	l := start(t)
	before := dial(t, l)
	before.says(t, "hello")
	before.hears(t, "hello")
	l.Cut()
	if _, err := before.lines.ReadString('\n'); err == nil {
		t.Error("the connection outlived the cut")
	}
	if _, err := dial(t, l).lines.ReadString('\n'); err == nil {
		t.Error("a connection was made while the line was cut")
	}
	l.Mend()
	after := dial(t, l)
	after.says(t, "again")
	after.hears(t, "again")
}

func TestWhatIsHeldArrivesWhenTheLineIsMended(t *testing.T) {
	l := start(t)
	e := dial(t, l)
	e.says(t, "one")
	e.hears(t, "one")
	l.Hold()
	e.says(t, "two")
	must(t, e.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	if got, err := e.lines.ReadString('\n'); err == nil {
		t.Fatalf("%q passed", got)
	}
	must(t, e.SetReadDeadline(time.Time{}))
	l.Mend()
	e.hears(t, "two")
}

func TestASlowLineDelaysEachDirection(t *testing.T) {
	l := start(t)
	e := dial(t, l)
	e.says(t, "one")
	e.hears(t, "one")
	const delay = 20 * time.Millisecond
	l.Slow(delay)
	begun := time.Now()
	e.says(t, "two")
	e.hears(t, "two")
	if took := time.Since(begun); took < 2*delay {
		t.Errorf("there and back took %s, want at least %s", took, 2*delay)
	}
}
