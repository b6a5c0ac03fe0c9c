package api

import (
	"slices"
	"sync"

	"credence/management"
	"credence/store"
)

// turns shares the requests that may run at once among the callers, so that
// one tenant (with many tokens, perhaps, and bodies that arrive a byte at a
// time) cannot keep the others from revoking a key. All tokens of a tenant
// count together; those of all tenants leave some turns free, which are for
// global tokens and for what takes access away. Answers that are streamed for
// as long as they take have a bound of their own, far lower.
type turns struct {
	requests, streams bound

	mu      sync.Mutex
	running map[turn]int // without those that are zero
	tenants [2]int       // all of them, requests and streams
}

// bound is how many may run at once.
type bound struct {
	tenant  int // of one tenant
	tenants int // of all tenants
	urgent  int // beyond both, of what one tenant has that is urgent
}

// turn is whose a request is, and whether its answer is a stream.
type turn struct {
	tenant string // "" is nobody's
	stream bool
	urgent bool
}

func newTurns(inFlight int) *turns {
	return &turns{
		requests: bound{tenant: max(1, inFlight/8), tenants: max(1, inFlight*3/4), urgent: max(1, inFlight/32)},
		streams:  bound{tenant: max(1, inFlight/128), tenants: max(1, inFlight/16)},
		running:  map[turn]int{},
	}
}

// nobody stands for those who need no token.
const nobody = "(nobody)"

// laneOf says on whose behalf an operation runs. All that a tenant's tokens do
// is the tenant's; which one it is, the first of its namespaces tells: tokens
// for parts of them do not make more of it.
func laneOf(a management.Actor, op Operation) store.Lane {
	switch {
	case a.ID == "":
		return store.Lane{Tenant: nobody}
	case a.Global():
		return store.Lane{}
	}
	return store.Lane{Tenant: slices.Min(a.Namespaces), Urgent: urgent(op.ID)}
}

// urgent operations take access away.
func urgent(operation string) bool { return slices.Contains(urgentOperations(), operation) }

func urgentOperations() []string {
	return []string{"KeyRevoke", "KeyDisable", "KeySuspend", "KeysRevoke", "BlacklistAdd", "TokenRevoke"}
}

// take begins a request, or refuses it. Whoever took a turn calls leave.
func (t *turns) take(lane store.Lane, stream bool) (leave func(), err error) {
	if lane.Tenant == "" { // bounded by the slots of the server alone
		return func() {}, nil
	}
	most, kind := t.requests, 0
	if stream {
		most, kind = t.streams, 1
	}
	mine := turn{tenant: lane.Tenant, stream: stream}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[mine] < most.tenant && t.tenants[kind] < most.tenants {
		t.running[mine]++
		t.tenants[kind]++
		return func() { t.leave(mine, kind) }, nil
	}
	mine.urgent = true
	if lane.Urgent && t.running[mine] < most.urgent {
		t.running[mine]++
		return func() { t.leave(mine, -1) }, nil
	}
	return nil, &management.Error{Code: management.CodeUnavailable, Message: "too many requests of this tenant at once; try again"}
}

func (t *turns) leave(mine turn, kind int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kind >= 0 {
		t.tenants[kind]--
	}
	if t.running[mine]--; t.running[mine] <= 0 {
		delete(t.running, mine)
	}
}
