package extauthz

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"credence/extauthz/cache"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/extauthz/usage"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/store/sketch"
)

// generous is a store whose keys have limits that nobody meets.
type generous struct{ made int }

func (s *generous) FindKey(_ context.Context, hashes []credential.Hash) (store.KeyRecord, error) {
	s.made++
	return store.KeyRecord{Key: store.Key{
		KeyID: fmt.Sprintf("key_01jd6q0000000000%010d", s.made), Namespace: "default", Name: "bench",
		KeyType: store.KeyTypeService, Status: store.StatusActive,
		Environment: "live", Scopes: []string{"orders:read", "orders:write"}, Hash: hashes[0], ChecksumID: "c1",
		Limits: []limit.Limit{
			{Name: "second", Limit: limit.MaxLimit, Period: time.Second, Burst: limit.MaxLimit},
			{Name: "hour", Limit: limit.MaxLimit, Period: time.Hour, Burst: limit.MaxLimit},
		},
	}}, nil
}

// discarded is where usage goes.
type discarded struct{}

func (discarded) AddUsage(context.Context, store.UsageBatch) error { return nil }

// BenchmarkCheckOfManyKeys is what Checks cost that come 16 at a time, of keys
// in no order, without the kernel.
func BenchmarkCheckOfManyKeys(b *testing.B) {
	for _, n := range []int{1, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o, texts := crowd(b, n)
			p, err := pipeline.New(o)
			must(b, err)
			server := testOptions(p)
			server.Usage, err = usage.New(usage.Options{
				Sink: discarded{}, Replica: "r", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
				Hasher: sketch.NewHasher([32]byte{1}),
			})
			must(b, err)
			s, err := New(server)
			must(b, err)
			proxy := newBusyProxy(b, texts, len(texts)/batchOfProxy+10)
			b.ReportAllocs()
			done := make(chan error, 1)
			go func() { done <- s.transport.Serve(b.Context(), proxy) }()
			<-proxy.over
			s.transport.Stop()
			must(b, <-done)
			slices.Sort(proxy.times) // the machine does other things too
			b.ReportMetric(float64(proxy.times[len(proxy.times)/2])/batchOfProxy, "median-ns/check")
			b.ReportMetric(float64(proxy.times[len(proxy.times)/10])/batchOfProxy, "p10-ns/check")
			if proxy.refused > 0 {
				b.Fatalf("%d Checks were not allowed", proxy.refused)
			}
		})
	}
}

// crowd is what a pipeline with n keys in its cache is made of, and their
// texts in no order.
func crowd(tb testing.TB, n int) (pipeline.Options, []credential.Text) {
	tb.Helper()
	encode, err := Encoder(AnswerOptions{})
	must(tb, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(tb, err)
	keys, err := cache.New(cache.Options{
		Store: &generous{}, Secrets: secrets, Now: time.Now, Size: n, Encode: encode, TTL: 24 * time.Hour, Ceiling: 24 * time.Hour,
	})
	must(tb, err)
	keys.CaughtUp(time.Now())
	texts := make([]credential.Text, n)
	for i := range texts {
		texts[i], _, err = secrets.Mint(rand.Reader, "crd", "live")
		must(tb, err)
		if k, _, err := keys.Find(tb.Context(), texts[i].Digest()); k == nil || err != nil {
			tb.Fatal(k, err)
		}
	}
	order := mathrand.New(mathrand.NewPCG(1, 2))
	order.Shuffle(n, func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	limits, err := limiter.New(limiter.Options{
		Store: noQuotas{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler), MaxRates: 3*n + 1000,
	})
	must(tb, err)
	return pipeline.Options{Secrets: secrets, Keys: keys, Blacklist: openDoor{}, Limiter: limits, Now: time.Now}, texts
}

type noQuotas struct{ store.QuotaCounters }

type openDoor struct{}

func (openDoor) Refused(netip.Addr, string, time.Time) bool { return false }

const batchOfProxy = 16

// busyProxy is a listener with one connection, whose peer sends the next calls
// as soon as it is read from: key after key.
type busyProxy struct {
	b     *testing.B
	texts []credential.Text
	warm  int // turns before those that are measured
	turns int

	hello   []byte
	calls   []byte // the frames of a turn
	streams []int  // where a stream's number stands in them
	keys    []int  // where a key text does
	stream  uint32

	pending []byte
	sent    time.Time
	times   []time.Duration // of the turns
	refused int
	once    bool
	quit    chan struct{}
	over    chan struct{}
}

func newBusyProxy(b *testing.B, texts []credential.Text, warm int) *busyProxy {
	b.Helper()
	p := &busyProxy{b: b, texts: texts, warm: warm, stream: 1, quit: make(chan struct{}), over: make(chan struct{})}
	var hello, calls, block bytes.Buffer
	hello.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&hello, nil)
	must(b, f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	must(b, f.WriteWindowUpdate(0, 1<<20))
	encoder := hpack.NewEncoder(&block)
	header := func() []byte {
		block.Reset()
		for _, h := range []hpack.HeaderField{
			{Name: ":method", Value: "POST"},
			{Name: ":scheme", Value: "http"},
			{Name: ":path", Value: "/" + ServiceName + "/Check"},
			{Name: ":authority", Value: "credence"},
			{Name: "te", Value: "trailers"},
			{Name: "content-type", Value: "application/grpc"},
			{Name: "grpc-timeout", Value: "200m"},
		} {
			must(b, encoder.WriteField(h))
		}
		return block.Bytes()
	}
	message := marshal(b, with(texts[0].Reveal()))
	data := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	must(b, f.WriteHeaders(http2.HeadersFrameParam{StreamID: p.stream, BlockFragment: header(), EndHeaders: true}))
	must(b, f.WriteData(p.stream, true, data))
	p.hello = hello.Bytes()
	f = http2.NewFramer(&calls, nil)
	must(b, f.WriteWindowUpdate(0, batchOfProxy<<10)) // for the answers, more or less
	for range batchOfProxy {
		p.streams = append(p.streams, calls.Len()+5)
		must(b, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(), EndHeaders: true}))
		p.streams = append(p.streams, calls.Len()+5)
		p.keys = append(p.keys, calls.Len()+9+bytes.Index(data, []byte(texts[0].Reveal())))
		must(b, f.WriteData(1, true, data))
	}
	p.calls = calls.Bytes()
	return p
}

