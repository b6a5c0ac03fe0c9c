package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"credence/store"
)

func deliveryPromises() []promise {
	return []promise{
		{"Delivery", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.Delivery(f.Context(), "dlv_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"Deliveries", "answers only deliveries that meet every condition of the filter", deliveriesFiltered},
		{"Deliveries", "answers pages ordered by sequence, the newest first", func(f *fixture) {
			for _, n := range []int{2, 11, 1, 10, 3} {
				f.insertDeliveries(f.sampleDelivery(1, n))
			}
			got := walk(f, 2, func(page store.Page) ([]store.Delivery, store.Cursor, error) {
				return f.backend.Deliveries(f.Context(), store.DeliveryFilter{WebhookID: webhookID(1)}, page)
			})
			inOrder(f, names(got, sequenceOf), "11", "10", "3", "2", "1")
		}},
		{"DueDeliveries", "answers pending ones of the webhook that are due, by instant and sequence", func(f *fixture) {
			now := f.clock.now()
			for n, next := range []time.Time{now, now.Add(-time.Second), now, now.Add(time.Microsecond)} {
				d := f.sampleDelivery(1, n+1)
				d.NextAt = next
				f.insertDeliveries(d)
			}
			ended, others := f.sampleDelivery(1, 9), f.sampleDelivery(2, 1)
			ended.State, ended.NextAt, ended.EndedAt = store.DeliveryFailed, time.Time{}, now
			others.NextAt = now
			f.insertDeliveries(ended, others)
			for limit, want := range map[int][]string{10: {"2", "1", "3"}, 2: {"2", "1"}} {
				due, err := f.backend.DueDeliveries(f.Context(), webhookID(1), now, limit)
				f.ok(err)
				inOrder(f, names(due, sequenceOf), want...)
			}
		}},
		{"InsertDeliveries", "stores every field", func(f *fixture) {
			pending, ended := f.sampleDelivery(1, 1), f.sampleDelivery(1, 2)
			ended.State, ended.NextAt, ended.EndedAt = store.DeliveryDelivered, time.Time{}, f.clock.now()
			ended.Tries, ended.Attempts = nil, 0
			noZeroField(f, pending, "EndedAt")
			f.insertDeliveries(pending, ended)
			equal(f, f.storedDelivery(pending.ID), pending)
			equal(f, f.storedDelivery(ended.ID), ended)
		}},
		{"InsertDeliveries", "inserts all or none, and answers ErrConflict when an id or a sequence is taken", func(f *fixture) {
			f.insertDeliveries(f.sampleDelivery(1, 1))
			sameID, sameSequence := f.sampleDelivery(1, 2), f.sampleDelivery(1, 1)
			sameID.ID, sameSequence.ID = f.sampleDelivery(1, 1).ID, "dlv_other"
			for _, d := range []store.Delivery{sameID, sameSequence} {
				f.refused(f.tryInsertDeliveries(f.sampleDelivery(1, 3), d), store.ErrConflict)
			}
			_, err := f.backend.Delivery(f.Context(), f.sampleDelivery(1, 3).ID)
			f.refused(err, store.ErrNotFound)
			f.insertDeliveries(f.sampleDelivery(2, 1)) // a sequence is the webhook's own
		}},
		{"UpdateDelivery", "sets state, attempts, instants and tries and leaves the rest", func(f *fixture) {
			want := f.sampleDelivery(1, 1)
			f.insertDeliveries(want)
			want.State, want.Attempts, want.NextAt, want.EndedAt = store.DeliveryDelivered, 7, time.Time{}, f.clock.now()
			want.Tries = append(want.Tries, store.DeliveryTry{At: f.clock.now(), Latency: time.Millisecond, Outcome: "delivered", Status: 204})
			other := want
			other.EventType, other.EventID, other.Payload, other.CreatedAt = "plan.changed", "evt_other", "{}", f.clock.now()
			f.updateDelivery(other)
			equal(f, f.storedDelivery(want.ID), want)
		}},
		{"UpdateDelivery", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.UpdateDelivery(ctx, f.sampleDelivery(1, 1))
			}), store.ErrNotFound)
		}},
		{"RepeatDeliveries", "makes ended ones that meet the filter pending again, the oldest first", deliveriesRepeated},
		{"RemoveDeliveries", "deletes a batch of those made before the instant, the oldest first, and answers how many", func(f *fixture) {
			var all []store.Delivery
			for n := range store.RemoveBatch + 2 {
				d := f.sampleDelivery(1, n+1)
				d.CreatedAt = f.clock.now().Add(time.Duration(n) * time.Second)
				all = append(all, d)
			}
			f.insertDeliveries(all...)
			before := all[store.RemoveBatch+1].CreatedAt
			for _, want := range []int{store.RemoveBatch, 1, 0} {
				n, err := f.store.RemoveDeliveries(f.Context(), before)
				f.ok(err)
				equal(f, n, want)
			}
			equal(f, f.storedDelivery(all[store.RemoveBatch+1].ID), all[store.RemoveBatch+1])
		}},
	}
}

