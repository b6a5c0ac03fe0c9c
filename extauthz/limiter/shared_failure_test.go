package limiter_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

var hundred = limit.Limit{Name: "hundred", Limit: 100, Period: time.Second}

func kinds(t *testing.T, test func(t *testing.T, exact bool)) {
	t.Helper()
	for _, exact := range []bool{false, true} {
		t.Run(fmt.Sprintf("exact %t", exact), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, exact) })
		})
	}
}

func TestWithBudgetsAwayEachReplicaKeepsToItsShareAndNobodyWaitsLong(t *testing.T) {
	kinds(t, func(t *testing.T, exact bool) {
		t.Helper()
		f := newFleet(t, 10, exact, nil, func(int, int) fate { return fate{there: time.Hour} })
		longest := time.Duration(0)
		var admitted []admission
		for i := range 8000 {
			<-time.After(time.Millisecond / 2)
			start := time.Now()
			if ok, shared := f.take(i%10, 1, of("key:a", hundred)); ok {
				admitted = append(admitted, admission{time.Now(), 1})
				if shared {
					t.Fatal("admitted by budgets that never answer")
				}
			}
			longest = max(longest, time.Since(start))
		}
		if longest > 25*time.Millisecond {
			t.Errorf("a request waited %s", longest)
		}
		if over := excess(hundred, admitted); over > 1 || len(admitted) < 400 {
			t.Errorf("%d admitted in 4 s, %g over", len(admitted), over)
		}
		for _, l := range f.replicas {
			if s := l.Stats().Shared; s.Away != 1 || s.Lost != 1 || s.Share == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestBudgetsThatComeBackAreAskedAgainAndToldWhatIsOwed(t *testing.T) {
	kinds(t, func(t *testing.T, exact bool) {
		t.Helper()
		l := limit.Limit{Name: "hour", Limit: 100, Period: time.Hour}
		var away atomic.Bool
		away.Store(true)
		f := newFleet(t, 2, exact, nil, func(int, int) fate { return fate{lost: away.Load()} })
		sum := 0
		spendUp := func() {
			for i := range 400 {
				if ok, _ := f.take(i%2, 1, of("key:a", l)); ok {
					sum++
				}
				<-time.After(time.Millisecond)
			}
		}
		if spendUp(); sum != 100 {
			t.Errorf("%d admitted by both shares, want 100", sum)
		}
		away.Store(false)
		<-time.After(2 * time.Second)
		for i, r := range f.replicas {
			if s := r.Stats().Shared; s.Away != 0 || s.Returned != 1 {
				t.Errorf("replica %d: %+v", i, s)
			}
		}
		// Each replica tells with its first request what its share gave; one
		// cannot know what the other is about to tell.
		if spendUp(); sum > 151 {
			t.Errorf("%d admitted, of 100 and at most the half that was not told yet", sum)
		}
	})
}

func TestBudgetsThatForgetCostAtMostOneMoreBurst(t *testing.T) {
	kinds(t, func(t *testing.T, exact bool) {
		t.Helper()
		f := newFleet(t, 10, exact, nil, nil)
		var admitted []admission
		for i := range 12_000 {
			if i == 6000 {
				f.server.Forget()
			}
			<-time.After(time.Millisecond / 2)
			if ok, _ := f.take(i%10, 1, of("key:a", hundred)); ok {
				admitted = append(admitted, admission{time.Now(), 1})
			}
		}
		if over := excess(hundred, admitted); over > 100 {
			t.Errorf("%g over, want at most a burst of 100", over)
		}
	})
}

func TestBudgetsThatLieLoosenALimitAtMostThisFar(t *testing.T) {
	kinds(t, func(t *testing.T, exact bool) {
		t.Helper()
		f := newFleet(t, 1, exact, nil, func(int, int) fate {
			return fate{mischief: func(groups []*limit.Group) {
				for _, g := range groups {
					for i := range g.Draws {
						d := &g.Draws[i]
						d.Answer = limit.Answer{Given: d.Cost + d.Extra, Left: d.Limit.Capacity(), At: 1}
					}
				}
			}}
		})
		admitted := 0
		for range 20_000 {
			<-time.After(time.Millisecond / 2)
			if ok, _ := f.take(0, 1, of("key:a", hundred)); ok {
				admitted++
			}
		}
		// 10 s: twice the burst and a second at once, the rate, and as much
		// again by the share while the lies are not believed.
		if most := 2 * (300 + 1000); admitted > most {
			t.Errorf("%d admitted in 10 s of 100/s, want at most %d", admitted, most)
		}
		if f.replicas[0].Stats().Shared.Nonsense == 0 {
			t.Error("nothing was noticed")
		}
	})
}

func TestAnswersThatCannotBeTrueAreNotBelieved(t *testing.T) {
	for name, answer := range map[string]limit.Answer{
		"more than asked for": {Given: 1 << 40, Left: 1, At: 1},
		"less than nothing":   {Given: -1, Left: 1, At: 1},
		"nothing":             {},
		"too much left":       {Given: 1, Left: 1 << 50, At: 1},
		"a wait without end":  {Denied: true, Wait: limit.Never, At: 1},
		"denied and given":    {Denied: true, Given: 1, Wait: time.Second, At: 1},
		"a wait for nothing":  {Given: 1, Wait: time.Second, At: 1},
	} {
		t.Run(name, func(t *testing.T) {
			kinds(t, func(t *testing.T, exact bool) {
				t.Helper()
				f := newFleet(t, 1, exact, nil, func(int, int) fate {
					return fate{mischief: func(groups []*limit.Group) {
						for _, g := range groups {
							g.Draws[0].Answer = answer
						}
					}}
				})
				admitted := 0
				for range 200 {
					if ok, shared := f.take(0, 1, of("key:a", limit.Limit{Name: "hour", Limit: 100, Period: time.Hour})); ok {
						admitted++
						if shared {
							t.Fatal("believed")
						}
					}
				}
				if admitted != 100 {
					t.Errorf("%d admitted, want the 100 of the share", admitted)
				}
			})
		})
	}
}

func TestLimitsInSeveralSlotsAreChargedTogetherOrNotAtAll(t *testing.T) {
	kinds(t, func(t *testing.T, exact bool) {
		t.Helper()
		f := newFleet(t, 2, exact, nil, nil)
		f.server.Slots = 16384 // before anything is drawn, but lanes are made: all share one
		wide := limit.Limit{Name: "wide", Limit: 100, Period: time.Hour}
		narrow := limit.Limit{Name: "narrow", Limit: 10, Period: time.Hour}
		together := []pipeline.SubjectLimit{of("key:a", wide), of("owner:a", narrow)}
		admitted := 0
		for i := range 60 {
			if ok, _ := f.take(i%2, 1, together...); ok {
				admitted++
			}
			<-time.After(10 * time.Millisecond)
		}
		if admitted != 10 {
			t.Errorf("%d admitted, want the owner's 10", admitted)
		}
		<-time.After(5 * time.Second) // what is held is given back
		for i := range 200 {
			if ok, _ := f.take(i%2, 1, together[0]); ok {
				admitted++
			}
			<-time.After(10 * time.Millisecond)
		}
		if admitted < 97 || admitted > 100 {
			t.Errorf("%d of the wide limit were admitted, want its 100 but for a few", admitted)
		}
	})
}

func TestWhatAStoppingReplicaHoldsIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, false, nil, nil)
		l := limit.Limit{Name: "hour", Limit: 1000, Period: time.Hour}
		spent := 0
		for range 100 {
			if ok, _ := f.take(0, 1, of("key:a", l)); ok {
				spent++
			}
			<-time.After(time.Millisecond)
		}
		if err := f.replicas[0].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3000 {
			if ok, _ := f.take(1, 1, of("key:a", l)); ok {
				spent++
			}
			<-time.After(time.Millisecond)
		}
		if spent != 1000 {
			t.Errorf("%d of 1000 were spent", spent)
		}
	})
}

func TestTakeOfWhatIsHeldAllocatesNothing(t *testing.T) {
	l := limit.Limit{Name: "second", Limit: 1_000_000, Period: time.Second}
	f := newFleet(t, 1, false, nil, nil)
	limits := []pipeline.SubjectLimit{of("key:a", l), of("owner:a", l)}
	out := make([]pipeline.LimitOutcome, 0, 8)
	take := func() {
		if _, _, err := f.replicas[0].Take(t.Context(), time.Now(), 1, limits, nil, out); err != nil {
			t.Fatal(err)
		}
	}
	for range 10_000 {
		take()
	}
	// Draws in the background allocate; they are one for many requests.
	if allocs := testing.AllocsPerRun(20_000, take); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
