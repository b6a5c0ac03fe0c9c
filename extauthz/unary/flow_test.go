package unary

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

func total(frames []int) (n int) {
	for _, f := range frames {
		n += f
	}
	return n
}

// TestAnswersKeepToTheWindowOfTheirStream: nothing without a window, and never
// more than was opened, byte by byte; others are answered meanwhile.
func TestAnswersKeepToTheWindowOfTheirStream(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	message := strings.Repeat("m", 20)
	slow := c.asks(message)
	h := &heard{}
	must(t, c.WritePing(false, [8]byte{1}))
	c.hears(h, func() bool { return h.acks == 1 })
	if got := h.of(slow); got.blocks != 1 || len(got.frames) != 0 {
		t.Fatalf("without a window: %s", got)
	}
	want := 0
	for i := 1; want < len(message)+messagePrefix; i++ {
		must(t, c.WriteWindowUpdate(slow, uint32(i)))
		want = min(want+i, len(message)+messagePrefix)
		c.hears(h, func() bool { return total(h.of(slow).frames) >= want })
		if got := total(h.of(slow).frames); got != want {
			t.Fatalf("%d bytes were sent into a window of %d", got, want)
		}
	}
	c.hears(h, func() bool { return h.of(slow).over() })
	h.of(slow).wantEcho(t, message)
	must(t, c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}))
	c.hearsOf(c.asks("next")).wantEcho(t, "next")
}

// TestAnswersKeepToTheWindowOfTheConnection, in the order in which they came
// to wait for it.
func TestAnswersKeepToTheWindowOfTheConnection(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	const size, calls = 10000, 20 // three times the window
	message := strings.Repeat("m", size)
	var streams []uint32
	for range calls {
		streams = append(streams, c.asks(message))
	}
	h := &heard{}
	sent := func() (n int) {
		for _, a := range h.answers {
			n += len(a.data)
		}
		return n
	}
	must(t, c.WritePing(false, [8]byte{1}))
	c.hears(h, func() bool { return h.acks == 1 })
	if got := sent(); got != initialWindow {
		t.Fatalf("%d bytes were sent into a window of %d", got, initialWindow)
	}
	over := 0
	for open := initialWindow; over < calls; {
		must(t, c.WriteWindowUpdate(0, 7777))
		open = min(open+7777, calls*(size+messagePrefix))
		c.hears(h, func() bool { return sent() >= open })
		for over < calls && h.of(streams[over]).over() {
			over++
		}
		for _, later := range streams[min(over+2, calls):] {
			if h.of(later).over() {
				t.Fatalf("stream %d was answered before %d", later, streams[over])
			}
		}
		if open == calls*(size+messagePrefix) {
			c.hears(h, func() bool { return h.of(streams[calls-1]).over() })
			break
		}
	}
	for _, stream := range streams {
		h.of(stream).wantEcho(t, message)
	}
}

// TestSettingsHoldForCallsUnderWay: windows grow and shrink below nothing
// (RFC 9113, 6.9.2), frames may become longer.
func TestSettingsHoldForCallsUnderWay(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100})
	must(t, c.WriteWindowUpdate(0, 1<<20))
	message := strings.Repeat("m", 50000)
	stream := c.asks(message)
	h := &heard{}
	c.hears(h, func() bool { return len(h.of(stream).data) == 100 })
	must(t, c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})) // the window is now -90
	must(t, c.WriteWindowUpdate(stream, 90))
	must(t, c.WritePing(false, [8]byte{1}))
	c.hears(h, func() bool { return h.acks == 1 })
	if got := len(h.of(stream).data); got != 100 {
		t.Fatalf("%d bytes were sent into no window", got)
	}
	must(t, c.WriteSettings(
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: 40000}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	c.SetMaxReadFrameSize(40000)
	c.hears(h, func() bool { return h.of(stream).over() })
	got := h.of(stream)
	got.wantEcho(t, message)
	if got.frames[0] != 100 || got.frames[1] != 40000 {
		t.Errorf("frames of %v bytes", got.frames)
	}
}

// TestFramesAreNoLongerThanThePeerTakes.
func TestFramesAreNoLongerThanThePeerTakes(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	must(t, c.WriteWindowUpdate(0, 1<<20))
	message := strings.Repeat("m", 40000-messagePrefix)
	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.encode(fields()), EndHeaders: true}))
	b := framed(message)
	must(t, c.WriteData(1, false, b[:3])) // not even the prefix
	must(t, c.WriteData(1, false, nil))
	must(t, c.WriteDataPadded(1, false, b[3:16000], make([]byte, 200)))
	must(t, c.WriteData(1, false, b[16000:32000]))
	must(t, c.WriteData(1, false, b[32000:]))
	must(t, c.WriteData(1, true, nil))
	got := c.hearsOf(1)
	got.wantEcho(t, message)
	for _, n := range got.frames {
		if n > maxFrame {
			t.Errorf("a frame of %d bytes", n)
		}
	}
}

// TestPeersWithoutATableAreAnsweredInFull: what was put into a table that is
// taken away is not used, and the peer is told so.
func TestPeersWithoutATableAreAnsweredInFull(t *testing.T) {
	s := serve(t, testOptions(echo))
	none := speak(t, s.address, http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
	none.decoder.SetAllowedMaxDynamicTableSize(0)
	none.decoder.SetMaxDynamicTableSize(0)
	for range 3 {
		none.hearsOf(none.asks("x")).wantEcho(t, "x")
	}
	later := speak(t, s.address)
	for range 3 {
		later.hearsOf(later.asks("x")).wantEcho(t, "x")
	}
	for _, size := range []uint32{1 << 16, tableForAnswers, tableForAnswers - 1, 0, 4096} {
		must(t, later.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: size}))
		if size < 4096 {
			later.decoder.SetAllowedMaxDynamicTableSize(size)
		}
		for range 3 {
			later.hearsOf(later.asks("x")).wantEcho(t, "x")
		}
	}
	failing := serve(t, testOptions(func(call *Call) { call.Fail(7, "no") }))
	c := speak(t, failing.address)
	must(t, c.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0}))
	for range 3 {
		if got := c.hearsOf(c.asks("x")); got.header["grpc-status"] != "7" || got.header["grpc-message"] != "no" || got.blocks != 1 {
			t.Errorf("got %s", got)
		}
	}
}

// TestTheWindowForUsIsOpenedAgain: far more than it holds comes through one
// connection, and what is sent beyond it ends the connection.
func TestTheWindowForUsIsOpenedAgain(t *testing.T) {
	s := serve(t, testOptions(func(call *Call) {
		if _, err := call.Message(); err != nil {
			refuse(call, err)
			return
		}
		call.Reply(nil)
	}))
	c := client(t, s.address)
	for range 10 {
		if _, err := ask(t.Context(), c, path, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
}
