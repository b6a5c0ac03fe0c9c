package kms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// Timeout is how long a question to a service takes at most.
const Timeout = 10 * time.Second

// Find answers the key that the URI names. It asks the service nothing yet,
// but may look for credentials.
func Find(ctx context.Context, uri string) (tink.AEADWithContext, error) {
	return finder{timeout: Timeout}.find(ctx, uri)
}

type finder struct{ timeout time.Duration }

func (f finder) find(ctx context.Context, uri string) (tink.AEADWithContext, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	var service service
	var err error
	scheme, _, _ := strings.Cut(uri, "://")
	switch scheme {
	case "aws-kms":
		service, err = newAWS(ctx, uri)
	case "hcvault":
		service, err = newVault(uri)
	default:
		err = errors.New("is of no service that this program knows: name the key by aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID or hcvault://HOST/MOUNT/keys/NAME")
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", uri, err)
	}
	return &master{service: service, uri: uri, timeout: f.timeout}, nil
}

// service asks with one key, and explains in its own words why it was refused.
type service interface {
	encrypt(ctx context.Context, plain []byte) ([]byte, error)
	decrypt(ctx context.Context, text []byte) ([]byte, error)
	// explain answers what an error means and what can be done; "" is no word
	// on it.
	explain(err error) string
}

// master is a key of a service, with bounds and explanations.
type master struct {
	service service
	uri     string
	timeout time.Duration
}

// errAssociated keeps a promise of the package: with associated data the files
// would be none that Tink's other clients read.
var errAssociated = errors.New("associated data is not sent to a key management service")

// EncryptWithContext implements [tink.AEADWithContext].
func (m *master) EncryptWithContext(ctx context.Context, plain, associated []byte) ([]byte, error) {
	return m.ask(ctx, "encrypt", plain, associated, m.service.encrypt)
}

// DecryptWithContext implements [tink.AEADWithContext].
func (m *master) DecryptWithContext(ctx context.Context, text, associated []byte) ([]byte, error) {
	return m.ask(ctx, "decrypt", text, associated, m.service.decrypt)
}

func (m *master) ask(ctx context.Context, what string, in, associated []byte, do func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	if len(associated) > 0 {
		return nil, errAssociated
	}
	within, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	out, err := do(within, in)
	if err == nil && len(out) == 0 {
		err = errEmpty
	}
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%q: %s: %w", m.uri, what, ctx.Err())
	}
	if explained := m.service.explain(err); explained != "" {
		return nil, fmt.Errorf("%q: %s: %s (%w)", m.uri, what, explained, err)
	}
	if within.Err() != nil {
		return nil, fmt.Errorf("%q: %s: no answer in %s (%w): see that the service is well and can be reached from here", m.uri, what, m.timeout, within.Err())
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return nil, fmt.Errorf("%q: %s: the service cannot be reached: see that its address is right and the network lets this process through (%w)", m.uri, what, err)
	}
	return nil, fmt.Errorf("%q: %s: the answer is none of such a service: see what is at its address (%w)", m.uri, what, err)
}

var errEmpty = errors.New("nothing is in the answer")

// maxAnswer bounds an answer, in bytes: a keyset takes a few thousand.
const maxAnswer = 1 << 20

// bounded is a way to a service: answers end at maxAnswer, and no connection
// outlives its question, of which there are two at a start.
type bounded struct{ base http.RoundTripper }

func newBounded(transport *http.Transport) bounded {
	transport.DisableKeepAlives = true
	return bounded{transport}
}

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.base.RoundTrip(r)
	if err == nil {
		answer.Body = http.MaxBytesReader(nil, answer.Body, maxAnswer)
	}
	return answer, err
}

// quoted is what a service said, short enough for an error.
func quoted(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = text[:300] + "..."
	}
	return fmt.Sprintf("%q", text)
}
