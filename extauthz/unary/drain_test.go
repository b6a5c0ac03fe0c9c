package unary

import (
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sync/errgroup"
)

// TestASoftEndAnswersWhatItsPeerHasSent: the first GOAWAY asks, the second,
// once the peer has read that, says which call is the last, and the connection
// ends when that is answered.
func TestASoftEndAnswersWhatItsPeerHasSent(t *testing.T) {
	w := newWaits()
	s := serve(t, testOptions(w.answer))
	c := speak(t, s.address)
	slow := c.asks("wait")
	<-w.entered
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.GracefulStop()
	}()
	h := &heard{}
	c.hears(h, func() bool { return len(h.pings) == 1 })
	if len(h.goAways) != 1 || h.goAways[0].LastStreamID != 1<<31-1 || h.goAways[0].ErrCode != http2.ErrCodeNo {
		t.Fatalf("first %v", h.goAways)
	}
	late := c.asks("sent before it was read")
	c.hears(h, func() bool { return h.answers[late] != nil && h.answers[late].over() })
	h.of(late).wantEcho(t, "sent before it was read")
	must(t, c.WritePing(true, h.pings[0]))
	c.hears(h, func() bool { return len(h.goAways) == 2 })
	if h.goAways[1].LastStreamID != late || h.goAways[1].ErrCode != http2.ErrCodeNo {
		t.Errorf("second %v, want stream %d", h.goAways[1], late)
	}
	ignored := c.asks("too late")
	close(w.word)
	c.hears(h, func() bool { return false })
	h.of(slow).wantEcho(t, "wait")
	if h.answers[ignored] != nil {
		t.Errorf("a call after the end: %s", h.of(ignored))
	}
	must(t, c.conn.Close())
	<-done
}

// TestOldConnectionsEndAndNoCallDoes: connections are replaced all the time
// while calls run over them.
func TestOldConnectionsEndAndNoCallDoes(t *testing.T) {
	var seen atomic.Int64
	o := testOptions(echo)
	o.MaxAge, o.MaxAgeGrace = 5*time.Millisecond, time.Minute
	o.Handshake = func(c net.Conn) (net.Conn, error) {
		seen.Add(1)
		return c, nil
	}
	s := serve(t, o)
	c := client(t, s.address)
	var g errgroup.Group
	for worker := range 4 {
		g.Go(func() error {
			for i := 0; seen.Load() < 20; i++ {
				message := strings.Repeat("m", (worker*1000+i)%5000)
				if _, err := ask(t.Context(), c, path, []byte(message)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, g.Wait())
}

// TestAgesDiffer, so that connections that began together do not end together.
func TestAgesDiffer(t *testing.T) {
	const age = 30 * time.Minute
	seen := map[time.Duration]bool{}
	for range 100 {
		got := jittered(age)
		if got < age-age/10 || got > age+age/10 {
			t.Fatalf("%s is not %s give or take a tenth", got, age)
		}
		seen[got] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different ages of 100", len(seen))
	}
}

// TestAConnectionThatDoesNotEndIsCutOff: its grace is over while a call still
// runs.
func TestAConnectionThatDoesNotEndIsCutOff(t *testing.T) {
	w := newWaits()
	o := testOptions(w.answer)
	o.MaxAge, o.MaxAgeGrace = 20*time.Millisecond, 20*time.Millisecond
	s := serve(t, o)
	c := speak(t, s.address)
	c.asks("wait")
	call := <-w.entered
	h := &heard{}
	c.hears(h, func() bool { return false })
	<-call.Done()
	if len(h.goAways) == 0 {
		t.Error("it was not asked to end")
	}
}

// TestAStopCutsEverythingOff and waits for nobody but those who answer.
func TestAStopCutsEverythingOff(t *testing.T) {
	w := newWaits()
	s := serve(t, testOptions(w.answer))
	c := speak(t, s.address)
	c.asks("wait")
	call := <-w.entered
	s.Stop()
	<-call.Done()
	h := &heard{}
	c.hears(h, func() bool { return false })
	if h.ended == nil {
		t.Error("the connection goes on")
	}
}

// TestPeersWhoHoldAConnectionUpAreCutOff: those who read nothing, those who
// begin a header block and do not end it, and those who are gone. Others are
// left alone.
func TestPeersWhoHoldAConnectionUpAreCutOff(t *testing.T) {
	s := serve(t, testOptions(func(call *Call) { call.Reply(make([]byte, 16000)) }))
	idle := speak(t, s.address)
	idle.hearsOf(idle.asks("x"))
	quiet := s.conn(t)

	half := speak(t, s.address)
	half.hearsOf(half.asks("x"))
	must(t, half.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte{0x83}}))
	cutOff := func(c *speaker) {
		t.Helper()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.hears(&heard{}, func() bool { return false })
		}()
		for over := false; !over; {
			s.look()
			select {
			case <-ended:
				over = true
			case <-time.After(time.Millisecond):
			}
		}
	}
	cutOff(half)

	deaf := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	must(t, deaf.WriteWindowUpdate(0, 1<<30))
	full := make(chan struct{})
	go func() { // until it is cut off
		defer close(full)
		for {
			stream, err := deaf.open(fields(), false)
			if err == nil {
				err = deaf.WriteData(stream, true, framed("x"))
			}
			if err != nil {
				return
			}
		}
	}()
	for over := false; !over; {
		s.look()
		select {
		case <-full:
			over = true
		case <-time.After(time.Millisecond):
		}
	}
	// Its last word is read when a ping after it is answered: from then on
	// there is silence, when who wrote that has noticed, too.
	lastWord := func() {
		t.Helper()
		idle.hearsOf(idle.asks("still there"))
		must(t, idle.WritePing(false, [8]byte{'l', 'a', 's', 't'}))
		h := &heard{}
		idle.hears(h, func() bool { return h.acks > 0 })
		for writing := true; writing; runtime.Gosched() {
			quiet.mu.Lock()
			writing = quiet.writing
			quiet.mu.Unlock()
		}
	}
	lastWord()

	// Long silence, a ping that is answered; silence again, and none.
	h := &heard{}
	silent := func(glances int) (cut bool) {
		for range glances {
			cut = cut || quiet.stuck()
		}
		return cut
	}
	if silent(silence + farewell) {
		t.Error("cut off before it could answer")
	}
	idle.hears(h, func() bool { return len(h.pings) > 0 })
	must(t, idle.WritePing(true, h.pings[0]))
	lastWord()
	if silent(silence + farewell) {
		t.Error("cut off though it answers")
	}
	if !silent(2) {
		t.Error("a peer who is gone is kept")
	}
}
