package unary

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

const (
	path      = "/test.Service/Inline"
	otherPath = "/test.Service/Other"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// echo answers with what it was asked.
func echo(call *Call) {
	message, err := call.Message()
	if err != nil {
		refuse(call, err)
		return
	}
	call.Reply(message)
}

func refuse(call *Call, err error) {
	if status, ok := err.(*StatusError); ok { //nolint:errorlint // as it comes
		call.Fail(status.Code, status.Text)
	}
}

type waitKey struct{}

func testOptions(inline func(*Call)) Options {
	return Options{
		Path: path, Inline: inline, Others: echo, WaitKey: waitKey{},
		Handshake:        func(c net.Conn) (net.Conn, error) { return c, nil },
		HandshakeTimeout: 10 * time.Second, Now: time.Now,
		MaxMessage: 1 << 20, MaxOtherMessage: 1 << 20, MaxOthers: 1000, MaxHeaders: 64 << 10, MaxStreams: 1000, MinPing: 5 * time.Second,
	}
}

// served is a server on loopback.
type served struct {
	*Server
	address string

	mu         sync.Mutex
	violations []Code
	panics     int
}

// serve starts a server, which is stopped with the test.
func serve(tb testing.TB, o Options) *served {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	must(tb, err)
	s := &served{address: l.Addr().String()}
	o.Violated = func(_ net.Addr, v *ViolationError) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.violations = append(s.violations, v.Code)
	}
	o.Panicked = func(context.Context, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.panics++
	}
	s.Server = New(o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.WithoutCancel(tb.Context()), l) }()
	tb.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
		if held := s.held.Load(); held != 0 {
			tb.Errorf("%d bytes are held after the end", held)
		}
	})
	return s
}

func (s *served) violated() []Code {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// the only connection there is.
func (s *served) conn(tb testing.TB) *conn {
	tb.Helper()
	s.Server.mu.Lock()
	defer s.Server.mu.Unlock()
	for c := range s.conns {
		return c
	}
	tb.Fatal("there is no connection")
	return nil
}

// raw sends and receives bytes.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal %T", v)
	}
	*b = data.Materialize()
	return nil
}

// client is a connection of grpc-go.
func client(tb testing.TB, address string, options ...grpc.DialOption) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))...)
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func ask(ctx context.Context, c *grpc.ClientConn, method string, message []byte, options ...grpc.CallOption) ([]byte, error) {
	var reply []byte
	err := c.Invoke(ctx, method, message, &reply, options...)
	return reply, err
}

// speaker speaks HTTP/2 by the frame.
type speaker struct {
	*http2.Framer

	tb      testing.TB
	conn    net.Conn
	next    uint32
	block   bytes.Buffer
	encoder *hpack.Encoder
	decoder *hpack.Decoder
}

// speak greets with the settings.
func speak(tb testing.TB, address string, settings ...http2.Setting) *speaker {
	tb.Helper()
	conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", address)
	must(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, http2.ClientPreface)
	must(tb, err)
	s := &speaker{Framer: http2.NewFramer(conn, conn), tb: tb, conn: conn, next: 1}
	s.AllowIllegalWrites = true
	s.encoder = hpack.NewEncoder(&s.block)
	s.decoder = hpack.NewDecoder(4096, nil)
	must(tb, s.WriteSettings(settings...))
	must(tb, s.WriteSettingsAck())
	return s
}

// fields are those of a call.
func fields(more ...string) []string {
	return append([]string{
		":method", "POST", ":scheme", "http", ":path", path, ":authority", "test",
		"content-type", "application/grpc", "te", "trailers",
	}, more...)
}

// encode encodes a block of names and values.
func (s *speaker) encode(fields []string) []byte {
	s.tb.Helper()
	s.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		must(s.tb, s.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return bytes.Clone(s.block.Bytes())
}

// opens begins a call, and answers its stream.
func (s *speaker) opens(fields []string, ends bool) uint32 {
	s.tb.Helper()
	stream, err := s.open(fields, ends)
	must(s.tb, err)
	return stream
}

// open is opens where the connection may have ended.
func (s *speaker) open(fields []string, ends bool) (uint32, error) {
	s.tb.Helper()
	stream := s.next
	s.next += 2
	return stream, s.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: s.encode(fields), EndHeaders: true, EndStream: ends,
	})
}

