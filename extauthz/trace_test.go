package extauthz

import (
	"context"
	"sync"
	"testing"
	"time"

	"credence/extauthz/pipeline"
)

// tracesSeen is the part of a tracer.
type tracesSeen struct {
	mu   sync.Mutex
	seen []string
}

func (c *tracesSeen) Check(_ context.Context, parent []byte, d *pipeline.Decision, start time.Time, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if start.IsZero() {
		return
	}
	c.seen = append(c.seen, string(parent)+" "+d.Reason.String())
}

// TestATracerIsShownTheTraceOfTheRequestThatIsChecked over both transports: not
// that of the call which Envoy makes, which has none.
func TestATracerIsShownTheTraceOfTheRequestThatIsChecked(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, kind := range []TransportKind{TransportNative, TransportGRPC} {
		shown := &tracesSeen{}
		o := testOptions(decideFunc(allowsKey))
		o.Trace = shown
		o.Transport.Kind = kind
		s := serve(t, o)
		check := getOrders()
		check.GetAttributes().GetRequest().GetHttp().Headers["traceparent"] = parent
		if _, err := client(t, s.address).Check(t.Context(), check); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decide(t.Context(), func(r *pipeline.Request) {
			r.Headers = append(r.Headers, pipeline.Field{Name: []byte("traceparent"), Value: []byte("other")})
		}); err != nil {
			t.Fatal(err)
		}
		shown.mu.Lock()
		if len(shown.seen) != 2 || shown.seen[0] != parent+" allowed" || shown.seen[1] != "other allowed" {
			t.Errorf("%v: shown %q", kind, shown.seen)
		}
		shown.mu.Unlock()
	}
}
