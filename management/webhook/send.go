package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"credence/management/outgoing"
	"credence/management/signature"
	"credence/store"
)

// What comes of an attempt.
const (
	Delivered  = "delivered"       // the receiver answered 2xx
	Status     = "status"          // it answered otherwise
	Gone       = "gone"            // it answered 410: nobody is there any more
	Throttled  = "throttled"       // it answered 429
	Redirected = "redirected"      // it answered 3xx, which is not followed
	TimedOut   = "timeout"         // it did not answer in time
	Refused    = "refused_address" // it is where we may not call
	NoName     = "dns"             // its name has no address
	BadTLS     = "tls"             // it did not prove who it is
	Broken     = "connection"      // there was no connection, or it broke
)

// Outcomes lists what comes of attempts.
func Outcomes() []string {
	return []string{Delivered, Status, Gone, Throttled, Redirected, TimedOut, Refused, NoName, BadTLS, Broken}
}

const (
	maxExcerpt = 512 // bytes of an answer that are kept
	maxProblem = 256 // characters
)

// attempt is what came of one call.
type attempt struct {
	try        store.DeliveryTry
	askedPause time.Duration // by Retry-After
}

// refusedOne reports that the receiver is there and did not want this event.
func (a *attempt) refusedOne() bool {
	return a.try.Outcome == Status && a.try.Status/100 == 4 && a.try.Status != http.StatusRequestTimeout
}

// why is the attempt in a few words.
func (a *attempt) why() string {
	if a.try.Problem != "" {
		return a.try.Problem
	}
	return "status " + strconv.Itoa(a.try.Status)
}

// send makes one call.
func (d *Deliverer) send(ctx context.Context, to string, of *store.Delivery, secrets []signature.Secret) attempt {
	started := d.o.Now()
	made := attempt{try: store.DeliveryTry{At: started.UTC().Truncate(time.Microsecond)}}
	res, err := d.post(ctx, to, of, secrets, started)
	if err == nil {
		made.answered(res, started)
		err = res.Body.Close() // of an answer that was not read to its end this cuts the connection
		if made.try.Outcome == Delivered {
			err = nil // it has said so
		}
	}
	if err != nil {
		made.try.Outcome, made.try.Problem = outcomeOf(err)
	}
	made.try.Latency = d.o.Now().Sub(started).Truncate(time.Microsecond)
	return made
}

func (d *Deliverer) post(ctx context.Context, to string, of *store.Delivery, secrets []signature.Secret, at time.Time) (*http.Response, error) {
	body := []byte(of.Payload)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(of.Payload))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Credence-Webhooks/"+d.o.Version)
	r.Header.Set(signature.HeaderID, of.EventID)
	r.Header.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(signature.HeaderSignature, signature.Sign(of.EventID, at, body, secrets...))
	return d.client.Do(r)
}

// answered notes what the receiver said. The status counts: an answer that
// breaks off, or has no end, was an answer.
func (a *attempt) answered(res *http.Response, now time.Time) {
	beginning, _ := io.ReadAll(io.LimitReader(res.Body, maxExcerpt))
	a.try.Status, a.try.Response = res.StatusCode, printable(string(beginning), maxExcerpt)
	switch {
	case res.StatusCode/100 == 2:
		a.try.Outcome = Delivered
		return
	case res.StatusCode == http.StatusGone:
		a.try.Outcome = Gone
	case res.StatusCode == http.StatusTooManyRequests:
		a.try.Outcome = Throttled
	case res.StatusCode/100 == 3: // without a Location
		a.try.Outcome = Redirected
	default:
		a.try.Outcome = Status
	}
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		a.askedPause = retryAfter(res.Header.Get("Retry-After"), now)
	}
}

// retryAfter reads seconds or a date, at most [mostAsked] from now.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, mostAsked)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), mostAsked)
	}
	return 0
}

// outcomeOf is the word for an error, and what it says, without the URL.
func outcomeOf(err error) (outcome, problem string) {
	timeout := false
	if e, ok := errors.AsType[*url.Error](err); ok {
		timeout, err = e.Timeout(), e.Err
	}
	problem = printable(err.Error(), maxProblem)
	switch {
	case errors.Is(err, outgoing.ErrRefused):
		return Refused, problem
	case errors.Is(err, outgoing.ErrRedirect):
		return Redirected, problem
	case isTLS(err):
		return BadTLS, problem
	case timeout:
		return TimedOut, "no answer in time"
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		if e.IsNotFound {
			return NoName, "the name has no address"
		}
		return NoName, "the name could not be resolved"
	}
	return Broken, problem
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

// printable is the text cut to so many bytes, without what cannot be printed.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strings.TrimSpace(text)
}