// framed is a message with its prefix.
func framed(message string) []byte { return appendMessage(nil, []byte(message)) }

// asks makes a whole call.
func (s *speaker) asks(message string) uint32 {
	s.tb.Helper()
	stream := s.opens(fields(), false)
	b := framed(message)
	for ; len(b) > maxFrame; b = b[maxFrame:] {
		must(s.tb, s.WriteData(stream, false, b[:maxFrame]))
	}
	must(s.tb, s.WriteData(stream, true, b))
	return stream
}

// answer is what came back on a stream.
type answer struct {
	header map[string]string // of all blocks
	blocks int
	data   []byte
	frames []int // lengths of DATA
	reset  *http2.ErrCode
	ended  bool
}

func (a *answer) over() bool { return a.ended || a.reset != nil }

func (a *answer) String() string {
	reset := ""
	if a.reset != nil {
		reset = " reset " + a.reset.String()
	}
	return fmt.Sprintf("%v %q%s", a.header, a.data, reset)
}

// heard is what a speaker reads until some condition.
type heard struct {
	answers map[uint32]*answer
	goAways []http2.GoAwayFrame
	debug   []string
	pings   [][8]byte
	acks    int
	ended   error // of the connection
}

func (h *heard) of(stream uint32) *answer {
	a := h.answers[stream]
	if a == nil {
		a = &answer{header: map[string]string{}}
		h.answers[stream] = a
	}
	return a
}

// hears reads into h until done says so or the connection ends. It answers no
// ping and opens no window.
func (s *speaker) hears(h *heard, done func() bool) {
	s.tb.Helper()
	if h.answers == nil {
		h.answers = map[uint32]*answer{}
	}
	for !done() {
		frame, err := s.ReadFrame()
		if err != nil {
			h.ended = err
			return
		}
		switch f := frame.(type) {
		case *http2.HeadersFrame:
			a := h.of(f.StreamID)
			s.decoder.SetEmitFunc(func(f hpack.HeaderField) { a.header[f.Name] = f.Value })
			_, err := s.decoder.Write(f.HeaderBlockFragment())
			must(s.tb, err)
			must(s.tb, s.decoder.Close())
			a.blocks++
			a.ended = f.StreamEnded()
		case *http2.DataFrame:
			a := h.of(f.StreamID)
			a.data = append(a.data, f.Data()...)
			a.frames = append(a.frames, len(f.Data()))
			a.ended = f.StreamEnded()
		case *http2.RSTStreamFrame:
			code := f.ErrCode
			h.of(f.StreamID).reset = &code
		case *http2.GoAwayFrame:
			h.goAways = append(h.goAways, *f)
			h.debug = append(h.debug, string(f.DebugData()))
		case *http2.PingFrame:
			if f.IsAck() {
				h.acks++
			} else {
				h.pings = append(h.pings, f.Data)
			}
		}
	}
}

// hearsOf reads until the stream is over.
func (s *speaker) hearsOf(stream uint32) *answer {
	s.tb.Helper()
	h := &heard{}
	s.hears(h, func() bool { return h.answers[stream] != nil && h.answers[stream].over() })
	if h.ended != nil {
		s.tb.Fatalf("stream %d: connection ended: %v, GOAWAY %v %q", stream, h.ended, h.goAways, h.debug)
	}
	return h.of(stream)
}

// wantEcho compares an answer with what echo answers.
func (a *answer) wantEcho(tb testing.TB, message string) {
	tb.Helper()
	if a.header[":status"] != "200" || a.header["content-type"] != "application/grpc" || a.header["grpc-status"] != "0" ||
		!bytes.Equal(a.data, framed(message)) || !a.ended {
		tb.Errorf("answered %s, want %q", a, message)
	}
}

// ends reads until the connection ends, and answers the code it ended with.
func (s *speaker) ends() (http2.ErrCode, string) {
	s.tb.Helper()
	h := &heard{}
	s.hears(h, func() bool { return false })
	if len(h.goAways) == 0 {
		s.tb.Fatalf("ended without GOAWAY: %v", h.ended)
	}
	return h.goAways[len(h.goAways)-1].ErrCode, h.debug[len(h.debug)-1]
}
