package store

import (
	"context"
	"slices"
	"sync"
)

// Queue lets so many in at a time, and has the others wait in order of their
// [Lane]: the deployment's own first, then one of each tenant in turn, of each
// tenant what is urgent before what is not. So one tenant, whatever it asks
// for at once, costs another the wait for one turn. Backends stand in one
// before they take a connection.
//
// It does not bound how many wait: those who call do, and each waits no longer
// than its context.
type Queue struct {
	mu      sync.Mutex
	free    int
	own     []*waiting
	tenants map[string][]*waiting // those that wait, the next first
	order   []string              // of the tenants in it, the next first
}

type waiting struct {
	lane Lane
	in   chan struct{} // closed when it is let in
}

// NewQueue makes a queue that lets so many in at a time, at least one.
func NewQueue(most int) *Queue {
	return &Queue{free: max(1, most), tenants: map[string][]*waiting{}}
}

// Enter waits for its turn, or answers the error of the context. Who was let in
// calls leave once.
func (q *Queue) Enter(ctx context.Context) (leave func(), err error) {
	w := q.join(LaneOf(ctx))
	if w == nil {
		return q.leave, nil
	}
	select {
	case <-w.in:
		return q.leave, nil
	case <-ctx.Done():
		q.giveUp(w)
		return nil, ctx.Err()
	}
}

// Waiting answers how many wait.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.own)
	for _, all := range q.tenants {
		n += len(all)
	}
	return n
}

// join answers nil to who is let in at once.
func (q *Queue) join(lane Lane) *waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 { // then nobody waits
		q.free--
		return nil
	}
	w := &waiting{lane: lane, in: make(chan struct{})}
	if lane.Tenant == "" {
		q.own = append(q.own, w)
		return w
	}
	before, known := q.tenants[lane.Tenant]
	if !known {
		q.order = append(q.order, lane.Tenant)
	}
	place := len(before)
	if lane.Urgent {
		if first := slices.IndexFunc(before, func(other *waiting) bool { return !other.lane.Urgent }); first >= 0 {
			place = first
		}
	}
	q.tenants[lane.Tenant] = slices.Insert(before, place, w)
	return w
}

// leave lets the next one in.
func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.own) > 0 {
		close(q.own[0].in)
		q.own = slices.Delete(q.own, 0, 1)
		return
	}
	if len(q.order) == 0 {
		q.free++
		return
	}
	tenant := q.order[0]
	q.order = slices.Delete(q.order, 0, 1)
	all := q.tenants[tenant]
	close(all[0].in)
	if all = slices.Delete(all, 0, 1); len(all) == 0 {
		delete(q.tenants, tenant)
		return
	}
	q.tenants[tenant] = all
	q.order = append(q.order, tenant)
}

// giveUp takes one out that waits no longer. It may have been let in at the
// same moment: then it leaves.
func (q *Queue) giveUp(w *waiting) {
	if q.remove(w) {
		return
	}
	q.leave()
}

// remove reports whether it was still waiting.
func (q *Queue) remove(w *waiting) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.lane.Tenant == "" {
		i := slices.Index(q.own, w)
		if i >= 0 {
			q.own = slices.Delete(q.own, i, i+1)
		}
		return i >= 0
	}
	all := q.tenants[w.lane.Tenant]
	i := slices.Index(all, w)
	if i < 0 {
		return false
	}
	if all = slices.Delete(all, i, i+1); len(all) > 0 {
		q.tenants[w.lane.Tenant] = all
		return true
	}
	delete(q.tenants, w.lane.Tenant)
	q.order = slices.DeleteFunc(q.order, func(t string) bool { return t == w.lane.Tenant })
	return true
}
