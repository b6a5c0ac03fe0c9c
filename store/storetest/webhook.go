package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"credence/store"
)

func webhookPromises() []promise {
	return []promise{
		{"Webhook", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.Webhook(f.Context(), "whk_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"Webhooks", "answers pages ordered by id, of the scopes only", func(f *fixture) {
			f.insertNamespaces("tenant")
			f.insertWebhooks(f.sampleWebhook(4, ""), f.sampleWebhook(2, "tenant"), f.sampleWebhook(1, "default"), f.sampleWebhook(3, ""))
			for _, c := range []struct {
				scopes []string
				want   []int
			}{{nil, []int{1, 2, 3, 4}}, {[]string{""}, []int{3, 4}}, {[]string{"tenant", "nobody"}, []int{2}}, {[]string{"", "default"}, []int{1, 3, 4}}} {
				var want []string
				for _, n := range c.want {
					want = append(want, webhookID(n))
				}
				got := walk(f, 2, func(page store.Page) ([]store.Webhook, store.Cursor, error) {
					return f.backend.Webhooks(f.Context(), c.scopes, page)
				})
				inOrder(f, names(got, func(w store.Webhook) string { return w.ID }), want...)
			}
		}},
		{"LateWebhooks", "answers enabled ones that were due before the instant and are not taken, the latest first", func(f *fixture) {
			for i, due := range []time.Duration{-2 * time.Minute, -3 * time.Minute, -time.Minute, 0} {
				w := f.quietWebhook(i + 1)
				w.Progress.DueAt = f.clock.now().Add(due)
				f.insertWebhooks(w)
			}
			taken := f.quietWebhook(7)
			taken.Progress.DueAt, taken.Progress.TakenUntil = f.clock.now().Add(-time.Hour), f.clock.now()
			f.insertWebhooks(taken)
			never, disabled := f.sampleWebhook(5, ""), f.sampleWebhook(6, "")
			never.DisabledAt, never.Progress.DueAt = time.Time{}, time.Time{}
			disabled.Progress.DueAt = f.clock.now().Add(-time.Hour)
			f.insertWebhooks(never, disabled)
			for limit, want := range map[int][]string{10: {webhookID(2), webhookID(1)}, 1: {webhookID(2)}} {
				late, err := f.backend.LateWebhooks(f.Context(), f.clock.now().Add(-time.Minute), limit)
				f.ok(err)
				inOrder(f, late, want...)
			}
		}},
		{"InsertWebhook", "stores every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			full := f.sampleWebhook(1, "tenant")
			noZeroField(f, full)
			noZeroField(f, full.Progress)
			bare := store.Webhook{
				ID: webhookID(2), URL: "https://example.com/", Rate: 1, Secret: []byte{1},
				CreatedBy: "system", CreatedAt: f.clock.now(), UpdatedAt: f.clock.now(), Version: 1,
			}
			f.insertWebhooks(full, bare)
			equal(f, f.storedWebhook(1), full)
			equal(f, f.storedWebhook(2), bare)
		}},
		{"InsertWebhook", "answers ErrConflict when the id is taken", func(f *fixture) {
			f.insertWebhooks(f.sampleWebhook(1, ""))
			f.refused(f.tryInsertWebhook(f.sampleWebhook(1, "")), store.ErrConflict)
		}},
		{"InsertWebhook", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.tryInsertWebhook(f.sampleWebhook(1, "nobody")), store.ErrMissingReference)
		}},
		{"UpdateWebhook", "writes only the version that was read and stores the next", webhookUpdate},
		{"UpdateWebhook", "leaves progress, namespace and maker as they are", func(f *fixture) {
			f.insertWebhooks(f.sampleWebhook(1, ""))
			other := f.sampleWebhook(1, "default")
			other.Progress, other.CreatedBy, other.CreatedAt = store.WebhookProgress{}, "somebody", f.clock.now().Add(-time.Hour)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateWebhook(ctx, other) })
			want := f.sampleWebhook(1, "")
			want.Version++
			equal(f, f.storedWebhook(1), want)
		}},
		{"SetWebhookProgress", "sets the progress and nothing else", func(f *fixture) {
			f.insertWebhooks(f.sampleWebhook(1, ""))
			want := f.sampleWebhook(1, "")
			for _, p := range []store.WebhookProgress{
				{Sequence: 8, DueAt: f.clock.now(), TakenUntil: f.clock.now().Add(time.Minute), PausedUntil: f.clock.now().Add(time.Hour), Failures: 3, FailingSince: f.clock.now().Add(-time.Hour)},
				{Sequence: 9},
			} {
				f.setProgress(1, p)
				want.Progress = p
				equal(f, f.storedWebhook(1), want)
			}
		}},
		{"SetWebhookProgress", "answers nil for a webhook that is gone", func(f *fixture) {
			f.setProgress(1, store.WebhookProgress{Sequence: 1})
		}},
		{"DeleteWebhook", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteWebhook(ctx, webhookID(1), version) })
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertWebhooks(f.sampleWebhook(1, ""))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.Webhook(f.Context(), webhookID(1))
			f.refused(err, store.ErrNotFound)
		}},
	}
}

