package usage

import (
	"bytes"
	"cmp"
	"strings"
	"sync/atomic"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
)

// family is a family of user agents: the first product of a User-Agent (RFC
// 9110, 10.1.5) in lower case and without its version. Unused bytes are 0.
type family [store.MaxAgent]byte

func named(name string) (f family) {
	copy(f[:], name)
	return f
}

// familyOf never fails: what is no token, or too long for one, is AgentOther.
func familyOf(userAgent []byte) (f family) {
	if len(userAgent) == 0 {
		return named(store.AgentNone)
	}
	n := 0
	for ; n < len(userAgent); n++ {
		b := userAgent[n]
		if b == '/' || b == ' ' || b == '\t' {
			break
		}
		if b = tokenByte(b); b == 0 || n == len(f) {
			return named(store.AgentOther)
		}
		f[n] = b
	}
	if n == 0 {
		return named(store.AgentOther)
	}
	return f
}

// tokenByte is the byte in lower case; 0 when no token (RFC 9110, 5.6.2) has it.
func tokenByte(b byte) byte {
	switch {
	case 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		return b
	case 'A' <= b && b <= 'Z':
		return b + ('a' - 'A')
	case strings.IndexByte("-_.!#$%&'*+^`|~", b) >= 0:
		return b
	}
	return 0
}

func (f family) String() string { return string(bytes.TrimRight(f[:], "\x00")) }

// agent counts one family in one hour.
type agent struct {
	family  family
	hour    int64
	retired bool // no family: the head of an entry that has been taken away
	next    *agent
	tally
	denied atomic.Uint64
}

// mostAgents is how many families of one entry and hour are told apart, so that
// who makes names up fills neither memory nor the store. Those of the first
// second of an hour may be others: they go with the hour before.
const mostAgents = 8

// countAgent counts the Check for its family. An entry that has been taken away
// in between is replaced, and a counter that has, too.
func (c *Counter) countAgent(e *entry, d *pipeline.Decision, f family, hour int64, took time.Duration) {
	for {
		a := e.agent(f, hour)
		if a == nil {
			e = c.entry(d)
			continue
		}
		if !a.add(took) {
			continue
		}
		if !d.Allowed() {
			a.denied.Add(1)
		}
		c.mark(e)
		return
	}
}

// agent answers the counter of the family, made if need be, or that of all
// others when there is no room; nil when the entry is retired.
func (e *entry) agent(f family, hour int64) *agent {
	for {
		head := e.agents.Load()
		if head != nil && head.retired {
			return nil
		}
		a, more := head.find(f, hour)
		if a == nil && more >= mostAgents {
			f = named(store.AgentOther)
			a, _ = head.find(f, hour)
		}
		if a != nil {
			return a
		}
		a = &agent{family: f, hour: hour, next: head}
		if e.agents.CompareAndSwap(head, a) {
			return a
		}
	}
}

// find answers the counter, or how many others of the hour there are.
func (a *agent) find(f family, hour int64) (found *agent, others int) {
	for ; a != nil; a = a.next {
		switch {
		case a.hour != hour:
		case a.family == f:
			return a, others
		default:
			others++
		}
	}
	return nil, others
}

// past reports whether any counts another hour than this one.
func (a *agent) past(hour int64) bool {
	for ; a != nil; a = a.next {
		if a.hour != hour && !a.retired {
			return true
		}
	}
	return false
}

// agentRow and agentSum are what waits of a counter.
type agentRow struct {
	keyID  string
	hour   int64
	family family
}

type agentSum struct {
	checks, denied int64
	latency        time.Duration
}

func (a *agent) take(drain func(*tally) int64) agentSum {
	s := agentSum{checks: drain(&a.tally), latency: a.spent()}
	if a.denied.Load() != 0 {
		s.denied = int64(a.denied.Swap(0))
	}
	return s
}

func (r agentRow) compare(other agentRow) int {
	if c := strings.Compare(r.keyID, other.keyID); c != 0 {
		return c
	}
	if c := cmp.Compare(r.hour, other.hour); c != 0 {
		return c
	}
	return bytes.Compare(r.family[:], other.family[:])
}

func hourOf(at time.Time) int64 { return at.Unix() / 3600 }
