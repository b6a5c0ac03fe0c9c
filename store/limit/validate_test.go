package limit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
)

func TestValidateNamesFieldProblemAndRemedy(t *testing.T) {
	good := limit.Limit{Name: "a", Limit: 10, Period: time.Second}
	for name, c := range map[string]struct {
		change func(*limit.Limit)
		want   [3]string
	}{
		"name":        {func(l *limit.Limit) { l.Name = "" }, [3]string{"name", "is not 1 to 63", "choose one"}},
		"limit":       {func(l *limit.Limit) { l.Limit = -1 }, [3]string{"limit", "-1 is not between", "in that range"}},
		"burst":       {func(l *limit.Limit) { l.Burst = -1 }, [3]string{"burst", "-1 is not between", "in that range"}},
		"no period":   {func(l *limit.Limit) { l.Period = 0 }, [3]string{"period", "0s is not between", "give a period"}},
		"long period": {func(l *limit.Limit) { l.Period = limit.MaxPeriod + 1 }, [3]string{"period", "is not between", "give a period"}},
		"odd period":  {func(l *limit.Limit) { l.Period = time.Second + 1 }, [3]string{"period", "whole number of milliseconds", "round it"}},
	} {
		l := good
		c.change(&l)
		wantError(t, name, l.Validate(), c.want)
		if l.Name != "" && l.Rate() != (limit.Rate{}) {
			t.Errorf("%s: an invalid limit has a rate", name)
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateOfListsNamesTheEntry(t *testing.T) {
	a := limit.Limit{Name: "a", Limit: 10, Period: time.Second}
	q := limit.Quota{Name: "q", Limit: 10, Period: limit.QuotaDay}
	fast := a
	fast.Name, fast.Limit = "fast", 0
	many := make([]limit.Limit, limit.MaxLimits+1)
	for name, c := range map[string]struct {
		limits []limit.Limit
		quotas []limit.Quota
		want   [3]string
	}{
		"too many limits":       {many, nil, [3]string{"limits", "has 9 entries", "at most 8"}},
		"too many quotas":       {nil, make([]limit.Quota, 5), [3]string{"quotas", "has 5 entries", "at most 4"}},
		"second is wrong":       {[]limit.Limit{a, fast}, nil, [3]string{"limits[1].limit", "0 is not between", "in that range"}},
		"same name":             {[]limit.Limit{a, a}, nil, [3]string{"limits[1].name", `"a" is there twice`, "other=10/s"}},
		"same name over lists":  {[]limit.Limit{a}, []limit.Quota{{Name: "a", Limit: 1, Period: limit.QuotaDay}}, [3]string{"quotas[0].name", `"a" is there twice`, "name of its own"}},
		"quota of unknown kind": {nil, []limit.Quota{q, {Name: "r", Limit: 1, Period: "week"}}, [3]string{"quotas[1].period", `"week"`, `"day" or "month"`}},
	} {
		wantError(t, name, limit.Validate(c.limits, c.quotas), c.want)
	}
	if err := limit.Validate([]limit.Limit{a}, []limit.Quota{q}); err != nil {
		t.Error(err)
	}
	if err := limit.Validate(nil, nil); err != nil {
		t.Error(err)
	}
}

func TestQuotaWindowIsTheCalendarOfUTC(t *testing.T) {
	east := time.FixedZone("east", 14*3600)
	day := limit.Quota{Name: "d", Limit: 1, Period: limit.QuotaDay}
	month := limit.Quota{Name: "m", Limit: 1, Period: limit.QuotaMonth}
	for name, c := range map[string]struct {
		quota           limit.Quota
		now, start, end string
	}{
		"first instant of a day": {day, "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
		"last instant of a day":  {day, "2028-02-28T23:59:59.999999999Z", "2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z"},
		"leap month":             {month, "2028-02-15T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		"end of the year":        {month, "2028-12-31T23:59:59Z", "2028-12-01T00:00:00Z", "2029-01-01T00:00:00Z"},
	} {
		now, _ := time.Parse(time.RFC3339Nano, c.now)
		start, end := c.quota.Window(now.In(east))
		if got := start.Format(time.RFC3339); got != c.start {
			t.Errorf("%s: starts %s, want %s", name, got, c.start)
		}
		if got := end.Format(time.RFC3339); got != c.end {
			t.Errorf("%s: ends %s, want %s", name, got, c.end)
		}
	}
	start, end := limit.Quota{Period: "week"}.Window(time.Unix(0, 0))
	if !start.IsZero() || !end.IsZero() {
		t.Errorf("an unknown period has the window %v to %v", start, end)
	}
}

func TestQuotaWindowsHoldTheirInstantAndMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := limit.Quota{Period: rapid.SampledFrom([]limit.QuotaPeriod{limit.QuotaDay, limit.QuotaMonth}).Draw(t, "period")}
		now := time.Unix(rapid.Int64Range(0, 7e9).Draw(t, "now"), 0)
		start, end := q.Window(now)
		if now.Before(start) || !now.Before(end) {
			t.Fatalf("%v is not in %v to %v", now, start, end)
		}
		if next, _ := q.Window(end); !next.Equal(end) {
			t.Fatalf("the window after the one ending %v starts %v", end, next)
		}
	})
}
