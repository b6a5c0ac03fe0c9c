package limiter_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
)

var (
	_ pipeline.Limiter        = (*limiter.Limiter)(nil)
	_ pipeline.AddressLimiter = (*limiter.AddressLimiter)(nil)
	_ pipeline.Failures       = (*limiter.Failures)(nil)
)

var fivePerMinute = limit.Limit{Name: "address", Limit: 5, Period: time.Minute}

func at(clock time.Time) func() time.Time { return func() time.Time { return clock } }

func TestAnAddressIsLimitedByItself(t *testing.T) {
	a, err := limiter.NewAddressLimiter(fivePerMinute, 0, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	client, other := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	for n := range 5 {
		if _, ok := a.Take(client, noon); !ok {
			t.Fatalf("refused after %d", n)
		}
	}
	if retry, ok := a.Take(client, noon); ok || retry != 12*time.Second {
		t.Errorf("ok %v, retry after %s", ok, retry)
	}
	if _, ok := a.Take(netip.MustParseAddr("::ffff:203.0.113.1"), noon); ok {
		t.Error("the same client in IPv6 clothes has a budget of its own")
	}
	if _, ok := a.Take(other, noon); !ok {
		t.Error("another address is refused")
	}
	if _, ok := a.Take(client, noon.Add(12*time.Second)); !ok {
		t.Error("refused after the time to wait")
	}
}

func TestIPv6IsCountedByItsSlash64(t *testing.T) {
	a, err := limiter.NewAddressLimiter(limit.Limit{Name: "address", Limit: 1, Period: time.Minute}, 0, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Take(netip.MustParseAddr("2001:db8:0:1::1"), noon); !ok {
		t.Error("the first request is refused")
	}
	for address, want := range map[string]bool{
		"2001:db8:0:1:ffff::9": false, "2001:db8:0:1::1%eth0": false, "2001:db8:0:2::1": true,
	} {
		if _, ok := a.Take(netip.MustParseAddr(address), noon); ok != want {
			t.Errorf("%s: ok %v, want %v", address, ok, want)
		}
	}
}

func TestFailuresAreCountedWhenRecordedOnly(t *testing.T) {
	f, err := limiter.NewFailures(fivePerMinute, 0, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddr("203.0.113.1")
	for range 100 {
		if _, spent := f.Spent(client, noon); spent {
			t.Fatal("asking spends the budget")
		}
	}
	for range 5 {
		if _, spent := f.Spent(client, noon); spent {
			t.Fatal("spent too early")
		}
		f.Record(client, noon)
	}
	if retry, spent := f.Spent(client, noon); !spent || retry != 12*time.Second {
		t.Errorf("spent %v, retry after %s", spent, retry)
	}
	for range 100 {
		f.Record(client, noon) // what fails while it is spent costs nothing more
	}
	if _, spent := f.Spent(client, noon.Add(12*time.Second)); spent {
		t.Error("spent after the time to wait")
	}
}

func TestAddressesAreBoundedAndAFloodDoesNotFreeWhoIsRefused(t *testing.T) {
	f, err := limiter.NewFailures(fivePerMinute, 64, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	offender := netip.MustParseAddr("203.0.113.1")
	for range 5 {
		f.Record(offender, noon)
	}
	for n := range 5000 {
		f.Record(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), noon)
	}
	s := f.Stats()
	if s.Addresses != 64 || s.Evictions == 0 {
		t.Errorf("stats %+v", s)
	}
	if _, spent := f.Spent(offender, noon); !spent {
		t.Error("a flood of new addresses freed the one that is refused")
	}
}

func TestAddressOptionsAreRefused(t *testing.T) {
	for name, wrong := range map[string]func() error{
		"limit": func() error {
			_, err := limiter.NewAddressLimiter(limit.Limit{Name: "a", Limit: -1, Period: time.Second}, 0, time.Now)
			return err
		},
		"clock":          func() error { _, err := limiter.NewFailures(fivePerMinute, 0, nil); return err },
		"most addresses": func() error { _, err := limiter.NewFailures(fivePerMinute, -1, time.Now); return err },
	} {
		if err := wrong(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
}
