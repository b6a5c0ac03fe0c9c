package limiter_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/sqlite/sqlitetest"
)

// counters stand between the limiter and the database: they count calls, and
// fail or hang while they are told to.
type counters struct {
	store.QuotaCounters
	before  func() // called before each reservation; nil for nothing
	calls   atomic.Int64
	failing atomic.Bool
	hanging atomic.Bool
}

func (c *counters) ReserveQuota(ctx context.Context, w store.QuotaWindow, want, most int64) (granted, used int64, err error) {
	c.calls.Add(1)
	if c.before != nil {
		c.before()
	}
	if c.hanging.Load() {
		<-ctx.Done()
		return 0, 0, fmt.Errorf("reserve: %w", ctx.Err())
	}
	if c.failing.Load() {
		return 0, 0, store.ErrUnavailable
	}
	return c.QuotaCounters.ReserveQuota(ctx, w, want, most)
}

// memoryCounters is the store of tests of time.
type memoryCounters struct {
	mu   sync.Mutex
	used map[store.QuotaWindow]int64
}

func (m *memoryCounters) ReserveQuota(_ context.Context, w store.QuotaWindow, want, most int64) (granted, used int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used == nil {
		m.used = make(map[store.QuotaWindow]int64)
	}
	granted = max(0, min(want, most-m.used[w]))
	m.used[w] += granted
	return granted, m.used[w], nil
}

func (m *memoryCounters) ReturnQuota(_ context.Context, w store.QuotaWindow, units int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[w] -= units
	return nil
}

func (*memoryCounters) RemoveQuotas(context.Context, time.Time) (int, error) { return 0, nil }

func TestAQuotaAdmitsExactlyItsLimitInEachWindow(t *testing.T) {
	for _, most := range []int64{1, 2, 7, 100, 1234} {
		c := &counters{QuotaCounters: sqlitetest.Open(t, time.Now)}
		w := newWorld(t, c, nil)
		quotas := []pipeline.SubjectQuota{perDay("key:a", most)}
		if n := w.admitted(nil, quotas); int64(n) != most {
			t.Errorf("%d admitted of %d", n, most)
		}
		out, ok := w.take(1, nil, quotas)
		if o := out[0]; ok || !o.Refused || !o.Quota || o.Name != "daily" || o.Limit != most || o.Period != 24*time.Hour ||
			o.Remaining != 0 || o.Reset != 12*time.Hour {
			t.Errorf("ok %v, outcome %+v", ok, o)
		}
		w.clock.advance(12 * time.Hour) // midnight: the next day
		if n := w.admitted(nil, quotas); int64(n) != most {
			t.Errorf("%d admitted of %d the next day", n, most)
		}
	}
}

func TestManyReplicasTogetherAdmitExactlyTheQuota(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	quotas := []pipeline.SubjectQuota{perDay("owner:default/team", 3000)}
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		w := newWorld(t, db, nil)
		for range 4 {
			wg.Go(func() {
				for range 500 {
					_, ok, err := w.limiter.Take(t.Context(), noon, 1, nil, quotas, nil)
					if err != nil {
						t.Error(err)
					}
					if ok {
						passed.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	// What one replica has reserved and not spent when its requests end is not
	// for the others: at most one block each.
	if n := passed.Load(); n > 3000 || n < 3000-3*30 {
		t.Errorf("%d admitted of 3000 by three replicas", n)
	}
}

func TestMostRequestsDoNotAskTheStore(t *testing.T) {
	c := &counters{QuotaCounters: sqlitetest.Open(t, time.Now)}
	w := newWorld(t, c, nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 100_000)}
	for range 10_000 {
		w.take(1, nil, quotas)
	}
	if n := c.calls.Load(); n > 25 {
		t.Errorf("%d calls of the store for 10000 requests in blocks of 1000", n)
	}
}

func TestABlockIsFilledUpBeforeItIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counters{QuotaCounters: &memoryCounters{}}
		w := newWorld(t, c, nil)
		quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)} // blocks of ten
		w.take(1, nil, quotas)
		for n := range 4 {
			if c.calls.Load() != 1 {
				t.Errorf("%d calls after %d of the first block", c.calls.Load(), n)
			}
			w.take(1, nil, quotas)
		}
		synctest.Wait()
		if c.calls.Load() != 2 {
			t.Errorf("%d calls when half of the block is spent, want 2", c.calls.Load())
		}
		c.failing.Store(true)
		for n := range 10 {
			if _, ok := w.take(1, nil, quotas); !ok {
				t.Errorf("refused after %d of a full block", n)
			}
		}
	})
}