func webhookUpdate(f *fixture) {
	w := f.sampleWebhook(1, "")
	f.insertWebhooks(w)
	w.URL, w.Description, w.Events, w.Rate, w.UpdatedAt = "https://other.example.com/", "other", []string{"*"}, 9, f.clock.now()
	w.Secret, w.PreviousSecret, w.PreviousUntil, w.DisabledAt, w.DisabledReason = []byte("third"), nil, time.Time{}, time.Time{}, ""
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateWebhook(ctx, w) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	w.Version++
	equal(f, f.storedWebhook(1), w)
	w.ID = webhookID(2)
	f.refused(f.try(update), store.ErrNotFound)
}

func webhookID(n int) string { return fmt.Sprintf("%s%026d", store.WebhookIDPrefix, n) }

func (f *fixture) sampleWebhook(n int, namespace string) store.Webhook {
	now := f.clock.now()
	return store.Webhook{
		ID: webhookID(n), Namespace: namespace, URL: "https://example.com/hook?a=b", Description: "tells the pager",
		Events: []string{"key.*", "plan.changed"}, Rate: 5, Secret: []byte("sealed"), PreviousSecret: []byte("sealed before"),
		PreviousUntil: now.Add(time.Hour), DisabledAt: now.Add(-time.Minute), DisabledReason: "gone", CreatedBy: "token:tok_1",
		CreatedAt: now.Add(-2 * time.Hour), UpdatedAt: now.Add(-time.Hour), Version: 3,
		Progress: store.WebhookProgress{
			Sequence: 7, DueAt: now.Add(time.Second), TakenUntil: now.Add(4 * time.Second), PausedUntil: now.Add(2 * time.Second),
			Failures: 2, FailingSince: now.Add(-3 * time.Second),
		},
	}
}

func (f *fixture) tryInsertWebhook(w store.Webhook) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertWebhook(ctx, w) })
}

func (f *fixture) insertWebhooks(all ...store.Webhook) {
	f.Helper()
	for _, w := range all {
		f.ok(f.tryInsertWebhook(w))
	}
}

func (f *fixture) storedWebhook(n int) store.Webhook {
	f.Helper()
	w, err := f.backend.Webhook(f.Context(), webhookID(n))
	f.ok(err)
	return w
}

func (f *fixture) setProgress(n int, p store.WebhookProgress) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		return w.SetWebhookProgress(ctx, webhookID(n), p)
	}))
}

