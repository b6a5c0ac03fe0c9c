package limit_test

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
)

// burst and interval are what a rate shows of itself when it is full.
func burst(r limit.Rate) int64            { return r.Decide(0, start, 0).Remaining }
func interval(r limit.Rate) time.Duration { return r.Decide(0, start, 1).ResetAfter }

func TestTheSharesOfAnyNumberOfReplicasAddUpToTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.OneOf(smallLimit(), anyLimit()).Draw(t, "limit")
		replicas := rapid.IntRange(1, 300).Draw(t, "replicas")
		var bursts int64
		rates := new(big.Rat)
		for rank := range replicas {
			r := l.Share(rank, replicas)
			bursts += burst(r)
			rates.Add(rates, big.NewRat(1, int64(interval(r))))
			if burst(r) < 1 {
				t.Fatalf("rank %d of %d has a burst of %d", rank, replicas, burst(r))
			}
		}
		if want := max(l.Capacity(), int64(replicas)); bursts != want {
			t.Fatalf("%s: the bursts of %d replicas add up to %d, want %d", limit.Format(l), replicas, bursts, want)
		}
		whole := big.NewRat(1, int64(interval(l.Rate())))
		// A share that would take more than a hundred years to fill is faster.
		slow := int64(replicas) > int64(limit.Never)/(int64(interval(l.Rate()))*l.Capacity())
		if rates.Cmp(whole) != 0 && !slow {
			t.Fatalf("%s: the rates of %d replicas add up to %s, want %s units a nanosecond", limit.Format(l), replicas, rates, whole)
		}
	})
}

func TestWhatIsLeftOverGoesToTheFirstRanks(t *testing.T) {
	l := limit.Limit{Name: "test", Limit: 10, Period: time.Second, Burst: 11}
	for rank, want := range []int64{3, 3, 3, 2} {
		if got := burst(l.Share(rank, 4)); got != want {
			t.Errorf("rank %d has a burst of %d, want %d", rank, got, want)
		}
	}
	for _, rank := range []int{-1, 4, 100} {
		if got := burst(l.Share(rank, 4)); got != 2 {
			t.Errorf("rank %d of 4 has a burst of %d, want the smallest", rank, got)
		}
	}
	for _, replicas := range []int{-1, 0, 1} {
		if l.Share(0, replicas) != l.Rate() {
			t.Errorf("the share of %d replicas is not the limit", replicas)
		}
	}
	if r := (limit.Limit{}).Share(0, 3); r != (limit.Rate{}) {
		t.Errorf("the share of no limit is %+v", r)
	}
}

func TestReplicasTogetherAdmitNoMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLimit().Draw(t, "limit")
		replicas := rapid.IntRange(1, 7).Draw(t, "replicas")
		tats := make([]int64, replicas)
		now := start
		var admitted []admission
		for range rapid.IntRange(1, 150).Draw(t, "requests") {
			now += rapid.Int64Range(0, 2*int64(l.Period)/l.Limit).Draw(t, "pause")
			at := rapid.IntRange(0, replicas-1).Draw(t, "replica")
			d := l.Share(at, replicas).Decide(tats[at], now, 1)
			if tats[at] = d.TAT; d.OK {
				admitted = append(admitted, admission{now, 1})
			}
		}
		l.Burst = max(l.Capacity(), int64(replicas))
		wantWithinBound(t, l, admitted)
	})
}

func TestNoShareRefusesForeverWhatTheLimitWouldAdmit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.OneOf(smallLimit(), anyLimit()).Draw(t, "limit")
		replicas := rapid.IntRange(1, 1_000_000).Draw(t, "replicas")
		r := l.Share(rapid.IntRange(0, replicas-1).Draw(t, "rank"), replicas)
		cost := rapid.Int64Range(1, min(l.Capacity(), limit.MaxCost)).Draw(t, "cost")
		d := r.Decide(0, start, cost)
		if !d.OK || d.TAT <= start {
			t.Fatalf("%s: %d of %d units refused by a share that is full: %+v", limit.Format(l), cost, l.Capacity(), d)
		}
		again := r.Decide(d.TAT, start, cost)
		if again.OK && burst(r) < 2*cost {
			t.Fatalf("%s: admitted %d twice at once with a burst of %d", limit.Format(l), cost, burst(r))
		}
		if !again.OK && (again.RetryAfter <= 0 || again.RetryAfter < limit.Never && !r.Decide(d.TAT, start+int64(again.RetryAfter), cost).OK) {
			t.Fatalf("%s: not admitted after RetryAfter %v", limit.Format(l), again.RetryAfter)
		}
		if d := r.Decide(0, start, l.Capacity()+1); d.OK {
			t.Fatalf("%s: admitted more than the whole limit's burst", limit.Format(l))
		}
	})
}

func TestWhatWasTakenStaysTakenWhenTheShareChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.OneOf(smallLimit(), anyLimit()).Draw(t, "limit")
		from := l.Share(0, rapid.IntRange(1, 20).Draw(t, "before"))
		to := l.Share(0, rapid.IntRange(1, 20).Draw(t, "after"))
		owed := rapid.Int64Range(0, min(l.Capacity(), 1000)).Draw(t, "owed")
		tat := start + owed*int64(interval(from))
		carried := to.Carry(from, tat, start)
		if want := start + owed*int64(interval(to)); carried != want {
			t.Fatalf("%s: %d units owed are carried to %d, want %d", limit.Format(l), owed, carried, want)
		}
		// What is owed in part is rounded up and by less than a unit.
		part := rapid.Int64Range(0, int64(interval(from))-1).Draw(t, "part")
		more := to.Carry(from, tat+part, start)
		if more < carried || more > carried+int64(interval(to)) || part > 0 && more == carried {
			t.Fatalf("%s: %d units and a part are carried to %d", limit.Format(l), owed, more)
		}
		idle := start - rapid.Int64Range(0, int64(time.Hour)).Draw(t, "idle")
		if got := to.Carry(from, idle, start); got != idle {
			t.Fatalf("a full budget is carried from %d to %d", idle, got)
		}
	})
}

func TestNoCarriedStateOverflows(t *testing.T) {
	slow := limit.Limit{Name: "test", Limit: 1, Period: limit.MaxPeriod, Burst: 20}
	fast := limit.Limit{Name: "test", Limit: 1_000_000, Period: time.Millisecond}
	for _, tat := range []int64{start + int64(limit.Never), 1<<63 - 1} {
		got := slow.Share(0, 1000).Carry(fast.Rate(), tat, start)
		if got <= start || slow.Rate().Decide(got, start, 1).OK {
			t.Errorf("%d is carried to %d", tat, got)
		}
	}
}
