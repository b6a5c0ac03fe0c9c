//go:build amd64 || arm64

package prefetch

import "unsafe"

// each names each cache line that holds one of the n bytes from each of the
// count pointers on that stand at all.
//
//go:noescape
func each(all unsafe.Pointer, count, n uintptr)
