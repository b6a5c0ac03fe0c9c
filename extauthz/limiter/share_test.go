package limiter_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// replicas is a fleet of limiters on one clock, each with its share.
func replicas(tb testing.TB, n int) (fleet []*world, at *clock) {
	tb.Helper()
	at = &clock{now: noon}
	for rank := range n {
		w := newWorld(tb, noQuotas{}, func(o *limiter.Options) { o.Now = at.Now })
		w.clock = at
		w.limiter.SetShare(rank, n)
		fleet = append(fleet, w)
	}
	return fleet, at
}

func admittedByAll(fleet []*world, limits []pipeline.SubjectLimit) (sum int) {
	for _, w := range fleet {
		sum += w.admitted(limits, nil)
	}
	return sum
}

func TestReplicasTogetherAdmitTheBurstAndThenTheRate(t *testing.T) {
	for n := 1; n <= 10; n++ {
		fleet, at := replicas(t, n)
		limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 100)}
		if sum := admittedByAll(fleet, limits); sum != 100 {
			t.Errorf("%d replicas admit %d at once, want 100", n, sum)
		}
		sum := 0
		for range 200 { // ten seconds
			at.advance(50 * time.Millisecond)
			sum += admittedByAll(fleet, limits)
		}
		if sum > 1000 || sum < 1000-n { // each may have a unit under way
			t.Errorf("%d replicas admit %d in ten seconds, want 1000", n, sum)
		}
	}
}

func TestAnAnswerNamesTheWholeLimitAndWhatRemainsOfTheShare(t *testing.T) {
	fleet, _ := replicas(t, 4)
	out, ok := fleet[0].take(1, []pipeline.SubjectLimit{perSecond("key:a", "second", 10)}, nil)
	if !ok || out[0].Limit != 10 || out[0].Period != time.Second || out[0].Remaining != 2 {
		t.Errorf("outcome %+v, want the limit 10 and 2 of 3 remaining", out)
	}
}

func TestARequestThatCostsMoreThanAShareIsAdmittedWhenTheShareIsFull(t *testing.T) {
	fleet, at := replicas(t, 4)
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 8)} // 2 each
	if _, ok := fleet[0].take(8, limits, nil); !ok {
		t.Fatal("refused what the limit would admit")
	}
	if _, ok := fleet[0].take(9, limits, nil); ok {
		t.Fatal("admitted more than the limit")
	}
	at.advance(4*time.Second - time.Nanosecond)
	if _, ok := fleet[0].take(8, limits, nil); ok {
		t.Fatal("admitted again before it was paid off")
	}
	at.advance(time.Nanosecond)
	if _, ok := fleet[0].take(8, limits, nil); !ok {
		t.Error("refused although it was paid off")
	}
}

func TestWhatWasTakenStaysTakenWhenTheNumberOfReplicasChanges(t *testing.T) {
	fleet, at := replicas(t, 1)
	w := fleet[0]
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 10)}
	for range 5 {
		w.take(1, limits, nil)
	}
	w.limiter.SetShare(0, 2) // 5 each, and 5 are owed
	if n := w.admitted(limits, nil); n != 0 {
		t.Errorf("%d admitted by a smaller share that is spent", n)
	}
	at.advance(time.Second) // 5 of them are paid off
	for range 3 {
		w.take(1, limits, nil)
	}
	w.limiter.SetShare(0, 1)
	if n := w.admitted(limits, nil); n != 7 {
		t.Errorf("%d admitted by the whole limit of which 3 are owed, want 7", n)
	}
}

// Replicas come and go, and learn of it late. What is admitted stays within
// what the documentation says.
func TestTransitionsAdmitAtMostTheSharesOfThoseThatCameOrWent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const perPeriod = 60
		fleet, at := replicas(t, 6)
		limits := []pipeline.SubjectLimit{perSecond("key:a", "second", perPeriod)}
		running := rapid.IntRange(1, 6).Draw(rt, "running")
		for rank, w := range fleet[:running] {
			w.limiter.SetShare(rank, running)
		}
		allowed, sum := float64(perPeriod), 0
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			next := rapid.IntRange(1, 6).Draw(rt, "next")
			came, went := max(0, next-running), max(0, running-next)
			allowed += float64(came)*float64(perPeriod/next) + float64(went)*float64(perPeriod/running)
			for rank := running; rank < next; rank++ { // a process that starts
				fleet[rank] = newWorld(t, noQuotas{}, func(o *limiter.Options) { o.Now = at.Now })
				fleet[rank].clock = at
				fleet[rank].limiter.SetShare(rank, next)
			}
			late := time.Duration(rapid.IntRange(0, 2000).Draw(rt, "late_ms")) * time.Millisecond
			if next < running { // those that went admit no more; the others learn of it late
				running = next
			}
			at.advance(late)
			allowed += perPeriod * late.Seconds() * (1 + float64(came)/float64(next))
			for _, w := range fleet[:max(running, next)] {
				if rapid.Bool().Draw(rt, "busy") {
					sum += w.admitted(limits, nil)
				}
			}
			running = next
			for rank, w := range fleet[:running] {
				w.limiter.SetShare(rank, running)
			}
			quiet := time.Duration(rapid.IntRange(0, 2000).Draw(rt, "quiet_ms")) * time.Millisecond
			at.advance(quiet)
			allowed += perPeriod * quiet.Seconds()
			sum += admittedByAll(fleet[:running], limits)
		}
		if float64(sum) > allowed+1e-6 {
			rt.Fatalf("admitted %d, allowed are %.1f", sum, allowed)
		}
	})
}

func TestASharesChangeLosesNoCharge(t *testing.T) {
	fleet, _ := replicas(t, 1)
	w := fleet[0]
	limits := []pipeline.SubjectLimit{{Subject: "key:a", Label: "hour", Limit: limit.Limit{Name: "hour", Limit: 20_000, Period: time.Hour}}}
	var admitted atomic.Int64
	var done atomic.Bool
	var workers, changer sync.WaitGroup
	changer.Go(func() {
		for n := 1; !done.Load(); n++ {
			w.limiter.SetShare(0, 1+n%2)
		}
	})
	for range 4 {
		workers.Go(func() {
			for range 10_000 {
				if _, ok, err := w.limiter.Take(t.Context(), w.clock.Now(), 1, limits, nil, nil); err == nil && ok {
					admitted.Add(1)
				}
			}
		})
	}
	workers.Wait()
	done.Store(true)
	changer.Wait()
	w.limiter.SetShare(0, 1)
	for { // what is left of the whole limit
		if _, ok := w.take(1, limits, nil); !ok {
			break
		}
		admitted.Add(1)
	}
	if n := admitted.Load(); n > 20_000 {
		t.Errorf("%d admitted, want no more than 20000", n)
	}
}

func TestATakeUnderAShareDoesNotAllocate(t *testing.T) {
	fleet, at := replicas(t, 3)
	limits := []pipeline.SubjectLimit{perSecond("key:a", "second", 1000), perSecond("owner:default/a", "second", 1000)}
	out := make([]pipeline.LimitOutcome, 0, 4)
	w := fleet[1]
	w.take(1, limits, nil)
	if n := testing.AllocsPerRun(100, func() {
		at.advance(time.Second)
		_, _, _ = w.limiter.Take(t.Context(), at.Now(), 1, limits, nil, out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
