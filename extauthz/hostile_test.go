package extauthz

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// dialFrom connects from one of the addresses of this machine.
func dialFrom(ctx context.Context, from, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	return d.DialContext(ctx, "tcp", to)
}

// answeredTo asks through a connection from the address.
func answeredTo(t *testing.T, from, to string) {
	t.Helper()
	dialer := grpc.WithContextDialer(func(ctx context.Context, target string) (net.Conn, error) { return dialFrom(ctx, from, target) })
	m, err := authv3.NewAuthorizationClient(dial(t, "passthrough:///"+to, dialer)).Check(t.Context(), getOrders())
	must(t, err)
	if m.GetStatus().GetCode() != 0 {
		t.Errorf("answered %v", m)
	}
}

// TestConnectionsBeyondTheBoundAreClosedAndOthersGoOn: one address cannot take
// the place of the others, and what is closed makes room.
func TestConnectionsBeyondTheBoundAreClosedAndOthersGoOn(t *testing.T) {
	onBoth(t, testConnectionsBeyondTheBoundAreClosedAndOthersGoOn)
}

func testConnectionsBeyondTheBoundAreClosedAndOthersGoOn(t *testing.T) {
	t.Helper()
	const most, tries = 200, 2000
	var log bytes.Buffer
	o := testOptions(decideFunc(allowsKey))
	o.Transport.Connections, o.Logger = most, slog.New(slog.NewTextHandler(&log, nil))
	s := serve(t, o)
	var open []net.Conn
	for range tries {
		conn, err := dialFrom(t.Context(), "127.0.0.1", s.address)
		must(t, err)
		open = append(open, conn)
	}
	// The first half is greeted, and all others have been closed.
	for i, conn := range open {
		n, err := conn.Read(make([]byte, 1))
		if greeted := n == 1; greeted != (i < most/2) {
			t.Fatalf("connection %d: read %d, %v", i, n, err)
		}
	}
	if got := metric(t, s.metrics.crowds); got != tries-most/2 {
		t.Errorf("%v counted, want %d", got, tries-most/2)
	}
	answeredTo(t, "127.0.0.2", s.address)
	for _, conn := range open {
		must(t, conn.Close())
	}
	for { // until it has seen that they are closed
		conn, err := dialFrom(t.Context(), "127.0.0.1", s.address)
		must(t, err)
		n, _ := conn.Read(make([]byte, 1))
		must(t, conn.Close())
		if n == 1 {
			break
		}
	}
	answeredTo(t, "127.0.0.1", s.address)
	must(t, s.stop())
	if text := log.String(); !strings.Contains(text, "too many are open") || !strings.Contains(text, "peer=127.0.0.1:") {
		t.Errorf("log %q, want an event", text)
	}
}

// TestConnectionsCountForWhoCanHaveTheirAddress: a host has a whole /64.
func TestConnectionsCountForWhoCanHaveTheirAddress(t *testing.T) {
	c := &connections{bounds: Bounds{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for address, want := range map[string]string{
		"203.0.113.7:1": "203.0.113.7/32", "[::ffff:203.0.113.7]:1": "203.0.113.7/32",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64",
	} {
		if got := c.origin(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))); got.String() != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
	}
	if got := c.origin(&net.UnixAddr{Name: "/run/credence.sock"}); got.IsValid() {
		t.Errorf("a Unix socket counts for %s", got)
	}
	for _, proxy := range []string{"10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[fd00::7]:1"} {
		if got := c.origin(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(proxy))); got.IsValid() {
			t.Errorf("the proxy %s counts for %s", proxy, got)
		}
	}
}

