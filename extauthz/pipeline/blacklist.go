package pipeline

// blacklist refuses the clients that the global rules name, before anything
// of the request is looked at.
func (p *Pipeline) blacklist(c *check) Reason {
	return p.blacklisted(c, "")
}

// blacklisted asks the rules of one namespace, the global ones for "". A
// client without an address is refused by the first rule that exists, for a
// reason that tells the operator what to mend.
func (p *Pipeline) blacklisted(c *check, namespace string) Reason {
	if !p.options.Blacklist.Refused(c.d.Client, namespace, c.now) {
		return ReasonNone
	}
	if !c.d.Client.IsValid() {
		return ReasonBadClientAddress
	}
	return ReasonBlacklisted
}
