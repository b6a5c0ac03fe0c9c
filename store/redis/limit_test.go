package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store/limit"
	"credence/store/limit/limittest"
	"credence/store/redis"
	"credence/test/redisserver"
)

const life = time.Second

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openAt(t *testing.T, address string) *redis.Client {
	t.Helper()
	c, err := redis.Open(t.Context(), redis.Options{
		Addresses: []string{address}, Deployment: "test", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// patiently is a deadline that a busy machine keeps.
func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

var drawn = []limit.Limit{
	{Name: "second", Limit: 10, Period: time.Second},
	{Name: "burst", Limit: 3, Period: time.Second, Burst: 40},
	{Name: "fast", Limit: 300_000, Period: time.Second, Burst: 1000},
	{Name: "months", Limit: 7, Period: 300 * 24 * time.Hour, Burst: 20},
}

// anyDraws are draws of different budgets, that any holder might make.
func anyDraws(t *rapid.T, at int64) []limit.Draw {
	draws := make([]limit.Draw, 0, len(drawn))
	for i, l := range drawn {
		if i > 0 && rapid.IntRange(0, 2).Draw(t, "also") > 0 {
			continue
		}
		d := limit.Draw{Subject: "key:a", Limit: l, Cost: rapid.Int64Range(0, 12).Draw(t, "cost")}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0: // spent at once
		case 1:
			d.Cost, d.Refund, d.RefundAt = 0, rapid.Int64Range(1, 5).Draw(t, "refund"), at-rapid.Int64Range(0, 1e6).Draw(t, "ago")
		case 2:
			d.Owed = rapid.Int64Range(1, 30).Draw(t, "owed")
		default:
			d.Hold = true
			d.Extra = rapid.Int64Range(0, 20).Draw(t, "extra")
			d.Keep = rapid.Int64Range(0, 10).Draw(t, "keep")
			d.Return = rapid.Int64Range(0, 5).Draw(t, "return")
		}
		draws = append(draws, d)
	}
	return draws
}

func TestTheScriptDrawsAsTheModelDoes(t *testing.T) {
	s := redisserver.Start(t)
	c := openAt(t, s.Address())
	ctx := patiently(t)
	rapid.Check(t, func(t *rapid.T) {
		if err := s.Admin().FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		now := began
		model := limittest.Server{Now: func() time.Time { return now }}
		scripts, models := map[string]*redis.Budgets{}, map[string]*limittest.Holder{}
		for _, name := range []string{"a", "b", "c"} {
			scripts[name], models[name] = redis.NewBudgetsByClock(c, name), model.Holder(name)
		}
		for range rapid.IntRange(1, 40).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 700_000).Draw(t, "pause")) * time.Microsecond)
			if rapid.IntRange(0, 20).Draw(t, "jump") == 0 {
				now = now.Add(-time.Duration(rapid.Int64Range(0, 3000).Draw(t, "back_ms")) * time.Millisecond)
			}
			if err := s.Admin().Set(ctx, redis.ClockKey, now.UnixMicro(), 0).Err(); err != nil {
				t.Fatal(err)
			}
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "holder")
			draws := anyDraws(t, now.UnixMicro())
			got, want := &limit.Group{Draws: draws}, &limit.Group{Draws: append([]limit.Draw(nil), draws...)}
			scripts[name].Draw(ctx, life, []*limit.Group{got})
			models[name].Draw(ctx, life, []*limit.Group{want})
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			for i := range got.Draws {
				if got.Draws[i] != want.Draws[i] {
					t.Fatalf("%s draws %+v\nscript %+v\nmodel  %+v", name, draws[i], got.Draws[i].Answer, want.Draws[i].Answer)
				}
			}
		}
	})
}

