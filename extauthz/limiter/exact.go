package limiter

import (
	"context"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// takeExact asks the budgets, all that lie together at once. answered is false
// when they did not answer in time.
func (s *shared) takeExact(ctx context.Context, t *taking, out []pipeline.LimitOutcome) (
	outcomes []pipeline.LimitOutcome, ok, answered bool, err error,
) {
	rates := make([]*rate, 0, len(t.limits))
	answers := make([]reply, len(t.limits))
	if refused := s.lookExact(&rates, answers, t); refused {
		return s.refuseExact(out, t, answers, -1), false, true, nil
	}
	var fewQuotas [4]quotaCharge
	charged, quota, err := s.limiter.quotas.spendAll(ctx, t, fewQuotas[:0])
	if err != nil {
		return out, false, true, err
	}
	if quota >= 0 {
		return s.refuseExact(out, t, answers, quota), false, true, nil
	}
	errands := s.errands(rates, t)
	if !s.ask(ctx, errands) {
		refundQuotas(charged, t.cost)
		s.refund(ctx, errands, true)
		return out, false, false, nil
	}
	if denied := s.readExact(rates, answers, errands, t); denied {
		refundQuotas(charged, t.cost)
		s.refund(ctx, errands, false)
		return s.refuseExact(out, t, answers, -1), false, true, nil
	}
	if !s.believe(rates, t) {
		refundQuotas(charged, t.cost)
		return out, false, false, nil
	}
	for i := range answers {
		rates[i].spend(t.at, t.cost)
		out = append(out, answers[i].outcome(&t.limits[i]))
	}
	return appendQuotas(out, t, charged), true, true, nil
}

// lookExact refuses without asking what the budgets have refused just now.
func (s *shared) lookExact(rates *[]*rate, answers []reply, t *taking) (refused bool) {
	for i := range t.limits {
		of, a := &t.limits[i], &answers[i]
		r := s.rateOf(of, t.at)
		*rates = append(*rates, r)
		a.remaining = r.lease.left.Load()
		if wait, dry := r.lease.dry(t.at, t.cost); dry {
			a.refused, a.wait = true, wait
		}
		if t.cost < 1 || t.cost > of.Capacity() || t.cost > limit.MaxCost {
			a.refused, a.wait = true, limit.Never
		}
		refused = refused || a.refused
	}
	return refused
}

// errands groups the draws by slot, in the order of the limits within each.
func (s *shared) errands(rates []*rate, t *taking) []*errand {
	var errands []*errand
	slots := make([]int, 0, 2)
next:
	for _, r := range rates {
		l := r.lease
		draw := limit.Draw{Subject: l.subject, Limit: l.limit, Cost: t.cost, Owed: min(l.owed.Swap(0), r.debt(t.at))}
		slot := s.budgets.Slot(l.subject)
		for i := range errands {
			if slots[i] == slot {
				errands[i].group.Draws = append(errands[i].group.Draws, draw)
				continue next
			}
		}
		e := &errand{done: make(chan struct{})}
		e.one[0] = draw
		e.group.Draws = e.one[:]
		errands, slots = append(errands, e), append(slots, slot)
	}
	return errands
}

// ask sends the errands and waits for all answers; false when one is missing.
func (s *shared) ask(ctx context.Context, errands []*errand) bool {
	pipeline.Waits(ctx)
	sent := 0
	for _, e := range errands {
		if !s.laneOf(s.budgets.Slot(e.group.Draws[0].Subject)).send(ctx, e) {
			break
		}
		sent++
	}
	whole := sent == len(errands)
	for _, e := range errands[sent:] {
		e.group.Err = context.DeadlineExceeded
		close(e.done)
	}
	patience := time.NewTimer(s.wait)
	defer patience.Stop()
	for i, e := range errands {
		select {
		case <-e.done:
			whole = whole && e.group.Err == nil
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		for _, late := range errands[i:] {
			late.forgotten.Store(true)
		}
		return false
	}
	return whole
}

// believe reports whether the budgets can have admitted all that they have.
func (s *shared) believe(rates []*rate, t *taking) bool {
	for _, r := range rates {
		r.lease.mu.Lock()
		believed := r.lease.admits(t.at, t.cost)
		r.lease.mu.Unlock()
		if !believed {
			s.counts.nonsense.Add(1)
			return false
		}
	}
	return true
}

// readExact reads the answers, draw by draw as errands made them.
func (s *shared) readExact(rates []*rate, answers []reply, errands []*errand, t *taking) (denied bool) {
	next := make([]int, len(errands))
	for i, r := range rates {
		slot := s.budgets.Slot(r.lease.subject)
		for j, e := range errands {
			if s.budgets.Slot(e.group.Draws[0].Subject) != slot {
				continue
			}
			d := &e.group.Draws[next[j]]
			next[j]++
			answers[i].remaining = d.Answer.Left
			r.lease.left.Store(d.Answer.Left)
			if d.Answer.Denied {
				denied = true
				answers[i].refused = true
				answers[i].wait = max(time.Duration(e.sent-s.at())+d.Answer.Wait, time.Microsecond)
				r.lease.dryUp(e.sent, e.sent+int64(d.Answer.Wait), t.cost)
			}
			break
		}
	}
	return denied
}

// refund takes back what some groups gave to a request that others refused, or
// that was judged otherwise. It is not waited for; lost, it is missing from the
// budget until it has come back by itself.
func (s *shared) refund(ctx context.Context, errands []*errand, owed bool) {
	for _, e := range errands {
		select {
		case <-e.done:
		default:
			continue // on its way: nobody knows what it gave
		}
		r := &errand{done: make(chan struct{})}
		for _, d := range e.group.Draws {
			if owed && e.group.Err != nil {
				s.owedAgain(&d)
			}
			if e.group.Err == nil && d.Answer.Given > 0 {
				r.group.Draws = append(r.group.Draws, limit.Draw{
					Subject: d.Subject, Limit: d.Limit, Refund: d.Answer.Given, RefundAt: d.Answer.At,
				})
			}
		}
		if len(r.group.Draws) > 0 {
			s.laneOf(s.budgets.Slot(r.group.Draws[0].Subject)).send(ctx, r)
		}
	}
}

// owedAgain notes what could not be told.
func (s *shared) owedAgain(d *limit.Draw) {
	if r, known := s.limiter.rates.get(rateKey{d.Subject, d.Limit}); known && d.Owed > 0 {
		r.lease.owed.Add(d.Owed)
	}
}

func (s *shared) refuseExact(out []pipeline.LimitOutcome, t *taking, answers []reply, quota int) []pipeline.LimitOutcome {
	for i := range answers {
		out = append(out, answers[i].outcome(&t.limits[i]))
	}
	return s.limiter.refusedQuotas(out, t, quota)
}
