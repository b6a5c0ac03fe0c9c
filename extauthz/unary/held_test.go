package unary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// scripted is a connection without a socket, whose peer has said its settings.
func scripted(tb testing.TB, o Options, settings ...setting) *conn {
	tb.Helper()
	hello := bytes.NewReader(appendSettings([]byte(preface), settings...))
	c, err := New(o).greet(context.WithoutCancel(tb.Context()), &script{hello, io.Discard})
	must(tb, err)
	c.takes(tb, nil)
	return c
}

// takes is what happens when a read brings that.
func (c *conn) takes(tb testing.TB, sent []byte) {
	tb.Helper()
	c.in = append(c.in[c.from:c.to:c.to], sent...)
	c.from, c.to = 0, len(c.in)
	must(tb, c.frames())
	c.flush()
}

// wire writes frames.
type wire struct {
	bytes.Buffer
	*http2.Framer

	block []byte // of every call
}

func newWire(tb testing.TB, fields ...string) *wire {
	tb.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	for ; len(fields) > 0; fields = fields[2:] {
		must(tb, encoder.WriteField(hpack.HeaderField{Name: fields[0], Value: fields[1]}))
	}
	w := &wire{block: bytes.Clone(block.Bytes())}
	w.Framer = http2.NewFramer(&w.Buffer, nil)
	w.AllowIllegalWrites = true
	return w
}

// call writes one, its message in frames of that length at most.
func (w *wire) call(tb testing.TB, stream uint32, message []byte, most int) {
	tb.Helper()
	must(tb, w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: w.block, EndHeaders: true}))
	b := appendMessage(nil, message)
	for ; len(b) > most; b = b[most:] {
		must(tb, w.WriteData(stream, false, b[:most]))
	}
	must(tb, w.WriteData(stream, true, b))
}

// sent is what was written since the last time.
func (w *wire) sent() []byte {
	b := bytes.Clone(w.Bytes())
	w.Reset()
	return b
}

// TestResetCallsLeaveTheLine: a peer who never opens the window of the
// connection and resets what he asks keeps nothing here.
func TestResetCallsLeaveTheLine(t *testing.T) {
	c := scripted(t, testOptions(echo), setting{settingInitialWindow, 1 << 20})
	w := newWire(t, fields()...)
	stream := uint32(1)
	for range 5 { // more than the window holds
		w.call(t, stream, make([]byte, 16000), maxFrame)
		stream += 2
	}
	c.takes(t, w.sent())
	if c.window != 0 || c.starving.Len() != 1 {
		t.Fatalf("a window of %d, and %d calls in line: the test proves nothing", c.window, c.starving.Len())
	}
	for range 200 {
		for range 100 {
			w.call(t, stream, []byte("message"), maxFrame)
			must(t, w.WriteRSTStream(stream, http2.ErrCodeCancel))
			stream += 2
		}
		c.takes(t, w.sent())
	}
	if len(c.calls) != 1 || c.starving.Len() != 1 {
		t.Errorf("%d calls, %d of them in line, want the one that was not reset", len(c.calls), c.starving.Len())
	}
	must(t, w.WriteWindowUpdate(0, 1<<20))
	c.takes(t, w.sent())
	if len(c.calls) != 0 || c.starving.Len() != 0 {
		t.Errorf("%d calls, %d of them in line, after the window was opened", len(c.calls), c.starving.Len())
	}
	c.end()
}

