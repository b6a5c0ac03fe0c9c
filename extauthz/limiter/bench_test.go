package limiter_test

import (
	"fmt"
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
