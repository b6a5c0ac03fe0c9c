package prefetch_test

import (
	"strings"
	"testing"
	"unsafe"

	"credence/extauthz/prefetch"
)

// TestNothingFaults: whatever is named, at the edges of pages too.
func TestNothingFaults(t *testing.T) {
	type object struct{ bytes [1000]byte }
	prefetch.Object(&object{})
	prefetch.Object[object](nil)
	prefetch.Object(&struct{}{})
	prefetch.Slice([]object(nil))
	prefetch.Slice(make([]object, 3))
	prefetch.Text("")
	prefetch.Text(strings.Repeat("long ", 1000))
	for n := range uintptr(200) {
		prefetch.Bytes(unsafe.Pointer(&object{}), n) //nolint:gosec // G103: what is tested
		prefetch.Bytes(nil, n)
		prefetch.Each([]*object{nil, {}, nil, {}}, n)
		prefetch.Each([]*object(nil), n)
	}
}

// TestNothingChanges what was named, nor allocates.
func TestNothingChanges(t *testing.T) {
	text := []byte(strings.Repeat("as it was ", 100))
	before := string(text)
	if n := testing.AllocsPerRun(100, func() { prefetch.Slice(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if string(text) != before {
		t.Error("changed")
	}
}
