package limiter

import (
	"context"
	"sync/atomic"
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// Limiter counts rates and quotas. It is safe for concurrent use; a Take of
// what it knows does not allocate.
type Limiter struct {
	clock  clock
	share  atomic.Pointer[share]
	rates  *table[rateKey, *rate]
	quotas *quotas
	parts  parts
	shared *shared // nil without Budgets
}

// rateRest is how long the state of a rate is kept that is idle: making one
// anew costs a Check more than all else that it does with limits.
const rateRest = time.Minute

// New makes a Limiter of valid options.
func New(o Options) (*Limiter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	l := &Limiter{
		clock: clock{o.Now()},
		rates: newTable[rateKey, *rate](o.MaxRates, rateRest),
		quotas: &quotas{
			options: o,
			table:   newTable[quotaKey, *budget](o.MaxQuotas, 0),
			calls:   make(chan struct{}, o.Refills),
		},
	}
	l.share.Store(&share{0, 1})
	if o.Budgets != nil {
		l.shared = newShared(l, o)
	}
	return l, nil
}

// Close gives back what is held of rates, and what quotas have reserved and not
// spent. Quotas cannot be taken any more afterwards, once what they had is
// spent; rates keep to their share then.
func (l *Limiter) Close(ctx context.Context) error {
	if l.shared != nil {
		l.shared.close(ctx)
	}
	return l.quotas.close(ctx)
}

// Stats are counters since the start, and sizes now.
type Stats struct {
	Rates          int   // rates counted
	Quotas         int   // quotas counted
	RateEvictions  int64 // rates forgotten before they were idle, for room
	QuotaEvictions int64 // quotas forgotten with units reserved, for room
	Refills        int64 // reservations asked of the store
	RefillErrors   int64 // of Refills: failed

	Shared SharedStats // of the rates that replicas share
}

type refillCounts struct{ refills, failures atomic.Int64 }

// Stats answers the counters; package extauthz exports them.
func (l *Limiter) Stats() Stats {
	return Stats{
		Shared: l.shared.stats(),
		Rates:  l.rates.size(), RateEvictions: l.rates.evictions.Load(),
		Quotas: l.quotas.table.size(), QuotaEvictions: l.quotas.table.evictions.Load(),
		Refills: l.quotas.counts.refills.Load(), RefillErrors: l.quotas.counts.failures.Load(),
	}
}

// rateKey is what is counted by itself: a limit of a subject, under any label.
type rateKey struct {
	subject string
	limit   limit.Limit
}

func keyOf(l *pipeline.SubjectLimit) rateKey { return rateKey{l.Subject, l.Limit} }

// rateCharge is what one rate said to a request.
type rateCharge struct {
	rate     *rate
	decision limit.Decision
	undo     int64
}

// quotaCharge is a quota that a request was charged to.
type quotaCharge struct {
	budget *budget
	start  time.Time // of the window
}

// Take charges cost to every limit and quota, or to none of them, and appends
// an outcome for each to out. ok is false when one refused. An error means
// that a quota could not be counted; nothing is charged then.
func (l *Limiter) Take(ctx context.Context, now time.Time, cost int64, limits []pipeline.SubjectLimit,
	subjectQuotas []pipeline.SubjectQuota, out []pipeline.LimitOutcome,
) (outcomes []pipeline.LimitOutcome, ok bool, err error) {
	t := taking{now: now, at: l.clock.at(now), cost: cost, limits: limits, quotas: subjectQuotas}
	if l.shared == nil || len(limits) == 0 {
		return l.takeHere(ctx, &t, out)
	}
	return l.shared.take(ctx, &t, out)
}

// takeHere has each rate keep to the share of this replica.
func (l *Limiter) takeHere(ctx context.Context, t *taking, out []pipeline.LimitOutcome) ([]pipeline.LimitOutcome, bool, error) {
	var fewRates [8]rateCharge // more than 8 limits or 4 quotas are put on the heap
	var fewQuotas [4]quotaCharge
	rates, ok := l.look(fewRates[:0], t)
	if !ok {
		return l.refusal(out, t, rates, -1), false, nil
	}
	charged, refused, err := l.quotas.spendAll(ctx, t, fewQuotas[:0])
	switch {
	case err != nil:
		return out, false, err
	case refused >= 0:
		return l.refusal(out, t, rates, refused), false, nil
	}
	if !l.charge(rates, t) {
		refundQuotas(charged, t.cost)
		return l.refusal(out, t, rates, -1), false, nil
	}
	for i := range rates {
		out = append(out, rateOutcome(&t.limits[i], &rates[i].decision))
	}
	return appendQuotas(out, t, charged), true, nil
}

// spendAll charges every quota, or none of them: one that refuses is answered
// by its index, else -1.
func (q *quotas) spendAll(ctx context.Context, t *taking, charged []quotaCharge) ([]quotaCharge, int, error) {
	for i := range t.quotas {
		b, start, ok, err := q.spend(ctx, &t.quotas[i], t.now, t.at, t.cost)
		if err != nil || !ok {
			refundQuotas(charged, t.cost)
			return nil, i, err
		}
		charged = append(charged, quotaCharge{b, start})
	}
	return charged, -1, nil
}

func appendQuotas(out []pipeline.LimitOutcome, t *taking, charged []quotaCharge) []pipeline.LimitOutcome {
	for i := range charged {
		out = append(out, quotaOutcome(&t.quotas[i], charged[i].budget, t.now))
	}
	return out
}

// taking is one call of Take.
type taking struct {
	now    time.Time
	at     int64 // now by the limiter's clock
	cost   int64
	limits []pipeline.SubjectLimit
	quotas []pipeline.SubjectQuota
}

// look asks every rate without charging; ok is false when one refuses. A rate
// that is not known has a full budget and gets a state when it is charged.
func (l *Limiter) look(rates []rateCharge, t *taking) ([]rateCharge, bool) {
	ok := true
	of := l.share.Load()
	for i := range t.limits {
		c := rateCharge{}
		there := false
		if r, known := l.known(&t.limits[i]); known {
			if r.part.Load().of != of {
				l.reshare(r, &t.limits[i], of, t.at)
			}
			c.rate = r
			c.decision, there = r.look(t.at, t.cost)
		}
		if !there {
			c.rate, c.decision = nil, partOf(&t.limits[i], of).Decide(0, t.at, t.cost)
		}
		ok = ok && c.decision.OK
		rates = append(rates, c)
	}
	return rates, ok
}

// rate makes the state of a limit.
func (l *Limiter) rate(of *pipeline.SubjectLimit, at int64) *rate {
	fresh := newRate(l.parts.one(partOf(of, l.share.Load())))
	if l.shared != nil {
		fresh.lease = l.shared.newLease(fresh, of, at)
	}
	fresh.home = l
	r, _, _ := l.rates.insert(keyOf(of), fresh, at)
	pipeline.SeatOf[rate](of).Put(r)
	return r
}

// known answers the state of a limit if there is one: the one in the limit's
// seat, unless that has left the table or is another Limiter's, else what the
// table holds.
func (l *Limiter) known(of *pipeline.SubjectLimit) (*rate, bool) {
	seat := pipeline.SeatOf[rate](of)
	if r := seat.Get(); r != nil && r.home == l && r.tat.Load() != retired {
		return r, true
	}
	r, known := l.rates.get(keyOf(of))
	if known {
		seat.Put(r)
	}
	return r, known
}

// reshare has a rate keep to another share from now on.
func (l *Limiter) reshare(r *rate, of *pipeline.SubjectLimit, to *share, at int64) {
	p := l.parts.one(partOf(of, to))
	l.rates.exclusively(func() { r.keepTo(p, at) })
}

func partOf(of *pipeline.SubjectLimit, s *share) part {
	return part{of.Share(s.rank, s.replicas), s}
}

// charge charges every rate, or none when one refuses now.
func (l *Limiter) charge(rates []rateCharge, t *taking) bool {
	for i := range rates {
		c := &rates[i]
		for there := false; !there; {
			if c.rate == nil {
				c.rate = l.rate(&t.limits[i], t.at)
			}
			if c.decision, c.undo, there = c.rate.charge(t.at, t.cost); !there {
				c.rate = nil
			}
		}
		if !c.decision.OK {
			for j := range i {
				rates[j].rate.refund(rates[j].undo)
			}
			return false
		}
	}
	return true
}

func refundQuotas(charged []quotaCharge, cost int64) {
	for i := range charged {
		charged[i].budget.refund(charged[i].start, cost)
	}
}

// refusal describes all limits and quotas of a request that was charged to
// none of them; refused is the index of the quota that refused, or -1.
func (l *Limiter) refusal(out []pipeline.LimitOutcome, t *taking, rates []rateCharge, refused int) []pipeline.LimitOutcome {
	for i := range rates {
		d := rates[i].decision
		if d.OK {
			d = l.asItIs(&t.limits[i], rates[i].rate, t.at)
		}
		out = append(out, rateOutcome(&t.limits[i], &d))
	}
	return l.refusedQuotas(out, t, refused)
}

func (l *Limiter) refusedQuotas(out []pipeline.LimitOutcome, t *taking, refused int) []pipeline.LimitOutcome {
	for i := range t.quotas {
		b, _ := l.quotas.table.get(quotaKeyOf(&t.quotas[i]))
		o := quotaOutcome(&t.quotas[i], b, t.now)
		if o.Refused = i == refused; o.Refused && (t.cost < 1 || t.cost > o.Limit) {
			o.Reset = limit.Never
		}
		out = append(out, o)
	}
	return out
}

// asItIs describes a rate that had admitted a request that is not charged
// after all. A cost of 0 is refused with a description of the budget.
func (l *Limiter) asItIs(of *pipeline.SubjectLimit, r *rate, at int64) limit.Decision {
	d, there := limit.Decision{}, false
	if r != nil {
		d, there = r.look(at, 0)
	}
	if !there {
		d = partOf(of, l.share.Load()).Decide(0, at, 0)
	}
	d.OK = true
	return d
}

func rateOutcome(l *pipeline.SubjectLimit, d *limit.Decision) pipeline.LimitOutcome {
	o := pipeline.LimitOutcome{
		Name: l.Label, Limit: l.Limit.Limit, Period: l.Period,
		Remaining: d.Remaining, Reset: d.ResetAfter,
	}
	if !d.OK {
		o.Refused, o.Reset = true, d.RetryAfter
	}
	return o
}

// quotaOutcome describes a quota; without a budget, nothing of it has been
// spent here.
func quotaOutcome(q *pipeline.SubjectQuota, b *budget, now time.Time) pipeline.LimitOutcome {
	start, end := q.Window(now)
	remaining := q.Limit
	if b != nil {
		start, end, remaining = b.look(now)
	}
	return pipeline.LimitOutcome{
		Name: q.Label, Quota: true, Limit: q.Limit, Period: end.Sub(start),
		Remaining: remaining, Reset: max(end.Sub(now), 0),
	}
}
