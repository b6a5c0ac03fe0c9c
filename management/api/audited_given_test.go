package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/management/api"
	"credence/management/client"
	"credence/store"
)

// What there is before an operation is tried.

func aKey(w walk) (id, tag string) {
	k := w.key("some")
	return k.KeyID, k.ETag()
}

func aPlan(w walk) (name, tag string) { return "some", w.plan("some").ETag() }

func anOwner(w walk) (name, tag string) { return "some", w.owner("some").ETag() }

func aNamespace(w walk) (name, tag string) { return "some", w.namespace("some").ETag() }

func (w walk) webhook() client.Webhook {
	w.t.Helper()
	return ok[client.WebhookCreated](w)(w.WebhookCreate(w.t.Context(), client.WebhookCreateInput{
		Body: client.WebhookCreate{URL: "https://example.com/in", Events: []string{"key.*"}},
	})).Webhook
}

// aFailedDelivery is one that was given up; its id stands in place of a tag.
func aFailedDelivery(w walk) (webhook, delivery string) {
	made := w.webhook()
	d := ok[client.Delivery](w)(w.WebhookTest(w.t.Context(), client.WebhookInput{WebhookID: made.WebhookID}))
	stored, err := w.store.Delivery(w.t.Context(), d.DeliveryID)
	must(w.t, err)
	stored.Tried(store.DeliveryTry{At: stored.CreatedAt, Outcome: "status", Status: 500})
	stored.State, stored.NextAt, stored.EndedAt = store.DeliveryFailed, time.Time{}, stored.CreatedAt
	must(w.t, w.store.RecordTry(w.t.Context(), stored, func(*store.Webhook) {}))
	return made.WebhookID, d.DeliveryID
}

func aToken(w walk) (id, tag string) { return w.token("some").TokenID, "" }

func (w walk) anomalyPolicy() client.AnomalyPolicy {
	return ok[client.AnomalyPolicy](w)(w.AnomalyPolicyShow(w.t.Context(), client.AnomalyPolicyShowInput{}))
}

func anAnomalyPolicy(w walk) (id, tag string) { return "", w.anomalyPolicy().ETag() }

// setAnomalyPolicy has addresses blacklisted that guess keys.
func (w walk) setAnomalyPolicy(tag string) error {
	_, err := w.AnomalyPolicySet(w.t.Context(), client.AnomalyPolicySetInput{IfMatch: tag, Body: client.AnomalyPolicyBody{
		Actions: []client.AnomalyRule{{Type: "brute_force", Severity: "medium", Action: "blacklist", For: "1h"}},
	}})
	return err
}

// anAct is a finding about which something was done.
func anAct(w walk) (id, tag string) {
	must(w.t, w.setAnomalyPolicy(w.anomalyPolicy().ETag()))
	at := newClock().now()
	found, _, err := w.service.AnomalySee(w.t.Context(), store.Anomaly{
		Type: "brute_force", Severity: store.SeverityHigh, Subject: "address:192.0.2.7", FirstAt: at, LastAt: at,
	})
	must(w.t, err)
	return found.ID, ""
}

// anAnomaly is found by a job, not made by an operation.
func anAnomaly(w walk) (id, tag string) {
	at := newClock().now()
	found, _, err := w.service.AnomalySee(w.t.Context(), store.Anomaly{
		Type: "use_after_end", Severity: "high", State: "open", Namespace: "default", Subject: "address:192.0.2.1",
		Evidence: store.Evidence{Observed: 1, Window: time.Minute, Message: "one"}, FirstAt: at, LastAt: at, CreatedAt: at,
	})
	must(w.t, err)
	return found.ID, ""
}

func aRoute(w walk) (name, tag string) { return "some", w.route("some").ETag() }

// TestEveryOperationThatChangesSomethingLeavesOneEntryOfItsAction. A new
// operation needs its row above.
func TestEveryOperationThatChangesSomethingLeavesOneEntryOfItsAction(t *testing.T) {
	rows := 0
	for _, op := range api.Operations() {
		row, known := audited[op.ID]
		if known {
			rows++
		}
		if reads := op.Method == http.MethodGet; reads == known {
			t.Errorf("%s: is a read: %v, has a row: %v", op.ID, reads, known)
		}
		if !known {
			continue
		}
		t.Run(op.ID, func(t *testing.T) {
			d := deploy(t)
			w := walk{d.client(t, d.admin), t, d.store, d.service}
			id, tag := "", ""
			if row.ready != nil {
				id, tag = row.ready(w)
			}
			before := len(d.acted(t, row.action))
			must(t, row.call(w, id, tag))
			if made := len(d.acted(t, row.action)) - before; made != 1 {
				t.Errorf("%d entries of %s", made, row.action)
			}
			e := d.acted(t, row.action)[0]
			if !strings.HasPrefix(e.Actor, "token:tok_") || e.IPAddress != "127.0.0.1" || e.RequestID == "" || e.Object == "" {
				t.Errorf("it does not say who did what from where: %+v", e)
			}
		})
	}
	if rows != len(audited) {
		t.Errorf("%d rows are of no operation", len(audited)-rows)
	}
}
