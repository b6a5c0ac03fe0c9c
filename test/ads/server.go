package ads

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Server serves one set of resources to every Envoy that asks.
type Server struct {
	Address netip.AddrPort

	cache   cache.SnapshotCache
	grpc    *grpc.Server
	cancel  context.CancelFunc
	serving sync.WaitGroup

	mu       sync.Mutex
	version  int
	refusals []error
}

// everybody is the one group that all Envoys are in.
type everybody struct{}

// ID names the group of an Envoy.
func (everybody) ID(*corev3.Node) string { return "everybody" }

// Start serves on loopback until Close, nothing at first.
func Start(ctx context.Context) (*Server, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the xDS server: %w", err)
	}
	bound, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("start the xDS server: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{
		Address: bound, cancel: cancel, grpc: grpc.NewServer(),
		cache: cache.NewSnapshotCache(true, everybody{}, nil),
	}
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(s.grpc, server.NewServer(ctx, s.cache, server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, r *discoveryv3.DiscoveryRequest) error {
			s.heard(r.GetTypeUrl(), r.GetErrorDetail().GetMessage())
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
			s.heard(r.GetTypeUrl(), r.GetErrorDetail().GetMessage())
			return nil
		},
	}))
	s.serving.Go(func() { _ = s.grpc.Serve(listener) })
	return s, nil
}

// Close ends the server and its streams.
func (s *Server) Close() {
	s.cancel()
	s.grpc.Stop()
	s.serving.Wait()
}

// Serve replaces what is served.
func (s *Server) Serve(ctx context.Context, r *Resources) error {
	s.mu.Lock()
	s.version++
	version := strconv.Itoa(s.version)
	s.mu.Unlock()
	snapshot, err := cache.NewSnapshot(version, map[resource.Type][]types.Resource{
		resource.ListenerType: copies(r.Listeners),
		resource.RouteType:    copies(r.Routes),
		resource.ClusterType:  copies(r.Clusters),
		resource.EndpointType: copies(r.Endpoints),
		resource.SecretType:   copies(r.Secrets),
	})
	if err != nil {
		return fmt.Errorf("serve over ADS: %w", err)
	}
	if err := snapshot.Consistent(); err != nil {
		return fmt.Errorf("serve over ADS: %w", err)
	}
	if err := s.cache.SetSnapshot(ctx, everybody{}.ID(nil), snapshot); err != nil {
		return fmt.Errorf("serve over ADS: %w", err)
	}
	return nil
}

// copies lets the caller go on changing its own resources.
func copies[T proto.Message](resources []T) []types.Resource {
	all := make([]types.Resource, len(resources))
	for i, r := range resources {
		all[i] = proto.Clone(r)
	}
	return all
}

// heard keeps what an Envoy says against resources.
func (s *Server) heard(typeURL, refusal string) {
	if refusal == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals = append(s.refusals, fmt.Errorf("refused %s: %s", typeURL, refusal))
}

// Refused answers what Envoys have refused so far, nil when nothing.
func (s *Server) Refused() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.refusals...)
}
