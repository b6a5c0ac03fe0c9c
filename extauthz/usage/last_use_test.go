package usage

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/extauthz/pipeline"
)

// TestTheNetworksOfAKeyAreToldWithItsLastUse once each, however many addresses
// take turns, and no more of them than there is room for.
func TestTheNetworksOfAKeyAreToldWithItsLastUse(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	use := func(addresses ...string) []netip.Addr {
		t.Helper()
		for _, a := range addresses {
			c.Count(decision("key_1", pipeline.ReasonAllowed, a), at.now(), 0)
		}
		c.deliver(t.Context(), false)
		at.advance(time.Minute)
		return l.used["key_1"].Networks
	}
	parse := func(addresses ...string) (all []netip.Addr) {
		for _, a := range addresses {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	for _, turn := range []struct{ from, want []string }{
		{[]string{"192.0.2.1", "192.0.2.2", "198.51.100.7", "192.0.2.3"}, []string{"192.0.2.0", "198.51.100.0"}},
		{[]string{"192.0.2.3"}, []string{"192.0.2.0"}},
		{[]string{"2001:db8:1:2::3", "2001:db8:1:4::3", "::ffff:192.0.2.3"}, []string{"2001:db8:1::", "192.0.2.0"}},
	} {
		if got := use(turn.from...); !slices.Equal(got, parse(turn.want...)) {
			t.Errorf("from %v: told %v, want %v", turn.from, got, turn.want)
		}
	}
	var many []string
	for n := range 40 {
		many = append(many, fmt.Sprintf("10.0.%d.1", n))
	}
	if got := use(many...); len(got) != mostNetworks {
		t.Errorf("told %d networks, want %d", len(got), mostNetworks)
	}
}

func TestALastUseIsToldAtOnceAndThenOnceAMinute(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	told := 0
	for second := range 150 {
		c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"), at.now(), 0)
		c.deliver(t.Context(), false)
		if second == 0 && len(l.used) != 1 {
			t.Error("the first use was not told at once")
		}
		at.advance(time.Second)
	}
	for _, b := range l.batches {
		told += len(b.Used)
	}
	if told != 3 {
		t.Errorf("told %d times in 150 seconds, want 3", told)
	}
}
