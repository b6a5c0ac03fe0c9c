package pipeline

import "net/netip"

// ClientOptions is the one source of the client's address.
type ClientOptions struct {
	// Source is "peer" (also ""), "header:<name>" or "xff".
	Source string
	// TrustedHops goes with "xff" and is the number that Envoy knows as
	// xff_num_trusted_hops: how many proxies stand in front of this one.
	TrustedHops int
	// TrustedNetworks goes with "xff" instead of TrustedHops: the networks of
	// the proxies in front, this one's own address included.
	TrustedNetworks []netip.Prefix
}
