package forward

import (
	"fmt"
	"net/http"
	"strings"

	"credence/extauthz"
	"credence/extauthz/pipeline"
)

// maxHeaders bounds the header lines of a request, as over gRPC.
const maxHeaders = 2048

// notOnceError says that a header stands there too often or not at all.
type notOnceError struct {
	name  string
	times int
}

func (e notOnceError) Error() string {
	if e.times == 0 {
		return fmt.Sprintf("header %s: missing: have the proxy set it", e.name)
	}
	return fmt.Sprintf("header %s: there %d times: have the proxy overwrite it, not add to it", e.name, e.times)
}

// oddValueError says that a header makes no sense. It does not quote it.
type oddValueError struct{ name, what string }

func (e oddValueError) Error() string { return fmt.Sprintf("header %s: %s", e.name, e.what) }

// tooManyError says that there are more header lines than are looked at.
type tooManyError struct{}

func (tooManyError) Error() string { return fmt.Sprintf("more than %d header lines", maxHeaders) }

// forgedError says that a header could be taken for an identity header and
// that this proxy will not remove it.
type nominatedError struct{}

func (nominatedError) Error() string {
	return "a header that Connection names: have the proxy remove Connection from what it sends here"
}

type forgedError struct{}

func (forgedError) Error() string {
	return "an identity header spelled with _ or . : have the proxy remove or refuse such names"
}

// fill puts the client's request into the view. The error, for the log, says
// why it cannot be read; the view is then marked, and refused by the pipeline.
func (h *Handler) fill(e *endpoint, r *http.Request, view *pipeline.Request) error {
	view.HTTP = true
	view.Extensions = append(view.Extensions, h.extensions(r.Context(), e)...)
	o, err := e.original(r)
	if err == nil {
		err = h.headers(e.profile, r, view)
	}
	if err != nil {
		view.Headers, view.Malformed = view.Headers[:0], true
		return err
	}
	view.Method, view.Host, view.Path = []byte(o.method), []byte(o.host), []byte(o.uri)
	view.Protocol = []byte(r.Proto)
	return nil
}

// headers copies the client's headers, a field for each line. net/http has
// checked names and values; names come in its own spelling.
func (h *Handler) headers(p *profile, r *http.Request, view *pipeline.Request) error {
	nominated := connectionOptions(r.Header)
	for spelled, values := range r.Header {
		name := strings.ToLower(spelled)
		if !p.removes && h.checks.Forges([]byte(name)) {
			return forgedError{}
		}
		if name == extauthz.CallSecretHeader || p.says(name) || hopByHop(name) {
			continue
		}
		// Whoever passes Connection on to us may pass the header on to the
		// upstream, unseen by us if it were dropped here.
		if nominated[name] {
			return nominatedError{}
		}
		if len(view.Headers)+len(values) > maxHeaders {
			return tooManyError{}
		}
		for _, value := range values {
			view.Headers = append(view.Headers, pipeline.Field{Name: []byte(name), Value: []byte(value)})
		}
	}
	return nil
}

// hopByHop reports whether the header is about the proxy's connection to us
// (RFC 9110, 7.6.1).
func hopByHop(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "transfer-encoding", "upgrade", "http2-settings":
		return true
	}
	return false
}

// connectionOptions are the lower-case names that Connection holds: headers of
// the proxy's connection to us.
func connectionOptions(header http.Header) map[string]bool {
	var names map[string]bool
	for _, line := range header["Connection"] {
		for option := range strings.SplitSeq(line, ",") {
			if names == nil {
				names = map[string]bool{}
			}
			names[strings.ToLower(strings.Trim(option, " \t"))] = true
		}
	}
	return names
}

// isToken reports whether the text can be a method (RFC 9110, 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}
