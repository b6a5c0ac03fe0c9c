package remote

import (
	"context"
	"sync"
)

// Turns lets one at a time do something under a name, such as make a
// credential for one account. The zero Turns is ready.
type Turns struct {
	mu sync.Mutex
	of map[string]*turn // bounded by those who are in or wait
}

type turn struct {
	in      chan struct{}
	holders int // who is in, and who waits
}

// Take waits for the turn, or answers the error of the context. Who got it
// calls leave once.
func (t *Turns) Take(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = map[string]*turn{}
	}
	mine := t.of[name]
	if mine == nil {
		mine = &turn{in: make(chan struct{}, 1)}
		t.of[name] = mine
	}
	mine.holders++
	t.mu.Unlock()
	select {
	case mine.in <- struct{}{}:
		return func() { <-mine.in; t.release(name, mine) }, nil
	case <-ctx.Done():
		t.release(name, mine)
		return nil, ctx.Err()
	}
}

func (t *Turns) release(name string, of *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of.holders--; of.holders == 0 {
		delete(t.of, name)
	}
}
