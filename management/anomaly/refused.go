package anomaly

import (
	"slices"
	"time"

	"credence/store"
)

// refused is the refusals that a replay goes through, by minute, so that each
// window is a part of them and nothing is copied for it.
type refused struct {
	failing []store.FailingAddress
	denied  []store.UsageMinute
	until   time.Time // they are those up to here
}

// drop lets go of what is before the instant, and, like the watch, of what is
// more than it looks at; it reports whether there was such.
func (r *refused) drop(before time.Time) (full bool) {
	r.failing = since(r.failing, before, failedAt)
	r.denied = since(r.denied, before, deniedAt)
	full = max(len(r.failing), len(r.denied)) > mostRows
	// What is left is copied: else all that there ever was would stay.
	r.failing = slices.Clone(r.failing[max(0, len(r.failing)-mostRows):])
	r.denied = slices.Clone(r.denied[max(0, len(r.denied)-mostRows):])
	return full
}

// add adds what was read from the end on.
func (r *refused) add(failing []store.FailingAddress, denied []store.UsageMinute, until time.Time) {
	r.failing, r.denied, r.until = append(r.failing, failing...), append(r.denied, denied...), until
}

// minutes are those in [first, until) in which something was refused, in order.
func (r *refused) minutes(first, until time.Time) (all []time.Time) {
	failing, denied := since(r.failing, first, failedAt), since(r.denied, first, deniedAt)
	for i := range failing {
		all = append(all, failing[i].Minute)
	}
	for i := range denied {
		all = append(all, denied[i].Minute)
	}
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	return all[:len(all)-len(since(all, until, func(m *time.Time) time.Time { return *m }))]
}

// within is what was refused from the one minute to the other, both included.
func (r *refused) within(first, last time.Time) Minutes {
	end := last.Add(time.Nanosecond)
	failing, denied := since(r.failing, first, failedAt), since(r.denied, first, deniedAt)
	return Minutes{
		Failing: failing[:len(failing)-len(since(failing, end, failedAt))],
		Denied:  denied[:len(denied)-len(since(denied, end, deniedAt))],
	}
}

func failedAt(f *store.FailingAddress) time.Time { return f.Minute }
func deniedAt(u *store.UsageMinute) time.Time    { return u.Minute }

// since is the rows, which are by time, from the instant on.
func since[T any](rows []T, instant time.Time, of func(*T) time.Time) []T {
	low, high := 0, len(rows)
	for low < high {
		if middle := (low + high) / 2; of(&rows[middle]).Before(instant) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return rows[low:]
}
