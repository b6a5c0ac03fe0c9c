package unary

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// frameOf writes a frame of any kind.
func (s *speaker) frameOf(kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) error {
	return s.WriteRawFrame(kind, flags, stream, payload)
}

func (s *speaker) settings(id uint16, value uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, id), value)
}

// TestBreachesOfTheProtocolEndTheConnection with the code that RFC 9113 wants,
// after everything that came before was answered, and are told.
func TestBreachesOfTheProtocolEndTheConnection(t *testing.T) {
	s := serve(t, testOptions(echo))
	word := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, c := range map[string]struct {
		want   http2.ErrCode
		breach func(s *speaker) error
	}{
		"6.1: DATA of no stream":                {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameData, 0, 0, nil) }},
		"5.1: DATA of an idle stream":           {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameData, 1, 99, []byte("x")) }},
		"5.1: DATA of our stream":               {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameData, 1, 2, []byte("x")) }},
		"6.1: padding longer than DATA":         {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameData, 8, 1, []byte{5, 0, 0}) }},
		"6.1: padding without a length":         {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameData, 8, 1, nil) }},
		"6.2: HEADERS of no stream":             {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 4, 0, []byte{0x83}) }},
		"5.1.1: HEADERS of an even stream":      {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 4, 4, []byte{0x83}) }},
		"6.2: padding longer than HEADERS":      {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 12, 5, []byte{9, 0x83}) }},
		"6.2: HEADERS too short for priority":   {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 0x24, 5, []byte{0, 0}) }},
		"4.3: no HPACK":                         {http2.ErrCodeCompression, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 5, 5, bytes.Repeat([]byte{0xff}, 9)) }},
		"4.3: HPACK cut off":                    {http2.ErrCodeCompression, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 5, 5, []byte{0x40, 5, 'a'}) }},
		"4.3: a table larger than allowed":      {http2.ErrCodeCompression, func(s *speaker) error { return s.frameOf(http2.FrameHeaders, 5, 5, []byte{0x3f, 0xe1, 0xff, 0x03}) }},
		"6.4: RST_STREAM of no stream":          {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameRSTStream, 0, 0, word(8)) }},
		"6.4: RST_STREAM of an idle stream":     {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameRSTStream, 0, 99, word(8)) }},
		"6.4: RST_STREAM too short":             {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameRSTStream, 0, 1, []byte{0}) }},
		"6.3: PRIORITY of no stream":            {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FramePriority, 0, 0, make([]byte, 5)) }},
		"6.5: SETTINGS of a stream":             {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 1, nil) }},
		"6.5: SETTINGS cut off":                 {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 0, make([]byte, 7)) }},
		"6.5: an acknowledgement with settings": {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 1, 0, make([]byte, 6)) }},
		"6.5.2: a window too large":             {http2.ErrCodeFlowControl, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 0, s.settings(4, 1<<31)) }},
		"6.5.2: frames too short":               {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 0, s.settings(5, 100)) }},
		"6.5.2: frames too long":                {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 0, s.settings(5, 1<<24)) }},
		"6.5.2: push neither on nor off":        {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameSettings, 0, 0, s.settings(2, 2)) }},
		"8.4: PUSH_PROMISE of a client":         {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FramePushPromise, 4, 1, make([]byte, 8)) }},
		"6.7: PING of a stream":                 {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FramePing, 0, 1, make([]byte, 8)) }},
		"6.7: PING too short":                   {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FramePing, 0, 0, make([]byte, 7)) }},
		"6.8: GOAWAY of a stream":               {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameGoAway, 0, 1, make([]byte, 8)) }},
		"6.8: GOAWAY too short":                 {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameGoAway, 0, 0, make([]byte, 7)) }},
		"6.9: WINDOW_UPDATE too short":          {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameWindowUpdate, 0, 0, []byte{1}) }},
		"6.9: WINDOW_UPDATE by nothing":         {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameWindowUpdate, 0, 0, word(0)) }},
		"6.9: WINDOW_UPDATE of an idle stream":  {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameWindowUpdate, 0, 99, word(1)) }},
		"6.9.1: a window that overflows":        {http2.ErrCodeFlowControl, func(s *speaker) error { return s.frameOf(http2.FrameWindowUpdate, 0, 0, word(1<<31-1)) }},
		"5.1.1: HEADERS of a stream passed over": {http2.ErrCodeProtocol, func(s *speaker) error {
			return errors.Join(s.frameOf(http2.FrameHeaders, 5, 9, []byte{0x83}), s.frameOf(http2.FrameHeaders, 4, 5, []byte{0x83}))
		}},
		"6.10: CONTINUATION of nothing": {http2.ErrCodeProtocol, func(s *speaker) error { return s.frameOf(http2.FrameContinuation, 4, 1, []byte{0x83}) }},
		"6.10: a header block interrupted": {http2.ErrCodeProtocol, func(s *speaker) error {
			return errors.Join(s.frameOf(http2.FrameHeaders, 0, 5, []byte{0x83}), s.frameOf(http2.FramePing, 0, 0, make([]byte, 8)))
		}},
		"6.10: CONTINUATION of another stream": {http2.ErrCodeProtocol, func(s *speaker) error {
			return errors.Join(s.frameOf(http2.FrameHeaders, 0, 5, []byte{0x83}), s.frameOf(http2.FrameContinuation, 4, 7, []byte{0x83}))
		}},
		"4.2: a frame too long":     {http2.ErrCodeFrameSize, func(s *speaker) error { return s.frameOf(http2.FrameData, 0, 1, make([]byte, maxFrame+1)) }},
		"6.9: more than the window": {http2.ErrCodeFlowControl, func(s *speaker) error { return errors.New("see below") }},
	} {
		if name == "6.9: more than the window" {
			continue // a window is opened again as soon as it is used: see received
		}
		t.Run(name, func(t *testing.T) {
			before := len(s.violated())
			c2 := speak(t, s.address)
			answered := c2.asks("before")
			must(t, c.breach(c2))
			h := &heard{}
			c2.hears(h, func() bool { return false })
			if len(h.goAways) != 1 || h.goAways[0].ErrCode != c.want || h.goAways[0].LastStreamID < answered {
				t.Errorf("GOAWAY %v %q, want one with %s; %v", h.goAways, h.debug, c.want, h.ended)
			}
			h.of(answered).wantEcho(t, "before")
			if told := s.violated(); len(told) != before+1 || uint32(told[before]) != uint32(c.want) {
				t.Errorf("%v was told, want one more: %s", told[before:], c.want)
			}
		})
	}
}