// Read is the server reading what the proxy sends.
func (p *busyProxy) Read(into []byte) (int, error) {
	if len(p.pending) == 0 {
		if !p.send() {
			return 0, io.EOF
		}
	}
	n := copy(into, p.pending)
	p.pending = p.pending[n:]
	return n, nil
}

func (p *busyProxy) send() bool {
	if p.turns++; p.turns == 1 {
		p.pending = p.hello
		return true
	}
	now := time.Now()
	if p.turns > p.warm+1 {
		p.times = append(p.times, now.Sub(p.sent))
	}
	p.sent = now
	if p.turns > p.warm+1 && !p.b.Loop() {
		close(p.over)
		<-p.quit
		return false
	}
	for i, at := range p.keys {
		p.stream += 2
		binary.BigEndian.PutUint32(p.calls[p.streams[2*i]:], p.stream)
		binary.BigEndian.PutUint32(p.calls[p.streams[2*i+1]:], p.stream)
		copy(p.calls[at:], p.texts[(p.turns*batchOfProxy+i)%len(p.texts)].Reveal())
	}
	p.pending = p.calls
	return true
}

// Write is the server answering: all answers of a turn at once.
func (p *busyProxy) Write(b []byte) (int, error) {
	for rest := b; len(rest) >= 9; {
		length, kind := int(rest[0])<<16|int(rest[1])<<8|int(rest[2]), rest[3]
		// Of a DATA frame: the message's prefix, and the status of an allow.
		allow := []byte{0x0a, 0x02, 0x08, 0x00}
		if kind == 0 && !bytes.HasPrefix(rest[9+5:], allow) || http2.FrameType(kind) == http2.FrameRSTStream {
			p.refused++
		}
		rest = rest[9+length:]
	}
	return len(b), nil
}

func (p *busyProxy) Accept() (net.Conn, error) {
	if !p.once {
		p.once = true
		return busyConn{p}, nil
	}
	<-p.quit
	return nil, net.ErrClosed
}

func (p *busyProxy) Addr() net.Addr { return &net.TCPAddr{} }

func (p *busyProxy) Close() error {
	select {
	case <-p.quit:
	default:
		close(p.quit)
	}
	return nil
}

// busyConn is the connection of a busyProxy.
type busyConn struct{ *busyProxy }

func (busyConn) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "here"} }
func (busyConn) RemoteAddr() net.Addr             { return &net.UnixAddr{Name: "there"} }
func (busyConn) SetDeadline(time.Time) error      { return nil }
func (busyConn) SetReadDeadline(time.Time) error  { return nil }
func (busyConn) SetWriteDeadline(time.Time) error { return nil }
