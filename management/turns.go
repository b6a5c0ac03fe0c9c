package management

import "sync"

// turns has costly work done once at a time in this process. Who comes second
// is told so, and does not wait.
type turns struct {
	mu    sync.Mutex
	taken map[string]bool
}

// take begins the work of that name. It answers what ends it, or false while it
// is under way.
func (t *turns) take(name string) (end func(), free bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken[name] {
		return nil, false
	}
	if t.taken == nil {
		t.taken = map[string]bool{}
	}
	t.taken[name] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, name)
	}, true
}
