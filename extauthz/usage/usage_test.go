package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/sketch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// clock is moved by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var errAway = errors.New("away")

// ledger adds each batch once, as a store does. It can be away, and can take a
// batch and answer an error all the same.
type ledger struct {
	mu      sync.Mutex
	behave  func() (take bool, err error)
	seen    map[int64]bool
	keys    map[string]int64 // Checks by key and reason
	minutes map[string]int64 // and by minute, too
	// policies are Checks by key, reason and route policy.
	policies map[string]int64
	crowds   map[string]sketch.Sketch
	used     map[string]store.KeyLastUse
	failing  map[string]store.FailingAddress
	agents   map[string]store.AgentUsage // sums by hour, key and family
	latency  time.Duration
	batches  []store.UsageBatch
}

func newLedger() *ledger {
	return &ledger{
		seen: map[int64]bool{}, keys: map[string]int64{}, minutes: map[string]int64{}, policies: map[string]int64{}, crowds: map[string]sketch.Sketch{},
		used: map[string]store.KeyLastUse{}, failing: map[string]store.FailingAddress{}, agents: map[string]store.AgentUsage{},
	}
}

func (l *ledger) AddUsage(_ context.Context, b store.UsageBatch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	take, err := true, error(nil)
	if l.behave != nil {
		take, err = l.behave()
	}
	if !take || l.seen[b.Sequence] {
		return err
	}
	l.seen[b.Sequence] = true
	l.batches = append(l.batches, b)
	for i := range b.Keys {
		k := &b.Keys[i]
		name := k.KeyID + " " + k.Reason
		l.keys[name] += k.Checks
		l.minutes[fmt.Sprintf("%s %s+%d", name, k.Minute.Format("15:04"), k.Minutes)] += k.Checks
		l.policies[name+" "+k.Policy] += k.Checks
		l.latency += k.Latency
		crowd := l.crowds[name]
		crowd.Merge(&k.Addresses)
		l.crowds[name] = crowd
	}
	for _, u := range b.Used {
		l.used[u.KeyID] = u
	}
	for _, a := range b.Agents {
		name := fmt.Sprintf("%s %s %s", a.Hour.Format("15:04"), a.KeyID, a.Agent)
		sum := l.agents[name]
		l.agents[name] = store.AgentUsage{Checks: sum.Checks + a.Checks, Denied: sum.Denied + a.Denied, Latency: sum.Latency + a.Latency}
	}
	for _, f := range b.Failing {
		name := f.Reason + " " + f.Address.String()
		sum := l.failing[name]
		sum.Checks += f.Checks
		sum.Uncertain += f.Uncertain
		l.failing[name] = sum
	}
	return err
}

func (l *ledger) taken() []store.UsageBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.batches)
}

func (l *ledger) total() (n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, checks := range l.keys {
		n += checks
	}
	return n
}

// ofAgents sums all that came of user agents.
func (l *ledger) ofAgents() (sum store.AgentUsage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.agents {
		sum.Checks, sum.Denied, sum.Latency = sum.Checks+a.Checks, sum.Denied+a.Denied, sum.Latency+a.Latency
	}
	return sum
}

func newCounter(tb testing.TB, s sink, now func() time.Time, edit func(*Options)) *Counter {
	tb.Helper()
	o := Options{
		Sink: s, Replica: "rep_1", Hasher: sketch.NewHasher([32]byte{1, 9, 17, 30}), Now: now, Logger: slog.New(slog.DiscardHandler),
	}
	if edit != nil {
		edit(&o)
	}
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func decision(key string, reason pipeline.Reason, client string) *pipeline.Decision {
	d := &pipeline.Decision{Reason: reason}
	if key != "" {
		d.Key = &pipeline.Key{KeyID: key}
	}
	if client != "" {
		d.Client = netip.MustParseAddr(client)
	}
	return d
}

func want[K comparable, V any](t *testing.T, what string, got map[K]V, wanted map[K]V) {
	t.Helper()
	for k, v := range wanted {
		if !reflect.DeepEqual(got[k], v) {
			t.Errorf("%s of %v: %v, want %v", what, k, got[k], v)
		}
	}
	for k := range got {
		if _, known := wanted[k]; !known {
			t.Errorf("%s of %v: %v, want none", what, k, got[k])
		}
	}
}

func TestChecksAreCountedByKeyMinuteAndReason(t *testing.T) {
	l, at := newLedger(), &clock{at: start.Add(58 * time.Second)}
	c := newCounter(t, l, at.now, nil)
	c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"), nil, at.now(), time.Millisecond)
	c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.2"), nil, at.now(), 2*time.Millisecond)
	c.Count(decision("key_1", pipeline.ReasonRateLimited, "192.0.2.2"), nil, at.now(), 0)
	began := at.now()
	at.advance(3 * time.Second)
	c.Count(decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"), nil, began, 0) // began in the minute before
	c.Count(decision("key_2", pipeline.ReasonAllowed, ""), nil, at.now(), 0)
	c.Count(decision("", pipeline.ReasonUnknownKey, "2001:db8::1"), nil, at.now(), 0)
	c.Count(decision("", pipeline.ReasonUnknownKey, "2001:db8::2"), nil, at.now(), 0)
	watched := decision("key_2", pipeline.ReasonScopeMissing, "192.0.2.3")
	watched.Shadow = true
	c.Count(watched, nil, at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.minutes, map[string]int64{
		"key_1 allowed 12:00+1": 3, "key_1 rate_limited 12:00+1": 1, "key_2 allowed 12:01+1": 1,
		" unknown_key 12:01+1": 2, "key_2 shadow_scope_missing 12:01+1": 1,
	})
	crowd := l.crowds["key_1 allowed"]
	if n := crowd.Estimate(); n != 2 {
		t.Errorf("%d addresses, want 2", n)
	}
	if l.latency != 3*time.Millisecond {
		t.Errorf("latency %s", l.latency)
	}
	want(t, "failing", l.failing, map[string]store.FailingAddress{
		"rate_limited 192.0.2.2": {Checks: 1}, "unknown_key 2001:db8::": {Checks: 2},
	})
	want(t, "last use", l.used, map[string]store.KeyLastUse{
		"key_1": {
			KeyID: "key_1", At: start.Add(58 * time.Second), Address: netip.MustParseAddr("192.0.2.1"),
			Networks: []netip.Addr{netip.MustParseAddr("192.0.2.0")},
		},
		"key_2": {KeyID: "key_2", At: at.now(), Networks: []netip.Addr{netip.MustParseAddr("192.0.2.0")}},
	})
}

func TestARefusedKeyIsNotUsed(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	c.Count(decision("key_1", pipeline.ReasonRevoked, "192.0.2.1"), nil, at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "last use", l.used, nil)
	want(t, "checks", l.keys, map[string]int64{"key_1 revoked": 1})
}

// TestChecksAreCountedByRoutePolicy also where there is no key, and where there
// is no room for one more policy.
func TestChecksAreCountedByRoutePolicy(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, func(o *Options) { o.Size = 4 })
	for _, check := range []struct{ key, policy string }{
		{"key_1", "reports"},
		{"key_1", "reports"},
		{"key_1", "admin"},
		{"key_1", ""},
		{"", "admin"},
		{"", "reports"},
		{"key_1", "late"},
		{"key_2", "late"},
	} {
		reason := pipeline.ReasonAllowed
		if check.key == "" {
			reason = pipeline.ReasonUnknownKey
		}
		d := decision(check.key, reason, "192.0.2.1")
		d.Policy = check.policy
		c.Count(d, nil, at.now(), 0)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.policies, map[string]int64{
		"key_1 allowed reports": 2, "key_1 allowed admin": 1, "key_1 allowed ": 1,
		" unknown_key admin": 1, " unknown_key ": 1, "other allowed ": 2,
	})
}

// TestEveryCheckIsCountedExactlyOnceWhateverTheSinkDoes is the model: what was
// counted against what the ledger holds in the end, while the sink fails, takes
// and answers an error (so that the batch is repeated), time passes, counters
// are retired and come again, and memory is short.
func TestEveryCheckIsCountedExactlyOnceWhateverTheSinkDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, at := newLedger(), &clock{at: start}
		trouble := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 60).Draw(rt, "trouble")
		l.behave = func() (bool, error) {
			if len(trouble) == 0 {
				return true, nil
			}
			kind := trouble[0]
			trouble = trouble[1:]
			return kind > 1, map[int]error{0: errAway, 1: errAway, 2: errAway}[kind]
		}
		size := rapid.IntRange(2, 12).Draw(rt, "size")
		c := newCounter(t, l, at.now, func(o *Options) { o.Size, o.Every = size, time.Microsecond })
		model := map[string]int64{}
		reasons := []pipeline.Reason{pipeline.ReasonAllowed, pipeline.ReasonRateLimited, pipeline.ReasonRevoked}
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				at.advance(time.Duration(rapid.IntRange(-30, 300).Draw(rt, "seconds")) * time.Second)
			case 1, 2:
				c.deliver(t.Context(), false)
				if n := c.waiting.size; n > 2*size+2*len(reasons)+1 {
					rt.Fatalf("%d rows wait, of %d at most", n, 2*size)
				}
			default:
				key := ""
				if n := rapid.IntRange(0, 8).Draw(rt, "key"); n > 0 {
					key = fmt.Sprintf("key_%d", n)
				}
				reason := rapid.SampledFrom(reasons).Draw(rt, "reason")
				agent := fmt.Appendf(nil, "a%d", rapid.IntRange(0, 11).Draw(rt, "agent"))
				c.Count(decision(key, reason, "192.0.2.1"), agent, at.now(), time.Microsecond)
				model[reason.String()]++
				model[key+" "+reason.String()]++
				model["all"]++
			}
		}
		if err := c.Close(t.Context()); err != nil {
			rt.Fatal(err)
		}
		byReason := map[string]int64{}
		for name, n := range l.keys {
			var key, reason string
			if _, err := fmt.Sscanf("."+name, "%s %s", &key, &reason); err != nil {
				rt.Fatal(err)
			}
			byReason[reason] += n
			if key != ".other" && n > model[name] {
				rt.Errorf("%s: %d, counted %d", name, n, model[name])
			}
		}
		for _, reason := range reasons {
			if byReason[reason.String()] != model[reason.String()] {
				rt.Errorf("%s: %d, counted %d", reason, byReason[reason.String()], model[reason.String()])
			}
		}
		if l.total() != model["all"] || l.latency != time.Duration(model["all"])*time.Microsecond {
			rt.Errorf("%d in %s, counted %d", l.total(), l.latency, model["all"])
		}
		want := store.AgentUsage{
			Checks: model["all"], Denied: model["all"] - model["allowed"], Latency: time.Duration(model["all"]) * time.Microsecond,
		}
		if got := l.ofAgents(); got != want {
			rt.Errorf("of user agents %+v, counted %+v", got, want)
		}
		if last := l.batches[len(l.batches)-1]; !last.Final || last.Sequence != int64(len(l.batches)) {
			rt.Errorf("the last of %d batches: number %d, final %t", len(l.batches), last.Sequence, last.Final)
		}
	})
}

// TestManyCountAtOnceWhileCountersAreDrainedAndRetired is for the race
// detector, and for the counts.
func TestManyCountAtOnceWhileCountersAreDrainedAndRetired(t *testing.T) {
	const goroutines, each = 4, 3000
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, func(o *Options) { o.Size = 20 })
	var counting sync.WaitGroup
	for g := range goroutines {
		counting.Go(func() {
			for i := range each {
				reason := pipeline.ReasonAllowed
				if i%7 == 0 {
					reason = pipeline.ReasonQuotaExhausted
				}
				c.Count(decision(fmt.Sprintf("key_%d", (i/50+g)%30), reason, fmt.Sprintf("192.0.2.%d", i%200)), fmt.Appendf(nil, "a%d", i%12), at.now(), time.Microsecond)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		counting.Wait()
	}()
	for counted := false; !counted; {
		select {
		case <-done:
			counted = true
		default:
		}
		at.advance(2 * time.Minute) // everybody not seen at this very drain is soon retired
		c.deliver(t.Context(), false)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.total(); got != goroutines*each {
		t.Errorf("%d Checks arrived, want %d", got, goroutines*each)
	}
	if got := l.ofAgents(); got.Checks != goroutines*each {
		t.Errorf("%d Checks arrived by user agent, want %d", got.Checks, goroutines*each)
	}
	if c.slots.Load() > 20 {
		t.Errorf("%d slots", c.slots.Load())
	}
}

func TestACheckOfAKnownKeyAllocatesNothing(t *testing.T) {
	at := &clock{at: start}
	c, agent := newCounter(t, newLedger(), at.now, nil), []byte("Go-http-client/1.1")
	for name, d := range map[string]*pipeline.Decision{
		"allowed":     decision("key_1", pipeline.ReasonAllowed, "192.0.2.1"),
		"refused":     decision("key_1", pipeline.ReasonRateLimited, "2001:db8::1"),
		"without key": decision("", pipeline.ReasonMissingKey, "192.0.2.1"),
	} {
		c.Count(d, agent, at.now(), 0)
		c.deliver(t.Context(), false)
		if n := testing.AllocsPerRun(200, func() { c.Count(d, agent, start, time.Microsecond) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestKeysBeyondTheBoundAreCountedTogether(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, func(o *Options) { o.Size = 3 })
	for n := range 10 {
		c.Count(decision(fmt.Sprintf("key_%d", n), pipeline.ReasonAllowed, ""), nil, at.now(), 0)
	}
	c.Count(decision("key_0", pipeline.ReasonRateLimited, ""), nil, at.now(), 0)
	c.Count(decision("", pipeline.ReasonMissingKey, ""), nil, at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.keys, map[string]int64{
		"key_0 allowed": 1, "key_1 allowed": 1, "key_2 allowed": 1, "other allowed": 7, "other rate_limited": 1, " missing_key": 1,
	})
	if got := c.Stats().Other; got != 8 {
		t.Errorf("%d counted without their key, want 8", got)
	}
}

// TestAKeyIsCountedByItselfOnceThereIsRoom, though its Checks were counted
// with those of others before.
func TestAKeyIsCountedByItselfOnceThereIsRoom(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, func(o *Options) { o.Size = 1 })
	first, second := decision("key_1", pipeline.ReasonAllowed, ""), decision("key_2", pipeline.ReasonAllowed, "")
	c.Count(first, nil, at.now(), 0)
	for range 3 {
		c.Count(second, nil, at.now(), 0)
	}
	for range 3 { // the first one rests, and goes
		at.advance(idleFor)
		c.deliver(t.Context(), false)
	}
	c.Count(second, nil, at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.keys, map[string]int64{"key_1 allowed": 1, "other allowed": 3, "key_2 allowed": 1})
}

// TestBatchesAreInTheOrderOfKeys across batches, with the last uses of the keys
// that are in each.
func TestBatchesAreInTheOrderOfKeys(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	const keys = 2*batchRows + 7
	for n := range keys {
		c.Count(decision(fmt.Sprintf("key_%04d", n*389%keys), pipeline.ReasonAllowed, ""), nil, at.now(), 0)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range l.taken() {
		for i, k := range b.Keys {
			if want := fmt.Sprintf("key_%04d", n); k.KeyID != want || b.Used[i].KeyID != want {
				t.Fatalf("row %d is of %s, used %s, want %s", n, k.KeyID, b.Used[i].KeyID, want)
			}
			n++
		}
	}
	if n != keys {
		t.Errorf("%d rows, want %d", n, keys)
	}
}

// TestTheHeaviestFailingAddressesAreKept has two that stand out of a flood of
// addresses that are seen once each.
func TestTheHeaviestFailingAddressesAreKept(t *testing.T) {
	const flood = 20_000
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	truth := map[string]int64{}
	for n := range flood {
		client := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String()
		switch n % 10 {
		case 0, 5:
			client = "192.0.2.1"
		case 1:
			client = "2001:db8:1::1"
		}
		c.Count(decision("", pipeline.ReasonUnknownKey, client), nil, at.now(), 0)
		truth[sketch.Network(netip.MustParseAddr(client)).String()]++
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(l.failing) > heaviest {
		t.Errorf("%d addresses, at most %d", len(l.failing), heaviest)
	}
	for _, heavy := range []string{"192.0.2.1", "2001:db8:1::"} {
		if _, kept := l.failing["unknown_key "+heavy]; !kept {
			t.Errorf("%s has more than a 16th of all and is missing", heavy)
		}
	}
	for name, f := range l.failing {
		exact := truth[name[len("unknown_key "):]]
		if exact < f.Checks || exact > f.Checks+f.Uncertain || f.Uncertain > flood/candidate {
			t.Errorf("%s: %d to %d, in truth %d", name, f.Checks, f.Checks+f.Uncertain, exact)
		}
	}
}

func TestABatchThatIsRefusedForGoodDoesNotHoldUpTheOthers(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	c.deliver(t.Context(), false)
	c.Count(decision("key_1", pipeline.ReasonAllowed, ""), nil, at.now(), 0)
	l.behave = func() (bool, error) { return false, fmt.Errorf("add: %w", store.ErrInvalid) }
	c.deliver(t.Context(), false)
	l.behave = nil
	c.Count(decision("key_2", pipeline.ReasonAllowed, ""), nil, at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "checks", l.keys, map[string]int64{"key_2 allowed": 1})
	if s := c.Stats(); s.Refused != 1 || s.Dropped != 1 || !l.seen[3] || l.seen[2] {
		t.Errorf("%+v, numbers %v", s, l.seen)
	}
}

func TestOptionsThatAreWrongAreNamed(t *testing.T) {
	at := &clock{at: start}
	for name, edit := range map[string]func(*Options){
		"Sink":    func(o *Options) { o.Sink = nil },
		"Replica": func(o *Options) { o.Replica = "" },
		"Hasher":  func(o *Options) { o.Hasher = sketch.Hasher{} },
		"Now":     func(o *Options) { o.Now = nil },
		"Logger":  func(o *Options) { o.Logger = nil },
		"Size":    func(o *Options) { o.Size = -1 },
		"Every":   func(o *Options) { o.Every = -1 },
	} {
		o := Options{Sink: newLedger(), Replica: "rep_1", Hasher: sketch.NewHasher([32]byte{1}), Now: at.now, Logger: slog.New(slog.DiscardHandler)}
		edit(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
