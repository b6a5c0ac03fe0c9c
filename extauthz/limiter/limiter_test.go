package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a limiter over a store, with a clock that stands still.
type world struct {
	testing.TB
	clock   *clock
	limiter *limiter.Limiter
}

func newWorld(tb testing.TB, counters store.QuotaCounters, change func(*limiter.Options)) *world {
	tb.Helper()
	w := &world{TB: tb, clock: &clock{now: noon}}
	// Patient, so that a busy machine is no failing store.
	o := limiter.Options{
		Store: counters, Now: w.clock.Now, Logger: slog.New(slog.DiscardHandler),
		RefillWait: time.Minute, Timeout: time.Minute,
	}
	if change != nil {
		change(&o)
	}
	var err error
	w.limiter, err = limiter.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.limiter.Close(context.WithoutCancel(tb.Context())) })
	return w
}

// take answers the outcomes; a failure ends the test.
func (w *world) take(cost int64, limits []pipeline.SubjectLimit, quotas []pipeline.SubjectQuota) ([]pipeline.LimitOutcome, bool) {
	w.Helper()
	out, ok, err := w.limiter.Take(w.Context(), w.clock.Now(), cost, limits, quotas, nil)
	if err != nil {
		w.Fatal(err)
	}
	return out, ok
}

// admitted is how many requests of cost 1 pass before the first refusal.
func (w *world) admitted(limits []pipeline.SubjectLimit, quotas []pipeline.SubjectQuota) int {
	w.Helper()
	for n := 0; ; n++ {
		if _, ok := w.take(1, limits, quotas); !ok {
			return n
		}
	}
}

func perSecond(subject, name string, n int64) pipeline.SubjectLimit {
	return pipeline.SubjectLimit{Subject: subject, Label: name, Limit: limit.Limit{Name: name, Limit: n, Period: time.Second}}
}

func perDay(subject string, n int64) pipeline.SubjectQuota {
	return pipeline.SubjectQuota{Subject: subject, Label: "daily", Quota: limit.Quota{Name: "daily", Limit: n, Period: limit.QuotaDay}}
}

// noQuotas is the store of a test without quotas.
type noQuotas struct{ store.QuotaCounters }

func TestALimitAdmitsItsBurstAndThenItsRate(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 10)}
	if n := w.admitted(limits, nil); n != 10 {
		t.Errorf("%d at once, want 10", n)
	}
	out, _ := w.take(1, limits, nil)
	if o := out[0]; !o.Refused || o.Name != "second" || o.Limit != 10 || o.Period != time.Second ||
		o.Remaining != 0 || o.Reset != 100*time.Millisecond {
		t.Errorf("outcome %+v", o)
	}
	w.clock.advance(100*time.Millisecond - 1)
	if n := w.admitted(limits, nil); n != 0 {
		t.Errorf("%d admitted a moment too early", n)
	}
	w.clock.advance(1)
	if n := w.admitted(limits, nil); n != 1 {
		t.Errorf("%d after a tenth of a second, want 1", n)
	}
	if n := w.admitted([]pipeline.SubjectLimit{perSecond("key:b", "second", 10)}, nil); n != 10 {
		t.Errorf("%d for another subject, want 10", n)
	}
}

func TestCostIsChargedAndMoreThanTheBurstNeverPasses(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 10)}
	if out, ok := w.take(7, limits, nil); !ok || out[0].Remaining != 3 {
		t.Errorf("cost 7: ok %v, %+v", ok, out)
	}
	if out, ok := w.take(4, limits, nil); ok || out[0].Remaining != 3 {
		t.Errorf("cost 4: ok %v, %+v", ok, out)
	}
	if _, ok := w.take(3, limits, nil); !ok {
		t.Error("cost 3 was refused")
	}
	for _, cost := range []int64{11, 0, -1} {
		if _, ok := w.take(cost, limits, nil); ok {
			t.Errorf("cost %d was admitted", cost)
		}
	}
}

