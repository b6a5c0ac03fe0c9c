package limit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
)

func TestALimitThatIsThrottledHasThatShareOfRateAndBurst(t *testing.T) {
	for _, c := range []struct {
		in      limit.Limit
		percent int
		want    limit.Limit
	}{
		{limit.Limit{Limit: 100, Period: time.Minute}, 10, limit.Limit{Limit: 10, Period: time.Minute}},
		{limit.Limit{Limit: 100, Period: time.Minute, Burst: 500}, 50, limit.Limit{Limit: 50, Period: time.Minute, Burst: 250}},
		{limit.Limit{Limit: 100, Period: time.Minute, Burst: 5}, 10, limit.Limit{Limit: 10, Period: time.Minute, Burst: 1}},
		{limit.Limit{Limit: 5, Period: time.Minute}, 10, limit.Limit{Limit: 5, Period: 10 * time.Minute, Burst: 1}},
		{limit.Limit{Limit: 1, Period: time.Hour, Burst: 50}, 50, limit.Limit{Limit: 1, Period: 2 * time.Hour, Burst: 25}},
		{limit.Limit{Limit: 7, Period: time.Second}, 0, limit.Limit{Limit: 7, Period: time.Second}},
		{limit.Limit{Limit: 7, Period: time.Second}, 100, limit.Limit{Limit: 7, Period: time.Second}},
	} {
		if got := c.in.Throttled(c.percent); got != c.want {
			t.Errorf("%+v at %d%%: %+v, want %+v", c.in, c.percent, got, c.want)
		}
	}
}

// TestALimitThatIsThrottledIsValidAndAdmitsNoMoreThanBefore, whatever it was.
func TestALimitThatIsThrottledIsValidAndAdmitsNoMoreThanBefore(t *testing.T) {
	limits := rapid.Custom(func(t *rapid.T) limit.Limit {
		return limit.Limit{
			Name: "some", Limit: rapid.Int64Range(1, limit.MaxLimit).Draw(t, "limit"), Burst: rapid.Int64Range(0, limit.MaxLimit).Draw(t, "burst"),
			Period: time.Duration(rapid.Int64Range(1, limit.MaxPeriod.Milliseconds()).Draw(t, "period")) * time.Millisecond,
		}
	}).Filter(func(l limit.Limit) bool { return l.Validate() == nil })
	rapid.Check(t, func(t *rapid.T) {
		l := limits.Draw(t, "limit")
		got := l.Throttled(rapid.IntRange(1, 99).Draw(t, "percent"))
		if err := got.Validate(); err != nil {
			t.Fatalf("%+v became %+v: %v", l, got, err)
		}
		if got.Capacity() > l.Capacity() || float64(got.Limit)/float64(got.Period) > float64(l.Limit)/float64(l.Period)*(1+1e-9) {
			t.Fatalf("%+v became %+v", l, got)
		}
	})
}
