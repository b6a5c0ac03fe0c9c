package storetest

import (
	"time"

	"golang.org/x/sync/errgroup"
)

// Backends count leases by the database's clock where it has one, which no
// test can move. So a lease that is to be over was given a microsecond, and
// one that is not, an hour.
func leasePromises() []promise {
	return []promise{
		{"TryLease", "gives the lease to the first who tries, and to others not", func(f *fixture) {
			f.lease("jobs", "one", time.Hour, true)
			f.lease("jobs", "two", time.Hour, false)
			f.lease("other", "two", time.Hour, true)
		}},
		{"TryLease", "lets the holder renew", func(f *fixture) {
			f.lease("jobs", "one", time.Microsecond, true)
			f.lease("jobs", "one", time.Hour, true)
			f.clock.advance(time.Millisecond)
			f.lease("jobs", "two", time.Hour, false)
			f.lease("jobs", "one", time.Hour, true)
		}},
		{"TryLease", "gives it to another when its time is over", func(f *fixture) {
			f.lease("jobs", "one", time.Microsecond, true)
			f.clock.advance(time.Microsecond)
			f.lease("jobs", "two", time.Hour, true)
			f.lease("jobs", "one", time.Hour, false)
		}},
		{"TryLease", "does not take time from the holder when it refuses", func(f *fixture) {
			f.lease("jobs", "one", time.Hour, true)
			f.lease("jobs", "two", time.Microsecond, false)
			f.clock.advance(time.Millisecond)
			f.lease("jobs", "two", time.Microsecond, false)
		}},
		{"TryLease", "gives it to exactly one of those who try at once", func(f *fixture) {
			got := make([]bool, 8)
			var all errgroup.Group
			for i := range got {
				all.Go(func() (err error) {
					got[i], err = f.backend.TryLease(f.Context(), "jobs", string(rune('a'+i)), time.Hour)
					return err
				})
			}
			f.ok(all.Wait())
			holders := 0
			for _, held := range got {
				if held {
					holders++
				}
			}
			equal(f, holders, 1)
		}},
		{"ReleaseLease", "ends the lease of its holder", func(f *fixture) {
			f.lease("jobs", "one", time.Hour, true)
			f.ok(f.backend.ReleaseLease(f.Context(), "jobs", "one"))
			f.lease("jobs", "two", time.Hour, true)
		}},
		{"ReleaseLease", "leaves the leases of others alone", func(f *fixture) {
			f.lease("jobs", "one", time.Hour, true)
			f.ok(f.backend.ReleaseLease(f.Context(), "jobs", "two"))
			f.ok(f.backend.ReleaseLease(f.Context(), "other", "one"))
			f.lease("jobs", "two", time.Hour, false)
		}},
	}
}

func (f *fixture) lease(name, holder string, ttl time.Duration, want bool) {
	f.Helper()
	held, err := f.backend.TryLease(f.Context(), name, holder, ttl)
	f.ok(err)
	equal(f, held, want)
}
