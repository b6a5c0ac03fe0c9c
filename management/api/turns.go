package api

import (
	"sync"

	"credence/management"
)

// turns shares the requests that may run at once among the callers, so that
// one token (that of a tenant, perhaps, with bodies that arrive a byte at a
// time) cannot keep the others from revoking a key.
type turns struct {
	most int // of one actor

	mu      sync.Mutex
	running map[string]int // by actor; those without a request are not in it
}

func newTurns(inFlight int) *turns {
	return &turns{most: max(1, inFlight/4), running: make(map[string]int)}
}

// take begins a request of the actor, or refuses it. Whoever took a turn calls
// leave.
func (t *turns) take(actor string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[actor] >= t.most {
		return &management.Error{Code: management.CodeUnavailable, Message: "too many requests of this token at once; try again"}
	}
	t.running[actor]++
	return nil
}

func (t *turns) leave(actor string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[actor]--; t.running[actor] <= 0 {
		delete(t.running, actor)
	}
}
