package pipeline

// addressLimit charges the address for the request, whatever is in it: the
// work that follows is what the limit protects.
func (p *Pipeline) addressLimit(c *check) Reason {
	if p.options.Addresses == nil {
		return ReasonNone
	}
	retryAfter, ok := p.options.Addresses.Take(countedAddress(c.d.Client), c.now)
	if ok {
		return ReasonNone
	}
	c.d.RetryAfter = retryAfter
	return ReasonAddressLimited
}

// tooManyFailures reports whether the address has spent its budget of failed
// credentials, and notes how long that lasts.
func (p *Pipeline) tooManyFailures(c *check) bool {
	if p.options.Failures == nil {
		return false
	}
	retryAfter, spent := p.options.Failures.Spent(countedAddress(c.d.Client), c.now)
	if spent {
		c.d.RetryAfter = retryAfter
	}
	return spent
}

// failed charges the address for a failed credential and passes the reason on.
func (p *Pipeline) failed(c *check, reason Reason) Reason {
	if p.options.Failures != nil {
		p.options.Failures.Record(countedAddress(c.d.Client), c.now)
	}
	return reason
}
