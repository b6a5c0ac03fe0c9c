package extauthz

import (
	"context"
	"net"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"credence/extauthz/pipeline"
)

// allowsPrepared accepts everything without allocating, so that only the
// server is measured.
func allowsPrepared() decideFunc {
	var prepared pipeline.Decision
	acceptKey(&prepared)
	return func(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) {
		limits := d.Limits
		*d = prepared
		d.Limits = append(limits, prepared.Limits...)
	}
}

func benchServer(b *testing.B, s interface {
	Serve(net.Listener) error
	Stop()
},
) string {
	b.Helper()
	l, err := Listen(b.Context(), "127.0.0.1:0")
	must(b, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	b.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

// benchChecks sends one Check after the other, and then as many at a time as
// testing runs goroutines. The client is the same for both servers.
func benchChecks(b *testing.B, address string) {
	b.Helper()
	conn, request := dial(b, address), marshal(b, getOrders())
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := checkBytes(b.Context(), conn, request); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := checkBytes(b.Context(), conn, request); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkCheckOverGRPC is a whole Check on loopback, client included.
func BenchmarkCheckOverGRPC(b *testing.B) {
	s, err := New(testOptions(allowsPrepared()))
	must(b, err)
	benchChecks(b, benchServer(b, s.grpc))
}

// noop is the least that a server with generated types can do.
type noop struct {
	authv3.UnimplementedAuthorizationServer
}

func (noop) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{Status: &status.Status{}}, nil
}

// BenchmarkNoopOverGRPC is what to compare with.
func BenchmarkNoopOverGRPC(b *testing.B) {
	s := grpc.NewServer(grpc.InitialWindowSize(windowSize), grpc.InitialConnWindowSize(windowSize))
	authv3.RegisterAuthorizationServer(s, noop{})
	benchChecks(b, benchServer(b, s))
}

func BenchmarkWalk(b *testing.B) {
	var message mem.Buffer = mem.SliceBuffer(marshal(b, getOrders()))
	c := newCheckPool().get()
	b.ReportAllocs()
	for b.Loop() {
		c.in = message
		c.read()
		c.request.Reset()
		c.walker.reset()
	}
}

func benchAnswer(b *testing.B, decide func(*pipeline.Decision)) {
	b.Helper()
	a, c := newTestAnswerer(b, AnswerOptions{}), readBytes(marshal(b, getOrders()))
	decide(&c.decision)
	b.ReportAllocs()
	for b.Loop() {
		a.answer(c)
		c.home.answers.Put(c.out)
		c.out = nil
	}
}

func BenchmarkAnswerAllow(b *testing.B) { benchAnswer(b, acceptKey) }

func BenchmarkAnswerDeny(b *testing.B) {
	benchAnswer(b, func(d *pipeline.Decision) { d.Reason = pipeline.ReasonUnknownKey })
}

// TestAllocationBudget: reading, answering and observing a Check allocate
// nothing themselves.
func TestAllocationBudget(t *testing.T) {
	s := newServer(t, testOptions(allowsPrepared()))
	message := mem.BufferSlice{mem.SliceBuffer(marshal(t, getOrders()))}
	codec := newCodec()
	ctx := t.Context()
	read := func(v any) error { return codec.Unmarshal(message, v) }
	once := func() {
		reply, err := s.check(ctx, read)
		must(t, err)
		data, err := codec.Marshal(reply)
		must(t, err)
		data.Free()
	}
	for range 100 { // fill the pools
		once()
	}
	if got := testing.AllocsPerRun(1000, once); got > checkBudget {
		t.Errorf("%v allocations for a Check, budget %d", got, checkBudget)
	}
}
