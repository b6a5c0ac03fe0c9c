package pipeline

import (
	"net/netip"
	"strings"
	"testing"
)

func TestOptionsThatMakeNoSenseAreRefusedByName(t *testing.T) {
	client := func(c ClientOptions) func(*Options) { return func(o *Options) { o.Client = c } }
	places := func(p ...Place) func(*Options) { return func(o *Options) { o.Places = p } }
	for want, change := range map[string]func(*Options){
		"secrets:":   func(o *Options) { o.Secrets = nil },
		"keys:":      func(o *Options) { o.Keys = nil },
		"blacklist:": func(o *Options) { o.Blacklist = nil },
		"limiter:":   func(o *Options) { o.Limiter = nil },
		"now:":       func(o *Options) { o.Now = nil },

		`client.source: unknown source "magic"`:            client(ClientOptions{Source: "magic"}),
		`client.source: "" is not a lower-case`:            client(ClientOptions{Source: "header:"}),
		`client.source: "X-Real-IP" is not a`:              client(ClientOptions{Source: "header:X-Real-IP"}),
		`client.source: ":authority" is not`:               client(ClientOptions{Source: "header::authority"}),
		`client.source: x-forwarded-for is a list`:         client(ClientOptions{Source: "header:x-forwarded-for"}),
		`client.source: "peer" takes neither`:              client(ClientOptions{Source: "peer", TrustedHops: 1}),
		`client.source: "header:x" takes neither`:          client(ClientOptions{Source: "header:x", TrustedNetworks: prefixes("10.0.0.0/8")}),
		`client.trusted_hops: "xff" without`:               client(ClientOptions{Source: "xff"}),
		`client.trusted_hops: set trusted hops or`:         client(ClientOptions{Source: "xff", TrustedHops: 1, TrustedNetworks: prefixes("10.0.0.0/8")}),
		`client.trusted_hops: -1 is not between`:           client(ClientOptions{Source: "xff", TrustedHops: -1}),
		`client.trusted_hops: 32 is not between`:           client(ClientOptions{Source: "xff", TrustedHops: 32}),
		`client.trusted_networks: entry 1`:                 client(ClientOptions{Source: "xff", TrustedNetworks: []netip.Prefix{{}}}),
		`places: "x" has unknown kind 0`:                   places(Place{Name: "x"}),
		`places: "X-Key" is not a lower-case header name`:  places(Place{PlaceHeader, "X-Key"}),
		`places: ":path" is not a lower-case header name`:  places(Place{PlaceHeader, ":path"}),
		`places: header "x-key" is named twice`:            places(Place{PlaceHeader, "x-key"}, Place{PlaceBearer, "x-key"}),
		`places: query parameter "api key"`:                places(Place{PlaceQuery, "api key"}),
		`places: query parameter ""`:                       places(Place{PlaceQuery, ""}),
		`places: more than one bearer header or more than`: places(Place{PlaceBearer, "a"}, Place{PlaceBearer, "b"}),
		`one query parameter; keep one of each`:            places(Place{PlaceQuery, "a"}, Place{PlaceQuery, "b"}),
		`places: 9 are too many; at most 8`:                places(make([]Place, 9)...),
		`not a lower-case header name`:                     places(Place{PlaceHeader, strings.Repeat("x", 129)}),
	} {
		o := newWorld(t).options
		change(&o)
		p, err := New(o)
		if err == nil || p != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestOnlyWhatIsNeededHasToBeGiven(t *testing.T) {
	o := newWorld(t).options
	o.Addresses, o.Failures = nil, nil
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}
