package extauthz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"credence/extauthz/pipeline"
)

// ServiceName is the gRPC service that Envoy calls, and the name under which
// its health is asked for.
const ServiceName = "envoy.service.auth.v3.Authorization"

// errNoStatus refuses to send an answer that Envoy would read as "allow"
// because nothing stands in it.
var errNoStatus = status.Error(codes.Internal, "answer without a status")

// decider makes the decision; *pipeline.Pipeline is one.
type decider interface {
	Decide(ctx context.Context, r *pipeline.Request, d *pipeline.Decision)
}

// Server answers Checks. Make it with [New], run it with [Server.Serve].
type Server struct {
	pipeline decider
	callers  callers
	answers  *answerer
	metrics  *metrics
	usage    counter // nil counts nothing
	trace    tracer
	record   *recorder
	logger   *slog.Logger
	now      func() time.Time
	checks   *checkPool

	prepare   preparer    // the pipeline, if it is one
	nearUsage nearCounter // usage, if it is one

	health *healthServer
	ready  <-chan struct{}
	loaded atomic.Bool // the first snapshot is
	drain  DrainOptions
	bounds Bounds // of each listener

	transport transport
}

// transport is what carries Checks: package unary (native.go), or grpc-go.
type transport interface {
	// Serve answers what comes over the listener until the server is stopped,
	// which is no error. The end of ctx does not stop it.
	Serve(ctx context.Context, l net.Listener) error
	// GracefulStop lets running calls finish, Stop cuts them off. Both return
	// when no goroutine is left.
	GracefulStop()
	Stop()
}

// New builds a server. The error names the option, its problem and the remedy.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("check server: %w", err)
	}
	answers, err := newAnswerer(o.Answer)
	if err != nil {
		return nil, fmt.Errorf("check server: %w", err)
	}
	m, err := newMetrics(o.Registerer, o.Sources, o.Now)
	if err != nil {
		return nil, fmt.Errorf("check server: %w", err)
	}
	s := &Server{
		pipeline: o.Pipeline, callers: newCallers(o.CallSecrets), answers: answers, metrics: m, usage: o.Usage, trace: o.Trace,
		record: newRecorder(o.Logger, o.Record, o.Now), logger: o.Logger, now: o.Now,
		checks: newCheckPool(), health: newHealthServer(), ready: o.Ready,
		drain: o.Drain.withDefaults(),
	}
	s.prepare, _ = o.Pipeline.(preparer)
	s.nearUsage, _ = o.Usage.(nearCounter)
	s.loaded.Store(o.Ready == nil)
	transport := o.Transport.withDefaults()
	s.bounds = Bounds{Most: transport.Connections, OfOne: transport.ConnectionsOfOne}
	if transport.Kind == TransportGRPC {
		s.transport = s.overGRPC(transport)
	} else {
		s.transport = s.overUnary(transport)
	}
	return s, nil
}

// overGRPC is the server of grpc-go.
func (s *Server) overGRPC(o TransportOptions) transport {
	server := grpc.NewServer(o.serverOptions(s.refuseHandshake, s.refuseGreeting)...)
	server.RegisterService(checkService(), s)
	grpc_health_v1.RegisterHealthServer(server, s.health)
	return grpcTransport{server}
}

type grpcTransport struct{ *grpc.Server }

// Serve is grpc-go's.
func (t grpcTransport) Serve(_ context.Context, l net.Listener) error {
	if err := t.Server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// checkService is what protoc would generate for the service, except that the
// message goes to the handler as bytes (codec.go). Interceptors are left out
// on purpose: nothing stands between the last line of check and the wire.
func checkService() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: ServiceName,
		HandlerType: (*checker)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Check",
			Handler: func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				s, ok := srv.(checker)
				if !ok {
					return nil, errNoStatus
				}
				return s.check(ctx, dec)
			},
		}},
		Metadata: "envoy/service/auth/v3/external_auth.proto",
	}
}

type checker interface {
	check(ctx context.Context, dec func(any) error) (any, error)
}