// TestBreachesOfOneStreamEndThatAlone.
func TestBreachesOfOneStreamEndThatAlone(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address)
	without := func(name string) []string {
		var kept []string
		for all := fields(); len(all) > 0; all = all[2:] {
			if all[0] != name {
				kept = append(kept, all[:2]...)
			}
		}
		return kept
	}
	for name, f := range map[string][]string{
		"no method": without(":method"), "no path": without(":path"), "no scheme": without(":scheme"),
		"two methods": append([]string{":method", "POST"}, fields()...), "two paths": append([]string{":path", "/"}, fields()...),
		"two schemes": append([]string{":scheme", "http"}, fields()...), "an empty path": append([]string{":path", ""}, without(":path")...),
		"an unknown pseudo field": append([]string{":protocol", "websocket"}, fields()...), "a pseudo field late": append(without(":path"), ":path", path),
		"connection": fields("connection", "close"), "upgrade": fields("upgrade", "h2c"), "transfer-encoding": fields("transfer-encoding", "chunked"),
		"a name in capitals": fields("X-Name", "a"), "a name with a blank": fields("x name", "a"), "no name": fields("", "a"),
		"a value of two lines": fields("x-name", "a\r\nb"), "a value with zero": fields("x-name", "a\x00"),
	} {
		if got := c.hearsOf(c.opens(f, true)); got.reset == nil || *got.reset != http2.ErrCodeProtocol {
			t.Errorf("%s: %s", name, got)
		}
	}
	ends := c.opens(fields(), false)
	must(t, c.WriteData(ends, true, framed("x")))
	c.hearsOf(ends).wantEcho(t, "x")
	must(t, c.WriteData(ends, true, framed("x"))) // answered already
	must(t, c.WriteRSTStream(ends, http2.ErrCodeCancel))
	must(t, c.WriteWindowUpdate(ends, 5))
	must(t, c.WritePriority(ends, http2.PriorityParam{}))
	must(t, c.frameOf(0xbe, 0xff, 12345, []byte("unknown")))
	must(t, c.WriteGoAway(0, http2.ErrCodeNo, nil))

	open := c.opens(fields(), false)
	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: open, BlockFragment: c.encode([]string{"x-trailer", "a"}), EndHeaders: true}))
	if got := c.hearsOf(open); got.reset == nil || *got.reset != http2.ErrCodeProtocol {
		t.Errorf("trailers that end nothing: %s", got)
	}
	open = c.opens(fields(), false)
	must(t, c.WriteWindowUpdate(open, 1<<31-1))
	if got := c.hearsOf(open); got.reset == nil || *got.reset != http2.ErrCodeFlowControl {
		t.Errorf("a window that overflows: %s", got)
	}
	open = c.opens(fields(), false)
	must(t, c.WriteRawFrame(http2.FrameWindowUpdate, 0, open, make([]byte, 4)))
	if got := c.hearsOf(open); got.reset == nil || *got.reset != http2.ErrCodeProtocol {
		t.Errorf("a window that does not grow: %s", got)
	}
	c.hearsOf(c.asks("still there")).wantEcho(t, "still there")
}

