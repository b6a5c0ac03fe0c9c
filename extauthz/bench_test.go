package extauthz

import (
	"context"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// cached is a plane with everything switched on, and the bytes of a Check that
// the route lets through for a key in the cache with two limits and a quota.
func cached(tb testing.TB) (p *plane, request []byte) {
	tb.Helper()
	p = newPlane(tb, budgets(tb, limit.MaxLimit))
	text, _ := p.key(func(k *store.Key) {
		k.Scopes = []string{"orders:read", "orders:write"}
		k.Limits = []limit.Limit{
			{Name: "second", Limit: limit.MaxLimit, Period: time.Second, Burst: limit.MaxLimit},
			{Name: "hour", Limit: limit.MaxLimit, Period: time.Hour, Burst: limit.MaxLimit},
		}
		k.Quotas = []limit.Quota{{Name: "daily", Limit: limit.MaxQuotaLimit, Period: limit.QuotaDay}}
	})
	p.want("the first Check, which fills the cache", text, 0, pipeline.ReasonAllowed)
	return p, marshal(tb, on("credence.scopes", "orders:read", with(text)))
}

// benchChecks sends one Check after the other, and then as many at a time as
// testing runs goroutines. The client is the same for both servers.
func benchChecks(b *testing.B, address string, request []byte) {
	b.Helper()
	conn := dial(b, address)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		var reply []byte
		for b.Loop() {
			var err error
			if reply, err = checkBytes(b.Context(), conn, request); err != nil {
				b.Fatal(err)
			}
		}
		if code := decoded(b, reply).GetStatus().GetCode(); code != 0 {
			b.Fatalf("denied with %d", code)
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

// BenchmarkCheckOverGRPC is a whole Check of a key in the cache on loopback,
// client included.
func BenchmarkCheckOverGRPC(b *testing.B) {
	p, request := cached(b)
	benchChecks(b, p.server.address, request)
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
	l, err := Listen(b.Context(), "127.0.0.1:0")
	must(b, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	b.Cleanup(func() { s.Stop(); <-done })
	benchChecks(b, l.Addr().String(), marshal(b, getOrders()))
}

func BenchmarkWalk(b *testing.B) {
	message := marshal(b, getOrders())
	c := newCheckPool().get()
	b.ReportAllocs()
	for b.Loop() {
		c.raw = message
		c.read()
		c.request.Reset()
		c.walker.reset()
	}
}

func benchAnswer(b *testing.B, decide func(*pipeline.Decision)) {
	b.Helper()
	a, c := newTestAnswerer(b, AnswerOptions{}), readBytes(marshal(b, getOrders()))
	decide(&c.decision)
	if k := c.decision.Key; k != nil {
		a.encode(k)
	}
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

// TestACachedCheckAllocatesWhatGRPCWantsAndNothingElse: reading, deciding with
// the cache, the limits and the quota of production, answering and observing.
func TestACachedCheckAllocatesWhatGRPCWantsAndNothingElse(t *testing.T) {
	p, request := cached(t)
	message := mem.BufferSlice{mem.SliceBuffer(request)}
	codec := newCodec()
	ctx := t.Context()
	read := func(v any) error { return codec.Unmarshal(message, v) }
	once := func() {
		reply, err := p.server.check(ctx, read)
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
