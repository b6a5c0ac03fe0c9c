package extauthz

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthServer answers grpc.health.v1 for the empty service name and for
// [ServiceName]. It says whether this process can decide at all, and does not
// follow the store: with the database gone, known keys are still answered.
type healthServer struct {
	*health.Server
	drained chan struct{}
}

func newHealthServer() *healthServer {
	h := &healthServer{Server: health.NewServer(), drained: make(chan struct{})}
	h.set(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	return h
}

func (h *healthServer) set(s grpc_health_v1.HealthCheckResponse_ServingStatus) {
	h.SetServingStatus("", s)
	h.SetServingStatus(ServiceName, s)
}

func (h *healthServer) serving() { h.set(grpc_health_v1.HealthCheckResponse_SERVING) }

// drain turns everything to NOT_SERVING for good.
func (h *healthServer) drain() {
	h.Shutdown()
	close(h.drained)
}

// Watch ends when the server drains: an open watch would hold up a graceful
// stop until its deadline.
func (h *healthServer) Watch(
	in *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse],
) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-h.drained:
			cancel()
		case <-ended:
		}
	}()
	err := h.Server.Watch(in, &watchStream{ServerStreamingServer: stream, context: func() context.Context { return ctx }})
	select {
	case <-h.drained:
		return status.Error(codes.Unavailable, "server is draining")
	default:
		return err
	}
}

// watchStream is a stream whose context ends earlier.
type watchStream struct {
	grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]
	context func() context.Context
}

// Context is the shortened context.
func (w *watchStream) Context() context.Context { return w.context() }