// TestRequestsThatAreOddButRight: padding, priority, header blocks in pieces,
// trailers, an end that comes by itself.
func TestRequestsThatAreOddButRight(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address)
	must(t, c.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: c.encode(fields()), EndHeaders: true, PadLength: 200,
		Priority: http2.PriorityParam{StreamDep: 3, Exclusive: true, Weight: 9},
	}))
	must(t, c.WriteDataPadded(1, true, framed("padded"), make([]byte, 255)))
	c.hearsOf(1).wantEcho(t, "padded")

	block := c.encode(fields("x-long", strings.Repeat("v", 20000)))
	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block[:1]}))
	for at := 1; at < len(block); at += 1000 {
		end := min(at+1000, len(block))
		must(t, c.WriteContinuation(3, end == len(block), block[at:end]))
	}
	must(t, c.WriteData(3, true, framed("in pieces")))
	c.hearsOf(3).wantEcho(t, "in pieces")

	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: 9, BlockFragment: c.encode(fields()), EndHeaders: true})) // 5 and 7 are left out
	must(t, c.WriteData(9, false, framed("with trailers")))
	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: 9, BlockFragment: c.encode([]string{"x-trailer", "a"}), EndHeaders: true, EndStream: true}))
	c.hearsOf(9).wantEcho(t, "with trailers")

	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: 11, BlockFragment: c.encode(fields()), EndHeaders: true}))
	must(t, c.WriteData(11, false, framed("an end of its own")))
	must(t, c.WriteData(11, true, nil))
	c.hearsOf(11).wantEcho(t, "an end of its own")
}

// TestCallsBeyondTheBoundAreRefused: those that wait count, also when their
// streams were reset (CVE-2023-44487).
func TestCallsBeyondTheBoundAreRefused(t *testing.T) {
	const most = 10
	w := newWaits()
	o := testOptions(w.answer)
	o.MaxStreams = most
	s := serve(t, o)
	c := speak(t, s.address)
	wait := func() {
		t.Helper()
		if got := c.hearsOf(c.asks("wait")); got.reset == nil || *got.reset != http2.ErrCodeRefusedStream {
			t.Errorf("one too many: %s", got)
		}
	}
	var streams []uint32
	for range most {
		streams = append(streams, c.asks("wait"))
	}
	wait()
	// They end only when they learn that nobody wants them: hold them up.
	var calls []*Call
	for range most {
		calls = append(calls, <-w.entered)
	}
	if len(calls) != most {
		t.Fatalf("%d calls wait", len(calls))
	}
	for _, stream := range streams {
		must(t, c.WriteRSTStream(stream, http2.ErrCodeCancel))
	}
	for _, call := range calls {
		<-call.Done()
	}
	close(w.word)
	for { // until they have ended
		if got := c.hearsOf(c.asks("x")); got.reset == nil {
			got.wantEcho(t, "x")
			break
		}
	}
}