// turnPromises are about the way a webhook's turns follow each other.
func turnPromises() []promise {
	return []promise{
		{"Tell", "numbers what a webhook is told and enqueues one turn", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			f.tell(1, 2)
			f.tell(1, 1)
			equal(f, f.storedWebhook(1).Progress, store.WebhookProgress{Sequence: 3, DueAt: f.clock.now()})
			equal(f, f.turn(), webhookID(1))
			due, err := f.backend.DueDeliveries(f.Context(), webhookID(1), f.clock.now(), 10)
			f.ok(err)
			inOrder(f, names(due, func(d store.Delivery) string { return d.Payload }), "1", "2", "3")
		}},
		{"Tell", "does not wait for a turn that is far off, and waits for the end of a pause", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1), f.quietWebhook(2))
			pause := f.clock.now().Add(time.Minute)
			f.setProgress(1, store.WebhookProgress{DueAt: f.clock.now().Add(time.Hour)})
			f.setProgress(2, store.WebhookProgress{DueAt: pause, PausedUntil: pause})
			f.tell(1, 1)
			f.tell(2, 1)
			equal(f, f.storedWebhook(1).Progress.DueAt, f.clock.now())
			equal(f, f.storedWebhook(2).Progress.DueAt, pause)
			equal(f, f.turn(), webhookID(1))
		}},
		{"Tell", "enqueues no turn at a webhook that is disabled, and one when it is resumed", func(f *fixture) {
			w := f.quietWebhook(1)
			w.DisabledAt = f.clock.now()
			f.insertWebhooks(w)
			f.tell(1, 1)
			equal(f, f.storedWebhook(1).Progress, store.WebhookProgress{Sequence: 1})
			f.do(func(ctx context.Context, tx *store.Tx) error {
				w := f.storedIn(ctx, tx, 1)
				w.DisabledAt = time.Time{}
				if err := tx.UpdateWebhook(ctx, w); err != nil {
					return err
				}
				return tx.ResumeWebhook(ctx, &w)
			})
			equal(f, f.storedWebhook(1).Progress, store.WebhookProgress{Sequence: 1, DueAt: f.clock.now()})
			equal(f, f.turn(), webhookID(1))
		}},
		{"BeginTurn", "is one process's until it ends or its time is over", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			begin := func() bool {
				_, mine, err := f.store.BeginTurn(f.Context(), webhookID(1), f.clock.now().Add(time.Minute))
				f.ok(err)
				return mine
			}
			equal(f, begin(), false) // there is nothing to do
			f.tell(1, 1)
			equal(f, begin(), true)
			equal(f, begin(), false)
			f.tell(1, 1) // told meanwhile: no turn beside the one that runs
			equal(f, f.turn(), webhookID(1))
			f.clock.advance(time.Minute)
			equal(f, begin(), true)
		}},
		{"Tell", "has a turn taken anew that nobody took in time, once", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			f.tell(1, 1)
			equal(f, f.turn(), webhookID(1)) // taken by a process that dies before it has begun
			f.clock.advance(store.WebhookLate)
			f.tell(1, 1)
			f.clock.advance(time.Microsecond)
			f.tell(1, 1)
			f.tell(1, 1)
			equal(f, f.turn(), webhookID(1))
			equal(f, f.storedWebhook(1).Progress.DueAt, f.clock.now())
		}},
		{"Tell", "has a turn taken anew that was lost with its process, once", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			f.tell(1, 1)
			f.turn()
			lost := f.clock.now().Add(time.Minute)
			_, mine, err := f.store.BeginTurn(f.Context(), webhookID(1), lost)
			f.ok(err)
			equal(f, mine, true)
			f.clock.advance(time.Minute)
			f.tell(1, 1)
			f.tell(1, 1)
			equal(f, f.turn(), webhookID(1))
			f.ok(f.store.EndTurn(f.Context(), webhookID(1), lost)) // it was not dead: what it gives back is not its own any more
			equal(f, f.storedWebhook(1).Progress.DueAt, f.clock.now())
		}},
		{"EndTurn", "has the next one taken when something is due, not before the pause is over", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			f.tell(1, 1)
			f.turn()
			until := f.clock.now().Add(time.Minute)
			_, _, err := f.store.BeginTurn(f.Context(), webhookID(1), until)
			f.ok(err)
			pause := f.clock.now().Add(10 * time.Second)
			f.setProgress(1, store.WebhookProgress{Sequence: 1, DueAt: f.clock.now(), TakenUntil: until, PausedUntil: pause})
			f.ok(f.store.EndTurn(f.Context(), webhookID(1), until))
			equal(f, f.storedWebhook(1).Progress.DueAt, pause)
			f.clock.advance(10 * time.Second)
			equal(f, f.turn(), webhookID(1))
		}},
		{"EndTurn", "rests when nothing waits, and leaves the turn to who has taken over", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			taken := f.clock.now().Add(time.Minute)
			f.setProgress(1, store.WebhookProgress{DueAt: f.clock.now(), TakenUntil: taken})
			f.ok(f.store.EndTurn(f.Context(), webhookID(1), taken.Add(-time.Second)))
			equal(f, f.storedWebhook(1).Progress.TakenUntil, taken)
			f.ok(f.store.EndTurn(f.Context(), webhookID(1), taken))
			equal(f, f.storedWebhook(1).Progress, store.WebhookProgress{})
		}},
		{"RecordTry", "writes the attempt and the progress, and forgets the attempt of a delivery that was asked for again", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1))
			f.tell(1, 1)
			due, err := f.backend.DueDeliveries(f.Context(), webhookID(1), f.clock.now(), 1)
			f.ok(err)
			d := due[0]
			d.Tried(store.DeliveryTry{At: f.clock.now(), Outcome: "status", Status: 500})
			d.NextAt = f.clock.now().Add(time.Minute)
			record := func() {
				f.ok(f.store.RecordTry(f.Context(), d, func(w *store.Webhook) { w.Progress.Failures++ }))
			}
			record()
			equal(f, f.storedDelivery(d.ID), d)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.RepeatDelivery(ctx, d) })
			again := f.storedDelivery(d.ID)
			d.Tried(store.DeliveryTry{At: f.clock.now(), Outcome: "timeout"})
			record()
			equal(f, f.storedDelivery(d.ID), again)
			equal(f, f.storedWebhook(1).Progress.Failures, 2)
		}},
		{"WakeLateWebhooks", "enqueues turns that were lost", func(f *fixture) {
			f.insertWebhooks(f.quietWebhook(1), f.quietWebhook(2))
			f.setProgress(1, store.WebhookProgress{DueAt: f.clock.now().Add(-time.Minute)})
			f.setProgress(2, store.WebhookProgress{DueAt: f.clock.now()})
			woken, err := f.store.WakeLateWebhooks(f.Context(), f.clock.now())
			f.ok(err)
			equal(f, woken, 1)
			equal(f, f.turn(), webhookID(1))
		}},
	}
}