func TestManyGroupsGoInOneCallAndEachIsAllOrNothing(t *testing.T) {
	s := redisserver.Start(t)
	b := redis.NewBudgets(openAt(t, s.Address()), "a")
	var groups []*limit.Group
	for i := range 300 {
		groups = append(groups, &limit.Group{Draws: []limit.Draw{
			{Subject: fmt.Sprint("key:", i%3), Limit: limit.Limit{Name: "hour", Limit: 50, Period: time.Hour}, Cost: 1},
			{Subject: "owner:a", Limit: limit.Limit{Name: "hour", Limit: 120, Period: time.Hour}, Cost: 1},
		}})
	}
	b.Draw(patiently(t), life, groups)
	admitted := 0
	for _, g := range groups {
		if g.Err != nil {
			t.Fatal(g.Err)
		}
		if g.Draws[0].Answer.Given != g.Draws[1].Answer.Given {
			t.Fatalf("one gave %d, the other %d", g.Draws[0].Answer.Given, g.Draws[1].Answer.Given)
		}
		admitted += int(g.Draws[0].Answer.Given)
	}
	if admitted != 120 {
		t.Errorf("%d admitted, want the owner's 120", admitted)
	}
	stats := s.Admin().InfoMap(t.Context(), "commandstats").Item("Commandstats", "cmdstat_eval")
	if stats == "" {
		t.Error("the script was never loaded")
	}
}

func TestWhatIsOwedIsForgottenWhenItIsPaid(t *testing.T) {
	s := redisserver.Start(t)
	b := redis.NewBudgets(openAt(t, s.Address()), "a")
	g := &limit.Group{Draws: []limit.Draw{{
		Subject: "owner:a/{}", Limit: limit.Limit{Name: "second", Limit: 10, Period: time.Second}, Cost: 5, Hold: true,
	}}}
	b.Draw(patiently(t), life, []*limit.Group{g})
	keys, err := s.Admin().Keys(t.Context(), "crd:test:limit:*").Result()
	if err != nil || len(keys) != 1 || g.Err != nil {
		t.Fatal(keys, err, g.Err)
	}
	ttl, err := s.Admin().PTTL(t.Context(), keys[0]).Result()
	if err != nil || ttl <= 0 || ttl > 3*time.Second {
		t.Errorf("the budget ends after %s (%v)", ttl, err)
	}
}

func TestAServerThatLostTheScriptGetsItAgain(t *testing.T) {
	s := redisserver.Start(t)
	b := redis.NewBudgets(openAt(t, s.Address()), "a")
	draw := func() {
		g := &limit.Group{Draws: []limit.Draw{{Subject: "key:a", Limit: drawn[0], Cost: 1}}}
		b.Draw(patiently(t), life, []*limit.Group{g})
		if g.Err != nil || g.Draws[0].Answer.Given != 1 {
			t.Fatal(g.Err, g.Draws[0].Answer)
		}
	}
	draw()
	if err := s.Admin().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	draw()
}

func TestBudgetsThatHoldSomethingElseAreAnError(t *testing.T) {
	s := redisserver.Start(t)
	b := redis.NewBudgets(openAt(t, s.Address()), "a")
	g := &limit.Group{Draws: []limit.Draw{{Subject: "key:a", Limit: drawn[0], Cost: 1}}}
	b.Draw(patiently(t), life, []*limit.Group{g})
	keys, err := s.Admin().Keys(t.Context(), "crd:test:limit:*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	for _, spoil := range []func() error{
		func() error { return s.Admin().Set(t.Context(), keys[0], "nonsense", 0).Err() },
		func() error {
			return errors.Join(s.Admin().Del(t.Context(), keys[0]).Err(), s.Admin().HSet(t.Context(), keys[0], "l:a", "nonsense").Err())
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		g.Err = nil
		if b.Draw(patiently(t), life, []*limit.Group{g}); !errors.Is(g.Err, redis.ErrAway) {
			t.Errorf("a spoilt budget: %v", g.Err)
		}
	}
}

func TestSlotsAreThoseOfRedisCluster(t *testing.T) {
	s := redisserver.Start(t, "--cluster-enabled", "yes")
	rapid.Check(t, func(r *rapid.T) {
		tag := rapid.StringMatching(`[A-Za-z0-9_-]{1,40}`).Draw(r, "tag")
		want, err := s.Admin().ClusterKeySlot(t.Context(), "crd:test:limit:{"+tag+"}:second:10:1000:10").Result()
		if err != nil || int64(redis.SlotOf(tag)) != want {
			r.Fatalf("%s: slot %d, Redis says %d (%v)", tag, redis.SlotOf(tag), want, err)
		}
	})
}
