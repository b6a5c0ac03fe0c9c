package extauthz

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

const (
	// windowSize fixes the HTTP/2 windows: with dynamic ones grpc-go sends a
	// bandwidth ping with each Check and doubles the writes.
	windowSize = 1 << 20
	// defaultMaxMessage holds a request with the largest headers that Envoy
	// can be made to accept in practice. A larger one fails the RPC before
	// anybody can answer it, so the cap is generous; bodies are not expected.
	defaultMaxMessage    = 1 << 20
	defaultStreamWorkers = 64
	// defaultConnections is room for the workers of some hundred Envoys.
	defaultConnections = 8192
	// defaultStreams is twice what the clusters in envoy/ let through: a caller
	// who reads no answers leaves so many of them in memory. A lower number
	// refuses the burst on a fresh connection, which Envoy counts as error.
	defaultStreams = 16384
	// maxMetadata bounds what a call may say beside its message. gRPC would
	// keep 16 MiB for each; an Envoy sends the call secret and a trace.
	maxMetadata = 64 << 10
	// handshakeTimeout is how long a client may take to say that it speaks HTTP/2.
	handshakeTimeout = 10 * time.Second
	// maxUnixPath is what fits into sockaddr_un beside its final zero.
	maxUnixPath = 107
)

// TransportKind is what speaks gRPC on the listeners.
type TransportKind uint8

// The kinds of transport.
const (
	TransportNative TransportKind = iota // package extauthz/unary
	TransportGRPC                        // grpc-go
)

// TransportOptions tune the gRPC server. The zero value is right behind an
// Envoy.
type TransportOptions struct {
	// Kind is what speaks gRPC; [TransportNative] by default.
	Kind TransportKind
	// TLS is what the listeners speak; nil is plaintext, for loopback, Unix
	// sockets and meshes only: a Check carries key text.
	TLS *tls.Config
	// MaxMessage is the largest Check in bytes; 1 MiB by default.
	MaxMessage int
	// MaxConnectionAge closes connections softly after that time, give or take
	// a tenth (gRPC draws it for each), so that Envoys spread over replicas
	// again and show a certificate again; 30 min by default, negative never.
	MaxConnectionAge time.Duration
	// MaxConnectionAgeGrace is what running Checks get then; 10 s by default.
	MaxConnectionAgeGrace time.Duration
	// MinPing is the shortest interval of keepalive pings that is tolerated,
	// 5 s by default: Envoy's connection_keepalive must be longer.
	MinPing time.Duration
	// StreamWorkers is the number of goroutines kept for Checks, 64 by default:
	// a stack that has grown once need not grow again for each Check. When all
	// are busy (waiting for the store) gRPC starts a goroutine for the Check.
	StreamWorkers uint32
	// Connections is how many a listener has open at once, 8192 by default, and
	// ConnectionsOfOne how many of them one address has, half by default; those
	// of a Unix socket have none.
	Connections, ConnectionsOfOne int
	// Streams is how many Checks of one connection are under way at once, those
	// included whose answer is not read; 16384 by default. It must not be lower
	// than max_requests of the cluster in Envoy.
	Streams uint32
}

func (o TransportOptions) validate() error {
	switch {
	case o.MaxMessage < 0:
		return fmt.Errorf("option Transport.MaxMessage: %d: must not be negative", o.MaxMessage)
	case o.Connections < 0:
		return fmt.Errorf("option Transport.Connections: %d: must not be negative", o.Connections)
	case o.ConnectionsOfOne < 0:
		return fmt.Errorf("option Transport.ConnectionsOfOne: %d: must not be negative", o.ConnectionsOfOne)
	case o.MaxConnectionAgeGrace < 0:
		return fmt.Errorf("option Transport.MaxConnectionAgeGrace: %s: must not be negative", o.MaxConnectionAgeGrace)
	case o.MinPing < 0 || o.MinPing > 10*time.Second:
		return fmt.Errorf("option Transport.MinPing: %s: must lie between 0 and 10s, "+
			"or Envoy's keepalive pings close its connections", o.MinPing)
	}
	return nil
}

func (o TransportOptions) withDefaults() TransportOptions {
	if o.MaxMessage == 0 {
		o.MaxMessage = defaultMaxMessage
	}
	if o.MaxConnectionAge == 0 {
		o.MaxConnectionAge = 30 * time.Minute
	}
	if o.MaxConnectionAge < 0 {
		o.MaxConnectionAge = 0 // grpc-go reads zero as never
	}
	if o.MaxConnectionAgeGrace == 0 {
		o.MaxConnectionAgeGrace = 10 * time.Second
	}
	if o.MinPing == 0 {
		o.MinPing = 5 * time.Second
	}
	if o.StreamWorkers == 0 {
		o.StreamWorkers = defaultStreamWorkers
	}
	if o.Connections == 0 {
		o.Connections = defaultConnections
	}
	if o.Streams == 0 {
		o.Streams = defaultStreams
	}
	return o
}

// serverOptions are gRPC's; refused is told of clients that TLS turns away,
// foreign, without TLS, of those that do not speak HTTP/2.
func (o TransportOptions) serverOptions(refused func(from net.Addr, why error), foreign func(from net.Addr, spoken string)) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.MaxRecvMsgSize(o.MaxMessage),
		grpc.MaxHeaderListSize(maxMetadata),
		grpc.MaxConcurrentStreams(o.Streams),
		grpc.InitialWindowSize(windowSize),
		grpc.InitialConnWindowSize(windowSize),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.WaitForHandlers(true),
		grpc.NumStreamWorkers(o.StreamWorkers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: o.MinPing, PermitWithoutStream: true,
		}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: o.MaxConnectionAge, MaxConnectionAgeGrace: o.MaxConnectionAgeGrace,
		}),
	}
	return append(opts, grpc.Creds(o.handshakes(refused, foreign)))
}

// handshakes are what happens on a connection before HTTP/2.
func (o TransportOptions) handshakes(refused func(from net.Addr, why error), foreign func(from net.Addr, spoken string)) credentials.TransportCredentials {
	if o.TLS != nil {
		return newHandshakes(o.TLS, refused)
	}
	return newGreetings(foreign)
}

// Listen opens the address of a listener: "host:port" (port 0 picks a free
// one) or "unix:PATH". A socket file that nobody listens on any more is
// replaced; one in use, or any other file, is an error. The socket can be
// used by the owner and the group.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if err := ctx.Err(); err != nil { // which a resolver in a hurry may not notice
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on %s: the port is in use: stop the other process or choose another port: %w",
				address, err)
		}
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
		return l, nil
	}
	return listenUnix(ctx, strings.TrimPrefix(path, "//"))
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" || len(path) > maxUnixPath {
		return nil, fmt.Errorf("listen on unix:%s: the path has %d bytes: give one of 1 to %d", path, len(path), maxUnixPath)
	}
	if err := removeStaleSocket(ctx, path); err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the proxy runs as another user of the group
		return nil, errors.Join(fmt.Errorf("listen on unix:%s: %w", path, err), l.Close())
	}
	return l, nil
}

// removeStaleSocket removes what a crashed process left behind.
func removeStaleSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("the path is a file that is no socket: choose another path")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(errors.New("another process listens there: stop it or choose another path"), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
