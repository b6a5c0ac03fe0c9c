package extauthz

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"credence/extauthz/pipeline"
	"credence/extauthz/unary"
)

// What is not a Check asks for health: with a name, and few at a time.
const (
	maxOtherMessage = 4 << 10
	maxOthers       = 100
)

// overUnary is the transport of package unary: Checks are answered where they
// are read, everything else by the services that grpc-go's generated code
// describes.
func (s *Server) overUnary(o TransportOptions) transport {
	handshakes := o.handshakes(s.refuseHandshake, s.refuseGreeting)
	others := newOthers(s)
	others.add(&grpc_health_v1.Health_ServiceDesc, s.health)
	others.add(&grpc.ServiceDesc{ServiceName: ServiceName}, nil) // whose one method is answered apart
	return unary.New(unary.Options{
		Path: "/" + ServiceName + "/Check", Inline: s.checkInline, Ahead: s.checksAhead, Others: others.answer,
		Shows: CallSecretHeader, Admits: s.callers.accept, WaitKey: pipeline.WaitKey{},
		Handshake: func(conn net.Conn) (net.Conn, error) {
			conn, _, err := handshakes.ServerHandshake(conn)
			return conn, err
		},
		HandshakeTimeout: handshakeTimeout, Now: s.now,
		MaxMessage: o.MaxMessage, MaxHeaders: maxMetadata, MaxStreams: o.Streams,
		MaxOtherMessage: maxOtherMessage, MaxOthers: maxOthers,
		MinPing: o.MinPing, MaxAge: o.MaxConnectionAge, MaxAgeGrace: o.MaxConnectionAgeGrace,
		Violated: s.violated,
		Panicked: func(ctx context.Context, value any) { _ = s.panicked(ctx, value) },
	})
}

// checkInline is one Check. It runs on the goroutine that reads the
// connection; whatever waits for something says so before ([pipeline.Waits]).
func (s *Server) checkInline(call *unary.Call) {
	if !call.Admitted() {
		fail(call, s.turnAway(call, call.From().String()))
		return
	}
	message, err := call.Message()
	if err != nil {
		s.metrics.unreadable.Inc()
		fail(call, err)
		return
	}
	c, start := prepared(call)
	if c == nil { // reading it has panicked
		c, start = s.checks.get(), s.now()
		c.raw = message
	}
	if err := s.run(call, c, start, nil); err != nil {
		fail(call, err)
		return
	}
	call.Reply(*c.out)
	c.release()
}

// fail answers with the status of the error.
func fail(call *unary.Call, err error) {
	if own, is := errors.AsType[*unary.StatusError](err); is {
		call.Fail(own.Code, own.Text)
		return
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	call.Fail(uint32(st.Code()), st.Message())
}

// violated counts and logs a client that broke HTTP/2 and was hung up on.
func (s *Server) violated(from net.Addr, v *unary.ViolationError) {
	s.metrics.violations[v.Code].Inc()
	s.record.violation(from.String(), v)
}
