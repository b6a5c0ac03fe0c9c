package outage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"credence/management/client"
	"credence/management/event"
	"credence/store"
	"credence/test/harness"
)

// listener is a receiver of webhooks outside of all that is killed.
type listener struct {
	webhookID string
	library   *standardwebhooks.Webhook

	mu       sync.Mutex
	heard    map[string]*hearing // by event id
	problems []string            // what should not have come
	passing  int                 // so many calls are let by before
	hold     chan held           // who wants one held
	ended    chan struct{}       // closed when the test has
}

// hearing is an event as it came.
type hearing struct {
	body  string // the same each time
	taken int    // how often it was answered with 2xx
	lost  int    // how often the caller was gone before the answer
}

// held is a call that is under way.
type held struct {
	eventID string
	answer  chan struct{} // closed to have it answered; else it is held until the caller is gone
}

// listen has the control plane tell a receiver of all keys.
func (d *desk) listen() *listener {
	d.Helper()
	l := &listener{heard: map[string]*hearing{}, ended: make(chan struct{})}
	receiver := httptest.NewServer(l)
	d.Cleanup(receiver.Close)
	d.Cleanup(func() { close(l.ended) })
	l.mu.Lock() // nothing is heard before it can be verified
	defer l.mu.Unlock()
	made, err := d.api.Load().WebhookCreate(d.Context(), client.WebhookCreateInput{
		Body: client.WebhookCreate{Namespace: store.DefaultNamespace, URL: receiver.URL, Events: []string{"key.*"}, Rate: 100},
	})
	d.must(err)
	l.webhookID = made.Webhook.WebhookID
	l.library, err = standardwebhooks.NewWebhook(made.Secret.Reveal())
	d.must(err)
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller died while it wrote
	}
	id := r.Header.Get("Webhook-Id")
	wanted := l.hear(id, string(body), r.Header)
	if wanted != nil {
		call := held{eventID: id, answer: make(chan struct{})}
		wanted <- call
		select {
		case <-call.answer:
		case <-r.Context().Done():
			l.note(id, func(h *hearing) { h.lost++ })
			return
		case <-l.ended:
			return
		}
	}
	l.note(id, func(h *hearing) { h.taken++ })
	w.WriteHeader(http.StatusNoContent)
}

// hear verifies what came, and answers who wants it held.
func (l *listener) hear(id, body string, header http.Header) (wanted chan held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.library.Verify([]byte(body), header); err != nil {
		l.problems = append(l.problems, fmt.Sprintf("event %s: the official library: %v", id, err))
	}
	if of := l.heard[id]; of == nil {
		l.heard[id] = &hearing{body: body}
	} else if of.body != body {
		l.problems = append(l.problems, fmt.Sprintf("event %s came with another body: %s, then %s", id, of.body, body))
	}
	if l.passing--; l.passing >= 0 {
		return nil
	}
	wanted, l.hold = l.hold, nil
	return wanted
}

func (l *listener) note(id string, change func(*hearing)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.heard[id])
}

func (l *listener) of(id string) hearing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.heard[id]; h != nil {
		return *h
	}
	return hearing{}
}

// catch waits until a delivery is under way, some after those that were, and
// holds it.
func (d *desk) catch(l *listener) held {
	d.Helper()
	caught := make(chan held, 1)
	l.mu.Lock()
	l.passing, l.hold = 5, caught
	l.mu.Unlock()
	var call held
	d.must(harness.Until(d.Context(), recovery, "a delivery under way", func() error {
		select {
		case call = <-caught:
			return nil
		default:
			return errors.New("none has begun")
		}
	}))
	return call
}

// recovery is how long it may take until somebody is at a webhook again whose
// process was killed: its turn must be over, and another process must lead.
const recovery = 4 * time.Minute

// killInDelivery kills the process while a delivery is under way: before the
// receiver has answered, or when it has and nobody may have noted it.
func (d *desk) killInDelivery(l *listener, answered bool) {
	d.Helper()
	call := d.catch(l)
	if answered {
		close(call.answer)
	}
	d.process.Kill()
	if !answered {
		d.must(harness.Until(d.Context(), harness.Patience, "the call breaks", func() error {
			if l.of(call.eventID).lost == 0 {
				return errors.New("it stands")
			}
			return nil
		}))
	}
	d.lapse(l)
	d.start()
}

// lapse has the time pass after which the turn of a killed process is taken
// for lost: up to two minutes, which a test need not wait for. It is taken anew
// with the next event; without one, by a pass of whoever leads then.
func (d *desk) lapse(l *listener) {
	d.Helper()
	d.look(func(backend store.Backend) {
		d.must(backend.Transact(d.Context(), func(ctx context.Context, w store.Writer) error {
			hook, err := w.Webhook(ctx, l.webhookID)
			if err != nil || hook.Progress.DueAt.IsZero() {
				return err
			}
			p := &hook.Progress
			if p.DueAt = p.DueAt.Add(-time.Minute); !p.TakenUntil.IsZero() {
				p.TakenUntil = p.DueAt
			}
			return w.SetWebhookProgress(ctx, l.webhookID, hook.Progress)
		}))
	})
}

// look opens the database, which no process of ours has open on SQLite.
func (d *desk) look(at func(backend store.Backend)) {
	d.Helper()
	backend, err := d.open(d.Context())
	d.must(err)
	defer func() { d.must(backend.Close()) }()
	at(backend)
}

// allTold waits until nothing is left to be delivered.
func (d *desk) allTold(l *listener) {
	d.Helper()
	d.must(harness.Until(d.Context(), recovery, "all is delivered", func() error {
		waiting, err := d.api.Load().WebhookDeliveries(d.Context(), client.WebhookDeliveriesInput{
			WebhookID: l.webhookID, State: string(store.DeliveryPending), PageInput: client.PageInput{Limit: 1},
		})
		if err == nil && len(waiting.Items) > 0 {
			err = fmt.Errorf("%s waits", waiting.Items[0].DeliveryID)
		}
		return err
	}))
}

// toldOf looks at what is left: every change of a key that was committed has
// one event, which has arrived, signed, under one id and in one form.
func (d *desk) toldOf(l *listener) {
	d.Helper()
	d.look(func(backend store.Backend) {
		found := d.deliveries(backend, l.webhookID)
		events := map[string]int{} // by type and key
		again := 0
		for i := range found {
			heard := l.of(found[i].EventID)
			events[found[i].EventType+" "+subject(d, found[i].Payload)]++
			if found[i].State != store.DeliveryDelivered || heard.taken == 0 || heard.body != found[i].Payload {
				d.Errorf("delivery %s is %s, the receiver took it %d times", found[i].ID, found[i].State, heard.taken)
			}
			if found[i].Sequence != int64(len(found)-i) {
				d.Errorf("delivery %s has number %d, want %d", found[i].ID, found[i].Sequence, len(found)-i)
			}
			if heard.taken+heard.lost > 1 {
				again++
			}
		}
		want := d.changes(backend)
		for change, n := range want {
			if events[change] != n {
				d.Errorf("%d events of %s, want %d", events[change], change, n)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(found) != len(want) || len(l.heard) != len(found) {
			d.Errorf("%d changes were committed, %d events written down and %d heard", len(want), len(found), len(l.heard))
		}
		for _, problem := range l.problems {
			d.Error(problem)
		}
		d.Logf("%d events were told, %d of them more than once", len(found), again)
	})
}

// deliveries are what a webhook was to be told, the newest first.
func (d *desk) deliveries(backend store.Backend, id string) (all []store.Delivery) {
	d.Helper()
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		found, next, err := backend.Deliveries(d.Context(), store.DeliveryFilter{WebhookID: id}, page)
		d.must(err)
		all, page.After = append(all, found...), next
	}
	return all
}

// changes are those that the audit log says were made to keys, as events.
func (d *desk) changes(backend store.Backend) map[string]int {
	d.Helper()
	all := map[string]int{}
	for i, entries := 0, d.entries(backend); i < len(entries); i++ {
		switch entries[i].Action {
		case "key.create":
			all[string(event.KeyCreated)+" "+entries[i].KeyID]++
		case "key.rotate":
			all[string(event.KeyRotated)+" "+entries[i].KeyID]++
		}
	}
	return all
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
