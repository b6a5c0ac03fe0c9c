package limiter

import (
	"context"
	"sync"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// mostTries bounds how often units that were there are spent by others before
// this request comes to them.
const mostTries = 16

// hold is what one lease said to a request.
type hold struct {
	reply

	rate    *rate
	lacking bool // and it may make sense to draw
	low     bool
}

// takeLeased judges by what is held, drawing what is lacking. answered is
// false when that was not possible.
func (s *shared) takeLeased(ctx context.Context, t *taking, out []pipeline.LimitOutcome) (
	outcomes []pipeline.LimitOutcome, ok, answered bool, err error,
) {
	var few [8]hold
	var fewQuotas [4]quotaCharge
	var patience *time.Timer
	for range mostTries {
		holds, refused, lacking := s.lookLeased(few[:0], t)
		if refused {
			return s.refuseLeased(out, t, holds, -1), false, true, nil
		}
		if lacking {
			if patience == nil {
				patience = time.NewTimer(s.wait)
				defer patience.Stop()
			}
			if !s.await(ctx, t, holds, patience.C) {
				return out, false, false, nil
			}
			t.at = s.at()
			continue
		}
		charged, quota, err := s.limiter.quotas.spendAll(ctx, t, fewQuotas[:0])
		if err != nil {
			return out, false, true, err
		}
		if quota >= 0 {
			return s.refuseLeased(out, t, holds, quota), false, true, nil
		}
		if !s.spendLeased(holds, t) {
			refundQuotas(charged, t.cost)
			continue
		}
		s.topUp(ctx, holds)
		for i := range holds {
			out = append(out, holds[i].outcome(&t.limits[i]))
		}
		return appendQuotas(out, t, charged), true, true, nil
	}
	return out, false, false, nil
}

// lookLeased asks every lease without spending.
func (s *shared) lookLeased(holds []hold, t *taking) (_ []hold, refused, lacking bool) {
	for i := range t.limits {
		of := &t.limits[i]
		h := hold{rate: s.rateOf(of, t.at)}
		l := h.rate.lease
		units := l.held(t.at)
		h.remaining = units + l.left.Load()
		switch wait, dry := l.dry(t.at, t.cost); {
		case t.cost < 1 || t.cost > of.Capacity() || t.cost > limit.MaxCost:
			h.refused, h.wait = true, limit.Never
		case units >= t.cost:
		case dry:
			h.refused, h.wait = true, wait
			l.missed.Add(t.cost)
		default:
			h.lacking = true
		}
		refused, lacking = refused || h.refused, lacking || h.lacking
		holds = append(holds, h)
	}
	return holds, refused, lacking
}

// spendLeased spends the cost of every lease, or of none.
func (s *shared) spendLeased(holds []hold, t *taking) bool {
	if len(holds) == 1 {
		ok, low := holds[0].rate.lease.spend(t.at, t.cost)
		holds[0].remaining -= t.cost
		holds[0].low = low
		return ok
	}
	var few [8]int64
	eras := few[:0]
	for i := range holds {
		l := holds[i].rate.lease
		era := l.era()
		ok, low := l.spend(t.at, t.cost)
		if !ok {
			for j := range i {
				holds[j].rate.lease.unspend(eras[j], t.cost)
			}
			return false
		}
		eras = append(eras, era)
		holds[i].remaining -= t.cost
		holds[i].low = low
	}
	return true
}

// topUp draws in the background what will be lacking soon.
func (s *shared) topUp(ctx context.Context, holds []hold) {
	for i := range holds {
		if !holds[i].low {
			continue
		}
		l := holds[i].rate.lease
		if _, dry := l.dry(s.at(), 1); !dry {
			s.draw(ctx, l, 0)
		}
	}
}

func (s *shared) refuseLeased(out []pipeline.LimitOutcome, t *taking, holds []hold, quota int) []pipeline.LimitOutcome {
	for i := range holds {
		out = append(out, holds[i].outcome(&t.limits[i]))
	}
	return s.limiter.refusedQuotas(out, t, quota)
}

// await draws what is lacking and waits for it; false when it does not come.
func (s *shared) await(ctx context.Context, t *taking, holds []hold, patience <-chan time.Time) bool {
	pipeline.Waits(ctx)
	var few [8]<-chan struct{}
	answers := few[:0]
	for i := range holds {
		if !holds[i].lacking {
			continue
		}
		answered, ok := s.draw(ctx, holds[i].rate.lease, t.cost)
		if !ok {
			return false
		}
		answers = append(answers, answered)
	}
	for _, answered := range answers {
		select {
		case <-answered:
		case <-patience:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// draw has the lease filled up, joining a draw that is under way. The channel
// is closed when it has ended. cost is what a request waits for; 0 for none.
func (s *shared) draw(ctx context.Context, l *lease, cost int64) (<-chan struct{}, bool) {
	if l.lane.away.Load() {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if cost > 0 {
		l.demand += cost
		if l.least == 0 || cost < l.least {
			l.least = cost
		}
	}
	if l.answered != nil {
		return l.answered, true
	}
	e := &errand{lease: l, done: make(chan struct{})}
	e.group.Draws = e.one[:]
	if !l.lane.send(ctx, e) {
		l.demand, l.least = 0, 0
		return nil, false
	}
	l.answered = e.done
	l.drawing.Store(true)
	return e.done, true
}

// prepare says what the lease draws, when it is sent.
func (s *shared) prepare(e *errand) {
	l, d := e.lease, &e.one[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	if e.sent >= l.ends.Load() {
		// What has ended was not spent, and nobody can spend it any more.
		if units := l.units.Load(); units > 0 && l.units.CompareAndSwap(units, 0) {
			l.had = max(l.had-units, 0)
		}
	}
	units := max(l.units.Load(), 0)
	spent := max(l.had-units, 0)
	l.learn(e.sent, spent)
	l.rate.spend(e.sent, spent)
	want := l.want(s.limiter.share.Load().replicas)
	if spent == 0 && l.demand == 0 {
		want = 0
	}
	d.Return = l.surplus(want)
	d.Subject, d.Limit, d.Hold = l.subject, l.limit, true
	d.Keep = max(l.units.Load(), 0)
	d.Cost = max(l.least-d.Keep, 0)
	d.Extra = max(min(want+l.demand, l.limit.Capacity())-d.Keep-d.Cost, 0)
	d.Owed = min(l.owed.Swap(0), l.rate.debt(e.sent))
	l.had = d.Keep
	l.demand, l.least = 0, 0
	l.low.Store(want / 4)
}

// surplus takes units away that will not be spent soon.
func (l *lease) surplus(want int64) int64 {
	for {
		units := l.units.Load()
		if l.demand > 0 || units <= 2*want {
			return 0
		}
		if l.units.CompareAndSwap(units, want) {
			return units - want
		}
	}
}

// settle adds what was given.
func (s *shared) settle(ctx context.Context, e *errand) {
	l, d := e.lease, &e.one[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		l.answered = nil
		l.drawing.Store(false)
	}()
	at := s.at()
	l.guard -= l.limit.Rate().Spend(0, 0, d.Return)
	if e.group.Err == nil && !l.admits(at, d.Answer.Given) {
		s.counts.nonsense.Add(1)
		e.group.Err = errNonsense
	}
	if e.group.Err != nil {
		l.owed.Add(d.Owed)
		return
	}
	s.deposit(l, e.sent, at, d)
	l.left.Store(d.Answer.Left)
	l.scarce = d.Answer.Given < d.Cost+d.Extra
	switch {
	case d.Answer.Denied:
		l.dryUp(at, max(e.sent+int64(d.Answer.Wait), at+int64(l.pause())), d.Cost+d.Keep)
	case l.scarce:
		l.dryUp(at, at+int64(l.pause()), 1)
	}
	if l.held(at) > 0 && !l.listed {
		l.listed = true
		s.keeping.add(ctx, s, l)
	}
}

// deposit adds the units to what is held, and what is held lasts longer.
func (s *shared) deposit(l *lease, sent, at int64, d *limit.Draw) {
	if d.Answer.Given+d.Keep == 0 || l.units.Load() < 0 {
		return
	}
	// Before the lease ends where it was drawn, even if this clock is slower
	// by a hundredth.
	ends := sent + int64(s.life-s.life/50)
	if at >= l.ends.Load() {
		l.units.Store(d.Answer.Given) // what was kept has ended
		l.had = d.Answer.Given
	} else {
		l.units.Add(d.Answer.Given)
		l.had += d.Answer.Given
	}
	l.ends.Store(ends)
}

// keeping looks after leases that are not used up.
type keeping struct {
	mu     sync.Mutex
	leases []*lease
	timer  *time.Timer
	ended  bool
}

func (k *keeping) add(ctx context.Context, s *shared, l *lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leases = append(k.leases, l)
	if k.timer == nil && !k.ended {
		detached := context.WithoutCancel(ctx)
		k.timer = time.AfterFunc(s.life/10, func() { s.keep(detached) })
	}
}

func (k *keeping) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	if k.timer != nil {
		k.timer.Stop()
	}
}

// keep gives back what is about to end, or renews what is still wanted.
func (s *shared) keep(ctx context.Context) {
	k := &s.keeping
	k.mu.Lock()
	leases := k.leases
	k.leases, k.timer = nil, nil
	k.mu.Unlock()
	var kept []*lease
	at := s.at()
	for _, l := range leases {
		if l.keepOn(at) {
			kept = append(kept, l)
			if l.ends.Load()-at < int64(s.life/3) {
				s.draw(ctx, l, 0)
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.leases = append(k.leases, kept...)
	if len(k.leases) > 0 && k.timer == nil && !k.ended {
		k.timer = time.AfterFunc(s.life/10, func() { s.keep(ctx) })
	}
}

// keepOn reports whether there is something to look after.
func (l *lease) keepOn(at int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = l.held(at) > 0 || l.answered != nil
	return l.listed
}

// giveBack returns what is held, before the replica stops.
func (s *shared) giveBack(ctx context.Context) {
	k := &s.keeping
	k.mu.Lock()
	leases := k.leases
	k.leases = nil
	k.mu.Unlock()
	for len(leases) > 0 {
		n := min(len(leases), mostAtOnce)
		groups := make([]*limit.Group, 0, n)
		for _, l := range leases[:n] {
			if d, some := l.empty(s.at()); some {
				groups = append(groups, &limit.Group{Draws: []limit.Draw{d}})
			}
		}
		leases = leases[n:]
		if len(groups) == 0 {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, s.wait)
		s.budgets.Draw(bounded, s.life, groups)
		cancel()
		if groups[0].Err != nil {
			return // they end by themselves
		}
	}
}

// empty takes away what is held.
func (l *lease) empty(at int64) (limit.Draw, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	units := l.held(at)
	l.ends.Store(0)
	l.epoch++
	if units == 0 || l.answered != nil {
		return limit.Draw{}, false
	}
	return limit.Draw{Subject: l.subject, Limit: l.limit, Hold: true, Return: l.units.Swap(0)}, true
}
