package usage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
)

func TestAFamilyIsTheFirstProductOfAUserAgent(t *testing.T) {
	longest := strings.Repeat("x", store.MaxAgent)
	for header, want := range map[string]string{
		"": "none", "curl/8.5.0": "curl", "curl": "curl", "Mozilla/5.0 (X11; Linux) Gecko/20100101": "mozilla",
		"Go-http-client/1.1": "go-http-client", "a b": "a", "a\tb": "a", "!#$%&'*+-.^_`|~09": "!#$%&'*+-.^_`|~09",
		"/1.0": "other", " curl": "other", "(compatible)": "other", "cür/1": "other", "a\x00": "other", "a\"b": "other", "a,b": "other",
		longest + "/1": longest, longest: longest, longest + "x": "other", longest + "x/1": "other",
	} {
		if got := familyOf([]byte(header)).String(); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

// FuzzFamily: whatever the header, the store takes the name, and it is the
// beginning of the header unless it is one of our two.
func FuzzFamily(f *testing.F) {
	for _, seed := range []string{"", "curl/8.5.0", "Mozilla/5.0 (X11)", "/", strings.Repeat("A", 33), "\xff/1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		name := familyOf(header).String()
		if name == "" || len(name) > store.MaxAgent || strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") != "" {
			t.Fatalf("%q: %q", header, name)
		}
		begins := len(header) >= len(name) && strings.EqualFold(string(header[:len(name)]), name)
		if !begins && name != store.AgentNone && name != store.AgentOther {
			t.Errorf("%q: %q is not how it begins", header, name)
		}
	})
}

// TestUserAgentsAreCountedByKeyAndHour of the Check's beginning, and refusals
// too.
func TestUserAgentsAreCountedByKeyAndHour(t *testing.T) {
	l, at := newLedger(), &clock{at: start.Add(time.Hour - time.Second)}
	c := newCounter(t, l, at.now, nil)
	count := func(key string, reason pipeline.Reason, agent string, began time.Time) {
		c.Count(decision(key, reason, ""), []byte(agent), began, time.Millisecond)
	}
	began := at.now()
	count("key_1", pipeline.ReasonAllowed, "curl/8.4.0", began)
	count("key_1", pipeline.ReasonRateLimited, "Curl/8.5.0", began)
	count("key_2", pipeline.ReasonAllowed, "curl/8.5.0", began)
	count("", pipeline.ReasonUnknownKey, "", began)
	for range 2 { // both hours, before and after the first is taken away
		at.advance(2 * time.Second)
		count("key_1", pipeline.ReasonAllowed, "curl/8.5.0", began)
		count("key_1", pipeline.ReasonAllowed, "curl/8.5.0", at.now())
		c.deliver(t.Context(), false)
	}
	watched := decision("key_1", pipeline.ReasonScopeMissing, "")
	watched.Shadow = true
	c.Count(watched, []byte("/"), at.now(), 0)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	want(t, "agents", l.agents, map[string]store.AgentUsage{
		"12:00 key_1 curl": {Checks: 4, Denied: 1, Latency: 4 * ms}, "12:00 key_2 curl": {Checks: 1, Latency: ms},
		"12:00  none": {Checks: 1, Denied: 1, Latency: ms}, "13:00 key_1 curl": {Checks: 2, Latency: 2 * ms}, "13:00 key_1 other": {Checks: 1},
	})
}

func TestUserAgentsAreToldOnceAMinute(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	for range 150 {
		c.Count(decision("key_1", pipeline.ReasonAllowed, ""), []byte("curl"), at.now(), 0)
		c.deliver(t.Context(), false)
		at.advance(time.Second)
	}
	var told []int64
	for _, b := range l.taken() {
		for _, a := range b.Agents {
			told = append(told, a.Checks)
		}
	}
	if fmt.Sprint(told) != "[61 60]" {
		t.Errorf("told %d", told)
	}
	if c.Stats().Lag != 0 {
		t.Error("what is told next minute counts as late")
	}
}

// TestFamiliesOfAKeyAreBounded for an hour, and each hour anew: who made names
// up in one does not take the room of the next.
func TestFamiliesOfAKeyAreBounded(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	for hour := range 3 {
		for n := range 50 {
			c.Count(decision("", pipeline.ReasonMissingKey, ""), fmt.Appendf(nil, "h%d-%d", hour, n), at.now(), 0)
			c.deliver(t.Context(), false)
		}
		at.advance(time.Hour)
	}
	c.deliver(t.Context(), false)
	if got, most := len(l.agents), 3*(mostAgents+2); got > most {
		t.Errorf("%d families in three hours, at most %d", got, most)
	}
	for hour := range 3 { // of each the first, and the one that was met before the hour before was taken away
		at, others := start.Add(time.Duration(hour)*time.Hour).Format("15:04"), int64(50-mostAgents-min(hour, 1))
		if l.agents[at+"  other"].Checks != others || l.agents[fmt.Sprintf("%s  h%d-0", at, hour)].Checks != 1 {
			t.Errorf("hour %d: %v", hour, l.agents)
		}
	}
}

// TestUserAgentsOfAnOutageAreBounded and keep their sum.
func TestUserAgentsOfAnOutageAreBounded(t *testing.T) {
	p := newPending(10, outcomeNames())
	for n := range 100 {
		p.addAgent(agentRow{fmt.Sprintf("key_%d", n), int64(n / 50), named("curl")}, agentSum{checks: 1})
	}
	var b store.UsageBatch
	p.ripen()
	p.cut(&b)
	total := int64(0)
	for _, a := range b.Agents {
		total += a.Checks
	}
	if len(b.Agents) != 12 || total != 100 || !p.empty() || len(p.agents) != 0 {
		t.Errorf("%d rows of %d Checks", len(b.Agents), total)
	}
}

// TestACheckOfAKeyThatIsBeingTakenAwayIsCountedAnew, whether it has found the
// key's entry or the counter by then; the entry keeps nothing.
func TestACheckOfAKeyThatIsBeingTakenAwayIsCountedAnew(t *testing.T) {
	l, at := newLedger(), &clock{at: start}
	c := newCounter(t, l, at.now, nil)
	d, curl, hour := decision("key_1", pipeline.ReasonAllowed, ""), named("curl"), hourOf(start)
	c.Count(d, []byte("curl"), at.now(), 0)
	e := c.entry(d)
	found := e.agent(curl, hour)
	c.retire(e, minuteOf(start))
	if found.add(0) {
		t.Error("counted where nobody looks again")
	}
	c.countAgent(e, d, curl, hour, 0)
	if e.agents.Load() != c.gone || c.entry(d) == e {
		t.Error("the entry that was taken away counts on")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "agents", l.agents, map[string]store.AgentUsage{"12:00 key_1 curl": {Checks: 2}})
}