func TestACostAboveTheBlockIsReservedAndAboveTheQuotaRefused(t *testing.T) {
	w := newWorld(t, sqlitetest.Open(t, time.Now), nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 100)}
	if out, ok := w.take(60, nil, quotas); !ok || out[0].Remaining != 40 {
		t.Errorf("ok %v, outcomes %+v", ok, out)
	}
	if _, ok := w.take(41, nil, quotas); ok {
		t.Error("more than is left was admitted")
	}
	if out, ok := w.take(40, nil, quotas); !ok || out[0].Remaining != 0 {
		t.Errorf("ok %v, outcomes %+v: what is left was refused", ok, out)
	}
	for _, cost := range []int64{101, 0, -1} {
		if _, ok := w.take(cost, nil, quotas); ok {
			t.Errorf("cost %d was admitted", cost)
		}
	}
}

func TestOneSpentQuotaChargesNoOther(t *testing.T) {
	w := newWorld(t, sqlitetest.Open(t, time.Now), nil)
	wide, narrow := perDay("key:a", 1000), perDay("owner:a", 5)
	if n := w.admitted(nil, []pipeline.SubjectQuota{wide, narrow}); n != 5 {
		t.Fatalf("%d admitted", n)
	}
	for range 50 {
		w.take(1, nil, []pipeline.SubjectQuota{wide, narrow})
	}
	if n := w.admitted(nil, []pipeline.SubjectQuota{wide}); n != 995 {
		t.Errorf("%d left, want 995", n)
	}
}

func TestCloseGivesBackWhatWasNotSpent(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	w := newWorld(t, db, nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 10_000)}
	for range 30 {
		w.take(1, nil, quotas)
	}
	if err := w.limiter.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.limiter.Take(t.Context(), noon, 1, nil, quotas, nil); err == nil {
		t.Error("a closed limiter counts quotas")
	} else {
		wantUnavailable(t, err)
	}
	start, end := quotas[0].Window(noon)
	window := store.QuotaWindow{Subject: "key:a", Name: "daily", Start: start, End: end}
	if _, used, err := db.ReserveQuota(t.Context(), window, 1, 10_000); err != nil || used != 31 {
		t.Errorf("%d used after the next one, error %v; want 31", used, err)
	}
}

func TestAFailingStoreLeavesWhatIsReservedAndThenErrors(t *testing.T) {
	c := &counters{QuotaCounters: sqlitetest.Open(t, time.Now)}
	w := newWorld(t, c, nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)}
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 10)}
	w.take(1, nil, quotas) // reserves ten
	c.failing.Store(true)
	for n := range 9 {
		if _, ok := w.take(1, nil, quotas); !ok {
			t.Fatalf("refused after %d", n)
		}
	}
	_, ok, err := w.limiter.Take(t.Context(), noon, 1, limits, quotas, nil)
	wantUnavailable(t, err)
	if ok {
		t.Error("admitted what nobody counted")
	}
	calls := c.calls.Load()
	for range 100 {
		_, _, err := w.limiter.Take(t.Context(), noon, 1, limits, quotas, nil)
		wantUnavailable(t, err)
	}
	if c.calls.Load() != calls {
		t.Error("a failing store was asked again at once")
	}
	c.failing.Store(false)
	w.clock.advance(time.Second)
	if n := w.admitted(limits, quotas); n != 10 {
		t.Errorf("%d admitted when the store is back, want the rate's 10: errors were charged", n)
	}
}

