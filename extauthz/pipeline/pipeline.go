package pipeline

import (
	"context"
	"errors"
	"time"

	"credence/store/credential"
)

// Pipeline decides. It is immutable and safe for concurrent use; it takes no
// lock and, on a key that is cached, allocates nothing.
type Pipeline struct {
	options    Options
	source     clientSource
	headers    []Place // the places that are headers
	parameter  string  // the query parameter that is a place; "" for none
	noSuchHash credential.Hash
	nearer     Nearer // the Keys, if they are
}

// New makes a Pipeline of valid options.
func New(o Options) (*Pipeline, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	source, err := o.Client.source()
	if err != nil {
		return nil, err
	}
	p := &Pipeline{options: o, source: source}
	p.nearer, _ = o.Keys.(Nearer)
	for _, place := range o.places() {
		if place.Kind == PlaceQuery {
			p.parameter = place.Name
		} else {
			p.headers = append(p.headers, place)
		}
	}
	return p, nil
}

// check is what the stages of one Check hand on to each other. It lives on the
// stack of Decide.
type check struct {
	r     *Request
	d     *Decision
	now   time.Time
	route routePolicy
	text  []byte // the key text: aliases the request, leaves with it
	ahead bool   // Ahead has seen the request
}

// Decide fills d with the decision on r. d denies from the first line on, so
// that a panic in a port, which the transport recovers, leaves a denial.
func (p *Pipeline) Decide(ctx context.Context, r *Request, d *Decision) {
	d.Reset()
	d.Reason, d.Stage = ReasonInternal, StageEnd
	c := check{r: r, d: d, now: p.options.Now(), ahead: r.ahead.taken()}
	switch {
	case c.ends(StageRead, p.read(&c)):
	case c.ends(StageClient, p.client(&c)):
	case c.ends(StageBlacklist, p.blacklist(&c)):
	case c.ends(StageAddressLimit, p.addressLimit(&c)):
	case c.ends(StageExtract, p.extract(&c)):
	case c.ends(StageVerify, p.verify(ctx, &c)):
	case c.ends(StageState, p.state(&c)):
	case c.ends(StageAuthorize, p.authorize(&c)):
	case c.ends(StageLimit, p.limit(ctx, &c)):
	default:
		c.ends(StageEnd, ReasonInternal)
	}
}

// ends writes the decision down when the stage gave a reason.
func (c *check) ends(stage Stage, reason Reason) bool {
	if reason == ReasonNone {
		return false
	}
	c.d.Stage, c.d.Reason = stage, reason
	return true
}

// errNoPolicies: which policy holds, or whether it still does, is not known.
var errNoPolicies = errors.New("route policies were not read yet, or not within the ceiling")

// read refuses what is no HTTP check, and reads the route's policy first,
// because it says what becomes of all later refusals.
func (p *Pipeline) read(c *check) Reason {
	if c.r.Malformed || !c.r.HTTP {
		return ReasonBadRequest
	}
	if !c.route.read(c.r.Extensions) {
		return ReasonBadRoutePolicy
	}
	if reason := c.route.find(p.options.Routes, c.r, c.now); reason != ReasonNone {
		if reason == ReasonUnavailable {
			c.d.Failure = errNoPolicies
		}
		return reason
	}
	c.d.Shadow = c.route.shadow
	if c.route.stored != nil {
		c.d.Policy = c.route.stored.Name
	}
	return ReasonNone
}