// TestResetsMakeNoRoom: a stream that is opened and reset at once leaves its
// call running, and as many may run as there may be streams.
func TestResetsMakeNoRoom(t *testing.T) {
	const most, tries = 10, 1000
	running, word := make(chan struct{}, tries), make(chan struct{})
	o := testOptions(func(call *Call) {
		call.Wait()
		running <- struct{}{}
		<-word // which knows no context
		call.Reply(nil)
	})
	o.MaxStreams = most
	s := serve(t, o)
	defer close(word)
	c := speak(t, s.address)
	for range tries {
		must(t, c.WriteRSTStream(c.asks("x"), http2.ErrCodeCancel))
	}
	must(t, c.WritePing(false, [8]byte{1}))
	h := &heard{}
	c.hears(h, func() bool { return h.acks == 1 })
	for range most {
		<-running
	}
	if len(running) != 0 {
		t.Errorf("%d calls run, want %d", most+len(running), most)
	}
	refused := 0
	for _, a := range h.answers {
		if a.reset != nil && *a.reset == http2.ErrCodeRefusedStream {
			refused++
		}
	}
	if refused != tries-most {
		t.Errorf("%d calls were refused, want %d", refused, tries-most)
	}
}

// TestFloodsEndTheirConnection: each costs the peer as much as us, and ends
// before it costs much.
func TestFloodsEndTheirConnection(t *testing.T) {
	s := serve(t, testOptions(echo))
	for name, flood := range map[string]func(s *speaker) error{
		"pings":    func(s *speaker) error { return s.WritePing(false, [8]byte{}) },
		"settings": func(s *speaker) error { return s.WriteSettings() },
		"resets": func(s *speaker) error {
			stream, err := s.open(fields(), false)
			return errors.Join(err, s.WriteRSTStream(stream, http2.ErrCodeCancel))
		},
		"empty data":    func(s *speaker) error { return s.WriteData(1, false, nil) },
		"priorities":    func(s *speaker) error { return s.WritePriority(1, http2.PriorityParam{Weight: 1}) },
		"windows":       func(s *speaker) error { return s.WriteWindowUpdate(0, 1) },
		"unknown kinds": func(s *speaker) error { return s.frameOf(0xaa, 0, 0, nil) },
		"refusals": func(s *speaker) error {
			_, err := s.open([]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"}, true)
			return err
		},
		"malformed calls": func(s *speaker) error { _, err := s.open([]string{":method", "GET"}, true); return err },
	} {
		t.Run(name, func(t *testing.T) {
			c := speak(t, s.address)
			c.opens(fields(), false)
			// What comes back is read all the time, or the kernel ends the flood.
			code := make(chan http2.ErrCode, 1)
			reader := &speaker{Framer: http2.NewFramer(io.Discard, c.conn), tb: t}
			go func() {
				for {
					frame, err := reader.ReadFrame()
					if err != nil {
						code <- http2.ErrCodeNo
						return
					}
					if f, ok := frame.(*http2.GoAwayFrame); ok {
						code <- f.ErrCode
						return
					}
				}
			}()
			sent := 0
			for ; flood(c) == nil && sent <= 5*mostIdle; sent++ {
			}
			if got := <-code; got != http2.ErrCodeEnhanceYourCalm {
				t.Errorf("ended with %s after %d", got, sent)
			}
		})
	}
}

// TestHeaderBlocksAreBounded: long lists cost the call, blocks without end the
// connection (CVE-2024-27316), and small blocks that say much are not unfolded.
func TestHeaderBlocksAreBounded(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address)
	long := c.opens(fields("x-a", strings.Repeat("a", 10000)), true) // stays in the encoder's table? it is larger than that
	c.hearsOf(long)
	var much []string
	for range 40 {
		much = append(much, "x-a", strings.Repeat("a", 3000)) // one entry of the table, 40 times
	}
	block := c.encode(fields(much...))
	if len(block) > 4096 {
		t.Fatalf("the block has %d bytes, the test proves nothing", len(block))
	}
	must(t, c.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next, BlockFragment: block, EndHeaders: true, EndStream: true}))
	if got := c.hearsOf(c.next); got.reset == nil || *got.reset != http2.ErrCodeFrameSize {
		t.Errorf("a list over the bound: %s", got)
	}
	c.next += 2
	c.hearsOf(c.asks("and on")).wantEcho(t, "and on") // the tables are still the same

	endless := speak(t, s.address)
	must(t, endless.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x83}}))
	for range 1000 {
		if endless.WriteContinuation(1, false, nil) != nil {
			break
		}
	}
	if code, _ := endless.ends(); code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("empty pieces without end: %s", code)
	}
	wide := speak(t, s.address)
	must(t, wide.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x83}}))
	for range 20 {
		if wide.WriteContinuation(1, false, bytes.Repeat([]byte{0x83}, maxFrame)) != nil {
			break
		}
	}
	if code, _ := wide.ends(); code != http2.ErrCodeEnhanceYourCalm {
		t.Errorf("long pieces without end: %s", code)
	}
	string1 := speak(t, s.address)
	must(t, string1.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, EndHeaders: true, BlockFragment: []byte{0x00, 0x7f, 0xff, 0xff, 0x7f}, // a name of 2 MiB
	}))
	if code, _ := string1.ends(); code != http2.ErrCodeCompression {
		t.Errorf("a string over the bound: %s", code)
	}
}

