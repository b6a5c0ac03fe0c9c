package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// KindWebhookDeliver is the job that has a turn at a webhook: it delivers what
// is due. At any time there is about one of them for a webhook that has
// something to do, whatever the number of its deliveries, so that a webhook
// that is slow holds up no other.
const KindWebhookDeliver = "webhook_deliver"

// WebhookLate is how late a turn at a webhook may be before it is taken for
// lost: the queue gives one out in less than a second.
const WebhookLate = 15 * time.Second

// webhookArgs is what that job is told.
type webhookArgs struct {
	ID string `json:"webhook_id"`
}

// webhookJob is a turn at the webhook.
func webhookJob(id string, at time.Time) (Job, error) {
	args, err := json.Marshal(webhookArgs{ID: id})
	if err != nil {
		return Job{}, fmt.Errorf("turn at webhook %s: %w", id, err)
	}
	return Job{Kind: KindWebhookDeliver, Args: args, RunAt: at}, nil
}

// WebhookOfJob is the webhook that a job of that kind is about.
func WebhookOfJob(args json.RawMessage) (string, error) {
	var a webhookArgs
	if err := json.Unmarshal(args, &a); err != nil || a.ID == "" {
		return "", errors.Join(errors.New("arguments name no webhook"), err)
	}
	return a.ID, nil
}

// Tell writes down what a webhook is to be told, and has it told soon. The
// deliveries get their sequence from the webhook, by number; complete is
// called with each and its place before it is written.
func (tx *Tx) Tell(ctx context.Context, w *Webhook, deliveries []Delivery, complete func(i int, d *Delivery) error) error {
	tx.wrote = true
	return tx.TellCounted(ctx, w, deliveries, complete)
}

// TellCounted is Tell of what was counted: nobody did anything that an audit
// entry would be about.
func (tx *Tx) TellCounted(ctx context.Context, w *Webhook, deliveries []Delivery, complete func(i int, d *Delivery) error) error {
	for i := range deliveries {
		w.Progress.Sequence++
		deliveries[i].Sequence = w.Progress.Sequence
		if err := complete(i, &deliveries[i]); err != nil {
			return err
		}
	}
	for rest := deliveries; len(rest) > 0; {
		n := min(len(rest), RemoveBatch)
		if err := tx.w.InsertDeliveries(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return tx.wakeWebhook(ctx, w)
}

// wakeWebhook has a turn taken soon, unless one is about to be or is being
// taken: who takes it looks at everything before giving it back. One that was
// lost with its process is taken anew. A webhook that is disabled is left alone
// until it is resumed.
func (tx *Tx) wakeWebhook(ctx context.Context, w *Webhook) error {
	p, at := &w.Progress, tx.now
	if p.turnLost(tx.now) {
		p.TakenUntil, p.DueAt = time.Time{}, time.Time{}
	}
	if p.PausedUntil.After(at) {
		at = p.PausedUntil
	}
	if w.Enabled() && !p.TakenUntil.After(tx.now) && (p.DueAt.IsZero() || p.DueAt.After(at)) {
		j, err := webhookJob(w.ID, at)
		if err == nil {
			err = tx.w.InsertJob(ctx, j)
		}
		if err != nil {
			return err
		}
		p.DueAt = at
	}
	return tx.w.SetWebhookProgress(ctx, w.ID, *p)
}

// turnLost reports whether a process has died with the turn: nobody took it in
// time, or whoever did never gave it back.
func (p *WebhookProgress) turnLost(now time.Time) bool {
	if !p.TakenUntil.IsZero() {
		return !p.TakenUntil.After(now)
	}
	return !p.DueAt.IsZero() && p.DueAt.Before(now.Add(-WebhookLate))
}

// ResumeWebhook forgets that a webhook failed, and has its next turn taken
// now.
func (tx *Tx) ResumeWebhook(ctx context.Context, w *Webhook) error {
	tx.wrote = true
	w.Progress = WebhookProgress{Sequence: w.Progress.Sequence, TakenUntil: w.Progress.TakenUntil}
	return tx.wakeWebhook(ctx, w)
}

// InsertWebhook makes a webhook. The data plane need not know.
func (tx *Tx) InsertWebhook(ctx context.Context, w Webhook) error {
	return tx.changed(tx.w.InsertWebhook(ctx, w), Change{})
}

// UpdateWebhook changes a webhook. The data plane need not know.
func (tx *Tx) UpdateWebhook(ctx context.Context, w Webhook) error {
	return tx.changed(tx.w.UpdateWebhook(ctx, w), Change{})
}

// DeleteWebhook removes a webhook. What it was told stays until it is old.
func (tx *Tx) DeleteWebhook(ctx context.Context, id string, version int64) error {
	return tx.changed(tx.w.DeleteWebhook(ctx, id, version), Change{})
}

// RepeatDeliveries has deliveries that have ended made again.
func (tx *Tx) RepeatDeliveries(ctx context.Context, filter DeliveryFilter, limit int) (int, error) {
	n, err := tx.w.RepeatDeliveries(ctx, filter, tx.now, limit)
	if err != nil || n == 0 {
		return 0, err
	}
	return n, tx.changed(nil, Change{})
}

// RepeatDelivery has one delivery made again, whether it has ended or waits.
func (tx *Tx) RepeatDelivery(ctx context.Context, d Delivery) error {
	d.State, d.Attempts, d.NextAt, d.EndedAt = DeliveryPending, 0, tx.now, time.Time{}
	return tx.changed(tx.w.UpdateDelivery(ctx, d), Change{})
}

// BeginTurn takes the turn at a webhook until the instant: no other is taken
// before. mine is false when there is nothing to do, or another process is at
// it.
func (s *Store) BeginTurn(ctx context.Context, id string, until time.Time) (hook Webhook, mine bool, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		hook, err = w.Webhook(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		p, now := &hook.Progress, s.now()
		if err != nil || !hook.Enabled() || p.DueAt.IsZero() || p.DueAt.After(now) || p.TakenUntil.After(now) {
			return err
		}
		p.TakenUntil, mine = until, true
		return w.SetWebhookProgress(ctx, id, *p)
	})
	return hook, mine, err
}

// RecordTry writes down what came of an attempt, and how far the webhook has
// come: progress is shown it as it is, and changes its Progress. The attempt is forgotten when the delivery was asked for again, or is
// gone, since it was read.
func (s *Store) RecordTry(ctx context.Context, d Delivery, progress func(*Webhook)) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error {
		hook, err := w.Webhook(ctx, d.WebhookID)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		is, err := w.Delivery(ctx, d.ID)
		if err == nil && is.State == DeliveryPending && is.Attempts == d.Attempts-1 {
			err = w.UpdateDelivery(ctx, d)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		progress(&hook)
		return w.SetWebhookProgress(ctx, d.WebhookID, hook.Progress)
	})
}

