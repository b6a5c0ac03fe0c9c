package limit_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
)

const start = int64(1_800_000_000_000_000_000) // 2027-01-15T08:00:00Z

// anyLimit draws any limit that Validate accepts.
func anyLimit() *rapid.Generator[limit.Limit] {
	return rapid.Custom(func(t *rapid.T) limit.Limit {
		return limit.Limit{
			Name:   rapid.StringMatching(`[a-z0-9_-]{1,63}`).Draw(t, "name"),
			Limit:  rapid.Int64Range(1, limit.MaxLimit).Draw(t, "limit"),
			Period: time.Duration(rapid.Int64Range(1, int64(limit.MaxPeriod/time.Millisecond)).Draw(t, "period_ms")) * time.Millisecond,
			Burst:  rapid.Int64Range(0, limit.MaxLimit).Draw(t, "burst"),
		}
	}).Filter(func(l limit.Limit) bool { return l.Validate() == nil })
}

// smallLimit draws limits that a short sequence of requests can spend.
func smallLimit() *rapid.Generator[limit.Limit] {
	return rapid.Custom(func(t *rapid.T) limit.Limit {
		return limit.Limit{
			Name:   "test",
			Limit:  rapid.Int64Range(1, 50).Draw(t, "limit"),
			Period: time.Duration(rapid.Int64Range(1, 5000).Draw(t, "period_ms")) * time.Millisecond,
			Burst:  rapid.Int64Range(0, 20).Draw(t, "burst"),
		}
	})
}

type admission struct{ at, cost int64 }

// wantWithinBound demands that in every window [at i, at j] the admitted cost
// is at most burst + rate x window, computed without rounding.
func wantWithinBound(t *rapid.T, l limit.Limit, admitted []admission) {
	for i := range admitted {
		var sum int64
		for _, a := range admitted[i:] {
			sum += a.cost
			// sum <= burst + window*limit/period, both sides times period.
			left := new(big.Int).Mul(big.NewInt(sum-l.Capacity()), big.NewInt(int64(l.Period)))
			right := new(big.Int).Mul(big.NewInt(a.at-admitted[i].at), big.NewInt(l.Limit))
			if left.Cmp(right) > 0 {
				t.Fatalf("%s: admitted %d within %v", limit.Format(l), sum, time.Duration(a.at-admitted[i].at))
			}
		}
	}
}

func TestAnyWindowAdmitsAtMostBurstPlusRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLimit().Draw(t, "limit")
		now, tat := start, int64(0)
		var admitted []admission
		for range rapid.IntRange(1, 120).Draw(t, "requests") {
			now += rapid.Int64Range(0, 2*int64(l.Period)/l.Limit).Draw(t, "pause")
			cost := rapid.Int64Range(1, 4).Draw(t, "cost")
			d := limit.Decide(l, tat, now, cost)
			if d.OK {
				admitted = append(admitted, admission{now, cost})
			}
			tat = d.TAT
		}
		wantWithinBound(t, l, admitted)
	})
}

func TestAClockThatGoesBackwardsGainsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLimit().Draw(t, "limit")
		now, highest, tat := start, int64(0), int64(0)
		var admitted []admission
		for range rapid.IntRange(1, 120).Draw(t, "requests") {
			now += rapid.Int64Range(-int64(l.Period), int64(l.Period)).Draw(t, "step")
			highest = max(highest, now)
			cost := rapid.Int64Range(1, min(4, l.Capacity())).Draw(t, "cost")
			d := limit.Decide(l, tat, now, cost)
			if d.TAT < tat {
				t.Fatalf("the state went from %d down to %d", tat, d.TAT)
			}
			if d.OK {
				// No more time has passed than the highest instant that was
				// asked about shows.
				admitted = append(admitted, admission{highest, cost})
			}
			tat = d.TAT
		}
		wantWithinBound(t, l, admitted)
	})
}

func TestAClockThatComesBackHasLostNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLimit().Draw(t, "limit")
		r := l.Rate()
		cost := rapid.Int64Range(1, l.Capacity()).Draw(t, "cost")
		tat := start + rapid.Int64Range(0, int64(l.Period)).Draw(t, "ahead")
		before := r.Decide(tat, start, cost)
		back := r.Decide(tat, start-int64(time.Hour), cost)
		if back.OK {
			t.Fatalf("admitted an hour before the budget was there: %+v", back)
		}
		if after := r.Decide(back.TAT, start, cost); after != before {
			t.Fatalf("before %+v, after %+v", before, after)
		}
	})
}

func TestRemainingRetryAfterAndResetAfterAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLimit().Draw(t, "limit")
		r := l.Rate()
		cost := rapid.Int64Range(1, min(l.Capacity(), limit.MaxCost)).Draw(t, "cost")
		full := r.Decide(0, start, 1)
		tat := start + rapid.Int64Range(0, int64(full.ResetAfter)*min(l.Capacity(), 1000)).Draw(t, "ahead")

		d := r.Decide(tat, start, cost)
		wantRemaining(t, r, d)
		if !d.OK {
			if d.TAT != tat {
				t.Fatalf("refused, and the state went from %d to %d", tat, d.TAT)
			}
			wait := int64(d.RetryAfter)
			if wait <= 0 || !r.Decide(tat, start+wait, cost).OK || r.Decide(tat, start+wait-1, cost).OK {
				t.Fatalf("RetryAfter %v is not the first instant that admits", d.RetryAfter)
			}
		} else if d.RetryAfter != 0 {
			t.Fatalf("admitted with RetryAfter %v", d.RetryAfter)
		}
		after := start + int64(d.ResetAfter)
		if got := r.Decide(d.TAT, after, 1); got.Remaining != l.Capacity()-1 {
			t.Fatalf("after ResetAfter %d remain of %d", got.Remaining, l.Capacity()-1)
		}
		if d.ResetAfter > 0 {
			if got := r.Decide(d.TAT, after-1, 1); got.Remaining >= l.Capacity()-1 && l.Capacity() > 1 {
				t.Fatal("the budget is full before ResetAfter")
			}
		}
	})
}

// wantRemaining spends exactly what is said to remain.
func wantRemaining(t *rapid.T, r limit.Rate, d limit.Decision) {
	tat := d.TAT
	for left := d.Remaining; left > 0; {
		step := min(left, limit.MaxCost)
		next := r.Decide(tat, start, step)
		if !next.OK {
			t.Fatalf("%d remain and %d more are refused", d.Remaining, step)
		}
		tat, left = next.TAT, left-step
	}
	if r.Decide(tat, start, 1).OK {
		t.Fatalf("more than the %d that remain are admitted", d.Remaining)
	}
}

func TestNoValidLimitOverflows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLimit().Draw(t, "limit")
		tat := rapid.Int64().Draw(t, "tat")
		now := rapid.Int64().Draw(t, "now")
		cost := rapid.Int64().Draw(t, "cost")
		d := limit.Decide(l, tat, now, cost)
		if d.Remaining < 0 || d.Remaining > l.Capacity() || d.RetryAfter < 0 || d.ResetAfter < 0 || d.RetryAfter > limit.Never {
			t.Fatalf("%+v", d)
		}
		if d.OK != (d.RetryAfter == 0) {
			t.Fatalf("OK and RetryAfter disagree: %+v", d)
		}
		if d.OK && (d.TAT <= now || d.TAT < tat || cost < 1) || !d.OK && d.TAT != tat {
			t.Fatalf("tat %d now %d cost %d: %+v", tat, now, cost, d)
		}
	})
}

func TestDecideByTable(t *testing.T) {
	second := int64(time.Second)
	ten := limit.Limit{Name: "a", Limit: 10, Period: time.Second}
	for name, c := range map[string]struct {
		limit          limit.Limit
		tat, now, cost int64
		want           limit.Decision
	}{
		"a subject never seen has a full budget": {ten, 0, start, 1, limit.Decision{OK: true, TAT: start + second/10, Remaining: 9, ResetAfter: time.Second / 10}},
		"the last unit":                          {ten, start + second*9/10, start, 1, limit.Decision{OK: true, TAT: start + second, ResetAfter: time.Second}},
		"one too many":                           {ten, start + second, start, 1, limit.Decision{TAT: start + second, RetryAfter: time.Second / 10, ResetAfter: time.Second}},
		"cost beyond what remains":               {ten, start + second/2, start, 6, limit.Decision{TAT: start + second/2, Remaining: 5, RetryAfter: time.Second / 10, ResetAfter: time.Second / 2}},
		"cost beyond a full budget":              {ten, 0, start, 11, limit.Decision{Remaining: 10, RetryAfter: limit.Never}},
		"no cost":                                {ten, 0, start, 0, limit.Decision{Remaining: 10, RetryAfter: limit.Never}},
		"a negative cost gives nothing back":     {ten, start + second, start, -5, limit.Decision{TAT: start + second, RetryAfter: limit.Never, ResetAfter: time.Second}},
		"an invalid limit refuses":               {limit.Limit{Name: "a"}, 0, start, 1, limit.Decision{RetryAfter: limit.Never, ResetAfter: limit.Never}},
		"burst is the budget":                    {limit.Limit{Name: "a", Limit: 10, Period: time.Second, Burst: 2}, 0, start, 2, limit.Decision{OK: true, TAT: start + second/5, ResetAfter: time.Second / 5}},
		"a damaged state refuses":                {ten, math.MaxInt64, start, 1, limit.Decision{TAT: math.MaxInt64, RetryAfter: limit.Never - 9*time.Second/10, ResetAfter: limit.Never}},
		"the end of time refuses":                {ten, 0, math.MaxInt64, 1, limit.Decision{Remaining: 10, RetryAfter: limit.Never}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := limit.Decide(c.limit, c.tat, c.now, c.cost); got != c.want {
				t.Fatalf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	r := limit.Limit{Name: "a", Limit: 10, Period: time.Second}.Rate()
	var tat int64
	if n := testing.AllocsPerRun(100, func() { tat = r.Decide(tat, start, 1).TAT }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	r := limit.Limit{Name: "a", Limit: 10, Period: time.Second}.Rate()
	b.ReportAllocs()
	tat, now := int64(0), start
	for b.Loop() {
		tat = r.Decide(tat, now, 1).TAT
		now += int64(time.Millisecond)
	}
}
