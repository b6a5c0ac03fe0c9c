package management

import (
	"context"
	"time"

	"credence/store"
)

// MaxReplay is the most deliveries that one [Service.WebhookReplay] makes
// again: one transaction holds them.
const MaxReplay = 1000

// WebhookReplay is the input of [Service.WebhookReplay].
type WebhookReplay struct {
	WebhookID string
	State     string // failed or delivered; "" for both
	EventType string // "" for any
	Since     time.Time
	Until     time.Time
	// EndedBefore is the answer's, where the call before was not done: what has
	// been made again meanwhile is not made again once more.
	EndedBefore time.Time
}

// WebhookReplayed is the answer of [Service.WebhookReplay].
type WebhookReplayed struct {
	Repeated    int
	Done        bool // false: there are more, and the same call with EndedBefore does the next of them
	EndedBefore time.Time
}

// WebhookReplay makes the deliveries of a range of time again, the oldest
// first. Events keep their ids and sequences, so receivers know them.
func (s *Service) WebhookReplay(ctx context.Context, a Actor, in WebhookReplay) (WebhookReplayed, error) {
	what := "webhook " + quoted(in.WebhookID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (WebhookReplayed, error) {
		w, err := t.webhook(ctx, in.WebhookID)
		if err != nil {
			return WebhookReplayed{}, err
		}
		p := &problems{now: t.Now()}
		filter := p.deliveryFilter(w.ID, in.State, in.EventType, in.Since, in.Until)
		if filter.EndedBefore = p.instant("ended_before", in.EndedBefore); filter.EndedBefore.IsZero() {
			filter.EndedBefore = t.Now().Add(time.Microsecond)
		}
		if in.State == string(store.DeliveryPending) {
			p.add("state", "pending ones are on their way", "use failed, delivered, or none for both")
		}
		if in.Since.IsZero() {
			p.add("since", "is missing", "give the beginning of the range")
		}
		if err := p.err(what); err != nil {
			return WebhookReplayed{}, err
		}
		if err := callable(what, &w); err != nil {
			return WebhookReplayed{}, err
		}
		n, err := t.RepeatDeliveries(ctx, filter, MaxReplay)
		out := WebhookReplayed{Repeated: n, Done: n < MaxReplay, EndedBefore: filter.EndedBefore}
		if err != nil || n == 0 {
			return out, err
		}
		f := facts{"deliveries": n}
		f.instant("since", in.Since)
		f.instant("until", in.Until)
		t.recordWebhook("webhook.replay", &w, details{After: f})
		return out, t.ResumeWebhook(ctx, &w)
	})
	return out, err
}