// EndTurn gives the turn at a webhook back that was taken until the instant:
// the next one is taken when something is due.
func (s *Store) EndTurn(ctx context.Context, id string, until time.Time) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error {
		hook, err := w.Webhook(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil || !hook.Progress.TakenUntil.Equal(until) {
			return err // somebody has taken over
		}
		hook.Progress.TakenUntil, hook.Progress.DueAt = time.Time{}, time.Time{}
		if hook.Enabled() {
			if hook.Progress.DueAt, err = s.nextTurn(ctx, w, &hook); err != nil {
				return err
			}
		}
		return w.SetWebhookProgress(ctx, id, hook.Progress)
	})
}

// nextTurn enqueues the turn at what is due next, and answers when that is.
func (s *Store) nextTurn(ctx context.Context, w Writer, hook *Webhook) (time.Time, error) {
	waiting, err := w.DueDeliveries(ctx, hook.ID, endOfTime(), 1)
	if err != nil || len(waiting) == 0 {
		return time.Time{}, err
	}
	at := waiting[0].NextAt
	if at.Before(hook.Progress.PausedUntil) {
		at = hook.Progress.PausedUntil
	}
	if now := s.now().UTC().Truncate(time.Microsecond); at.Before(now) {
		at = now
	}
	j, err := webhookJob(hook.ID, at)
	if err != nil {
		return time.Time{}, err
	}
	return at, w.InsertJob(ctx, j)
}

// endOfTime is later than anything is due.
func endOfTime() time.Time { return time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }

// WakeLateWebhooks enqueues turns at webhooks that were due before the instant
// and that nobody has taken: a process has died in one. It answers how many. A
// turn more than needed does no harm: the second finds nothing to do.
func (s *Store) WakeLateWebhooks(ctx context.Context, before time.Time) (woken int, err error) {
	late, err := s.LateWebhooks(ctx, before, RemoveBatch)
	if err != nil || len(late) == 0 {
		return 0, err
	}
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		for _, id := range late {
			j, err := webhookJob(id, time.Time{})
			if err == nil {
				err = w.InsertJob(ctx, j)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(late), nil
}

// RemoveDeliveries removes a batch of deliveries made before the instant,
// outside of any change.
func (s *Store) RemoveDeliveries(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.RemoveDeliveries(ctx, before)
		return err
	})
	return removed, err
}

// Seal encrypts what belongs to associated, as [Sealer.Seal] does.
func (s *Store) Seal(plaintext, associated []byte) ([]byte, error) {
	return s.sealer.Seal(plaintext, associated)
}
