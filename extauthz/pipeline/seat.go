package pipeline

import (
	"sync/atomic"
	"unsafe"
)

// Seat is where somebody remembers what it counts a limit or a key with: with
// very many keys, each place in memory that need not be looked at again is
// worth as much as a stage. It is a pointer and no more, because there is one
// for each limit of each key in the cache; an atomic.Pointer would have to know
// the type, and would keep limits from being copied.
//
// The seats of limits are the Limiter's, those of keys belong to who counts
// usage; T is always the same one. Whoever gets something MUST ask whether it
// still counts, and a Limiter whether it is its own.
type Seat[T any] struct{ at *unsafe.Pointer }

// SeatOf is the seat of the limit.
func SeatOf[T any](l *SubjectLimit) Seat[T] { return Seat[T]{&l.seat} }

// SeatOfKey is the seat of the key.
func SeatOfKey[T any](k *Key) Seat[T] { return Seat[T]{&k.seat} }

// Get answers what was put last, nil before.
func (s Seat[T]) Get() *T {
	return (*T)(atomic.LoadPointer(s.at))
}

// PutOver remembers in place of what was got, unless that has changed.
func (s Seat[T]) PutOver(got, v *T) {
	atomic.CompareAndSwapPointer(s.at, unsafe.Pointer(got), unsafe.Pointer(v)) //nolint:gosec // G103: as for Put
}

// Put remembers.
func (s Seat[T]) Put(v *T) {
	atomic.StorePointer(s.at, unsafe.Pointer(v)) //nolint:gosec // G103: the type is what Get makes of it
}
