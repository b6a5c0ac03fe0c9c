//go:build amd64 || arm64

package prefetch

import "unsafe"

// lines names each cache line that holds one of the n bytes from p on.
//
//go:noescape
func lines(p unsafe.Pointer, n uintptr)

// each is lines for each of the count pointers from all on.
//
//go:noescape
func each(all unsafe.Pointer, count, n uintptr)
