package api

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"credence/store/limit"
)

// TestTheTablesOfFailuresAreBounded, and the addresses that owe the most stay.
func TestTheTablesOfFailuresAreBounded(t *testing.T) {
	at := time.Unix(1000, 0)
	f := newFailures(&limit.Limit{Name: "failures", Limit: 3, Period: time.Minute}, func() time.Time { return at })
	worst := netip.MustParseAddr("192.0.2.1")
	for range 3 {
		a, _ := f.begin(worst, "wrong")
		f.failed(a)
	}
	for n := range uint32(2 * mostAddresses) {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x0a000000+n)
		a, _ := f.begin(netip.AddrFrom4(ip), "wrong")
		f.failed(a)
	}
	if len(f.debts) > mostAddresses {
		t.Errorf("%d addresses, at most %d wanted", len(f.debts), mostAddresses)
	}
	if _, wait := f.begin(worst, "wrong"); wait == 0 {
		t.Error("a flood from other addresses freed the one that owes the most")
	}
	at = at.Add(time.Hour)
	for n := range 2 * mostKnown {
		a, _ := f.begin(worst, string(rune(n))+"right")
		f.worked(a)
	}
	if len(f.asked) > 0 {
		t.Errorf("%d attempts are remembered that have ended", len(f.asked))
	}
	if len(f.known) > mostKnown {
		t.Errorf("%d tokens, at most %d wanted", len(f.known), mostKnown)
	}
	if len(f.debts) > mostAddresses {
		t.Errorf("%d addresses", len(f.debts))
	}
}
