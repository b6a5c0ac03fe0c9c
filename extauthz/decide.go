package extauthz

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"credence/extauthz/pipeline"
)

// Answer is a decision in words that any transport can carry out: what stands
// in the CheckResponse that the same request would get over gRPC, read back
// from those very bytes, so that both transports cannot differ.
type Answer struct {
	// Allowed says whether the request may pass. The zero Answer denies.
	Allowed bool

	// Of an allow: what becomes of the request and of its response.
	Set         []Header // request headers to overwrite
	Remove      []string // lower-case names of request headers to remove
	RemoveQuery []string // raw names of query parameters to remove
	Respond     []Header // for the response that the client finally gets

	// Of a denial: the response itself.
	Status  int // 400 to 599
	Headers []Header
	Body    []byte
}

// Header is one header line; the name is in lower case.
type Header struct{ Name, Value string }

// Decide makes one decision for a transport that is not gRPC. fill puts the
// request into the view it is given, appending to its lists; what it appends
// must stay as it is until Decide returns. The error means that there is no
// answer, and whoever asked must deny: ctx has ended, or something panicked.
// All of it is counted and recorded like a Check over gRPC.
func (s *Server) Decide(ctx context.Context, fill func(*pipeline.Request)) (a Answer, err error) {
	start := s.now()
	c := s.checks.get()
	s.metrics.inFlight.Add(1)
	defer func() {
		s.metrics.inFlight.Add(-1)
		if p := recover(); p != nil {
			// The state is dropped, not pooled, as in check.
			a, err = Answer{}, s.panicked(ctx, p)
			return
		}
		c.release()
	}()

	fill(&c.request)
	s.decide(ctx, c)
	s.answers.answer(c)
	if _, err := s.finish(ctx, c, start); err != nil {
		return Answer{}, fmt.Errorf("decide: %w", err)
	}
	return readAnswer(*c.out)
}

// Accepts reports whether a caller that showed these call secrets is answered
// at all. One that is not is counted and logged; from is its address.
func (s *Server) Accepts(ctx context.Context, secrets []string, from string) bool {
	if s.callers.accept(secrets) {
		return true
	}
	s.metrics.strays.Inc()
	s.record.stray(ctx, from)
	return false
}

// Forges reports whether the lower-case header name becomes one of those that
// the upstream believes in when _ or . is read as -, as CGI and WSGI do.
func (s *Server) Forges(name []byte) bool { return s.answers.identity.alias(name) }

// errAnswer is a fault of ours: an answer that is no CheckResponse.
var errAnswer = errors.New("decide: the encoded answer cannot be read")

// readAnswer reads a CheckResponse. It knows the fields that answers consist
// of (wire.go); metadata is for Envoy alone. What it does not know is skipped.
func readAnswer(b []byte) (Answer, error) {
	var a Answer
	code, status := uint64(0), false
	for len(b) > 0 {
		f, ok := nextField(&b)
		switch {
		case !ok:
			return Answer{}, errAnswer
		case f.tag() == tagStatus:
			code, ok = scalar(f.value, tagStatusCode)
			status = true
		case f.tag() == tagDenied:
			ok = a.readDenied(f.value)
		case f.tag() == tagOK:
			ok = a.readAllow(f.value)
		}
		if !ok {
			return Answer{}, errAnswer
		}
	}
	a.Allowed = status && code == 0
	if !status || !a.Allowed && (a.Status < 400 || a.Status > 599) {
		return Answer{}, errAnswer
	}
	return a, nil
}

func (a *Answer) readDenied(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		switch {
		case !ok:
			return false
		case f.tag() == tagDeniedStatus:
			var code uint64
			if code, ok = scalar(f.value, tagHTTPCode); code < 1000 {
				a.Status = int(code)
			}
		case f.tag() == tagDeniedHeaders:
			ok = readHeader(f.value, &a.Headers)
		case f.tag() == tagDeniedBody:
			a.Body = append([]byte(nil), f.value...)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (a *Answer) readAllow(b []byte) bool {
	for len(b) > 0 {
		f, ok := nextField(&b)
		switch {
		case !ok:
			return false
		case f.tag() == tagOKHeaders:
			ok = readHeader(f.value, &a.Set)
		case f.tag() == tagOKRemove:
			a.Remove = append(a.Remove, string(f.value))
		case f.tag() == tagOKResponseHeaders:
			ok = readHeader(f.value, &a.Respond)
		case f.tag() == tagOKRemoveQuery:
			a.RemoveQuery = append(a.RemoveQuery, string(f.value))
		}
		if !ok {
			return false
		}
	}
	return true
}

// readHeader reads a HeaderValueOption. All of ours overwrite.
func readHeader(b []byte, into *[]Header) bool {
	var h Header
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return false
		}
		if f.tag() != tagOptionHeader {
			continue
		}
		for pair := f.value; len(pair) > 0; {
			part, ok := nextField(&pair)
			if !ok {
				return false
			}
			switch part.tag() {
			case tagHeaderKey:
				h.Name = string(part.value)
			case tagHeaderValue:
				h.Value = string(part.value)
			}
		}
	}
	*into = append(*into, h)
	return h.Name != ""
}

// scalar reads the varint of that tag; absent is 0.
func scalar(b []byte, tag uint64) (value uint64, ok bool) {
	for len(b) > 0 {
		f, ok := nextField(&b)
		if !ok {
			return 0, false
		}
		if f.tag() == tag {
			value = f.varint
		}
	}
	return value, true
}

// tag is the field's number and wire type as they stand in wire.go.
func (f field) tag() uint64 { return protowire.EncodeTag(f.number, f.kind) }
