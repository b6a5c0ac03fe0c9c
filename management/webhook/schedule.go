package webhook

import (
	"fmt"
	"math/rand/v2"
	"time"

	"credence/store"
)

// MaxAttempts is how often a delivery is tried before it is given up.
const MaxAttempts = 10

// DisableAfter is how long a webhook may do nothing but fail.
const DisableAfter = 5 * 24 * time.Hour

// The pauses of a webhook that fails, whatever waits for it.
const (
	firstPause = 5 * time.Second
	mostPause  = 5 * time.Minute
	// mostAsked bounds what a receiver may ask for by Retry-After.
	mostAsked = time.Hour
)

// Schedule answers the pauses between the attempts at a delivery: three days
// in all. Each is varied by a tenth.
func Schedule() [MaxAttempts - 1]time.Duration {
	return [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// settle is what an attempt makes of a delivery.
func settle(d *store.Delivery, made attempt, now time.Time) {
	d.Tried(made.try)
	switch {
	case made.try.Outcome == Delivered:
		d.State, d.NextAt, d.EndedAt = store.DeliveryDelivered, time.Time{}, now
	case d.Attempts >= MaxAttempts:
		d.State, d.NextAt, d.EndedAt = store.DeliveryFailed, time.Time{}, now
	default:
		d.NextAt = now.Add(max(vary(Schedule()[d.Attempts-1]), made.askedPause))
	}
}

// progress is what an attempt makes of the webhook.
func progress(p *store.WebhookProgress, made attempt, now time.Time) {
	if made.try.Outcome == Delivered {
		p.Failures, p.FailingSince, p.PausedUntil = 0, time.Time{}, time.Time{}
		return
	}
	p.Failures++
	if p.FailingSince.IsZero() {
		p.FailingSince = now
	}
	// A receiver that refuses one event is there, and may take the next.
	if made.refusedOne() {
		return
	}
	pause := mostPause
	if shift := p.Failures - 1; shift < 16 {
		pause = min(firstPause<<shift, mostPause)
	}
	p.PausedUntil = now.Add(max(vary(pause), made.askedPause))
}

// reasonToGiveUp says why the webhook is not to be called any more; "" when it
// is.
func reasonToGiveUp(p *store.WebhookProgress, made attempt, now time.Time) string {
	switch {
	case made.try.Outcome == Gone:
		return "the receiver answered 410 Gone"
	case made.try.Outcome != Delivered && !p.FailingSince.IsZero() && now.Sub(p.FailingSince) >= DisableAfter:
		return fmt.Sprintf("all %d deliveries failed since %s; the last: %s", p.Failures, p.FailingSince.Format(time.RFC3339), made.why())
	}
	return ""
}

// vary is the duration give or take a tenth, so that what failed together is
// not tried again together.
func vary(d time.Duration) time.Duration {
	tenth := d / 10
	return d - tenth + rand.N(2*tenth+1) //nolint:gosec // spreads load; nobody gains by guessing it
}
