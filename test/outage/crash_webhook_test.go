package outage

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"

	"credence/management/client"
	"credence/management/event"
	"credence/store"
)

// listener is a receiver of webhooks outside of all that is killed.
type listener struct {
	webhookID string

	mu    sync.Mutex
	heard map[string]int // by event id
}

// listen has the control plane tell a receiver of all keys.
func (d *desk) listen() *listener {
	d.Helper()
	l := &listener{heard: map[string]int{}}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard[r.Header.Get("Webhook-Id")]++
	}))
	d.Cleanup(receiver.Close)
	made, err := d.api.Load().WebhookCreate(d.Context(), client.WebhookCreateInput{
		Body: client.WebhookCreate{Namespace: store.DefaultNamespace, URL: receiver.URL, Events: []string{"key.*"}, Rate: 100},
	})
	d.must(err)
	l.webhookID = made.Webhook.WebhookID
	return l
}

// toldOf looks at what is left: every key that was made has one delivery, which
// has arrived, or waits for whoever starts next.
func (d *desk) toldOf(l *listener) {
	d.Helper()
	backend, err := d.open(d.Context())
	d.must(err)
	defer func() { d.must(backend.Close()) }()

	events := map[string]int{}
	delivered, pending := 0, 0
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		found, next, err := backend.Deliveries(d.Context(), store.DeliveryFilter{WebhookID: l.webhookID, EventType: string(event.KeyCreated)}, page)
		d.must(err)
		for i := range found {
			events[subject(d, found[i].Payload)]++
			switch {
			case found[i].State == store.DeliveryPending:
				pending++
			case found[i].State == store.DeliveryDelivered && l.has(found[i].EventID):
				delivered++
			default:
				d.Errorf("delivery %s is %s, and was heard: %t", found[i].ID, found[i].State, l.has(found[i].EventID))
			}
		}
		page.After = next
	}
	keys, _, err := backend.Keys(d.Context(), store.KeyFilter{}, store.Page{Limit: store.MaxPage})
	d.must(err)
	for i := range keys {
		if n := events[keys[i].KeyID]; n != 1 && (keys[i].Predecessor == "" || n != 0) {
			d.Errorf("%d deliveries of the making of %s", n, keys[i].KeyID)
		}
	}
	d.Logf("of %d keys %d were told and %d are to be told", len(events), delivered, pending)
}

func (l *listener) count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.heard))
}

func (l *listener) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard[id] > 0
}

// subject is the key that an event is about.
func subject(d *desk, payload string) string {
	d.Helper()
	var e struct {
		Data struct {
			Key struct {
				KeyID string `json:"key_id"`
			} `json:"key"`
		} `json:"data"`
	}
	d.must(json.Unmarshal([]byte(payload), &e))
	return e.Data.Key.KeyID
}
