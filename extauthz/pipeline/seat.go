package pipeline

import (
	"sync/atomic"
	"unsafe"
)

// Seat is where a Limiter remembers what it counts a limit with: with very many
// keys, each place in memory that need not be looked at again is worth as much
// as a stage. It is a pointer and no more, because there is one for each limit
// of each key in the cache; an atomic.Pointer would have to know the type, and
// would keep limits from being copied.
//
// T is of the Limiter, always the same one. Whoever gets something MUST ask
// whether it is its own, and still counts.
type Seat[T any] struct{ limit *SubjectLimit }

// SeatOf is the seat of the limit.
func SeatOf[T any](l *SubjectLimit) Seat[T] { return Seat[T]{l} }

// Get answers what was put last, nil before.
func (s Seat[T]) Get() *T {
	return (*T)(atomic.LoadPointer(&s.limit.seat))
}

// Put remembers.
func (s Seat[T]) Put(v *T) {
	atomic.StorePointer(&s.limit.seat, unsafe.Pointer(v)) //nolint:gosec // G103: the type is what Get makes of it
}
