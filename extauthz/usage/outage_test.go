package usage

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/pipeline"
)

// TestAnHourWithoutItsSinkUnderLoadCostsBoundedMemoryAndNoCount runs an hour of
// ticks while keys come and go, far more than there is room for.
func TestAnHourWithoutItsSinkUnderLoadCostsBoundedMemoryAndNoCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 200
		l, away := newLedger(), true
		l.behave = func() (bool, error) {
			if away {
				return false, errAway
			}
			return true, nil
		}
		c := newCounter(t, l, time.Now, func(o *Options) { o.Size = size })
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx) })
		counted, steady := int64(0), map[string]int64{}
		reasons := []pipeline.Reason{pipeline.ReasonAllowed, pipeline.ReasonRateLimited}
		var heap [2]uint64
		for second := range 3600 {
			for n := range 20 {
				key, reason := fmt.Sprintf("key_%d", n), reasons[n%2]
				if n >= 10 { // one of many
					key = fmt.Sprintf("key_%d", 1000+second*10+n)
				}
				c.Count(decision(key, reason, "192.0.2.1"), nil, time.Now(), time.Microsecond)
				counted++
				steady[reason.String()]++
			}
			<-time.After(time.Second) // of the bubble's clock
			synctest.Wait()
			if waiting := c.Stats().Waiting; waiting > 2*size+4 {
				t.Fatalf("after %d s %d rows wait", second, waiting)
			}
			if second == 600 || second == 3599 {
				heap[min(second/3599, 1)] = heapInUse()
			}
		}
		if heap[1] > heap[0]+heap[0]/4+1<<20 {
			t.Errorf("memory grew from %d to %d bytes between 10 minutes and an hour", heap[0], heap[1])
		}
		s := c.Stats()
		if s.Batches != 0 || s.Folded == 0 || s.Other == 0 || s.Lag < 59*time.Minute {
			t.Errorf("%+v", s)
		}
		l.mu.Lock()
		away = false
		l.mu.Unlock()
		<-time.After(2 * time.Second)
		synctest.Wait()
		if s := c.Stats(); s.Lag != 0 || s.Waiting != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		cancel()
		running.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.total(); got != counted {
			t.Errorf("%d Checks arrived, %d were counted", got, counted)
		}
		byReason := map[string]int64{}
		for name, n := range l.keys {
			_, reason, _ := strings.Cut(name, " ")
			byReason[reason] += n
		}
		want(t, "checks", byReason, steady)
	})
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAReplicaWithNothingToTellTellsThatItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		c := newCounter(t, l, time.Now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx) })
		synctest.Wait()
		if all := l.taken(); len(all) != 1 || len(all[0].Keys) != 0 || all[0].Sequence != 1 {
			t.Errorf("at the start: %+v", all)
		}
		<-time.After(61 * time.Second)
		synctest.Wait()
		all := l.taken()
		if len(all) != 5 {
			t.Fatalf("%d batches in a minute, want 5", len(all))
		}
		if at := all[4].At; time.Since(at) > heartbeat {
			t.Errorf("the last one is about %s", at)
		}
		cancel()
		running.Wait()
	})
}

func TestAStopWithoutASinkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.behave = func() (bool, error) { return false, errAway }
		c := newCounter(t, l, time.Now, nil)
		c.Count(decision("key_1", pipeline.ReasonAllowed, ""), nil, time.Now(), 0)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.Close(ctx); err == nil {
			t.Error("closed without a word of what was lost")
		}
	})
}
