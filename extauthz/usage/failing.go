package usage

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"credence/extauthz/pipeline"
)

const (
	stripes   = 8
	candidate = 32 // counters of a reason in one stripe
	heaviest  = 16 // addresses of a reason that are kept each second
	outcomes  = 64
)

// stripe counts the refusals of some of the addresses. Its lock is held for
// some nanoseconds, and only by those who were refused from addresses that
// fall on the same stripe.
type stripe struct {
	mu    sync.Mutex
	lanes [2][outcomes]*summary
}

// summary is one space-saving summary.
type summary struct {
	n      int
	counts [candidate]heavy
}

// heavy is an address with how often it was counted; up to uncertain of that
// were others.
type heavy struct {
	network   netip.Addr
	checks    int64
	uncertain int64
}

func (s *stripe) add(minute int64, what outcome, network netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.lanes[minute&1][what%outcomes]
	if *at == nil {
		*at = &summary{}
	}
	(*at).add(network)
}

func (s *summary) add(network netip.Addr) {
	least := 0
	for i := range s.n {
		if s.counts[i].network == network {
			s.counts[i].checks++
			return
		}
		if s.counts[i].checks < s.counts[least].checks {
			least = i
		}
	}
	if s.n < candidate {
		s.counts[s.n] = heavy{network: network, checks: 1}
		s.n++
		return
	}
	h := &s.counts[least]
	*h = heavy{network: network, checks: h.checks + 1, uncertain: h.checks}
}

// take empties the summary of one lane and outcome into the list.
func (s *stripe) take(lane int, what outcome, into []heavy) []heavy {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from := s.lanes[lane][what]; from != nil {
		into = append(into, from.counts[:from.n]...)
		from.n = 0
	}
	return into
}

// drainFailing hands over the heaviest of each outcome.
func (c *Counter) drainFailing(minute int64, tell func(minute int64, what outcome, h heavy)) {
	var all []heavy
	for what := range outcome(2*len(pipeline.Reasons()) + 2) {
		for lane := range 2 {
			all = all[:0]
			for i := range c.failing {
				all = c.failing[i].take(lane, what, all)
			}
			slices.SortFunc(all, func(a, b heavy) int { return cmp.Compare(b.checks, a.checks) })
			for _, h := range all[:min(len(all), heaviest)] {
				tell(minuteOfLane(minute, lane), what, h)
			}
		}
	}
}

// minuteOfLane is the last minute up to now that the lane is for.
func minuteOfLane(now int64, lane int) int64 {
	if int(now&1) == lane {
		return now
	}
	return now - 1
}
