package sketch_test

import (
	"encoding/binary"
	"math"
	"net/netip"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"credence/store/sketch"
)

func hasher(seed uint64) sketch.Hasher {
	var secret [32]byte
	for i := range 4 {
		binary.LittleEndian.PutUint64(secret[8*i:], (seed+uint64(i)+1)*0x9e3779b97f4a7c15)
	}
	return sketch.NewHasher(secret)
}

// address is the n-th of a row, as an attacker's are: IPv4 one after another.
func address(n int) netip.Addr {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], 0x0a000000+uint32(n))
	return netip.AddrFrom4(raw)
}

// TestTheEstimateIsWithinItsErrorOfTheExactCount compares with crowds of known
// size, under many secrets.
func TestTheEstimateIsWithinItsErrorOfTheExactCount(t *testing.T) {
	const trials = 40
	for _, size := range []int{1, 2, 3, 5, 10, 30, 100, 1_000, 10_000, 100_000} {
		squares, worst := 0.0, 0.0
		for trial := range trials {
			h, s := hasher(uint64(trial)), sketch.Sketch{}
			for n := range size {
				s.Add(h.Mark(address(n)))
				s.Add(h.Mark(address(n)))
			}
			off := float64(s.Estimate())/float64(size) - 1
			squares += off * off
			worst = max(worst, math.Abs(off))
		}
		deviation := math.Sqrt(squares / trials)
		t.Logf("%7d addresses: standard error %.3f, worst %.3f", size, deviation, worst)
		if deviation > 0.12 || size <= 2 && worst > 0.5 {
			t.Errorf("%d addresses: standard error %.3f, worst %.3f", size, deviation, worst)
		}
	}
}

func TestAnEmptySketchIsNobodyAndAFullOneIsAnswered(t *testing.T) {
	var s sketch.Sketch
	if got := s.Estimate(); got != 0 {
		t.Errorf("empty: %d", got)
	}
	for i := range s {
		s[i] = math.MaxUint64
	}
	if got := s.Estimate(); got < 5_000_000 {
		t.Errorf("full: %d", got)
	}
}

// TestMergedSketchesAreThatOfBothCrowds also shows that order and repetition
// make no difference, which delivery relies on.
func TestMergedSketchesAreThatOfBothCrowds(t *testing.T) {
	h := hasher(7)
	rapid.Check(t, func(t *rapid.T) {
		var all sketch.Sketch
		parts := make([]sketch.Sketch, 3)
		for range rapid.IntRange(0, 300).Draw(t, "addresses") {
			m := h.Mark(address(rapid.IntRange(0, 5000).Draw(t, "address")))
			all.Add(m)
			parts[rapid.IntRange(0, 2).Draw(t, "part")].Add(m)
		}
		var merged sketch.Sketch
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 2), 0, 6).Draw(t, "order") {
			merged.Merge(&parts[i])
		}
		for i := range parts {
			merged.Merge(&parts[i])
		}
		if merged != all {
			t.Fatal("the merged sketch is another one")
		}
		if merged.Merge(&all) {
			t.Fatal("merging again changed something")
		}
	})
}

func TestBytesAndTextComeBackAsTheyWere(t *testing.T) {
	h := hasher(9)
	for _, size := range []int{0, 1, 5, 63, 64, 65, 1000} {
		var s, fromBytes, fromText sketch.Sketch
		for n := range size {
			s.Add(h.Mark(address(n)))
		}
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := fromText.UnmarshalText(text); err != nil || fromText != s {
			t.Errorf("%d addresses: text: %v", size, err)
		}
		if err := fromBytes.SetBytes(s.Bytes()); err != nil || fromBytes != s {
			t.Errorf("%d addresses: bytes: %v", size, err)
		}
	}
}

func FuzzUnmarshalText(f *testing.F) {
	for _, text := range []string{"", "AAE", "_____", "BAA", "A", "AAAA"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s, again sketch.Sketch
		if s.UnmarshalText(text) != nil {
			return
		}
		out, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText(out); err != nil || again != s {
			t.Fatalf("%q became %q: %v", text, out, err)
		}
	})
}

func TestOfIPv6OneNetworkOf64BitsCountsAsOneAddress(t *testing.T) {
	for from, want := range map[string]string{
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::ffff:192.0.2.7": "192.0.2.7", "192.0.2.7": "192.0.2.7", "fe80::1%eth0": "fe80::",
	} {
		if got := sketch.Network(netip.MustParseAddr(from)); got != netip.MustParseAddr(want) {
			t.Errorf("%s is counted as %s, want %s", from, got, want)
		}
	}
	if sketch.Network(netip.Addr{}).IsValid() {
		t.Error("no address became one")
	}
}

// TestManyAddAtOnceAndNothingIsLost takes while others add.
func TestManyAddAtOnceAndNothingIsLost(t *testing.T) {
	h := hasher(3)
	var shared sketch.Atomic
	var want, got sketch.Sketch
	var adding sync.WaitGroup
	for g := range 4 {
		for n := range 500 {
			want.Add(h.Mark(address(g*1000 + n)))
		}
		adding.Go(func() {
			for n := range 500 {
				shared.Add(h.Mark(address(g*1000 + n)))
			}
		})
	}
	for range 50 {
		shared.Take(&got)
	}
	adding.Wait()
	shared.Take(&got)
	if got != want {
		t.Error("marks are missing")
	}
}
