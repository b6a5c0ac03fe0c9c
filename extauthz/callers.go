package extauthz

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"credence/store/credential"
)

// CallSecretHeader is the call's metadata in which a proxy sends the call
// secret: grpc_service.initial_metadata in Envoy.
const CallSecretHeader = "x-credence-call-secret"

// maxCallSecret is more than any accepted secret has: what is longer is not
// looked at.
const maxCallSecret = 512

// errStray fails the RPC, as a TLS handshake would fail it: who called is not
// known to be one of our proxies, so there is nobody to tell a decision, and
// no answer may say whether the key in the Check is good. A proxy of ours with
// the wrong secret counts an error and answers status_on_error.
var errStray = status.Error(codes.Unauthenticated, "call secret missing or wrong")

// callers knows the digests of the accepted call secrets; the zero value
// answers everybody.
type callers struct {
	accepted [][sha256.Size]byte
}

func newCallers(secrets []credential.Text) callers {
	var c callers
	for _, s := range secrets {
		c.accepted = append(c.accepted, sha256.Sum256([]byte(s.Reveal())))
	}
	return c
}

// know is accept for a call over gRPC.
func (c callers) know(ctx context.Context) bool {
	return len(c.accepted) == 0 || c.accept(metadata.ValueFromIncomingContext(ctx, CallSecretHeader))
}

// accept reports whether exactly one secret was sent, and that an accepted
// one. Digests have one length and are all compared, so that time tells
// nothing.
func (c callers) accept(sent []string) bool {
	if len(c.accepted) == 0 {
		return true
	}
	if len(sent) != 1 || len(sent[0]) > maxCallSecret {
		return false
	}
	var text [maxCallSecret]byte
	digest := sha256.Sum256(text[:copy(text[:], sent[0])])
	known := 0
	for i := range c.accepted {
		known |= subtle.ConstantTimeCompare(digest[:], c.accepted[i][:])
	}
	return known == 1
}

// turnAway counts and logs a call that was refused.
func (s *Server) turnAway(ctx context.Context, from string) error {
	s.metrics.strays.Inc()
	s.record.stray(ctx, from)
	return errStray
}

// peerOf is the address of who calls over grpc-go.
func peerOf(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return "unknown"
}