// TestWhatWasAskedIsForgottenWithTheAnswer, though the windows of the peer
// hold the answer back.
func TestWhatWasAskedIsForgottenWithTheAnswer(t *testing.T) {
	c := scripted(t, testOptions(func(call *Call) { call.Reply([]byte("short")) }), setting{settingInitialWindow, 0})
	w := newWire(t, fields()...)
	const calls = 20
	for i := range uint32(calls) {
		w.call(t, 1+2*i, make([]byte, 1<<20), maxFrame)
		c.takes(t, w.sent())
	}
	if len(c.calls) != calls {
		t.Fatalf("%d calls are not answered yet, want %d", len(c.calls), calls)
	}
	for _, call := range c.calls {
		if call.message != nil || call.partial != nil || call.head.path != "" {
			t.Fatalf("stream %d keeps %d and %d bytes, and its header", call.id, len(call.message), len(call.partial))
		}
	}
	if held := c.server.held.Load(); c.held != 0 || held != int64(c.unsent) {
		t.Errorf("%d bytes are held, %d of answers", held, c.unsent)
	}
	c.end()
	if held := c.server.held.Load(); held != 0 {
		t.Errorf("%d bytes are held after the end", held)
	}
}

// TestMessagesCountUntilTheyAreAnswered: those that wait for something are not
// fewer bytes than those that have not come yet.
func TestMessagesCountUntilTheyAreAnswered(t *testing.T) {
	waits := newWaits()
	s := serve(t, testOptions(func(call *Call) {
		call.Wait()
		waits.entered <- call
		<-waits.word
		call.Reply(nil)
	}))
	c := speak(t, s.address)
	const calls = 10 // of a MiB, of which eight may be held
	var streams []uint32
	for range calls {
		stream := c.opens(fields(), false)
		b := framed(string(make([]byte, 1<<20)))
		for ; len(b) > maxFrame; b = b[maxFrame:] {
			must(t, c.WriteData(stream, false, b[:maxFrame]))
		}
		must(t, c.WriteData(stream, true, b))
		streams = append(streams, stream)
	}
	must(t, c.WritePing(false, [8]byte{1}))
	h := &heard{}
	c.hears(h, func() bool { return h.acks == 1 })
	reset := 0
	for _, stream := range streams {
		if a := h.answers[stream]; a != nil && a.reset != nil && *a.reset == http2.ErrCodeEnhanceYourCalm {
			reset++
		}
	}
	if held := s.held.Load(); held < 5<<20 || held > mostHeld {
		t.Errorf("%d bytes are held", held)
	}
	if reset < 2 || reset > 5 {
		t.Errorf("%d calls of %d were reset", reset, calls)
	}
	close(waits.word)
	c.hearsOf(c.asks("and on"))
	for s.held.Load() != 0 { // until the last one has returned
		<-time.After(time.Millisecond)
	}
}

// TestBuffersOfWaitingCallsCount once, however many calls are in one, and are
// as small as what was read.
func TestBuffersOfWaitingCallsCount(t *testing.T) {
	w := newWaits()
	s := serve(t, testOptions(w.answer))
	c := speak(t, s.address)
	c.hearsOf(c.asks(string(make([]byte, 60000)))) // the buffer is large now
	const calls = 100
	for range calls {
		c.asks("wait")
		<-w.entered
	}
	server := s.conn(t)
	server.mu.Lock()
	lent := server.lent
	server.mu.Unlock()
	if most := 2*mostBuffer + calls*firstBuffer; lent < firstBuffer || lent > most {
		t.Errorf("%d bytes are lent, want %d at most", lent, most)
	}
	if held := s.held.Load(); held != int64(lent) {
		t.Errorf("%d bytes are lent, %d counted", lent, held)
	}
	close(w.word)
	for s.held.Load() != 0 {
		<-time.After(time.Millisecond)
	}
}

