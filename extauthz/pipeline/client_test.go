package pipeline

import (
	"net/netip"
	"strings"
	"testing"
)

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// clientOf answers the client's address, "refused", or "none".
func clientOf(t *testing.T, o ClientOptions, r *Request) string {
	t.Helper()
	source, err := o.source()
	if err != nil {
		t.Fatal(err)
	}
	address, ok := source.address(r)
	switch {
	case !ok:
		return "refused"
	case !address.IsValid():
		return "none"
	}
	return address.String()
}

func TestPeerIsTheTransportPeerWhateverHeadersSay(t *testing.T) {
	headers := fields("x-forwarded-for", "198.51.100.1", "x-envoy-external-address", "198.51.100.2", "forwarded", "for=198.51.100.3")
	for _, c := range []struct {
		peer string
		kind PeerKind
		want string
	}{
		{"203.0.113.7", PeerIP, "203.0.113.7"},
		{"::ffff:203.0.113.7", PeerIP, "203.0.113.7"},
		{"fe80::1%eth0", PeerIP, "fe80::1"},
		{"203.0.113.7", PeerInvalid, "refused"},
		{"", PeerIP, "refused"},
		{"", PeerPipe, "none"},
		{"", PeerInternal, "none"},
		{"", PeerNone, "none"},
		{"203.0.113.7", PeerKind(99), "refused"},
	} {
		r := &Request{PeerKind: c.kind, Headers: headers}
		if c.peer != "" {
			r.Peer = netip.MustParseAddr(c.peer)
		}
		for _, source := range []string{"", "peer"} {
			if got := clientOf(t, ClientOptions{Source: source}, r); got != c.want {
				t.Errorf("%s kind %d: %s, want %s", c.peer, c.kind, got, c.want)
			}
		}
	}
}

func TestHeaderSourceWantsOneHeaderWithOneAddress(t *testing.T) {
	for _, c := range []struct {
		headers []Field
		want    string
	}{
		{fields("x-client-ip", "198.51.100.1"), "198.51.100.1"},
		{fields("x-client-ip", " [2001:db8::1]:99 "), "2001:db8::1"},
		{fields(), "refused"},
		{fields("x-client-ip", ""), "refused"},
		{fields("x-client-ip", "198.51.100.1, 198.51.100.2"), "refused"},
		{fields("x-client-ip", "198.51.100.1,198.51.100.1"), "refused"},
		{fields("x-client-ip", "198.51.100.1", "x-client-ip", "198.51.100.1"), "refused"},
		{fields("x-client-ip", "", "x-client-ip", "198.51.100.1"), "refused"},
		{fields("x-client-ip", "unknown"), "refused"},
		{fields("x_client_ip", "198.51.100.1"), "refused"},
	} {
		r := &Request{Peer: customer, PeerKind: PeerIP, Headers: c.headers}
		if got := clientOf(t, ClientOptions{Source: "header:x-client-ip"}, r); got != c.want {
			t.Errorf("%q: %s, want %s", c.headers, got, c.want)
		}
	}
}

// The lists are those that Envoy shows (facts 1.4): with use_remote_address
// the peer is the last entry.
func TestTrustedHopsCountAsEnvoyCounts(t *testing.T) {
	for _, c := range []struct {
		hops    int
		headers []Field
		want    string
	}{
		{1, fields("x-forwarded-for", "198.51.100.1,203.0.113.7"), "198.51.100.1"},
		{1, fields("x-forwarded-for", "6.6.6.6, 198.51.100.1 , 203.0.113.7"), "198.51.100.1"},
		{2, fields("x-forwarded-for", "6.6.6.6, 198.51.100.1, 10.0.0.1, 203.0.113.7"), "198.51.100.1"},
		{1, fields("x-forwarded-for", "6.6.6.6, 198.51.100.1", "x-forwarded-for", "203.0.113.7"), "198.51.100.1"},
		{1, fields("x-forwarded-for", "198.51.100.1:4711, unknown"), "198.51.100.1"},
		{1, fields("x-forwarded-for", "203.0.113.7"), "refused"},
		{1, fields(), "refused"},
		{1, fields("x-forwarded-for", ""), "refused"},
		{1, fields("x-forwarded-for", ",203.0.113.7"), "refused"},
		{1, fields("x-forwarded-for", "unknown, 203.0.113.7"), "refused"},
		{1, fields("x-forwarded-for", "198.51.100.1, , 203.0.113.7"), "refused"},
	} {
		r := &Request{Peer: customer, PeerKind: PeerIP, Headers: c.headers}
		if got := clientOf(t, ClientOptions{Source: "xff", TrustedHops: c.hops}, r); got != c.want {
			t.Errorf("%d hops, %q: %s, want %s", c.hops, c.headers, got, c.want)
		}
	}
}

