package extauthz

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"credence/extauthz/pipeline"
	"credence/extauthz/unary"
)

// TestClientsThatBreakHTTP2AreCountedAndLogged: their Envoy sees no more than
// a connection that ended.
func TestClientsThatBreakHTTP2AreCountedAndLogged(t *testing.T) {
	var log bytes.Buffer
	o := testOptions(decideFunc(allowsKey))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } // one moment: one event
	s := serve(t, o)
	for range 3 {
		sends(t, s.address, hostile(t)["data of no stream"])
	}
	sends(t, s.address, hostile(t)["a flood of pings"])
	must(t, s.stop())
	if got := metric(t, s.metrics.violations[unary.CodeProtocol]); got != 3 {
		t.Errorf("%v protocol errors counted, want 3", got)
	}
	if got := metric(t, s.metrics.violations[unary.CodeEnhanceYourCalm]); got != 1 {
		t.Errorf("%v floods counted, want 1", got)
	}
	if text := log.String(); strings.Count(text, "http/2 was violated") != 1 || !strings.Contains(text, "protocol_error: DATA of a stream that was not opened") {
		t.Errorf("log %q, want one event", text)
	}
}

// TestMethodsThatAreNotThereAreUnimplemented, and the connection goes on.
func TestMethodsThatAreNotThereAreUnimplemented(t *testing.T) {
	onBoth(t, testMethodsThatAreNotThereAreUnimplemented)
}

func testMethodsThatAreNotThereAreUnimplemented(t *testing.T) {
	t.Helper()
	s := serve(t, testOptions(decideFunc(allowsKey)))
	conn := dial(t, s.address)
	for method, want := range map[string]string{
		"/" + ServiceName + "/Other":             "unknown method Other for service " + ServiceName,
		"/grpc.health.v1.Health/Other":           "unknown method Other for service grpc.health.v1.Health",
		"/envoy.service.auth.v2.Authorization/C": "unknown service envoy.service.auth.v2.Authorization",
		"/a":                                     "malformed method name: \"/a\"",
	} {
		var reply []byte
		err := conn.Invoke(t.Context(), method, []byte{}, &reply, callRaw())
		if status.Code(err) != codes.Unimplemented || status.Convert(err).Message() != want {
			t.Errorf("%s: %v", method, err)
		}
	}
	list, err := grpc_health_v1.NewHealthClient(conn).List(t.Context(), &grpc_health_v1.HealthListRequest{})
	must(t, err)
	if len(list.GetStatuses()) != 2 {
		t.Errorf("health of %v", list)
	}
	if _, err := authv3.NewAuthorizationClient(conn).Check(t.Context(), getOrders()); err != nil {
		t.Error(err)
	}
}

// TestACheckThatWaitsHoldsUpNoOther of its connection.
func TestACheckThatWaitsHoldsUpNoOther(t *testing.T) { onBoth(t, testACheckThatWaitsHoldsUpNoOther) }

func testACheckThatWaitsHoldsUpNoOther(t *testing.T) {
	t.Helper()
	const many = 20
	waiting, word := make(chan struct{}, many), make(chan struct{})
	s := serve(t, testOptions(decideFunc(func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) {
		if string(r.Path) == "/slow" {
			pipeline.Waits(ctx)
			waiting <- struct{}{}
			<-word
		}
		allowsKey(ctx, r, d)
	})))
	c := client(t, s.address)
	slow := getOrders()
	slow.GetAttributes().GetRequest().GetHttp().Path = "/slow"
	answered := make(chan error, many)
	for range many {
		go func() {
			_, err := c.Check(t.Context(), slow)
			answered <- err
		}()
	}
	for range many {
		<-waiting
	}
	for range 100 {
		if _, err := c.Check(t.Context(), getOrders()); err != nil {
			t.Fatal(err)
		}
	}
	close(word)
	for range many {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestACachedCheckOverTheNativeTransportAllocatesNothing, from the bytes that
// the kernel hands over to those that it takes.
func TestACachedCheckOverTheNativeTransportAllocatesNothing(t *testing.T) {
	const batch = 16
	p, request := cached(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.server.address)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the test is over
	_, err = io.WriteString(conn, http2.ClientPreface)
	must(t, err)
	var block, frames bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	w := http2.NewFramer(&frames, nil)
	must(t, w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	must(t, w.WriteWindowUpdate(0, 1<<30))
	stream := uint32(1)
	calls := func() []byte {
		for range batch {
			block.Reset()
			for _, f := range [][2]string{
				{":method", "POST"},
				{":scheme", "http"},
				{":path", "/" + ServiceName + "/Check"},
				{":authority", "credence"},
				{"te", "trailers"},
				{"content-type", "application/grpc"},
				{"grpc-timeout", "200m"},
			} {
				must(t, encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
			}
			must(t, w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true}))
			must(t, w.WriteData(stream, true, append([]byte{0, 0, 0, byte(len(request) >> 8), byte(len(request))}, request...)))
			stream += 2
		}
		sent := bytes.Clone(frames.Bytes())
		frames.Reset()
		return sent
	}
	const runs = 500
	all := make([][]byte, runs+100)
	for i := range all {
		all[i] = calls()
	}
	// The client counts the ends of streams in what it reads, and allocates
	// nothing either.
	reader := &frameCounter{conn: conn, buffer: make([]byte, 1<<16)}
	next := 0
	once := func() {
		_, err := conn.Write(all[next])
		must(t, err)
		next++
		must(t, reader.wait(batch*next))
	}
	for range 50 {
		once()
	}
	if got := testing.AllocsPerRun(runs, once) / batch; got > nativeBudget {
		t.Errorf("%v allocations for a Check, budget %v", got, nativeBudget)
	}
}

// frameCounter counts frames that end a stream.
type frameCounter struct {
	conn   net.Conn
	buffer []byte
	held   int
	ends   int
}

func (f *frameCounter) wait(ends int) error {
	for f.ends < ends {
		n, err := f.conn.Read(f.buffer[f.held:])
		if err != nil {
			return err
		}
		f.held += n
		at := 0
		for f.held-at >= 9 {
			length := 9 + int(f.buffer[at])<<16 + int(f.buffer[at+1])<<8 + int(f.buffer[at+2])
			if f.held-at < length {
				break
			}
			if kind := f.buffer[at+3]; kind <= 1 && f.buffer[at+4]&1 != 0 {
				f.ends++
			}
			at += length
		}
		f.held = copy(f.buffer, f.buffer[at:f.held])
	}
	return nil
}