// TestAListenerKeepsWithinItsBounds: those of one address, those of all, and no
// more than those of all even for proxies. A place that is given back is free.
func TestAListenerKeepsWithinItsBounds(t *testing.T) {
	for title, tc := range map[string]struct {
		bounds      Bounds
		one, beside int // accepted of 127.0.0.1, then of 127.0.0.2
	}{
		"half by default":     {Bounds{Most: 6}, 3, 3},
		"as said":             {Bounds{Most: 6, OfOne: 1}, 1, 1},
		"all may be of one":   {Bounds{Most: 6, OfOne: 6}, 6, 0},
		"one at all":          {Bounds{Most: 1}, 1, 0},
		"a proxy is not one":  {Bounds{Most: 6, OfOne: 1, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, 6, 0},
		"another is no proxy": {Bounds{Most: 6, OfOne: 2, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, 2, 4},
	} {
		t.Run(title, func(t *testing.T) {
			plain, err := Listen(t.Context(), "127.0.0.1:0")
			must(t, err)
			refused := make(chan net.Addr, 100)
			l := Bound(plain, tc.bounds, func(from net.Addr) { refused <- from })
			accepted := make(chan net.Conn, 100)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					accepted <- conn
				}
			}()
			count := func(from string) (in int) {
				for range 10 {
					conn, err := dialFrom(t.Context(), from, plain.Addr().String())
					must(t, err)
					t.Cleanup(func() { _ = conn.Close() })
					select {
					case c := <-accepted:
						in++
						t.Cleanup(func() { _ = c.Close() })
					case who := <-refused:
						if host, _, _ := net.SplitHostPort(who.String()); host != from {
							t.Errorf("%s was refused, want %s", who, from)
						}
					}
				}
				return in
			}
			if got := count("127.0.0.1"); got != tc.one {
				t.Errorf("%d connections of one address, want %d", got, tc.one)
			}
			if got := count("127.0.0.2"); got != tc.beside {
				t.Errorf("%d connections of another address, want %d", got, tc.beside)
			}
			must(t, l.Close())
			<-ended
		})
	}
}

// speaker speaks HTTP/2 by the frame.
type speaker struct {
	*http2.Framer

	conn net.Conn
	next uint32
}

// speak greets with the settings.
func speak(t *testing.T, address string, settings ...http2.Setting) *speaker {
	t.Helper()
	conn, err := dialFrom(t.Context(), "127.0.0.1", address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, http2.ClientPreface)
	must(t, err)
	s := &speaker{http2.NewFramer(conn, conn), conn, 1}
	must(t, s.WriteSettings(settings...))
	must(t, s.WriteSettingsAck())
	return s
}

// asks begins a Check, and answers the number of its stream.
func (s *speaker) asks(t *testing.T, message []byte) uint32 {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", "/" + ServiceName + "/Check"},
		{":authority", "credence"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		must(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	stream := s.next
	s.next += 2
	must(t, s.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true}))
	must(t, s.WriteData(stream, true, append([]byte{0, 0, 0, byte(len(message) >> 8), byte(len(message))}, message...)))
	return stream
}

// TestACallerWhoReadsNoAnswersIsBoundedAndAlone: answers that do not fit into
// the window that he leaves wait in memory, for no more Checks than the bound.
func TestACallerWhoReadsNoAnswersIsBoundedAndAlone(t *testing.T) {
	onBoth(t, testACallerWhoReadsNoAnswersIsBoundedAndAlone)
}

func testACallerWhoReadsNoAnswersIsBoundedAndAlone(t *testing.T) {
	t.Helper()
	const most = 20
	o := testOptions(decideFunc(allowsKey))
	o.Transport.Streams = most
	s := serve(t, o)
	slow := speak(t, s.address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	message := marshal(t, getOrders())
	for range most {
		slow.asks(t, message)
	}
	beyond := slow.asks(t, message)
	for {
		frame, err := slow.ReadFrame()
		must(t, err)
		if f, ok := frame.(*http2.DataFrame); ok {
			t.Fatalf("%d bytes were sent without a window for them", len(f.Data()))
		}
		if f, ok := frame.(*http2.RSTStreamFrame); ok {
			if f.StreamID != beyond || f.ErrCode != http2.ErrCodeRefusedStream {
				t.Fatalf("stream %d was reset with %s, want %d refused", f.StreamID, f.ErrCode, beyond)
			}
			break
		}
	}
	answeredTo(t, "127.0.0.1", s.address)
	// When he reads, he is answered.
	must(t, slow.WriteWindowUpdate(1, 1<<16))
	for {
		frame, err := slow.ReadFrame()
		must(t, err)
		if f, ok := frame.(*http2.DataFrame); ok && f.StreamID == 1 {
			break
		}
	}
}

// TestMetadataOverTheBoundFailsTheCallAlone: the connection goes on.
func TestMetadataOverTheBoundFailsTheCallAlone(t *testing.T) {
	onBoth(t, testMetadataOverTheBoundFailsTheCallAlone)
}

func testMetadataOverTheBoundFailsTheCallAlone(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(allowsKey)))
	c := client(t, s.address)
	much := metadata.AppendToOutgoingContext(t.Context(), "x-much", strings.Repeat("a", maxMetadata))
	if m, err := c.Check(much, getOrders()); err == nil {
		t.Errorf("answered %v", m)
	}
	_, err := c.Check(t.Context(), getOrders())
	must(t, err)
}