// check is one Check over grpc-go, whose dec reads the message into it. An
// error makes the RPC fail, which Envoy counts as "error" and may let pass if
// the operator asked for that; therefore nothing that a request contains leads
// to one.
func (s *Server) check(ctx context.Context, dec func(any) error) (reply any, err error) {
	start := s.now()
	if !s.callers.know(ctx) {
		return nil, s.turnAway(ctx, peerOf(ctx))
	}
	c := s.checks.get()
	if err := s.run(ctx, c, start, dec); err != nil {
		return nil, err
	}
	return c, nil
}

// run is one Check: bytes > request > decision > answer > record. dec, if any,
// puts the bytes into c. After an error c is gone.
func (s *Server) run(ctx context.Context, c *check, start time.Time, dec func(any) error) (err error) {
	s.metrics.inFlight.Add(1)
	defer func() {
		s.metrics.inFlight.Add(-1)
		if p := recover(); p != nil {
			// The state is dropped, not pooled: nobody knows who still holds it.
			err = s.panicked(ctx, p)
		} else if err != nil {
			c.release()
		}
	}()

	if dec != nil {
		if err := dec(c); err != nil {
			s.metrics.unreadable.Inc()
			return fmt.Errorf("read check: %w", err)
		}
	}
	if !c.seen {
		c.read()
	}
	s.decide(ctx, c)
	s.answers.answer(c)

	_, err = s.finish(ctx, c, start)
	return err
}

// decide asks the pipeline, once there is something to decide on. An Envoy
// that does not watch our health may call before.
func (s *Server) decide(ctx context.Context, c *check) {
	if !s.loaded.Load() {
		c.decision.Reason, c.decision.Stage = pipeline.ReasonUnavailable, pipeline.StageRead
		return
	}
	s.pipeline.Decide(ctx, &c.request, &c.decision)
}

// finish holds the two last lines before the wire: an answer must carry an
// explicit status, and after the caller's deadline only the context's error
// may be sent, because Envoy still accepts a late "allow" in a race.
func (s *Server) finish(ctx context.Context, c *check, start time.Time) (any, error) {
	if !c.answered() {
		s.metrics.noStatus.Inc()
		return nil, errNoStatus
	}
	if late := ctx.Err(); late != nil {
		s.metrics.late.Inc()
		return nil, status.FromContextError(late).Err()
	}
	took := s.now().Sub(start)
	s.metrics.observe(c, took)
	if s.usage != nil {
		s.usage.Count(&c.decision, c.request.Header("user-agent"), start, took)
	}
	if s.trace != nil {
		s.trace.Check(ctx, c.request.Header("traceparent"), &c.decision, start, took)
	}
	s.record.check(ctx, c, took)
	return c, nil
}

// panicked counts and logs a panic. The value of a panic can quote what the
// request contained, so only those of the Go runtime are printed.
func (s *Server) panicked(ctx context.Context, p any) error {
	s.metrics.panics.Inc()
	what := fmt.Sprintf("%T", p)
	var re runtime.Error
	if e, ok := p.(error); ok && errors.As(e, &re) {
		what = re.Error()
	}
	s.logger.LogAttrs(ctx, slog.LevelError, "check panicked",
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	return errPanicked
}

var errPanicked = status.Error(codes.Internal, "internal error")

// Serve answers Checks on the listeners until ctx ends, then drains: health
// turns NOT_SERVING, running Checks finish, and what has not finished after
// [DrainOptions.Timeout] is cut off. It closes the listeners, returns when no
// goroutine is left, and can be called once. The error is that of the first
// listener that failed.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		g.Go(func() error {
			if err := s.transport.Serve(ctx, Bound(l, s.bounds, s.refuseConnection)); err != nil {
				return fmt.Errorf("serve checks on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	g.Go(func() error {
		s.serveWhenReady(ctx)
		<-ctx.Done()
		s.stop()
		return nil
	})
	return g.Wait()
}

// serveWhenReady turns health to SERVING once the first snapshot is loaded.
func (s *Server) serveWhenReady(ctx context.Context) {
	if s.ready != nil {
		select {
		case <-ctx.Done():
			return
		case <-s.ready:
		}
	}
	s.loaded.Store(true)
	s.health.serving()
}

// stop drains the server, see [Server.Serve].
func (s *Server) stop() {
	s.health.drain()
	wait(s.drain.Delay)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.transport.GracefulStop()
	}()
	timer := time.NewTimer(s.drain.Timeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.transport.Stop()
		<-done
	}
}

func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
