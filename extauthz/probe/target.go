package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"credence/store/credential"
)

// callSecretHeader is where a proxy sends the call secret; the server's name
// for it is extauthz.CallSecretHeader.
const callSecretHeader = "x-credence-call-secret"

// Target is a Check server, and how a proxy calls it.
type Target struct {
	Address    string          // "host:port" or "unix:PATH"
	TLS        *tls.Config     // nil: plaintext
	CallSecret credential.Text // empty: none is sent
}

// Dial makes a connection. It connects at the first call.
func (t Target) Dial() (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if t.TLS != nil {
		transport = credentials.NewTLS(t.TLS)
	}
	return grpc.NewClient(t.Address, grpc.WithTransportCredentials(transport), grpc.WithNoProxy()) // Envoy uses none either
}

// Calling adds what a proxy sends with each call.
func (t Target) Calling(ctx context.Context) context.Context {
	if t.CallSecret.Empty() {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, callSecretHeader, t.CallSecret.Reveal())
}

// unanswered says what an error of the RPC means for an operator.
func (t Target) unanswered(err error) error {
	remedy := "Envoy would count an error and answer its status_on_error; look at the server's log"
	// TLS 1.3 ends the client's handshake before the server has looked at the
	// certificate: the refusal races with the call.
	cutOff := "something listens there that wants TLS (see --tls), or that is no Check server"
	if t.TLS != nil {
		cutOff = "the server ended the connection: it may want another certificate, see --tls-cert and --tls-key"
	}
	for _, known := range []struct {
		code   codes.Code
		says   string // part of the error
		remedy string
	}{
		{codes.Unavailable, "first record does not look like a TLS handshake", "the server speaks no TLS: leave the flags for TLS out, or say --tls=false where CREDENCE_TLS_ variables are set"},
		{codes.Unavailable, "failed to verify certificate", "name the authority that signed it with --tls-ca, or the name that it bears with --tls-server-name"},
		{codes.Unavailable, "remote error: tls:", "the server refuses the certificate that it was shown, or wants one: see --tls-cert and --tls-key"},
		{codes.Unavailable, "broken pipe", cutOff},
		{codes.Unavailable, "connection reset", cutOff},
		{codes.Unavailable, "EOF", cutOff},
		{codes.Unavailable, "error reading server preface", cutOff},
		{codes.Unavailable, "", "is `credence serve` running, and is this its Check address (--addr)?"},
		{codes.Unauthenticated, "", "the server answers only proxies that know its call secret: give the file with --call-secret-file"},
		{codes.DeadlineExceeded, "", "the server takes longer than --timeout; Envoy's own timeout is shorter still"},
		{codes.Unimplemented, "", "something else listens there: give the Check address (--addr), not that of the API"},
		{codes.ResourceExhausted, "", "the request is larger than the server accepts"},
	} {
		if known.code == status.Code(err) && strings.Contains(err.Error(), known.says) {
			remedy = known.remedy
			break
		}
	}
	return fmt.Errorf("%w: %s: %w: %s", ErrUnanswered, t.Address, err, remedy)
}
