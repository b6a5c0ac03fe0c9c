package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"credence/store/certfile"
	"credence/store/credential"
)

// DefaultTimeout is the longest a call takes when [Options] does not say: longer
// than a server may take that waits for another program.
const DefaultTimeout = 65 * time.Second

// Options say where the API is and who asks.
type Options struct {
	Server         string                 // "https://host:port" or "http://127.0.0.1:8080"
	Token          credential.Text        // admin token; zero for operations that need none
	TLS            certfile.ClientOptions // whom to trust over https, and what to show; zero trusts the system's authorities
	AllowPlaintext bool                   // send the token over plain HTTP to hosts that are not loopback
	Timeout        time.Duration          // of a whole call; 0 means DefaultTimeout
	UserAgent      string                 // "" means "credence"
}

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	token     credential.Text
	userAgent string
	http      *http.Client
}

// New makes a Client. It does not connect. The error names the option that is
// wrong and what to do.
func New(o Options) (*Client, error) {
	base, err := parseServer(o.Server)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) && !o.AllowPlaintext {
		return nil, fmt.Errorf("server %s: the admin token would travel unencrypted: use https, or allow plain text on purpose", base)
	}
	if base.Scheme == "http" && o.TLS.Given() {
		return nil, fmt.Errorf("server %s: files for TLS are given, and plain HTTP would not use them: write https, or leave them out", base)
	}
	secure, err := o.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "credence"
	}
	return &Client{
		base: base, token: o.Token, userAgent: o.UserAgent,
		http: &http.Client{
			Timeout: o.Timeout,
			// A redirect would carry the token to a place nobody named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy:                  nil, // as CheckRedirect
				DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
				TLSClientConfig:        secure,
				TLSHandshakeTimeout:    10 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
				MaxIdleConns:           4,
				IdleConnTimeout:        30 * time.Second,
				ForceAttemptHTTP2:      true,
			},
		},
	}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func parseServer(server string) (*url.URL, error) {
	if server == "" {
		return nil, errors.New("server: none given: say http://127.0.0.1:8080 or where the API listens")
	}
	base, err := url.Parse(server)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("server %q: not a URL such as https://credence.example.com or http://127.0.0.1:8080", server)
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" || (base.Path != "" && base.Path != "/") {
		return nil, fmt.Errorf("server %q: give scheme, host and port only", base.Redacted())
	}
	base.Path = ""
	return base, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
