package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

func mustID(tb interface{ Fatal(args ...any) }, now time.Time, random io.Reader) string {
	id, err := NewID(KeyIDPrefix, now, random)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// TestNewIDOrdersByTime: whatever the random bits, an earlier millisecond
// comes first in text order.
func TestNewIDOrdersByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const year3000 = int64(32_503_680_000_000)
		early := rapid.Int64Range(0, year3000).Draw(t, "early")
		late := rapid.Int64Range(early+1, year3000+1).Draw(t, "late")
		bits := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "random")
		first := mustID(t, time.UnixMilli(early), bytes.NewReader(bits[:10]))
		second := mustID(t, time.UnixMilli(late), bytes.NewReader(bits[10:]))
		if first >= second {
			t.Fatalf("%d gave %s, %d gave %s", early, first, late, second)
		}
	})
}

func TestNewIDIsUniqueWithinAMillisecond(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000)
	seen := map[string]bool{}
	for range 10_000 {
		id := mustID(t, now, rand.Reader)
		if seen[id] {
			t.Fatalf("%s was made twice", id)
		}
		seen[id] = true
	}
}

// TestNewIDUsesEveryRandomBit: turning any of the 80 bits gives another id.
func TestNewIDUsesEveryRandomBit(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000)
	seen := map[string]bool{mustID(t, now, bytes.NewReader(make([]byte, 10))): true}
	for bit := range 80 {
		bits := make([]byte, 10)
		bits[bit/8] = 1 << (bit % 8)
		seen[mustID(t, now, bytes.NewReader(bits))] = true
	}
	if len(seen) != 81 {
		t.Fatalf("81 inputs gave %d ids", len(seen))
	}
}

func TestNewIDHasItsForm(t *testing.T) {
	id := mustID(t, time.UnixMilli(0), bytes.NewReader(make([]byte, 10)))
	if id != "key_"+strings.Repeat("0", 26) {
		t.Fatalf("the first id is %s", id)
	}
	id = mustID(t, time.UnixMilli(1<<48-1), bytes.NewReader(bytes.Repeat([]byte{0xff}, 10)))
	if id != "key_"+strings.Repeat("z", 25)+"w" {
		t.Fatalf("the last id is %s", id)
	}
}

func TestNewIDFailsWithItsRandomSource(t *testing.T) {
	broken := errors.New("no entropy")
	id, err := NewID(KeyIDPrefix, time.UnixMilli(0), iotest.ErrReader(broken))
	if !errors.Is(err, broken) || id != "" {
		t.Fatalf("got %q, %v", id, err)
	}
}
