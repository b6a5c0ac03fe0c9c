package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"credence/store/credential"
)

// ErrUnanswered says that no answer to the Check came back.
var ErrUnanswered = errors.New("no answer to the Check")

// Request is what Envoy would have seen.
type Request struct {
	Key        credential.Text // empty: none is sent
	KeyHeader  string          // where it stands; in authorization it is a bearer token
	Method     string
	Path       string // with the query
	Host       string
	IP         netip.Addr // of the transport peer
	Headers    []Pair
	Extensions []Pair // context extensions of the route
}

// Pair is a name and its value.
type Pair struct{ Name, Value string }

// Check makes one Check at the address, "host:port" or "unix:PATH". The error
// is [ErrUnanswered] with what to look at.
func Check(ctx context.Context, address string, r Request, now func() time.Time) (*Result, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnanswered, address, err)
	}
	start := now()
	answer, err := authv3.NewAuthorizationClient(conn).Check(ctx, r.message())
	took := now().Sub(start)
	err = errors.Join(err, conn.Close())
	if err != nil {
		return nil, unanswered(address, err)
	}
	result, err := read(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnanswered, address, err)
	}
	result.Took = took
	return result, nil
}

// unanswered says what an error of the RPC means for an operator.
func unanswered(address string, err error) error {
	remedy := "Envoy would count an error and answer its status_on_error; look at the server's log"
	for _, known := range []struct {
		code   codes.Code
		remedy string
	}{
		{codes.Unavailable, "is `credence serve` running, and is this its Check address (--addr)?"},
		{codes.DeadlineExceeded, "the server takes longer than --timeout; Envoy's own timeout is shorter still"},
		{codes.Unimplemented, "something else listens there: give the Check address (--addr), not that of the API"},
		{codes.ResourceExhausted, "the request is larger than the server accepts"},
	} {
		if known.code == status.Code(err) {
			remedy = known.remedy
		}
	}
	return fmt.Errorf("%w: %s: %w: %s", ErrUnanswered, address, err, remedy)
}

// message is the CheckRequest that Envoy would send for the request.
func (r Request) message() *authv3.CheckRequest {
	headers := map[string]string{
		":authority": r.Host, ":method": r.Method, ":path": r.Path, ":scheme": "http",
	}
	add := func(name, value string) {
		name = strings.ToLower(name)
		if before, ok := headers[name]; ok { // as Envoy joins them
			value = before + "," + value
		}
		headers[name] = value
	}
	for _, h := range r.Headers {
		add(h.Name, h.Value)
	}
	if !r.Key.Empty() {
		value := r.Key.Reveal()
		if strings.EqualFold(r.KeyHeader, "authorization") {
			value = "Bearer " + value
		}
		add(r.KeyHeader, value)
	}
	extensions := make(map[string]string, len(r.Extensions))
	for _, e := range r.Extensions {
		extensions[e.Name] = e.Value
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{
				Address: r.IP.String(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1},
			},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: r.Method, Path: r.Path, Host: r.Host, Scheme: "http", Protocol: "HTTP/1.1", Headers: headers,
		}},
		ContextExtensions: extensions,
	}}
}

// local reports whether the address is on this machine, where plaintext gives
// nobody a key.
func local(address string) bool {
	if strings.HasPrefix(address, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
