package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"credence/management/outgoing"
)

const (
	attempts       = 3                // of a call that may be repeated
	attemptTimeout = 10 * time.Second // of one
	callTimeout    = 30 * time.Second // of all together
	firstWait      = 500 * time.Millisecond
	longestWait    = 5 * time.Second // between attempts, whatever Retry-After says
)

// Options is what a Client needs. Outgoing, Now and Rate are required.
type Options struct {
	Outgoing outgoing.Options // its Timeout, MaxBody and Ports are set here
	Now      func() time.Time
	Rate     int // calls in a second to one target

	Timeout time.Duration // of one attempt; 0 means 10 s
	Pace    func(rate int) Pacer
	Wait    func(ctx context.Context, d time.Duration) error // between attempts
	Version string                                           // of the program, for the User-Agent
}

// Client calls targets. It is safe for concurrent use.
type Client struct {
	o    Options
	ways *ways
}

// New answers an error that names the option that is missing.
func New(o Options) (*Client, error) {
	switch {
	case o.Now == nil:
		return nil, errors.New("remote: option Now is missing")
	case o.Rate < 1:
		return nil, errors.New("remote: option Rate is missing")
	}
	if o.Timeout == 0 {
		o.Timeout = attemptTimeout
	}
	if o.Pace == nil {
		o.Pace = pace
	}
	if o.Wait == nil {
		o.Wait = Wait
	}
	o.Outgoing.Timeout, o.Outgoing.MaxBody, o.Outgoing.Ports = o.Timeout, maxBody, outgoing.WebPorts
	return &Client{o: o, ways: newWays(o)}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.ways.close() }

// Request is one call, relative to the base URL of a target.
type Request struct {
	Method string
	Path   []string // segments, unescaped
	Query  url.Values
	Header http.Header
	Body   any // sent as JSON; nil for none
}

// repeatable reports whether the call may be made again after it failed: it
// makes nothing.
func (r *Request) repeatable() bool {
	return r.Method == http.MethodGet || r.Method == http.MethodDelete
}

// Do makes the call and answers what was answered, whatever its status. An
// answer that says "not now" to a call that may be repeated is asked for again
// first. Its errors are all [*Error], or that of ctx.
func (c *Client) Do(ctx context.Context, t *Target, r Request) (Answer, error) {
	w, err := c.ways.to(t)
	if err != nil {
		return Answer{}, err
	}
	if until := w.pausedUntil(); until.After(c.o.Now()) {
		return Answer{}, &Error{Kind: Unavailable, Message: "not called before " + until.UTC().Format(time.RFC3339) + ", since it did not answer three times in a row"}
	}
	whole, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(whole, w, t, &r)
		switch {
		case ctx.Err() != nil:
			return Answer{}, ctx.Err()
		case errors.Is(err, errNoTurn): // the program was not called, and is not to blame
			return a, err
		}
		later := notNow(a, err)
		if !later || !r.repeatable() || attempt == attempts || c.o.Wait(whole, between(attempt, a, c.o.Now())) != nil {
			w.answered(!later || a.Status == http.StatusTooManyRequests, c.o.Now())
			return a, err
		}
	}
}

// errNoTurn: the call waited in our own queue until its time was over.
var errNoTurn = errors.New("no turn")

// attempt makes the call once.
func (c *Client) attempt(ctx context.Context, w *way, t *Target, r *Request) (Answer, error) {
	leave, err := w.enter(ctx) // the pace is outside of the deadline of the attempt: it cannot be told to end
	if err != nil {
		return Answer{}, &Error{Kind: Unavailable, Message: "too many calls are waiting for it", cause: errors.Join(errNoTurn, err)}
	}
	defer leave()
	req, err := c.request(ctx, t, r)
	if err != nil {
		return Answer{}, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return Answer{}, failedCall(t, r, res, err)
	}
	a, err := readAnswer(res, t)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return Answer{}, failedCall(t, r, nil, err)
	}
	if a.Status/100 == 3 { // without a Location
		e := t.Fail(Redirected, a.Status, fmt.Sprintf("answered %d", a.Status))
		e.Uncertain = !r.repeatable()
		return Answer{}, e
	}
	return a, nil
}

func (c *Client) request(ctx context.Context, t *Target, r *Request) (*http.Request, error) {
	at, err := url.Parse(t.URL)
	if err != nil || at.Host == "" {
		return nil, &Error{Kind: RequestInvalid, Message: "the base URL is none"} // it may hold a secret
	}
	segments := make([]string, len(r.Path))
	for i, s := range r.Path {
		if s == "" || s == "." || s == ".." {
			return nil, &Error{Kind: RequestInvalid, Message: "a name in the path is empty or dots"}
		}
		segments[i] = url.PathEscape(s)
	}
	at = at.JoinPath(segments...)
	at.RawQuery = r.Query.Encode()
	var body bytes.Buffer
	if r.Body != nil {
		if err := json.NewEncoder(&body).Encode(r.Body); err != nil {
			return nil, &Error{Kind: RequestInvalid, Message: "the request cannot be written as JSON", cause: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, at.String(), &body)
	if err != nil {
		return nil, &Error{Kind: RequestInvalid, Message: "the request cannot be made"}
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Credence/"+c.o.Version)
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// failedCall is the error for a call without an answer. res is what came with
// it, if anything: a redirection.
func failedCall(t *Target, r *Request, res *http.Response, err error) *Error {
	timeout := errors.Is(err, context.DeadlineExceeded)
	if e, ok := errors.AsType[*url.Error](err); ok {
		timeout, err = timeout || e.Timeout(), e.Err // its text holds the URL
	}
	e := &Error{Kind: Unavailable, Message: t.clean(err.Error()), Uncertain: !r.repeatable(), cause: err}
	switch {
	case errors.Is(err, outgoing.ErrRefused):
		e.Kind, e.Uncertain = AddressRefused, false
	case errors.Is(err, outgoing.ErrRedirect):
		e.Kind, e.Message = Redirected, "redirects elsewhere"
		if res != nil {
			e.Status, e.Message = res.StatusCode, t.clean("redirects to "+destination(res.Header.Get("Location")))
		}
	case errors.Is(err, outgoing.ErrTooLarge):
		e.Kind = UnexpectedAnswer
	case isTLS(err):
		e.Kind = CertificateRejected
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			e.Uncertain = false
		}
	case unreached(err):
		e.Uncertain = false
	case timeout:
		e.Message = "no answer in time"
	}
	return e
}

// unreached reports whether there was no connection to send anything over.
func unreached(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// destination is where a redirection leads, without what may be a secret.
func destination(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "elsewhere"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	// These have no type.
	return strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}
