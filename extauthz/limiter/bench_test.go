package limiter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// roomy is a number of limits that a benchmark does not spend.
func roomy(n int) []pipeline.SubjectLimit {
	limits := make([]pipeline.SubjectLimit, n)
	for i := range limits {
		limits[i] = pipeline.SubjectLimit{
			Subject: "key:key_06gz0000000000000000000000", Label: fmt.Sprint("limit", i),
			Limit: limit.Limit{Name: fmt.Sprint("limit", i), Limit: 1_000_000, Period: time.Millisecond},
		}
	}
	return limits
}

func TestTakeOfWhatIsKnownAllocatesNothing(t *testing.T) {
	w := newWorld(t, &memoryCounters{}, nil)
	limits, quotas := roomy(3), []pipeline.SubjectQuota{perDay("key:a", 1_000_000_000)}
	out := make([]pipeline.LimitOutcome, 0, 8)
	take := func() {
		if _, _, err := w.limiter.Take(t.Context(), noon, 1, limits, quotas, out); err != nil {
			t.Fatal(err)
		}
	}
	take()
	if allocs := testing.AllocsPerRun(1000, take); allocs != 0 {
		t.Errorf("Take that passes: %v allocations", allocs)
	}
	spent := []pipeline.SubjectLimit{limits[0], perSecond("key:a", "idle", 1), perSecond("key:a", "second", 1)}
	never := []pipeline.SubjectQuota{quotas[0], perDay("key:never", 5)}
	w.take(1, spent[2:], nil)
	refused := func() { _, _, _ = w.limiter.Take(t.Context(), noon, 1, spent, never, out) }
	refused()
	if allocs := testing.AllocsPerRun(1000, refused); allocs != 0 {
		t.Errorf("Take that is refused: %v allocations", allocs)
	}

	a, err := limiter.NewAddressLimiter(fivePerMinute, 0, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	f, err := limiter.NewFailures(fivePerMinute, 0, at(noon))
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddr("2001:db8::1")
	if allocs := testing.AllocsPerRun(1000, func() { a.Take(client, noon); f.Spent(client, noon); f.Record(client, noon) }); allocs != 0 {
		t.Errorf("address: %v allocations", allocs)
	}
}

func BenchmarkTake(b *testing.B) {
	w := newWorld(b, &memoryCounters{}, nil)
	for _, bench := range []struct {
		name   string
		limits int
		quotas []pipeline.SubjectQuota
	}{{"1 limit", 1, nil}, {"3 limits", 3, nil}, {"1 limit 1 quota", 1, []pipeline.SubjectQuota{perDay("key:a", 1<<40)}}} {
		b.Run(bench.name, func(b *testing.B) {
			limits := roomy(bench.limits)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				out := make([]pipeline.LimitOutcome, 0, 8)
				for n := 0; pb.Next(); n++ {
					if _, _, err := w.limiter.Take(b.Context(), noon.Add(time.Duration(n)*time.Microsecond), 1, limits, bench.quotas, out); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkTakeOfManyKeys takes from two limits of one key after the other, in
// no order, as a replica does that knows so many.
func BenchmarkTakeOfManyKeys(b *testing.B) {
	for _, n := range []int{1, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b, &memoryCounters{}, func(o *limiter.Options) { o.MaxRates = 2*n + n/4 + 8 })
			limits := make([]pipeline.SubjectLimit, 0, 2*n)
			for i := range n {
				subject := fmt.Sprintf("key_%026d", i)
				limits = append(limits, perSecond(subject, "second", 1_000_000), perSecond(subject, "hour", 1_000_000))
			}
			order := rand.New(rand.NewPCG(1, 2)).Perm(n)
			out := make([]pipeline.LimitOutcome, 0, 8)
			at := noon
			take := func(i int) {
				at = at.Add(time.Microsecond)
				if _, ok, err := w.limiter.Take(b.Context(), at, 1, limits[2*i:2*i+2], nil, out); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
			for i := range n {
				take(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				take(order[i%n])
			}
		})
	}
}

func BenchmarkAddressTake(b *testing.B) {
	a, err := limiter.NewAddressLimiter(limit.Limit{Name: "address", Limit: 1_000_000, Period: time.Millisecond}, 0, at(noon))
	if err != nil {
		b.Fatal(err)
	}
	client := netip.MustParseAddr("2001:db8::1")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a.Take(client, noon)
		}
	})
}