func TestAHangingStoreHoldsARequestUpForRefillWaitOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counters{QuotaCounters: &memoryCounters{}}
		c.hanging.Store(true)
		w := newWorld(t, c, func(o *limiter.Options) { o.RefillWait, o.Timeout = 0, 0 }) // the defaults
		quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)}
		begin := time.Now()
		_, _, err := w.limiter.Take(t.Context(), noon, 1, nil, quotas, nil)
		wantUnavailable(t, err)
		if waited := time.Since(begin); waited != 100*time.Millisecond {
			t.Errorf("waited %s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := w.limiter.Take(ctx, noon, 1, nil, quotas, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the caller", err)
		}
		if n := c.calls.Load(); n != 1 {
			t.Errorf("%d calls of a store that hangs, want 1", n)
		}
		pass(3 * time.Second) // in the bubble: the call's own deadline ends
	})
}

func TestCallsOfTheStoreAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counters{QuotaCounters: &memoryCounters{}}
		c.hanging.Store(true)
		w := newWorld(t, c, func(o *limiter.Options) { o.RefillWait, o.Timeout, o.Refills = 0, 0, 3 })
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() {
				_, _, err := w.limiter.Take(t.Context(), noon, 1, nil, []pipeline.SubjectQuota{perDay(fmt.Sprint("key:", n), 10)}, nil)
				wantUnavailable(t, err)
			})
		}
		synctest.Wait()
		if n := c.calls.Load(); n != 3 {
			t.Errorf("%d calls at once, want 3", n)
		}
		wg.Wait()
	})
}

func TestASpentQuotaIsAskedForAgainSinceOthersGiveBack(t *testing.T) {
	db := sqlitetest.Open(t, time.Now)
	c := &counters{QuotaCounters: db}
	w, other := newWorld(t, c, nil), newWorld(t, db, nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)}
	other.take(1, nil, quotas) // holds nine more
	if n := w.admitted(nil, quotas); n != 990 {
		t.Fatalf("%d admitted, want 990", n)
	}
	if err := other.limiter.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := c.calls.Load()
	if n := w.admitted(nil, quotas); n != 0 || c.calls.Load() != calls {
		t.Errorf("%d admitted, %d calls: a spent quota is not to be asked for at once", n, c.calls.Load()-calls)
	}
	w.clock.advance(5 * time.Second)
	if n := w.admitted(nil, quotas); n != 9 {
		t.Errorf("%d admitted after five seconds, want the 9 that were given back", n)
	}
}

func TestQuotasAreBoundedAndForgettingOneLosesNoUnits(t *testing.T) {
	m := &memoryCounters{}
	w := newWorld(t, m, func(o *limiter.Options) { o.MaxQuotas = 8 })
	for n := range 200 {
		w.take(1, nil, []pipeline.SubjectQuota{perDay(fmt.Sprint("key:", n), 1000)})
		if s := w.limiter.Stats(); s.Quotas > 8 {
			t.Fatalf("%d quotas", s.Quotas)
		}
	}
	if s := w.limiter.Stats(); s.QuotaEvictions == 0 {
		t.Errorf("stats %+v", s)
	}
	if err := w.limiter.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for window, used := range m.used {
		if used != 1 {
			t.Errorf("%s: %d used, want 1", window.Subject, used)
		}
	}
}

func TestALateRequestOfTheOldWindowDoesNotThrowTheNewOneAway(t *testing.T) {
	c := &counters{QuotaCounters: sqlitetest.Open(t, time.Now)}
	w := newWorld(t, c, nil)
	quotas := []pipeline.SubjectQuota{perDay("key:a", 1000)}
	midnight := noon.Add(12 * time.Hour)
	for _, at := range []time.Time{midnight, midnight.Add(-time.Millisecond), midnight, midnight.Add(-time.Second)} {
		if _, ok, err := w.limiter.Take(t.Context(), at, 1, nil, quotas, nil); !ok || err != nil {
			t.Fatalf("ok %v, error %v", ok, err)
		}
	}
	if n := c.calls.Load(); n != 1 {
		t.Errorf("%d blocks reserved, want 1", n)
	}
	// A clock that was a day ahead and is right again is followed back.
	if out, ok, err := w.limiter.Take(t.Context(), noon, 1, nil, quotas, nil); !ok || err != nil || out[0].Reset != 12*time.Hour {
		t.Errorf("ok %v, error %v, outcomes %+v", ok, err, out)
	}
}

// pass lets time pass in a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }
