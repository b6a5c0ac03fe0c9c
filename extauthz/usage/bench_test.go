package usage

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
)

// BenchmarkCount is what a Check pays, of many keys in turn.
func BenchmarkCount(b *testing.B) {
	for name, reason := range map[string]pipeline.Reason{"allowed": pipeline.ReasonAllowed, "refused": pipeline.ReasonRateLimited} {
		b.Run(name, func(b *testing.B) {
			c, decisions := crowded(b, 10_000, reason)
			agent := []byte("curl/8.5.0")
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					c.Count(decisions[n%len(decisions)], agent, start, time.Microsecond)
				}
			})
		})
	}
}

// BenchmarkDrain is what the process pays each second for 100,000 keys, none
// of which was used.
func BenchmarkDrain(b *testing.B) {
	c, _ := crowded(b, DefaultSize, pipeline.ReasonAllowed)
	c.drain(start)
	for b.Loop() {
		c.drain(start)
	}
}

func crowded(tb testing.TB, keys int, reason pipeline.Reason) (*Counter, []*pipeline.Decision) {
	tb.Helper()
	at := &clock{at: start}
	c := newCounter(tb, newLedger(), at.now, nil)
	decisions := make([]*pipeline.Decision, keys)
	for n := range decisions {
		decisions[n] = decision(fmt.Sprintf("key_%026d", n), reason, fmt.Sprintf("192.0.2.%d", n%250))
		c.Count(decisions[n], []byte("curl/8.5.0"), start, time.Microsecond)
	}
	return c, decisions
}

// TestAKeyCostsAtMost600Bytes of live memory, all that counts it.
func TestAKeyCostsAtMost600Bytes(t *testing.T) {
	const keys = 20_000
	var before, after runtime.MemStats
	c, decisions := crowded(t, 1, pipeline.ReasonAllowed)
	for n := range keys {
		decisions = append(decisions, decision(fmt.Sprintf("key_%026d", n+1), pipeline.ReasonAllowed, "192.0.2.1"))
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, d := range decisions {
		c.Count(d, nil, start, time.Microsecond)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / keys
	t.Logf("%d bytes a key", each)
	if each > 600 {
		t.Errorf("%d bytes a key, at most 600", each)
	}
	runtime.KeepAlive(decisions)
	runtime.KeepAlive(c)
}

// BenchmarkDeliver is what the process pays for a key that was used since the
// last delivery, up to the bytes that go to the store.
func BenchmarkDeliver(b *testing.B) {
	const keys = 20_000
	at := &clock{at: start}
	c := newCounter(b, &encoder{}, at.now, nil)
	decisions := make([]*pipeline.Decision, 5*keys)
	for n := range decisions {
		decisions[n] = decision(fmt.Sprintf("key_%026d", (n*7919)%len(decisions)), pipeline.ReasonAllowed, fmt.Sprintf("192.0.2.%d", n%250))
		c.Count(decisions[n], []byte("curl/8.5.0"), start, time.Microsecond)
	}
	for !c.deliver(b.Context(), false) {
	}
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		at.advance(time.Second)
		for i := range keys {
			c.Count(decisions[(n*keys+i)%len(decisions)], []byte("curl/8.5.0"), at.now(), time.Microsecond)
		}
		b.StartTimer()
		for !c.deliver(b.Context(), false) {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}

// encoder is a sink that does with a batch what a store does before it is sent.
type encoder struct{ store.UsageSink }

func (e *encoder) AddUsage(_ context.Context, b store.UsageBatch) error {
	_, err := b.AppendJSON(nil)
	return err
}

// TestAKeyThatIsNotUsedKeepsLittle: what is remembered beside a key in the
// cache is an entry without its counters, and nothing that hangs on it.
func TestAKeyThatIsNotUsedKeepsLittle(t *testing.T) {
	const keys = 20_000
	at := &clock{at: start}
	c := newCounter(t, &encoder{}, at.now, nil)
	used := func(n int) []*pipeline.Decision {
		var all []*pipeline.Decision
		for i := range n {
			all = append(all, decision(fmt.Sprintf("key_%026d", i), pipeline.ReasonAllowed, "192.0.2.1"))
		}
		return all
	}
	quiet := func() uint64 { // live memory when all that was counted is told and swept
		for range 4 {
			at.advance(2 * idleFor)
			for !c.deliver(t.Context(), false) {
			}
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	kept := used(keys)
	before := quiet()
	gone := used(keys)
	for i := range kept { // between those that stay in the cache, some that do not
		c.Count(kept[i], []byte("curl/8.5.0"), at.now(), time.Microsecond)
		gone[i].Key.KeyID += "x"
		c.Count(gone[i], []byte("curl/8.5.0"), at.now(), time.Microsecond)
	}
	each := (int64(quiet()) - int64(before)) / keys
	t.Logf("%d bytes a key", each)
	if each > 160 {
		t.Errorf("%d bytes a key that is not used, at most 160", each)
	}
	runtime.KeepAlive(kept)
}