// quietWebhook is an enabled one that nothing was told.
func (f *fixture) quietWebhook(n int) store.Webhook {
	w := f.sampleWebhook(n, "")
	w.DisabledAt, w.DisabledReason, w.Progress = time.Time{}, "", store.WebhookProgress{}
	return w
}

func (f *fixture) storedIn(ctx context.Context, tx *store.Tx, n int) store.Webhook {
	f.Helper()
	w, err := tx.Webhook(ctx, webhookID(n))
	f.ok(err)
	return w
}

// tell tells the webhook of so many events; their payload is the sequence.
func (f *fixture) tell(n, events int) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		w := f.storedIn(ctx, tx, n)
		deliveries := make([]store.Delivery, events)
		for i := range deliveries {
			deliveries[i] = f.sampleDelivery(n, int(w.Progress.Sequence)+i+1)
		}
		return tx.Tell(ctx, &w, deliveries, func(_ int, d *store.Delivery) error {
			d.Payload = fmt.Sprint(d.Sequence)
			return nil
		})
	})
}

// turn works off the turn that is due, and answers whose it was. There must
// be no other.
func (f *fixture) turn() string {
	f.Helper()
	ran := make(chan string, 10)
	f.run(map[string]store.JobHandler{store.KindWebhookDeliver: func(_ context.Context, args json.RawMessage) error {
		id, err := store.WebhookOfJob(args)
		if err == nil {
			ran <- id
		}
		return err
	}}, func() { ran <- <-ran })
	equal(f, len(ran), 1)
	return <-ran
}
