package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/store/credential"
)

// ErrUnanswered says that no answer to the Check came back; where it is
// ErrForeign too, one came that is not Credence's.
var (
	ErrUnanswered = errors.New("no answer to the Check")
	ErrForeign    = errors.New("the answer carries no metadata of Credence: something else listens there")
)

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

// Check makes one Check at the target. The error is [ErrUnanswered] with what
// to look at.
func Check(ctx context.Context, t Target, r Request, now func() time.Time) (*Result, error) {
	conn, err := t.Dial()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnanswered, t.Address, err)
	}
	start := now()
	answer, err := authv3.NewAuthorizationClient(conn).Check(t.Calling(ctx), r.message())
	took := now().Sub(start)
	err = errors.Join(err, conn.Close())
	if err != nil {
		return nil, t.unanswered(err)
	}
	result, err := read(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnanswered, t.Address, err)
	}
	result.Took = took
	return result, nil
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