// TestOtherMethodsAreSmallAndFew: they ask for nothing large.
func TestOtherMethodsAreSmallAndFew(t *testing.T) {
	const most = 5
	o := testOptions(echo)
	o.MaxOthers, o.MaxOtherMessage = most, 1000
	running, word := make(chan *Call, 100), make(chan struct{})
	o.Others = func(call *Call) {
		if message, err := call.Message(); err != nil || string(message) != "wait" {
			echo(call)
			return
		}
		running <- call
		<-word
		call.End()
	}
	s := serve(t, o)
	c := speak(t, s.address)
	other := fields()
	other[5] = otherPath
	asks := func(message string) uint32 {
		t.Helper()
		stream := c.opens(other, false)
		must(t, c.WriteData(stream, true, framed(message)))
		return stream
	}
	for _, size := range []int{1000, 1001} {
		want := "0"
		if size > 1000 {
			want = "8"
		}
		if got := c.hearsOf(asks(string(make([]byte, size)))); got.header["grpc-status"] != want {
			t.Errorf("%d bytes: %s", size, got)
		}
	}
	half := c.opens(other, false)
	must(t, c.WriteData(half, false, framed(string(make([]byte, 1001)))[:10]))
	if got := c.hearsOf(half); got.header["grpc-status"] != "8" {
		t.Errorf("a message that will be too long: %s", got)
	}
	var streams []uint32
	for range most {
		streams = append(streams, asks("wait"))
		<-running
	}
	for range 3 {
		must(t, c.WriteRSTStream(streams[0], http2.ErrCodeCancel)) // makes no room while it runs
		if got := c.hearsOf(asks("one too many")); got.reset == nil || *got.reset != http2.ErrCodeRefusedStream {
			t.Errorf("one too many: %s", got)
		}
	}
	c.hearsOf(c.asks("a Check")).wantEcho(t, "a Check")
	close(word)
	for {
		if got := c.hearsOf(asks("x")); got.reset == nil {
			got.wantEcho(t, "x")
			break
		}
	}
}

// TestALoweredTableIsAcknowledged by the first block after it, as codecs want
// that check it (RFC 9113, 4.3.1).
func TestALoweredTableIsAcknowledged(t *testing.T) {
	for _, sizes := range [][]uint32{{1024}, {tableForAnswers}, {tableForAnswers - 1}, {0}, {4095}, {4096}, {1 << 20}, {2000, 4096, 1000}, {50, 4096}} {
		var out bytes.Buffer
		c := scripted(t, testOptions(echo))
		c.net = &script{bytes.NewReader(nil), &out}
		w := newWire(t, fields()...)
		answers := func(stream uint32) (first []byte) {
			w.call(t, stream, []byte("x"), maxFrame)
			c.takes(t, w.sent())
			f := http2.NewFramer(nil, &out)
			for {
				frame, err := f.ReadFrame()
				if errors.Is(err, io.EOF) {
					return first
				}
				must(t, err)
				if h, ok := frame.(*http2.HeadersFrame); ok && first == nil {
					first = bytes.Clone(h.HeaderBlockFragment())
				}
			}
		}
		answers(1)
		lowest := uint32(tableSize)
		for _, size := range sizes {
			must(t, w.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size}))
			lowest = min(lowest, size)
		}
		block := answers(3)
		if lowered := lowest < tableSize; lowered != (block[0]>>5 == 1) {
			t.Errorf("%v: the first block is %x", sizes, block)
		} else if lowered {
			rest := block[1:]
			size := uint32(block[0] & 31)
			if size == 31 {
				n, length := binary.Uvarint(rest)
				size, rest = size+uint32(n), rest[length:]
			}
			if size > lowest || lowest >= tableForAnswers && size != lowest {
				t.Errorf("%v: the table has %d bytes then, want %d", sizes, size, lowest)
			}
			if whole := len(rest) == 2; whole != (lowest >= tableForAnswers) {
				t.Errorf("%v: the table is used: %t; %x", sizes, whole, rest)
			}
		}
		if again := answers(5); again[0]>>5 == 1 {
			t.Errorf("%v: said twice: %x", sizes, again)
		}
		c.end()
	}
}

// resets are the codes that streams were reset with in what was written.
func resets(tb testing.TB, out *bytes.Buffer) map[uint32]http2.ErrCode {
	tb.Helper()
	codes := map[uint32]http2.ErrCode{}
	f := http2.NewFramer(nil, out)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return codes
		}
		if r, ok := frame.(*http2.RSTStreamFrame); ok {
			codes[r.StreamID] = r.ErrCode
		}
	}
}