func deliveriesFiltered(f *fixture) {
	now := f.clock.now()
	for n, c := range []struct {
		kind  string
		state store.DeliveryState
		at    time.Duration
	}{{"key.created", store.DeliveryPending, 0}, {"key.revoked", store.DeliveryFailed, time.Second}, {"key.created", store.DeliveryDelivered, 2 * time.Second}} {
		d := f.sampleDelivery(1, n+1)
		d.EventType, d.State, d.CreatedAt = c.kind, c.state, now.Add(c.at)
		if c.state != store.DeliveryPending {
			d.NextAt, d.EndedAt = time.Time{}, now.Add(c.at)
		}
		f.insertDeliveries(d)
	}
	f.insertDeliveries(f.sampleDelivery(2, 1))
	for _, c := range []struct {
		filter store.DeliveryFilter
		want   []string
	}{
		{store.DeliveryFilter{}, []string{"3", "2", "1"}},
		{store.DeliveryFilter{EventType: "key.created"}, []string{"3", "1"}},
		{store.DeliveryFilter{States: []store.DeliveryState{store.DeliveryFailed}}, []string{"2"}},
		{store.DeliveryFilter{States: []store.DeliveryState{store.DeliveryFailed, store.DeliveryDelivered}}, []string{"3", "2"}},
		{store.DeliveryFilter{Since: now.Add(time.Second)}, []string{"3", "2"}},
		{store.DeliveryFilter{Until: now.Add(2 * time.Second)}, []string{"2", "1"}},
		{store.DeliveryFilter{EndedBefore: now.Add(2 * time.Second)}, []string{"2"}},
		{store.DeliveryFilter{EventType: "key.created", Since: now.Add(time.Second), States: []store.DeliveryState{store.DeliveryDelivered}}, []string{"3"}},
	} {
		c.filter.WebhookID = webhookID(1)
		got, _, err := f.backend.Deliveries(f.Context(), c.filter, store.Page{})
		f.ok(err)
		inOrder(f, names(got, sequenceOf), c.want...)
	}
}

func deliveriesRepeated(f *fixture) {
	for n := 1; n <= 5; n++ {
		d := f.sampleDelivery(1, n)
		if n != 3 {
			d.State, d.NextAt, d.EndedAt = store.DeliveryFailed, time.Time{}, f.clock.now()
		}
		if n == 4 {
			d.EventType = "plan.changed"
		}
		f.insertDeliveries(d)
	}
	for _, want := range []int{2, 1, 0} {
		f.do(func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.RepeatDeliveries(ctx, store.DeliveryFilter{WebhookID: webhookID(1), EventType: "key.created"}, 2)
			if err == nil && n != want {
				f.Errorf("%d repeated, want %d", n, want)
			}
			return err
		})
	}
	for n := 1; n <= 5; n++ {
		want := f.sampleDelivery(1, n)
		switch n {
		case 3:
		case 4:
			want.EventType, want.State, want.NextAt, want.EndedAt = "plan.changed", store.DeliveryFailed, time.Time{}, f.clock.now()
		default:
			want.Attempts, want.NextAt = 0, f.clock.now()
		}
		equal(f, f.storedDelivery(want.ID), want)
	}
}

func sequenceOf(d store.Delivery) string { return fmt.Sprint(d.Sequence) }

// sampleDelivery is pending.
func (f *fixture) sampleDelivery(webhook, sequence int) store.Delivery {
	now := f.clock.now()
	return store.Delivery{
		ID: fmt.Sprintf("%s%d_%d", store.DeliveryIDPrefix, webhook, sequence), WebhookID: webhookID(webhook),
		EventID: fmt.Sprintf("evt_%d", sequence), EventType: "key.created", Sequence: int64(sequence),
		Payload: `{"b": 1, "a": 2.50}`, State: store.DeliveryPending, Attempts: 1, NextAt: now, CreatedAt: now.Add(-time.Second),
		Tries: []store.DeliveryTry{{At: now, Latency: 1500 * time.Microsecond, Outcome: "status", Status: 500, Problem: "bad", Response: `<"é">`}},
	}
}

func (f *fixture) tryInsertDeliveries(all ...store.Delivery) error {
	return f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		for batch := range slices.Chunk(all, store.RemoveBatch) {
			if err := w.InsertDeliveries(ctx, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) insertDeliveries(all ...store.Delivery) {
	f.Helper()
	f.ok(f.tryInsertDeliveries(all...))
}

func (f *fixture) updateDelivery(d store.Delivery) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.UpdateDelivery(ctx, d) }))
}

func (f *fixture) storedDelivery(id string) store.Delivery {
	f.Helper()
	d, err := f.backend.Delivery(f.Context(), id)
	f.ok(err)
	return d
}
