//go:build !amd64 && !arm64

package prefetch

import "unsafe"

func each(unsafe.Pointer, uintptr, uintptr) {}
