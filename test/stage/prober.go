package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Prober asks one replica as an Envoy does, on one connection.
type Prober struct {
	conn   *grpc.ClientConn
	client authv3.AuthorizationClient
}

// Answer is what a Check was answered.
type Answer struct {
	Status int    // of HTTP: 200 is an allow
	Reason string // the one word
}

// NewProber makes a Prober; it connects with the first Check.
func NewProber(at netip.AddrPort) (*Prober, error) {
	conn, err := grpc.NewClient(at.String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("prober: %w", err)
	}
	return &Prober{conn: conn, client: authv3.NewAuthorizationClient(conn)}, nil
}

// Close ends the connection.
func (p *Prober) Close() error { return p.conn.Close() }

// Check makes one Check with the key text. An error means that there was no
// answer, or one that Envoy would take for an allow by accident.
func (p *Prober) Check(ctx context.Context, text string) (Answer, error) {
	got, err := p.client.Check(ctx, request(text))
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{
		Status: http.StatusOK,
		Reason: got.GetDynamicMetadata().GetFields()["credence"].GetStructValue().GetFields()["reason"].GetStringValue(),
	}
	switch {
	case got.GetStatus() == nil:
		return answer, errors.New("an answer without status, which means allow to Envoy")
	case got.GetStatus().GetCode() != 0:
		answer.Status = int(got.GetDeniedResponse().GetStatus().GetCode())
	}
	return answer, nil
}

func request(text string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "203.0.113.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1}},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: "GET", Path: "/orders", Host: "api.example.com", Scheme: "http", Protocol: "HTTP/1.1",
			Headers: map[string]string{
				":authority": "api.example.com", ":method": "GET", ":path": "/orders", ":scheme": "http", "x-api-key": text,
			},
		}},
	}}
}
