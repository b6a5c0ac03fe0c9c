package usage

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
)

// TestTheNetworksOfAKeyAreToldWithItsLastUse once each, however many addresses
// take turns, and no more of them than there is room for.
func TestTheNetworksOfAKeyAreToldWithItsLastUse(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	use := func(addresses ...string) []netip.Addr {
		t.Helper()
		for _, a := range addresses {
			c.Count(decision("key_1", pipeline.ReasonAllowed, a), nil, at.now(), 0)
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
		c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"), nil, at.now(), 0)
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

// sights are when each network of key_1 was told to be used, in seconds.
func sights(l *ledger) []string {
	var all []string
	for _, b := range l.batches {
		for _, u := range b.Used {
			for _, n := range u.Networks {
				all = append(all, fmt.Sprintf("%s %.0f", n, u.At.Sub(start).Seconds()))
			}
		}
	}
	return all
}

// TestANetworkIsToldWithTheTimeAtWhichItWasUsed, not with that of a later use
// from elsewhere: who has travelled in between would be in two places at once.
func TestANetworkIsToldWithTheTimeAtWhichItWasUsed(t *testing.T) {
	const home, hotel, train = "192.0.2.1", "198.51.100.7", "203.0.113.9"
	for name, c := range map[string]struct {
		away bool // the sink is, until the end
		want []string
	}{
		"as it goes":       {false, []string{"192.0.2.0 0", "203.0.113.0 20", "198.51.100.0 18010"}},
		"after five hours": {true, []string{"192.0.2.0 0", "198.51.100.0 18010", "203.0.113.0 20"}},
	} {
		l, at := newLedger(), &clock{at: start}
		away := c.away
		l.behave = func() (bool, error) {
			if away {
				return false, errAway
			}
			return true, nil
		}
		counter := newCounter(t, l, at.now, nil)
		for _, step := range []struct {
			from string
			then time.Duration
		}{{home, 20 * time.Second}, {train, 5*time.Hour - 10*time.Second}, {hotel, 0}} {
			counter.Count(decision("key_1", pipeline.ReasonAllowed, step.from), nil, at.now(), 0)
			counter.deliver(t.Context(), false)
			for end := at.now().Add(step.then); at.now().Before(end); {
				at.advance(min(10*time.Second, end.Sub(at.now())))
				counter.deliver(t.Context(), false)
			}
		}
		away = false
		if err := counter.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := sights(l); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestNetworksOfAnOutageAreBounded: a key that changes places all the time
// while nothing can be delivered costs so much memory and no more.
func TestNetworksOfAnOutageAreBounded(t *testing.T) {
	p := newPending(10, outcomeNames())
	for n := range mostEarlier + 100 {
		from := netip.AddrFrom4([4]byte{10, byte(n % 2), 0, 1})
		p.use("key_1", news{at: start.Add(time.Duration(n) * time.Minute), from: from, networks: []netip.Addr{store.KeyNetworkOf(from)}})
	}
	if len(p.earlier) != mostEarlier || len(p.used) != 1 {
		t.Errorf("%d networks and %d keys wait", len(p.earlier), len(p.used))
	}
}
