package outgoing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// ErrTooLarge means that an answer is longer than the bound.
var ErrTooLarge = errors.New("answer is too large")

// ErrRedirect ends a call that was sent elsewhere.
var ErrRedirect = errors.New("redirected, which is not followed: name the final address")

// Options say what may be reached. The zero Options reach the public Internet.
type Options struct {
	Allow    Allow         // private addresses that may be reached
	Timeout  time.Duration // of a whole call; 0 means 10 s
	MaxBody  int64         // bytes of an answer; 0 means 1 MiB
	TLS      *tls.Config   // nil trusts the system's authorities
	Resolver *net.Resolver // nil means the system's

	// Ports says which ports may be reached at addresses that the allow list
	// does not name together with their port; nil means all.
	Ports func(port uint16) bool
}

// maxHeader bounds the head of an answer, in bytes.
const maxHeader = 64 << 10

// NewClient makes the client.
func NewClient(o Options) *http.Client {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return ErrRedirect },
		Transport: &bounded{most: o.MaxBody, next: &http.Transport{
			Proxy:                  nil, // what the environment names would be a way around the judgement
			DialContext:            dial(o),
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    o.Timeout,
			MaxResponseHeaderBytes: maxHeader,
			MaxConnsPerHost:        8,
			MaxIdleConns:           16,
			IdleConnTimeout:        30 * time.Second,
			ForceAttemptHTTP2:      true,
		}},
	}
}

// dial connects to a host. One that the allow list names may be at any address
// but those that are never reached.
func dial(o Options) func(context.Context, string, string) (net.Conn, error) {
	listed := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver, ControlContext: control(o.Allow.Networks, o.Ports)}
	named := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver, ControlContext: control(everywhere(), nil)}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if o.Allow.namesHost(address) {
			return named.DialContext(ctx, network, address)
		}
		return listed.DialContext(ctx, network, address)
	}
}

// control judges each address at the moment of connecting to it, after all
// names have been resolved.
func control(allow []netip.Prefix, ports func(uint16) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("%w: %s is no TCP", ErrRefused, network)
		}
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		if err := judgePort(at.Port(), ports); err != nil {
			return err
		}
		return judge(at.Addr(), allow)
	}
}

func judgePort(port uint16, ports func(uint16) bool) error {
	if ports == nil || ports(port) {
		return nil
	}
	return fmt.Errorf("%w: port %d is not one of those that are called; put HOST:%d on the allow list (--outgoing-allow) if it is meant", ErrRefused, port, port)
}

// Judge refuses a host and port, as a URL has them, that will never be
// connected to: an address that is written out, or a port. What a name
// resolves to is judged when it is called.
func (o Options) Judge(host string, port uint16) error {
	if o.Allow.namesHost(net.JoinHostPort(host, strconv.Itoa(int(port)))) {
		return nil
	}
	if err := judgePort(port, o.Ports); err != nil {
		return err
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return judge(a, o.Allow.Networks)
	}
	return nil
}

// bounded cuts off answers that are too long.
type bounded struct {
	most int64
	next *http.Transport
}

// RoundTrip makes one exchange.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > b.most {
		return nil, errors.Join(fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, res.ContentLength, b.most), res.Body.Close())
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: b.most, most: b.most}
	return res, nil
}

// CloseIdleConnections lets go of idle connections.
func (b *bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

// boundedBody fails where the bound is passed, instead of ending there.
type boundedBody struct {
	io.ReadCloser

	left, most int64
}

// Read reads up to the bound, and one byte to see whether there is more.
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, fmt.Errorf("%w: at most %d bytes are read", ErrTooLarge, b.most)
	}
	b.left -= int64(n)
	return n, err
}
