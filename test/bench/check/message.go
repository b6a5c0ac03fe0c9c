package main

import (
	"bytes"
	"errors"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"credence/store/credential"
)

// message is the Check that Envoy sends with the shipped configuration for a
// small request of a browser, with room for the key: all key texts have one
// length, so each Check differs from this one in those bytes only.
type message struct {
	bytes []byte
	at    int // where the key text stands
	size  int // its length
}

func newMessage(placeholder string) (message, error) {
	header := func(name, value string) *corev3.HeaderValue {
		return &corev3.HeaderValue{Key: name, RawValue: []byte(value)}
	}
	peer := func(address string, port uint32) *authv3.AttributeContext_Peer {
		return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}},
		}}}
	}
	raw, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      peer("203.0.113.9", 43210),
		Destination: peer("198.51.100.4", 443),
		Request: &authv3.AttributeContext_Request{
			Time: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 123_000_000},
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "1234567890123456789", Method: "GET", Path: "/orders/42?page=2", Host: "api.example.com",
				Scheme: "https", Protocol: "HTTP/1.1",
				HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{
					header(":authority", "api.example.com"), header(":method", "GET"), header(":path", "/orders/42?page=2"),
					header(":scheme", "https"), header("accept", "application/json"), header("accept-encoding", "gzip, br"),
					header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
					header("x-api-key", placeholder), header("x-client-ip", "203.0.113.9"), header("x-forwarded-proto", "https"),
					header("x-request-id", "6fa1cc31-34a5-4f3a-8c5e-5a0d26f4d6a9"),
				}},
			},
		},
		ContextExtensions: map[string]string{"credence.scopes": "orders:read"},
	}})
	if err != nil {
		return message{}, fmt.Errorf("make a Check: %w", err)
	}
	at := bytes.Index(raw, []byte(placeholder))
	if at < 0 || bytes.Count(raw, []byte(placeholder)) != 1 {
		return message{}, errors.New("make a Check: the key does not stand in it once")
	}
	return message{bytes: raw, at: at, size: len(placeholder)}, nil
}

// with writes the Check with that key into dst, which has the message's length.
func (m message) with(key credential.Text, dst []byte) {
	copy(dst, m.bytes)
	copy(dst[m.at:m.at+m.size], key.Reveal())
}