func TestAllLimitsAreChargedOrNone(t *testing.T) {
	w := newWorld(t, sqlitetest.Open(t, time.Now), nil)
	wide, narrow := perSecond("key:a", "wide", 10), perSecond("owner:a", "narrow", 3)
	quota := []pipeline.SubjectQuota{perDay("key:a", 5)}
	for range 3 {
		if _, ok := w.take(1, []pipeline.SubjectLimit{wide, narrow}, quota); !ok {
			t.Fatal("refused")
		}
	}
	for range 20 {
		out, ok := w.take(1, []pipeline.SubjectLimit{wide, narrow}, quota)
		if ok || out[0].Refused || out[0].Remaining != 7 || !out[1].Refused || out[2].Refused || out[2].Remaining != 2 {
			t.Fatalf("ok %v, outcomes %+v", ok, out)
		}
	}
	w.clock.advance(2 * time.Second)
	for range 2 {
		w.take(1, []pipeline.SubjectLimit{wide, narrow}, quota)
	}
	out, ok := w.take(1, []pipeline.SubjectLimit{wide, narrow}, quota)
	if ok || out[0].Refused || out[0].Remaining != 8 || out[1].Refused || out[1].Remaining != 1 || !out[2].Refused {
		t.Errorf("ok %v, outcomes %+v: the spent quota is to refuse and the rates are not to be charged", ok, out)
	}
}

