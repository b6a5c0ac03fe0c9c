package prefetch

import "unsafe"

// Object fetches all of *p.
func Object[T any](p *T) {
	all := [...]*T{p}
	Each(all[:], unsafe.Sizeof(*p))
}

// Each fetches n bytes from each of the pointers on. It names them as densely as
// it can: a processor also looks several pages up at the same time, as long as
// not too many other instructions lie between them.
func Each[T any](all []*T, n uintptr) {
	each(unsafe.Pointer(unsafe.SliceData(all)), uintptr(len(all)), n)
}
