package pipeline

import (
	"context"
	"time"
)

// Options are what a Pipeline needs. Validate says what is missing.
type Options struct {
	// Client says where the client's address is taken from. The zero value is
	// the transport peer.
	Client ClientOptions
	// Places are the places where a credential may stand; empty means
	// [DefaultPlaces].
	Places []Place
	// AcceptForeignKeys has text without a checksum of ours looked up, for
	// keys that were made elsewhere.
	AcceptForeignKeys bool

	Secrets   Secrets
	Keys      Keys
	Blacklist Blacklist
	Limiter   Limiter
	// Addresses limits all requests of one address; nil switches it off.
	Addresses AddressLimiter
	// Failures is the budget of failed credentials; nil switches it off.
	Failures Failures
	// Now is asked once for each Check.
	Now func() time.Time
}

// Pipeline decides. It is immutable and safe for concurrent use.
type Pipeline struct {
	options Options
}

// New makes a Pipeline of valid options.
func New(o Options) (*Pipeline, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return &Pipeline{options: o}, nil
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	return nil
}

// Decide fills d with the decision on r. It never panics by itself; d denies
// from the first line on, so that a panic of a port leaves a denial behind.
func (p *Pipeline) Decide(_ context.Context, _ *Request, d *Decision) {
	d.Reset()
	d.Reason, d.Stage = ReasonInternal, StageEnd
}
