package limit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
)

func TestParseReadsEveryForm(t *testing.T) {
	for text, want := range map[string]limit.Limit{
		"10/s":                           {Name: "per-second", Limit: 10, Period: time.Second},
		"100/m":                          {Name: "per-minute", Limit: 100, Period: time.Minute},
		"5000/h":                         {Name: "per-hour", Limit: 5000, Period: time.Hour},
		"20000/d":                        {Name: "per-day", Limit: 20000, Period: 24 * time.Hour},
		"1/ms":                           {Name: "per-millisecond", Limit: 1, Period: time.Millisecond},
		"10/s burst 20":                  {Name: "per-second", Limit: 10, Period: time.Second, Burst: 20},
		"  10/s   burst  20 ":            {Name: "per-second", Limit: 10, Period: time.Second, Burst: 20},
		"name=10/s":                      {Name: "name", Limit: 10, Period: time.Second},
		"name = 10/s":                    {Name: "name", Limit: 10, Period: time.Second},
		"name=600/10m burst 50":          {Name: "name", Limit: 600, Period: 10 * time.Minute, Burst: 50},
		"600/10m":                        {Name: "per-10m", Limit: 600, Period: 10 * time.Minute},
		"5/1m30s":                        {Name: "per-1m30s", Limit: 5, Period: 90 * time.Second},
		"5/90s":                          {Name: "per-1m30s", Limit: 5, Period: 90 * time.Second},
		"5/250ms":                        {Name: "per-250ms", Limit: 5, Period: 250 * time.Millisecond},
		"5/1m250ms":                      {Name: "per-1m250ms", Limit: 5, Period: time.Minute + 250*time.Millisecond},
		"5/1s":                           {Name: "per-second", Limit: 5, Period: time.Second},
		"1/366d":                         {Name: "per-366d", Limit: 1, Period: limit.MaxPeriod},
		"1000000000/s burst 1":           {Name: "per-second", Limit: limit.MaxLimit, Period: time.Second, Burst: 1},
		strings.Repeat("n", 63) + "=1/s": {Name: strings.Repeat("n", 63), Limit: 1, Period: time.Second},
	} {
		got, err := limit.Parse(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseNamesFieldProblemAndRemedy(t *testing.T) {
	for text, want := range map[string][3]string{
		"":                               {"limit", "is not a limit", "write it as"},
		"10":                             {"limit", `"10" has no period`, "10/s burst 20"},
		"x/s":                            {"limit", `"x" is not a whole number`, "write it as"},
		"-1/s":                           {"limit", `"-1" is not a whole number`, "write it as"},
		"+1/s":                           {"limit", "is not a whole number", "write it as"},
		"1.5/s":                          {"limit", "is not a whole number", "write it as"},
		"9999999999999999999999/s":       {"limit", "is not a whole number", "write it as"},
		"0/s":                            {"limit", "0 is not between 1 and 1000000000", "in that range"},
		"1000000001/s":                   {"limit", "1000000001 is not between", "in that range"},
		"1000000000/ms":                  {"limit", "more than one unit per nanosecond", "longer period"},
		"10/":                            {"period", "is not a period", "write s, m, h, d"},
		"10/sec":                         {"period", `"sec" is not a period`, "write s, m, h, d"},
		"10/1.5h":                        {"period", "is not a period", "1h30m"},
		"10/30m1h":                       {"period", "is not a period", "1h30m"},
		"10/1m1m":                        {"period", "is not a period", "1h30m"},
		"10/5":                           {"period", "is not a period", "1h30m"},
		"10/0s":                          {"period", "is not between", "give a period"},
		"10/367d":                        {"period", "is not between", "give a period"},
		"10/999999999999999999d":         {"period", "is not a period", "1h30m"},
		"10/s burst":                     {"limit", "is not a limit", "write it as"},
		"10/s burst x":                   {"burst", `"x" is not a whole number`, "write it as"},
		"10/s burst 0":                   {"burst", "0 would admit nothing", "leave burst out"},
		"10/s burst 1000000001":          {"burst", "1000000001 is not between", "in that range"},
		"10/s burst 20 30":               {"limit", "is not a limit", "write it as"},
		"1/366d burst 21":                {"burst", "more than 20 years", "smaller burst"},
		"=10/s":                          {"name", `"" is not 1 to 63`, "choose one"},
		"Name=10/s":                      {"name", `"Name" is not`, "choose one"},
		"a b=10/s":                       {"name", `"a b" is not`, "choose one"},
		strings.Repeat("n", 64) + "=1/s": {"name", "is not 1 to 63", "choose one"},
	} {
		_, err := limit.Parse(text)
		wantError(t, text, err, want)
	}
}

func wantError(t *testing.T, what string, err error, want [3]string) {
	t.Helper()
	e, ok := errors.AsType[*limit.Error](err)
	if !ok {
		t.Errorf("%q: error %v is no *limit.Error", what, err)
		return
	}
	if e.Field != want[0] || !strings.Contains(e.Problem, want[1]) || !strings.Contains(e.Remedy, want[2]) {
		t.Errorf("%q: error %q, want field, problem, remedy %q", what, e, want)
	}
	if e.Error() != e.Field+": "+e.Problem+"; "+e.Remedy {
		t.Errorf("%q: error reads %q", what, e)
	}
}

func TestParseQuotaReadsEveryForm(t *testing.T) {
	for text, want := range map[string]limit.Quota{
		"10000/day":          {Name: "daily", Limit: 10000, Period: limit.QuotaDay},
		"1000000/month":      {Name: "monthly", Limit: 1000000, Period: limit.QuotaMonth},
		"name=1000000/month": {Name: "name", Limit: 1000000, Period: limit.QuotaMonth},
		" a = 1/day ":        {Name: "a", Limit: 1, Period: limit.QuotaDay},
	} {
		got, err := limit.ParseQuota(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseQuotaNamesFieldProblemAndRemedy(t *testing.T) {
	for text, want := range map[string][3]string{
		"":                     {"quota", "has no period", "10000/day"},
		"10000":                {"quota", `"10000" has no period`, "10000/day"},
		"x/day":                {"limit", `"x" is not a whole number`, "10000/day"},
		"0/day":                {"limit", "0 is not between", "in that range"},
		"1000000000000001/day": {"limit", "is not between", "in that range"},
		"a=10/year":            {"period", `"year" is no calendar period`, `"day" or "month"`},
		"10/d":                 {"period", `"d" is no calendar period`, `"day" or "month"`},
		"=10/day":              {"name", `""`, "choose one"},
	} {
		_, err := limit.ParseQuota(text)
		wantError(t, text, err, want)
	}
}

func TestEveryLimitIsReadBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyLimit().Draw(t, "limit")
		got, err := limit.Parse(limit.Format(want))
		if err != nil || got != want {
			t.Fatalf("%q: got %+v, %v; want %+v", limit.Format(want), got, err, want)
		}
	})
}

func TestEveryQuotaIsReadBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := limit.Quota{
			Name:   rapid.StringMatching(`[a-z0-9_-]{1,63}`).Draw(t, "name"),
			Limit:  rapid.Int64Range(1, limit.MaxQuotaLimit).Draw(t, "limit"),
			Period: rapid.SampledFrom([]limit.QuotaPeriod{limit.QuotaDay, limit.QuotaMonth}).Draw(t, "period"),
		}
		got, err := limit.ParseQuota(limit.FormatQuota(want))
		if err != nil || got != want {
			t.Fatalf("%q: got %+v, %v; want %+v", limit.FormatQuota(want), got, err, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"10/s", "name=600/10m burst 50", "5/1m30s", "1/366d", "=/", "1/ms burst 9", "1/1m1ms", "1/0d0h0m0s1ms"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := limit.Parse(text)
		if err != nil {
			if _, ok := errors.AsType[*limit.Error](err); !ok {
				t.Fatalf("error %v is no *limit.Error", err)
			}
			return
		}
		if err := l.Validate(); err != nil {
			t.Fatalf("parsed and not valid: %v", err)
		}
		again, err := limit.Parse(limit.Format(l))
		if err != nil || again != l {
			t.Fatalf("%q: got %+v, %v; want %+v", limit.Format(l), again, err, l)
		}
	})
}

func FuzzParseQuota(f *testing.F) {
	for _, seed := range []string{"10000/day", "name=1000000/month", "=/", "1/year"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := limit.ParseQuota(text)
		if err != nil {
			if _, ok := errors.AsType[*limit.Error](err); !ok {
				t.Fatalf("error %v is no *limit.Error", err)
			}
			return
		}
		again, err := limit.ParseQuota(limit.FormatQuota(q))
		if err != nil || again != q {
			t.Fatalf("%q: got %+v, %v; want %+v", limit.FormatQuota(q), again, err, q)
		}
	})
}
