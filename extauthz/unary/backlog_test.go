package unary

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2"
)

// gate is a socket whose peer reads when told: each write waits for one.
type gate struct {
	script
	asked, let chan int
}

func (g *gate) Write(b []byte) (int, error) {
	g.asked <- len(b)
	<-g.let
	return len(b), nil
}

// TestAWindowThatIsOpenedDoesNotEmptyTheLine: what a peer does not read stays
// held back, where it counts, however wide its windows are; and it is sent,
// in pieces, as the peer reads.
func TestAWindowThatIsOpenedDoesNotEmptyTheLine(t *testing.T) {
	c := scripted(t, testOptions(echo), setting{settingInitialWindow, 0})
	w := newWire(t, fields()...)
	const calls, size = 100, 16000
	for i := range uint32(calls) {
		w.call(t, 1+2*i, make([]byte, size), maxFrame)
		c.takes(t, w.sent())
	}
	held := c.unsent
	if held < calls*size {
		t.Fatalf("%d bytes are held back: the test proves nothing", held)
	}
	g := &gate{script{bytes.NewReader(nil), nil}, make(chan int), make(chan int)}
	c.mu.Lock()
	c.net = g
	c.mu.Unlock()
	must(t, w.WriteWindowUpdate(0, 1<<30))
	must(t, w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.takes(t, w.sent())
	}()
	sent := 0
	for n := range pieces(g, done) {
		if n > mostWritten {
			t.Errorf("%d bytes were written at once", n)
		}
		c.mu.Lock()
		if waits := len(c.out); waits > mostUnwritten+mostWritten {
			t.Errorf("%d bytes wait for a peer who does not read", waits)
		}
		if counted := c.unsent + sent + 2*(mostUnwritten+mostWritten); counted < held {
			t.Errorf("%d bytes of %d count as held back after %d were sent", c.unsent, held, sent)
		}
		c.mu.Unlock()
		sent += n
		g.let <- 0
	}
	if len(c.calls) != 0 || c.unsent != 0 || c.server.held.Load() != 0 {
		t.Errorf("%d calls, %d bytes are left", len(c.calls), c.unsent)
	}
	if sent < calls*size {
		t.Errorf("%d bytes were sent", sent)
	}
	c.end()
}

// pieces are the lengths of what is written until done.
func pieces(g *gate, done <-chan struct{}) func(func(int) bool) {
	return func(yield func(int) bool) {
		for {
			select {
			case n := <-g.asked:
				if !yield(n) {
					return
				}
			case <-done:
				return
			}
		}
	}
}