// hostile are beginnings of what a port can be sent.
func hostile(tb testing.TB) map[string][]byte {
	tb.Helper()
	framed := func(write func(f *http2.Framer) error) []byte {
		var b bytes.Buffer
		b.WriteString(http2.ClientPreface)
		f := http2.NewFramer(&b, nil)
		f.AllowIllegalWrites = true
		must(tb, f.WriteSettings())
		must(tb, write(f))
		return b.Bytes()
	}
	return map[string][]byte{
		"HTTP/1.1":         []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		"zeros":            make([]byte, 4096),
		"half a greeting":  []byte(http2.ClientPreface[:10]),
		"no settings":      []byte(http2.ClientPreface + "\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		"a frame too long": []byte(http2.ClientPreface + "\xff\xff\xff\x00\x00\x00\x00\x00\x01"),
		"broken headers": framed(func(f *http2.Framer) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: bytes.Repeat([]byte{0xff}, 100), EndHeaders: true})
		}),
		"headers without end": framed(func(f *http2.Framer) error {
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x83}})
			for range 100 {
				err = errors.Join(err, f.WriteContinuation(1, false, bytes.Repeat([]byte{0x83}, 1000)))
			}
			return err
		}),
		"data of no stream": framed(func(f *http2.Framer) error { return f.WriteData(1, true, []byte("x")) }),
		"an even stream": framed(func(f *http2.Framer) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2, BlockFragment: []byte{0x83}, EndHeaders: true})
		}),
		"a window that overflows": framed(func(f *http2.Framer) error {
			return errors.Join(f.WriteWindowUpdate(0, 1<<31-1), f.WriteWindowUpdate(0, 1<<31-1))
		}),
		"a flood of pings": framed(func(f *http2.Framer) error {
			var err error
			for range 1000 {
				err = errors.Join(err, f.WritePing(false, [8]byte{}))
			}
			return err
		}),
		"streams begun and reset": framed(func(f *http2.Framer) error {
			var err error
			for i := range uint32(1000) {
				err = errors.Join(err,
					f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: []byte{0x83, 0x86, 0x84}, EndHeaders: true}),
					f.WriteRSTStream(2*i+1, http2.ErrCodeCancel))
			}
			return err
		}),
	}
}

// sends writes the bytes to the port and reads until it is hung up on.
func sends(t *testing.T, address string, content []byte) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the server has closed it
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, conn) // a reset is as good as an end
	}()
	_, _ = conn.Write(content) // may be cut off
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	<-read
}

// TestHostileBytesOnThePortEndTheirConnectionAlone: none is answered with an
// allow, nothing panics, and a proxy of ours is served all the time.
func TestHostileBytesOnThePortEndTheirConnectionAlone(t *testing.T) {
	onBoth(t, testHostileBytesOnThePortEndTheirConnectionAlone)
}

func testHostileBytesOnThePortEndTheirConnectionAlone(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(allowsKey)))
	ours := client(t, s.address)
	for name, content := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			sends(t, s.address, content)
			_, err := ours.Check(t.Context(), getOrders())
			must(t, err)
		})
	}
	if n := metric(t, s.metrics.panics); n != 0 {
		t.Errorf("%v panics", n)
	}
}

// FuzzPort sends whatever it likes to the port.
func FuzzPort(f *testing.F) {
	s := serve(f, testOptions(decideFunc(allowsKey)))
	ours := client(f, s.address)
	for _, content := range hostile(f) {
		if len(content) < 8<<10 { // more is for the test above
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		sends(t, s.address, content)
		if _, err := ours.Check(t.Context(), getOrders()); err != nil {
			t.Error(err)
		}
		if n := metric(t, s.metrics.panics); n != 0 {
			t.Errorf("%v panics", n)
		}
	})
}