func TestTrustedNetworksEndAtTheFirstStranger(t *testing.T) {
	trusted := ClientOptions{Source: "xff", TrustedNetworks: prefixes("10.0.0.0/8", "::ffff:203.0.113.0/120", "2001:db8::/32")}
	for _, c := range []struct {
		name, peer, list, want string
	}{
		{"a stranger is the client himself", "192.0.2.1", "198.51.100.1", "192.0.2.1"},
		{"one proxy", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"forged entries are left of the client", "10.0.0.1", "10.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"the peer may stand there twice", "10.0.0.1", "198.51.100.1, 10.0.0.1", "198.51.100.1"},
		{"networks in IPv6 clothes", "203.0.113.7", "198.51.100.1", "198.51.100.1"},
		{"IPv6", "2001:db8::1", "2001:db9::1, [2001:db8::2]:80", "2001:db9::1"},
		{"nobody is a stranger", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"no list", "10.0.0.1", "-", "10.0.0.1"},
		{"empty list", "10.0.0.1", "", "refused"},
		{"garbage where the client should be", "10.0.0.1", "unknown, 10.0.0.2", "refused"},
		{"endless list", "10.0.0.1", strings.Repeat("10.0.0.1,", 40) + "10.0.0.1", "refused"},
	} {
		r := &Request{Peer: netip.MustParseAddr(c.peer), PeerKind: PeerIP}
		if c.list != "-" {
			r.Headers = fields("x-forwarded-for", c.list)
		}
		if got := clientOf(t, trusted, r); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	for _, kind := range []PeerKind{PeerPipe, PeerNone, PeerInternal, PeerInvalid} {
		r := &Request{PeerKind: kind, Headers: fields("x-forwarded-for", "198.51.100.1")}
		if got := clientOf(t, trusted, r); got != "refused" {
			t.Errorf("peer of kind %d: %s", kind, got)
		}
	}
}

func TestClientWithoutAddressPassesOnlyWhereNothingAsksForOne(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		reason Reason
		stage  Stage
	}{
		"nothing asks":             {func(*world) {}, ReasonAllowed, StageLimit},
		"address limit":            {func(w *world) { w.options.Addresses = w.addresses }, ReasonBadClientAddress, StageClient},
		"failure budget":           {func(w *world) { w.options.Failures = w.failures }, ReasonBadClientAddress, StageClient},
		"global blacklist":         {func(w *world) { w.blacklist.add("", "192.0.2.0/24") }, ReasonBadClientAddress, StageBlacklist},
		"blacklist of the key's":   {func(w *world) { w.blacklist.add("default", "192.0.2.0/24") }, ReasonBadClientAddress, StageAuthorize},
		"blacklist of another":     {func(w *world) { w.blacklist.add("shop", "192.0.2.0/24") }, ReasonAllowed, StageLimit},
		"networks of the key":      {func(w *world) { w.key.Bounds = &Bounds{Networks: prefixes("0.0.0.0/0", "::/0")} }, ReasonNetworkNotAllowed, StageAuthorize},
		"a configured header":      {func(w *world) { w.options.Client.Source = "header:x-client-ip" }, ReasonBadClientAddress, StageClient},
		"a configured header list": {func(w *world) { w.options.Client = ClientOptions{Source: "xff", TrustedHops: 1} }, ReasonBadClientAddress, StageClient},
	} {
		for _, kind := range []PeerKind{PeerPipe, PeerInternal, PeerNone} {
			w := newWorld(t)
			w.options.Addresses, w.options.Failures = nil, nil
			w.request.Peer, w.request.PeerKind = netip.Addr{}, kind
			c.change(w)
			if d := w.decide(t); d.Reason != c.reason || d.Stage != c.stage {
				t.Errorf("%s, kind %d: %v at %v, want %v at %v", name, kind, d.Reason, d.Stage, c.reason, c.stage)
			}
		}
	}
}

func TestBlacklistComparesTheConfiguredClientInOneForm(t *testing.T) {
	for _, address := range []string{"198.51.100.9", "::ffff:198.51.100.9", "198.51.100.9:1234"} {
		w := newWorld(t)
		w.options.Client.Source = "header:x-client-ip"
		w.blacklist.add("", "198.51.100.0/24")
		w.request.Headers = append(w.request.Headers, fields("x-client-ip", address)...)
		w.want(t, ReasonBlacklisted)
	}
}

// The forged part of a list never decides: adding entries on the left changes
// nothing, and the answer is always an address that stands in the list or is
// the peer.
func FuzzForwardedFor(f *testing.F) {
	f.Add([]byte("198.51.100.1, 203.0.113.7"), []byte("6.6.6.6"), 1)
	f.Add([]byte("10.0.0.1"), []byte(",,"), 2)
	f.Add([]byte(""), []byte(""), 31)
	f.Add([]byte("[::1]:80,unknown"), []byte("\xff"), 3)
	f.Fuzz(func(t *testing.T, list, forged []byte, hops int) {
		hops = 1 + (hops&0xff)%(maxForwarders-1)
		for _, o := range []ClientOptions{
			{Source: "xff", TrustedHops: hops},
			{Source: "xff", TrustedNetworks: prefixes("10.0.0.0/8", "203.0.113.0/24")},
		} {
			source, err := o.source()
			if err != nil {
				t.Fatal(err)
			}
			r := Request{Peer: customer, PeerKind: PeerIP, Headers: []Field{{[]byte("x-forwarded-for"), list}}}
			plain, ok := source.address(&r)
			if ok != plain.IsValid() {
				t.Fatalf("%q: %v %v", list, plain, ok)
			}
			r.Headers = append([]Field{{[]byte("x-forwarded-for"), forged}}, r.Headers...)
			behind, ok2 := source.address(&r)
			stranger := ok && (o.TrustedHops > 0 || !containsAddress(source.networks, plain))
			if stranger && (!ok2 || behind != plain) {
				t.Fatalf("%q became %v behind forged %q, was %v", list, behind, forged, plain)
			}
		}
	})
}