// TestNothingIsSentAfterTheDeadline of the caller: not when a window opens, and
// what is held back is forgotten by the next glance.
func TestNothingIsSentAfterTheDeadline(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	o := testOptions(echo)
	o.Now = func() time.Time { return now }
	c := scripted(t, o, setting{settingInitialWindow, 0})
	var out bytes.Buffer
	c.net = &script{bytes.NewReader(nil), &out}
	w := newWire(t, fields("grpc-timeout", "200m")...)
	for _, stream := range []uint32{1, 3, 5} {
		w.call(t, stream, []byte("x"), maxFrame)
	}
	c.takes(t, w.sent())
	must(t, w.WriteWindowUpdate(1, 100)) // in time
	c.takes(t, w.sent())
	now = now.Add(time.Second)
	must(t, w.WriteWindowUpdate(3, 100)) // too late
	c.takes(t, w.sent())
	if c.stuck() {
		t.Error("the connection is stuck")
	}
	c.server.watching.Wait()
	c.flush()
	got := resets(t, &out)
	if len(got) != 2 || got[3] != http2.ErrCodeCancel || got[5] != http2.ErrCodeCancel {
		t.Errorf("reset: %v, want 3 and 5", got)
	}
	if len(c.calls) != 0 || c.unsent != 0 || c.server.held.Load() != 0 {
		t.Errorf("%d calls, %d and %d bytes are left", len(c.calls), c.unsent, c.server.held.Load())
	}
	c.end()
}

// TestRequestsThatDoNotComeEnd at the second glance, and others do not.
func TestRequestsThatDoNotComeEnd(t *testing.T) {
	c := scripted(t, testOptions(echo), setting{settingInitialWindow, 0})
	var out bytes.Buffer
	c.net = &script{bytes.NewReader(nil), &out}
	w := newWire(t, fields()...)
	must(t, w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.block, EndHeaders: true}))
	must(t, w.WriteData(1, false, make([]byte, 1000)))
	must(t, w.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: w.block, EndHeaders: true}))
	w.call(t, 5, []byte("whole"), maxFrame)
	c.takes(t, w.sent())
	for glance, want := range []int{3, 1, 1} {
		c.stuck()
		c.server.watching.Wait()
		if len(c.calls) != want {
			t.Errorf("%d calls after glance %d, want %d", len(c.calls), glance, want)
		}
	}
	c.flush()
	if got := resets(t, &out); len(got) != 2 || got[1] != http2.ErrCodeCancel || got[3] != http2.ErrCodeCancel {
		t.Errorf("reset: %v, want 1 and 3", got)
	}
	c.end()
}

// TestWhoKeepsMostMakesRoom when all connections keep too much: not who comes
// last.
func TestWhoKeepsMostMakesRoom(t *testing.T) {
	s := New(testOptions(echo))
	join := func() *conn {
		c := scripted(t, s.options)
		c.server = s
		s.conns[c] = struct{}{}
		return c
	}
	greedy, small := join(), join()
	w := newWire(t, fields()...)
	open := func(c *conn, stream uint32) {
		must(t, w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: w.block, EndHeaders: true}))
		must(t, w.WriteData(stream, false, append([]byte{0, 0, 0x0f, 0xff, 0xff}, make([]byte, 16000)...)))
		c.takes(t, w.sent())
	}
	for i := range uint32(10) {
		open(greedy, 1+2*i)
	}
	open(small, 1)
	elsewhere := int64(mostHeldByAll) - s.held.Load() // of connections that need it
	s.held.Add(elsewhere)
	open(small, 3)
	if len(small.calls) != 2 || len(greedy.calls) != 0 {
		t.Errorf("%d calls of who keeps little are left, and %d of who keeps much", len(small.calls), len(greedy.calls))
	}
	s.held.Add(-elsewhere)
	greedy.end()
	small.end()
	if held := s.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}

