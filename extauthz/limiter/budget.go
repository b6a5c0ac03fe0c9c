package limiter

import (
	"fmt"
	"sync"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

const (
	// largestBlock bounds what a crash can lose of one quota.
	largestBlock = 10_000
	// emptyPause is how long a spent quota is not asked for at the store.
	emptyPause = 5 * time.Second
	// failurePause is how long a failing store is not asked again.
	failurePause = time.Second
	// backStep is how far the wall clock must go back before a window that has
	// begun is left again: Checks of the old window that come late are charged
	// to the new one instead of throwing its block away.
	backStep = time.Minute
)

// quotaKey is what is counted by itself: a quota of a subject, under any label.
type quotaKey struct {
	subject string
	quota   limit.Quota
}

func quotaKeyOf(q *pipeline.SubjectQuota) quotaKey { return quotaKey{q.Subject, q.Quota} }

// budget is one quota of one subject on this replica: the units reserved in
// the current window.
type budget struct {
	subject string
	quota   limit.Quota
	block   int64

	mu       sync.Mutex // never held during I/O
	retired  bool
	window   store.QuotaWindow
	reserved int64         // units that may be spent
	used     int64         // units reserved by everybody, as the store last said
	demand   int64         // units that requests are waiting for
	refill   chan struct{} // closed when the call of the store ends; nil when there is none
	emptyTil time.Time     // the store had nothing left
	failTil  time.Time     // the store failed
	failure  error
}

func newBudget(q *pipeline.SubjectQuota) *budget {
	return &budget{subject: q.Subject, quota: q.Quota, block: min(max(q.Limit/100, 1), largestBlock)}
}

// verdict is what a budget says of a request.
type verdict uint8

const (
	verdictSpent   verdict = iota // the cost is charged
	verdictRefused                // the window is spent
	verdictFailed                 // nobody knows: see budget.failure
	verdictWait                   // the store has to be asked
	verdictRetired                // the budget has left its table
)

// spend charges the cost to the window that starts at start, if that much is
// reserved. topUp is true when the block should be filled up in the background.
func (b *budget) spend(now time.Time, cost int64) (v verdict, start time.Time, topUp bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return verdictRetired, start, false
	}
	b.roll(now)
	start = b.window.Start
	switch {
	case cost < 1 || cost > b.quota.Limit || b.window.End.IsZero():
		return verdictRefused, start, false
	case b.reserved >= cost:
		b.reserved -= cost
		return verdictSpent, start, b.reserved <= b.block/2 && b.mayAsk(now)
	case now.Before(b.emptyTil):
		return verdictRefused, start, false
	case now.Before(b.failTil):
		return verdictFailed, start, false
	default:
		return verdictWait, start, false
	}
}

// mayAsk reports whether asking the store for more makes sense.
func (b *budget) mayAsk(now time.Time) bool {
	return b.refill == nil && !now.Before(b.emptyTil) && !now.Before(b.failTil)
}

// roll enters the window that now falls in. What was reserved in the old one
// is of no use any more.
func (b *budget) roll(now time.Time) {
	if now.Before(b.window.End) && now.After(b.window.Start.Add(-backStep)) {
		return
	}
	start, end := b.quota.Window(now)
	b.window = store.QuotaWindow{Subject: b.subject, Name: b.quota.Name, Start: start, End: end}
	b.reserved, b.used = 0, 0
	b.emptyTil, b.failTil, b.failure = time.Time{}, time.Time{}, nil
}

// refund takes a charge back, unless its window is over.
func (b *budget) refund(start time.Time, cost int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.window.Start.Equal(start) {
		b.reserved += cost
	}
}

// look answers the window that now falls in and what can still be spent of it,
// as far as this replica knows, without charging anything.
func (b *budget) look(now time.Time) (start, end time.Time, remaining int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	return b.window.Start, b.window.End, b.reserved + max(b.quota.Limit-b.used, 0)
}

// worth is the units that would have to go back to the store.
func (b *budget) worth(at int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.worthLocked(at)
}

func (b *budget) worthLocked(at int64) int64 {
	if b.window.End.IsZero() || b.window.End.UnixNano() <= at {
		return 0
	}
	return b.reserved + b.demand
}

func (b *budget) retire(at, atMost int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired || b.worthLocked(at) > atMost {
		return false
	}
	b.retired = true
	return true
}

// wanted is what the store is asked for: what the block lacks, or what
// requests are waiting for.
func (b *budget) wanted() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(min(max(b.block, b.demand), b.quota.Limit)-b.reserved, 1)
}

// granted enters the answer of the store to a call for the window. It answers
// the units that came too late to be spent and have to go back.
func (b *budget) granted(window store.QuotaWindow, a answer, now time.Time) (late int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill = nil
	switch {
	case a.err != nil:
		b.fail(a.err, now)
		return 0
	case b.retired:
		return a.granted
	case !b.window.Start.Equal(window.Start):
		return 0 // that window is over
	}
	b.reserved += a.granted
	b.used, b.failure, b.failTil = a.used, nil, time.Time{}
	if a.granted < a.want {
		b.emptyTil = now.Add(emptyPause)
	}
	return 0
}

// answer is what the store said to a reservation.
type answer struct {
	want, granted, used int64
	err                 error
}

// fail remembers why the store could not be asked. b.mu is held.
func (b *budget) fail(err error, now time.Time) {
	b.failTil = now.Add(failurePause)
	b.failure = fmt.Errorf("quota %s of %s: reserve: %w", b.quota.Name, b.subject, err)
}

func (b *budget) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure
}

func (b *budget) leaveQueue(cost int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.demand -= cost
}

// empty takes out what is reserved and not spent.
func (b *budget) empty() (window store.QuotaWindow, units int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	window, units = b.window, b.reserved
	b.reserved = 0
	return window, units
}