func TestNoMoreThanTheLimitsPassUnderContentionAndRefusalsCostNothing(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	wide, narrow := perSecond("key:a", "wide", 5000), perSecond("owner:a", "narrow", 1000)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		// In both orders, so that some have to take back what they charged.
		limits := []pipeline.SubjectLimit{wide, narrow}
		if g%2 == 0 {
			limits = []pipeline.SubjectLimit{narrow, wide}
		}
		wg.Go(func() {
			for range 1000 {
				if _, ok, err := w.limiter.Take(t.Context(), noon, 1, limits, nil, nil); ok && err == nil {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1000 {
		t.Errorf("%d passed, want 1000", passed.Load())
	}
	if n := w.admitted([]pipeline.SubjectLimit{wide}, nil); n != 4000 {
		t.Errorf("%d left of the wide limit, want 4000: refusals were charged", n)
	}
}

// The owner's limit is spent by another request between the question and the
// charge: while this one waits for its quota.
func TestWhatWasChargedIsTakenBackWhenALimitRefusesAtTheCharge(t *testing.T) {
	c := &counters{QuotaCounters: sqlitetest.Open(t, time.Now)}
	w := newWorld(t, c, nil)
	wide, narrow := perSecond("key:a", "wide", 10), perSecond("owner:a", "narrow", 1)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 5)}
	w.take(1, []pipeline.SubjectLimit{wide}, nil) // known already, so that it is not idle
	c.before = sync.OnceFunc(func() { w.take(1, []pipeline.SubjectLimit{narrow}, nil) })

	out, ok := w.take(1, []pipeline.SubjectLimit{wide, narrow}, quotas)
	if ok || out[0].Refused || !out[1].Refused || out[2].Refused {
		t.Fatalf("ok %v, outcomes %+v: the narrow limit is to refuse", ok, out)
	}
	if out[0].Remaining != 9 || out[2].Remaining != 5 {
		t.Errorf("%d and %d remain, want 9 and 5", out[0].Remaining, out[2].Remaining)
	}
	if n := w.admitted([]pipeline.SubjectLimit{wide}, nil); n != 9 {
		t.Errorf("%d left of the wide limit, want 9", n)
	}
	if n := w.admitted(nil, quotas); n != 5 {
		t.Errorf("%d left of the quota, want 5", n)
	}
}

func TestAChangedLimitStartsFull(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	slow := pipeline.SubjectLimit{Subject: "key:a", Limit: limit.Limit{Name: "l", Limit: 1, Period: 24 * time.Hour}}
	if n := w.admitted([]pipeline.SubjectLimit{slow}, nil); n != 1 {
		t.Fatalf("%d admitted", n)
	}
	fast := slow
	fast.Limit = limit.Limit{Name: "l", Limit: 100, Period: time.Second}
	if n := w.admitted([]pipeline.SubjectLimit{fast}, nil); n != 100 {
		t.Errorf("%d admitted under the new limit, want 100", n)
	}
}

func TestOneLimitUnderTwoLabelsIsOneBudget(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	one := perSecond("owner:a", "second", 10)
	other := one
	other.Label = "owner:second"
	if n := w.admitted([]pipeline.SubjectLimit{one}, nil); n != 10 {
		t.Fatalf("%d admitted", n)
	}
	if n := w.admitted([]pipeline.SubjectLimit{other}, nil); n != 0 {
		t.Errorf("%d admitted under another label", n)
	}
}

// TestALimitThatWasForgottenIsFoundAnew has two keys remember one budget, which
// then goes for room: afterwards they must not count in what each remembers.
func TestALimitThatWasForgottenIsFoundAnew(t *testing.T) {
	w := newWorld(t, noQuotas{}, func(o *limiter.Options) { o.MaxRates = 4 })
	one := []pipeline.SubjectLimit{perSecond("owner:a", "second", 10)}
	other := []pipeline.SubjectLimit{perSecond("owner:a", "second", 10)}
	w.take(1, one, nil)
	w.take(1, other, nil)
	w.clock.advance(time.Second)
	for n := range 100 {
		w.take(1, []pipeline.SubjectLimit{perSecond(fmt.Sprint("key:", n), "second", 1)}, nil)
	}
	admitted := 0
	for n := range 40 {
		limits := one
		if n%2 == 1 {
			limits = other
		}
		if _, ok := w.take(1, limits, nil); ok {
			admitted++
		}
	}
	if admitted != 10 {
		t.Errorf("%d admitted, want 10", admitted)
	}
}

func TestRatesAreBoundedAndTheIdleGoFirst(t *testing.T) {
	w := newWorld(t, noQuotas{}, func(o *limiter.Options) { o.MaxRates = 100 })
	spent := []pipeline.SubjectLimit{{Subject: "key:spent", Limit: limit.Limit{Name: "day", Limit: 1, Period: 24 * time.Hour}}}
	w.take(1, spent, nil)
	for n := range 2000 {
		w.take(1, []pipeline.SubjectLimit{perSecond(fmt.Sprint("key:", n), "second", 10)}, nil)
		if s := w.limiter.Stats(); s.Rates > 100 {
			t.Fatalf("%d rates", s.Rates)
		}
		w.clock.advance(2 * time.Millisecond) // each is idle after a tenth of a second: 50 at once matter
	}
	if _, ok := w.take(1, spent, nil); ok {
		t.Error("a spent limit was forgotten although others were idle")
	}
	if s := w.limiter.Stats(); s.RateEvictions != 0 {
		t.Errorf("%d rates that mattered were forgotten, with %d of 100", s.RateEvictions, s.Rates)
	}
	for n := range 500 { // all at one moment: something has to go
		w.take(1, []pipeline.SubjectLimit{perSecond(fmt.Sprint("flood:", n), "second", 10)}, nil)
	}
	if s := w.limiter.Stats(); s.Rates != 100 || s.RateEvictions == 0 {
		t.Errorf("stats %+v, want 100 rates and evictions", s)
	}
	if _, ok := w.take(1, spent, nil); ok {
		t.Error("the limit that is spent for a day was forgotten before newcomers")
	}
}

func TestLimitsHoldWhileRatesComeAndGo(t *testing.T) {
	w := newWorld(t, noQuotas{}, func(o *limiter.Options) { o.MaxRates = 32 })
	hot := []pipeline.SubjectLimit{{Subject: "key:hot", Limit: limit.Limit{Name: "hour", Limit: 500, Period: time.Hour}}}
	w.take(1, hot, nil)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := range 1000 {
				if _, ok, _ := w.limiter.Take(t.Context(), noon, 1, hot, nil, nil); ok {
					passed.Add(1)
				}
				_, _, _ = w.limiter.Take(t.Context(), noon, 1, []pipeline.SubjectLimit{perSecond(fmt.Sprint(g, n), "s", 10)}, nil, nil)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 499 {
		t.Errorf("%d passed, want 499", passed.Load())
	}
}

func TestAnInvalidLimitRefuses(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	if out, ok := w.take(1, []pipeline.SubjectLimit{{Subject: "key:a"}}, nil); ok || !out[0].Refused {
		t.Errorf("ok %v, outcomes %+v", ok, out)
	}
}

func TestNothingToCountPasses(t *testing.T) {
	w := newWorld(t, noQuotas{}, nil)
	if out, ok := w.take(1, nil, nil); !ok || len(out) != 0 {
		t.Errorf("ok %v, outcomes %+v", ok, out)
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	good := limiter.Options{Store: noQuotas{}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*limiter.Options){
		"Store":      func(o *limiter.Options) { o.Store = nil },
		"Now":        func(o *limiter.Options) { o.Now = nil },
		"Logger":     func(o *limiter.Options) { o.Logger = nil },
		"MaxRates":   func(o *limiter.Options) { o.MaxRates = -1 },
		"MaxQuotas":  func(o *limiter.Options) { o.MaxQuotas = -1 },
		"Refills":    func(o *limiter.Options) { o.Refills = -1 },
		"RefillWait": func(o *limiter.Options) { o.RefillWait = -1 },
		"Timeout":    func(o *limiter.Options) { o.Timeout = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := limiter.New(o); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s: error %v does not name it", name, err)
		}
	}
}

func wantUnavailable(tb testing.TB, err error) {
	tb.Helper()
	if !errors.Is(err, store.ErrUnavailable) {
		tb.Errorf("error %v, want one that wraps store.ErrUnavailable", err)
	}
}
