package prefetch_test

import (
	"strings"
	"testing"

	"credence/extauthz/prefetch"
)

// TestNothingFaults: whatever is named, at the edges of pages too.
func TestNothingFaults(*testing.T) {
	type object [1000]byte
	prefetch.Object(&object{})
	prefetch.Object[object](nil)
	prefetch.Object(&struct{}{})
	for n := range uintptr(200) {
		prefetch.Each([]*object{nil, {}, nil, {}}, n)
		prefetch.Each([]*object(nil), n)
	}
}

// TestNothingChanges what was named, nor allocates.
func TestNothingChanges(t *testing.T) {
	text := []byte(strings.Repeat("as it was ", 100))
	before, all := string(text), []*byte{&text[0], &text[99], nil}
	if n := testing.AllocsPerRun(100, func() { prefetch.Each(all, uintptr(len(text)/2)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if string(text) != before {
		t.Error("changed")
	}
}
