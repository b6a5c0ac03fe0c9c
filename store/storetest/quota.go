package storetest

import (
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store"
)

func quotaPromises() []promise {
	return []promise{
		{"ReserveQuota", "grants what is left and answers the new total", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.reserve(w, 30, 100, 30, 30)
			f.reserve(w, 50, 100, 50, 80)
			f.reserve(w, 50, 100, 20, 100)
			f.reserve(w, 1, 100, 0, 100)
		}},
		{"ReserveQuota", "keeps windows, names and subjects apart", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.reserve(w, 10, 10, 10, 10)
			otherName, otherSubject, nextDay := w, w, w
			otherName.Name = "monthly"
			f.insertOwners(f.sampleOwner("default", "team"))
			otherSubject.Subject = "owner:default/team"
			nextDay.Start, nextDay.End = w.End, w.End.AddDate(0, 0, 1)
			for _, other := range []store.QuotaWindow{otherName, otherSubject, nextDay} {
				f.reserve(other, 10, 10, 10, 10)
			}
		}},
		{"ReserveQuota", "grants nothing when the limit was lowered below what is used", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.reserve(w, 50, 100, 50, 50)
			f.reserve(w, 10, 40, 0, 50)
			f.reserve(w, 10, 100, 10, 60)
		}},
		{"ReserveQuota", "grants nothing for nothing", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.reserve(w, 0, 100, 0, 0)
			f.reserve(w, -5, 100, 0, 0)
			f.reserve(w, 5, -1, 0, 0)
		}},
		{"ReserveQuota", "never gives the same units to two callers", quotaConcurrent},
		{"ReturnQuota", "gives back what was not spent", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.reserve(w, 100, 100, 100, 100)
			f.ok(f.backend.ReturnQuota(f.Context(), w, 40))
			f.reserve(w, 100, 100, 40, 100)
		}},
		{"ReturnQuota", "never makes a window emptier than new", func(f *fixture) {
			w := f.quotaWindow("daily")
			f.ok(f.backend.ReturnQuota(f.Context(), w, 5))
			f.reserve(w, 10, 100, 10, 10)
			f.ok(f.backend.ReturnQuota(f.Context(), w, 50))
			f.reserve(w, 200, 100, 100, 100)
			f.ok(f.backend.ReturnQuota(f.Context(), w, -50))
			f.reserve(w, 1, 100, 0, 100)
		}},
		{"RemoveQuotas", "deletes windows that ended before the instant", func(f *fixture) {
			w := f.quotaWindow("daily")
			running := w
			running.Name, running.End = "monthly", w.End.AddDate(0, 1, 0)
			f.reserve(w, 10, 10, 10, 10)
			f.reserve(running, 10, 10, 10, 10)
			n, err := f.backend.RemoveQuotas(f.Context(), w.End.Add(time.Microsecond))
			f.ok(err)
			equal(f, n, 1)
			f.reserve(running, 10, 10, 0, 10)
			f.reserve(w, 10, 10, 10, 10)
		}},
		{"RemoveQuotas", "deletes a batch at most, oldest first", func(f *fixture) {
			w := f.quotaWindow("daily")
			for range store.RemoveBatch + 1 {
				w.Start, w.End = w.Start.AddDate(0, 0, -1), w.Start
				f.reserve(w, 10, 10, 10, 10)
			}
			n, err := f.backend.RemoveQuotas(f.Context(), f.clock.now())
			f.ok(err)
			equal(f, n, store.RemoveBatch)
			newest := f.quotaWindow("daily")
			newest.Start, newest.End = newest.Start.AddDate(0, 0, -1), newest.Start
			f.reserve(newest, 10, 10, 0, 10)
			f.reserve(w, 10, 10, 10, 10)
		}},
	}
}

// quotaWindow is one of key 1, which it inserts: a backend may refuse quotas of
// nobody.
func (f *fixture) quotaWindow(name string) store.QuotaWindow {
	f.Helper()
	if _, err := f.backend.Key(f.Context(), keyID(1)); errors.Is(err, store.ErrNotFound) {
		f.insertKeys(f.bareKey(1))
	}
	start := f.clock.now().Truncate(24 * time.Hour)
	return store.QuotaWindow{Subject: keyID(1), Name: name, Start: start, End: start.AddDate(0, 0, 1)}
}

func (f *fixture) reserve(w store.QuotaWindow, want, limit, granted, used int64) {
	f.Helper()
	gotGranted, gotUsed, err := f.backend.ReserveQuota(f.Context(), w, want, limit)
	f.ok(err)
	equal(f, [2]int64{gotGranted, gotUsed}, [2]int64{granted, used})
}

// quotaConcurrent has callers ask for more than there is, in blocks that do
// not divide it: what they got has to add up to the limit exactly.
func quotaConcurrent(f *fixture) {
	const callers, limit = 8, 500
	w := f.quotaWindow("daily")
	granted := make([]int64, callers)
	var all errgroup.Group
	for i := range callers {
		all.Go(func() error {
			for {
				n, _, err := f.backend.ReserveQuota(f.Context(), w, 17, limit)
				if err != nil || n == 0 {
					return err
				}
				granted[i] += n
			}
		})
	}
	f.ok(all.Wait())
	var sum int64
	for _, n := range granted {
		sum += n
	}
	equal(f, sum, limit)
}