// TestHeadersOfOpenCallsAreSmall: what is too long, or could not be read
// anyway, is answered at once.
func TestHeadersOfOpenCallsAreSmall(t *testing.T) {
	c := speak(t, serve(t, testOptions(echo)).address)
	long := fields()
	long[5] = "/" + string(bytes.Repeat([]byte("a"), maxPath))
	for name, f := range map[string][]string{"path": long, "encoding": fields("grpc-encoding", "gzip")} {
		if got := c.hearsOf(c.opens(f, false)); got.header["grpc-status"] != "12" {
			t.Errorf("%s: %s", name, got)
		}
	}
	c.hearsOf(c.asks("and on")).wantEcho(t, "and on")
}

// TestNoFailureIsNone: a code that is none does not spoil what the peer's table
// holds.
func TestNoFailureIsNone(t *testing.T) {
	c := speak(t, serve(t, testOptions(func(call *Call) {
		if message, _ := call.Message(); len(message) == 0 {
			call.Fail(0, "fine")
			return
		}
		echo(call)
	})).address)
	for range 3 {
		if got := c.hearsOf(c.asks("")); got.header["grpc-status"] != "13" {
			t.Errorf("code 0: %s", got)
		}
		c.hearsOf(c.asks("x")).wantEcho(t, "x")
	}
}

// TestTheLastStreamOnlyBecomesLess from one GOAWAY to the next.
func TestTheLastStreamOnlyBecomesLess(t *testing.T) {
	c := scripted(t, testOptions(echo))
	var out bytes.Buffer
	c.net = &script{bytes.NewReader(nil), &out}
	w := newWire(t, fields()...)
	must(t, w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: w.block, EndHeaders: true}))
	c.takes(t, w.sent())
	c.drain()
	c.drainFinally()
	w.call(t, 3, []byte("late"), maxFrame)
	c.takes(t, w.sent())
	c.violated(violation(CodeProtocol, "test"))
	var last []uint32
	for f := http2.NewFramer(nil, &out); ; {
		frame, err := f.ReadFrame()
		if err != nil {
			break
		}
		if g, ok := frame.(*http2.GoAwayFrame); ok {
			last = append(last, g.LastStreamID)
		}
	}
	if len(last) != 3 || last[1] != 1 || last[2] != 1 {
		t.Errorf("GOAWAY of %v, want 1 twice after the first", last)
	}
}

// TestACallHasTheValuesOfItsServer.
func TestACallHasTheValuesOfItsServer(t *testing.T) {
	type key struct{}
	c := &Call{conn: &conn{server: New(testOptions(echo)), base: context.WithValue(t.Context(), key{}, "value")}}
	if c.Value(key{}) != "value" || c.Value(waitKey{}) != c {
		t.Error("a value is missing")
	}
	c.Done()
	if c.Value(key{}) != "value" {
		t.Error("a value is missing after Done")
	}
	c.cancel()
}

// TestADeafPeerHoldsUpNoOtherEnd: all connections are asked to end, also after
// one whose peer reads nothing.
func TestADeafPeerHoldsUpNoOtherEnd(t *testing.T) {
	s := New(testOptions(echo))
	deaf, gone := net.Pipe() // which takes nothing that is not read
	join := func(socket net.Conn) *conn {
		c := scripted(t, s.options)
		c.server, c.net = s, socket
		s.conns[c] = struct{}{}
		return c
	}
	join(deaf)
	var others []*conn
	for range 10 {
		others = append(others, join(&script{bytes.NewReader(nil), io.Discard}))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.GracefulStop()
	}()
	for _, c := range others {
		for asked := false; !asked; {
			c.mu.Lock()
			asked = c.drained == drainFirst
			c.mu.Unlock()
			runtime.Gosched()
		}
	}
	for c := range s.conns {
		c.stop()
		c.end()
	}
	<-done
	must(t, gone.Close())
}
