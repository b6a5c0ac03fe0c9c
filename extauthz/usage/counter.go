package usage

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/puzpuzpuz/xsync/v4"

	"credence/extauthz/pipeline"
	"credence/extauthz/prefetch"
	"credence/store"
	"credence/store/sketch"
)

// Counter counts Checks and delivers the counts. Any number of goroutines may
// call Count; Run has to run for anything to arrive. The keys of a cache have
// one Counter: it remembers beside each key what it counts it with.
type Counter struct {
	o       Options
	names   []string // of outcomes
	keys    *xsync.Map[string, *entry]
	slots   atomic.Int64 // of keys; bounded by Size
	nobody  *entry       // Checks without a key
	others  *entry       // keys beyond Size
	end     *slot        // the head of all entries that were taken away
	gone    *agent       // the same of their agents
	failing [stripes]stripe
	dirty   atomic.Pointer[entry] // first of the keys that there is something to drain of
	counts  counts

	// What follows belongs to who delivers.
	mu        sync.Mutex
	waiting   *pending
	graves    []*entry // retired at the last drain
	flight    *store.UsageBatch
	sequence  int64 // of the last batch that was cut
	started   time.Time
	drained   time.Time
	ripened   time.Time // when agents were last to be told
	swept     time.Time // when idle counters were last looked for
	told      time.Time // At of the last batch
	delivered time.Time // when the sink last took one
	complete  time.Time // the last drain of which nothing waits
	away      bool      // the sink did not take the last batch
}

// New makes a Counter. The error names the option that is wrong.
func New(o Options) (*Counter, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	now := o.Now()
	return &Counter{
		o: o, names: outcomeNames(), keys: xsync.NewMap[string, *entry](), nobody: &entry{}, others: &entry{keyID: store.UsageOther}, end: &slot{retired: true}, gone: &agent{retired: true},
		waiting: newPending(2*o.Size, outcomeNames()), started: now, drained: now, ripened: now, told: now, complete: now,
	}, nil
}

// outcome is a reason, and whether the route only watched.
type outcome uint8

func outcomeOf(d *pipeline.Decision) outcome {
	o := outcome(d.Reason) << 1
	if !d.Reason.Allowed() && d.Allowed() {
		o |= 1
	}
	return o
}

func outcomeNames() []string {
	names := make([]string, 0, 2*len(pipeline.Reasons())+2)
	for _, r := range append([]pipeline.Reason{pipeline.ReasonNone}, pipeline.Reasons()...) {
		names = append(names, r.String(), "shadow_"+r.String())
	}
	return names
}

// Count counts one answered Check that began at at. It waits for nobody and
// does not allocate once key, reason and family of user agents are known.
// userAgent is that header, nil without one; it is not kept.
func (c *Counter) Count(d *pipeline.Decision, userAgent []byte, at time.Time, took time.Duration) {
	what, minute := met{d.Policy, outcomeOf(d)}, minuteOf(at)
	network := sketch.Network(d.Client)
	seen := seen{took: took, known: network.IsValid()}
	if seen.known {
		seen.mark = c.o.Hasher.Mark(network)
	}
	e := c.count(d, what, minute, seen)
	defer c.mark(e)
	c.countAgent(e, d, familyOf(userAgent), hourOf(at), took)
	if !d.Allowed() {
		if seen.known {
			c.failing[int(seen.mark)%stripes].add(minute, what.what, network)
		}
		return
	}
	if d.Key != nil && e != c.others {
		e.last.set(at, d.Client)
	}
}

// mark has the next drain look at the key: only those that were used since the
// last one cost it anything.
func (c *Counter) mark(e *entry) {
	if e.dirty.Load() || !e.dirty.CompareAndSwap(false, true) {
		return
	}
	for {
		e.after = c.dirty.Load()
		if c.dirty.CompareAndSwap(e.after, e) {
			return
		}
	}
}

// count adds to the counter of the key and the outcome, and answers whose it
// was. One that has been taken away in between is replaced.
func (c *Counter) count(d *pipeline.Decision, what met, minute int64, seen seen) *entry {
	for {
		e := c.entry(d)
		s := e.find(what)
		if s == nil {
			if s = c.grow(e, what); s == nil && e.retired() {
				continue
			}
		}
		if s == nil { // no room for one more outcome of a known key
			e = c.others
			if d.Key == nil {
				e = c.nobody
			}
			what.policy = ""
			s = c.grow(e, what)
		}
		if !s.lanes[minute&1].add(seen) {
			continue
		}
		if e == c.others {
			c.counts.other.Add(1)
		}
		return e
	}
}

// entry answers the counters of the Check's key, new ones if there is room.
func (c *Counter) entry(d *pipeline.Decision) *entry {
	if d.Key == nil {
		return c.nobody
	}
	// With very many keys the map costs more than all the rest of a count.
	seat := pipeline.SeatOfKey[entry](d.Key)
	full := c.slots.Load() >= int64(c.o.Size)
	seated := seat.Get()
	if seated != nil && !seated.retired() && (seated != c.others || full) {
		return seated
	}
	if e, ok := c.keys.Load(d.Key.KeyID); ok {
		seat.Put(e)
		return e
	}
	if full { // as long as that is so, the map need not be asked again
		seat.PutOver(seated, c.others)
		return c.others
	}
	// Cloned, to not keep the memory of the whole record.
	made := &entry{keyID: strings.Clone(d.Key.KeyID)}
	e, _ := c.keys.LoadOrStore(made.keyID, made)
	seat.Put(e)
	return e
}

// grow answers the slot of what was met, made if need be; nil when there is no
// room or the entry was retired. Who is no key has room always without a route
// policy: there are only so many outcomes.
func (c *Counter) grow(e *entry, what met) *slot {
	bounded := e != c.nobody && e != c.others || what.policy != ""
	if bounded && c.slots.Add(1) > int64(c.o.Size) {
		c.slots.Add(-1)
		return nil
	}
	s, made := e.grow(what)
	if bounded && !made {
		c.slots.Add(-1)
	}
	return s
}

// Ahead has the processor fetch what Count will look at of Checks that are
// counted soon and most likely have these keys; see [pipeline.Pipeline.Ahead].
func (c *Counter) Ahead(keys []*pipeline.Key) {
	var entries [pipeline.MostAhead]*entry
	n := 0
	for _, key := range keys[:min(len(keys), len(entries))] {
		if key == nil {
			continue
		}
		if e := pipeline.SeatOfKey[entry](key).Get(); e != nil && e != c.others {
			entries[n] = e
			n++
		}
	}
	prefetch.Each(entries[:n], unsafe.Sizeof(entry{}))
	for _, e := range entries[:n] {
		prefetch.Object(e.slots.Load())
		prefetch.Object(e.agents.Load())
	}
}

func minuteOf(at time.Time) int64 { return at.Unix() / 60 }