// TestMessagesInPiecesAreBounded: what is kept of them, by connection, ends
// there, and is let go with it.
func TestMessagesInPiecesAreBounded(t *testing.T) {
	s := serve(t, testOptions(echo))
	c := speak(t, s.address)
	piece := append([]byte{0, 0, 0x0f, 0xff, 0xff}, make([]byte, maxFrame-messagePrefix)...)
	h := &heard{}
	var streams []uint32
	for range mostHeld/maxFrame + 10 {
		stream := c.opens(fields(), false)
		must(t, c.WriteData(stream, false, piece))
		streams = append(streams, stream)
	}
	must(t, c.WritePing(false, [8]byte{1}))
	c.hears(h, func() bool { return h.acks == 1 })
	reset := 0
	for _, stream := range streams {
		if a := h.answers[stream]; a != nil && a.reset != nil && *a.reset == http2.ErrCodeEnhanceYourCalm {
			reset++
		}
	}
	if reset != 10 {
		t.Errorf("%d calls were reset, want 10", reset)
	}
	if held := s.held.Load(); held != mostHeld {
		t.Errorf("%d bytes are held, want %d", held, mostHeld)
	}
	for _, stream := range streams {
		must(t, c.WriteRSTStream(stream, http2.ErrCodeCancel))
	}
	c.hearsOf(c.asks("and on")).wantEcho(t, "and on")
	if held := s.held.Load(); held != 0 {
		t.Errorf("%d bytes are held when nobody wants them", held)
	}
}

// TestAGreetingIsWaitedForAndJudged: what is no HTTP/2 is hung up on.
func TestAGreetingIsWaitedForAndJudged(t *testing.T) {
	s := serve(t, testOptions(echo))
	for _, hello := range []string{
		"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSX", "\x16\x03\x01\x00",
		preface + "\x00\x00\x00\x06\x00\x00\x00\x00\x00", // PING
		preface + "\x00\x00\x00\x04\x01\x00\x00\x00\x00", // an acknowledgement
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
		must(t, err)
		_, err = io.WriteString(conn, hello)
		must(t, err)
		first := make([]byte, frameHeader)
		_, err = io.ReadFull(conn, first)
		must(t, err)
		if f := parseFrame(first); f.kind != kindSettings || f.stream != 0 {
			t.Errorf("%q: the server began with %+v", hello, f)
		}
		_, _ = io.Copy(io.Discard, conn) // it is hung up on
		must(t, conn.Close())
	}
	// Byte by byte is slow, and right.
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
	must(t, err)
	for _, b := range []byte(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00") {
		_, err = conn.Write([]byte{b})
		must(t, err)
		runtime.Gosched()
	}
	f := http2.NewFramer(conn, conn)
	for acknowledged := false; !acknowledged; {
		frame, err := f.ReadFrame()
		must(t, err)
		settings, ok := frame.(*http2.SettingsFrame)
		acknowledged = ok && settings.IsAck()
	}
	must(t, conn.Close())
}
