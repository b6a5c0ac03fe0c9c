package management_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/event"
	"credence/store"
)

// told are the events that a webhook is to be told, the oldest first.
func (f *fixture) told(id string) []event.Envelope {
	f.t.Helper()
	found, _, err := f.store.Deliveries(f.t.Context(), store.DeliveryFilter{WebhookID: id}, store.Page{Limit: store.MaxPage})
	must(f.t, err)
	slices.Reverse(found)
	var all []event.Envelope
	for _, d := range found {
		var e event.Envelope
		must(f.t, json.Unmarshal([]byte(d.Payload), &e))
		all = append(all, e)
	}
	return all
}

func types(all []event.Envelope) string {
	var out []string
	for _, e := range all {
		out = append(out, string(e.Type))
	}
	return strings.Join(out, " ")
}

func (f *fixture) hook(namespace string, events ...string) management.WebhookCreated {
	f.t.Helper()
	made, err := f.WebhookCreate(f.t.Context(), global, management.WebhookCreate{Namespace: namespace, URL: "https://example.com/in", Events: events})
	must(f.t, err)
	return made
}

// TestEveryChangeOfAKeyAPlanAndTheBlacklistIsTold, in its own words, and
// nothing of it is a secret.
func TestEveryChangeOfAKeyAPlanAndTheBlacklistIsTold(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	w := f.hook("", "*")
	made, err := f.KeyCreate(ctx, global, management.KeyCreate{Namespace: "a", Name: "orders"})
	must(t, err)
	id := made.Key.KeyID
	_, err = f.KeyUpdate(ctx, global, management.KeyUpdate{KeyID: id, Version: made.Key.Version, Name: management.Set("bills"), Scopes: management.Set([]string{"x"})})
	must(t, err)
	for _, change := range []func() error{
		func() error {
			_, err := f.KeyDisable(ctx, global, management.KeyStatusChange{KeyID: id, Reason: "looking"})
			return err
		},
		func() error { _, err := f.KeyEnable(ctx, global, management.KeyStatusChange{KeyID: id}); return err },
		func() error { _, err := f.KeySuspend(ctx, global, management.KeyStatusChange{KeyID: id}); return err },
		func() error { _, err := f.KeyEnable(ctx, global, management.KeyStatusChange{KeyID: id}); return err },
		func() error {
			_, err := f.KeyRotate(ctx, global, management.KeyRotate{KeyID: id, Grace: "1h"})
			return err
		},
		func() error { _, err := f.KeyRevoke(ctx, global, management.KeyStatusChange{KeyID: id}); return err },
		func() error { _, err := f.KeyPurge(ctx, global, management.KeyPurge{KeyID: id}); return err },
		func() error {
			_, err := f.PlanCreate(ctx, global, management.PlanCreate{Namespace: "a", Name: "basic", Limits: []management.LimitInput{{Name: "m", Limit: 100, Period: "1m"}}})
			return err
		},
		func() error {
			_, err := f.PlanUpdate(ctx, global, management.PlanUpdate{Namespace: "a", Name: "basic", Version: 1, Description: management.Set("x")})
			return err
		},
		func() error {
			_, err := f.PlanDelete(ctx, global, management.PlanDelete{Namespace: "a", Name: "basic"})
			return err
		},
		func() error {
			r, err := f.BlacklistAdd(ctx, global, management.BlacklistAdd{Network: "203.0.113.0/24", Reason: "scan"})
			if err == nil {
				_, err = f.BlacklistRemove(ctx, global, r.Rule.ID)
			}
			return err
		},
	} {
		must(t, change())
	}
	all := f.told(w.Webhook.ID)
	want := "key.created key.updated key.disabled key.enabled key.suspended key.enabled key.created key.rotated key.revoked key.purged " +
		strings.Repeat("plan.changed ", 3) + strings.TrimSpace(strings.Repeat("blacklist.changed ", 2))
	if got := types(all); got != want {
		t.Errorf("told\n%s, want\n%s", got, want)
	}
	for i, e := range all {
		data := string(e.Data)
		if e.Sequence != int64(i+1) || !strings.Contains(data, `"actor":"`+global.ID+`"`) {
			t.Errorf("%+v %s", e, data)
		}
		if strings.Contains(data, made.Text.Reveal()) || strings.Contains(strings.ToLower(data), "hash") {
			t.Errorf("event %s holds what it should not", e.Type)
		}
	}
	if data := string(all[1].Data); !strings.Contains(data, `"changed":["name","scopes"]`) {
		t.Errorf("updated: %s", data)
	}
	if all[0].Namespace != "a" || all[13].Namespace != "" || !strings.Contains(string(all[13].Data), `"action":"added"`) || !strings.Contains(string(all[14].Data), `"action":"removed"`) {
		t.Errorf("blacklist: %s %s", all[13].Data, all[14].Data)
	}
}

// TestAWebhookIsToldOfItsNamespaceAndItsTypesOnly.
func TestAWebhookIsToldOfItsNamespaceAndItsTypesOnly(t *testing.T) {
	f := newFixture(t)
	a, b, plans, all := f.hook("a", "*"), f.hook("b", "key.*"), f.hook("a", "plan.changed"), f.hook("", "key.created")
	for _, namespace := range []string{"a", "b"} {
		_, err := f.KeyCreate(t.Context(), global, management.KeyCreate{Namespace: namespace, Name: "orders"})
		must(t, err)
	}
	_, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: "203.0.113.0/24", Reason: "scan"})
	must(t, err)
	for _, c := range []struct {
		of   management.WebhookCreated
		want string
	}{{a, "key.created"}, {b, "key.created"}, {plans, ""}, {all, "key.created " + "key.created"}} {
		if got := types(f.told(c.of.Webhook.ID)); got != c.want {
			t.Errorf("webhook of %q for %v was told %q, want %q", c.of.Webhook.Namespace, c.of.Webhook.Events, got, c.want)
		}
	}
}

// TestNothingIsToldOfAChangeThatDidNotHappen.
func TestNothingIsToldOfAChangeThatDidNotHappen(t *testing.T) {
	f := newFixture(t)
	w := f.hook("", "*")
	if _, err := f.KeyCreate(t.Context(), global, management.KeyCreate{Namespace: "a", Name: "x", Plan: "nowhere"}); err == nil {
		t.Fatal("made")
	}
	if got := f.told(w.Webhook.ID); len(got) != 0 {
		t.Errorf("told %s", types(got))
	}
}

// TestAWebhookIsSeenAndChangedInItsNamespaceOnly.
func TestAWebhookIsSeenAndChangedInItsNamespaceOnly(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	ofA := management.Actor{ID: "token:tok_a", Role: store.RoleAdmin, Namespaces: []string{"a"}}
	hidden := []management.WebhookCreated{f.hook("b", "*"), f.hook("", "*")}
	own := f.hook("a", "*")
	for _, w := range hidden {
		id := w.Webhook.ID
		for title, try := range map[string]func() error{
			"read": func() error { _, err := f.WebhookRead(ctx, ofA, id); return err },
			"update": func() error {
				_, err := f.WebhookUpdate(ctx, ofA, management.WebhookUpdate{ID: id, Version: 1, Rate: management.Set(1)})
				return err
			},
			"delete": func() error { return f.WebhookDelete(ctx, ofA, management.WebhookDelete{ID: id}) },
			"enable": func() error { _, err := f.WebhookEnable(ctx, ofA, id); return err },
			"disable": func() error {
				_, err := f.WebhookDisable(ctx, ofA, management.WebhookDisable{ID: id, Reason: "x"})
				return err
			},
			"rotate": func() error {
				_, err := f.WebhookRotateSecret(ctx, ofA, management.WebhookRotateSecret{ID: id})
				return err
			},
			"test": func() error { _, err := f.WebhookTry(ctx, ofA, id); return err },
			"deliveries": func() error {
				_, err := f.WebhookDeliveries(ctx, ofA, management.WebhookDeliveries{WebhookID: id})
				return err
			},
			"replay": func() error {
				_, err := f.WebhookReplay(ctx, ofA, management.WebhookReplay{WebhookID: id, Since: start})
				return err
			},
		} {
			if err := try(); !is(err, management.CodeNotFound) {
				t.Errorf("%s of a webhook of %q: %v", title, w.Webhook.Namespace, err)
			}
		}
	}
	listed, err := f.WebhookList(ctx, ofA, management.WebhookList{})
	if err != nil || len(listed.Items) != 1 || listed.Items[0].ID != own.Webhook.ID {
		t.Errorf("listed %d, %v", len(listed.Items), err)
	}
	if _, err := f.WebhookCreate(ctx, ofA, management.WebhookCreate{URL: "https://example.com/", Events: []string{"*"}}); !is(err, management.CodeForbidden) {
		t.Errorf("one for every namespace: %v", err)
	}
	if err := f.namespaceDelete("a"); !is(err, management.CodeInUse) {
		t.Errorf("its namespace was deleted: %v", err)
	}
}

func (f *fixture) namespaceDelete(name string) error {
	_, err := f.NamespaceDelete(f.t.Context(), global, management.NamespaceDelete{Name: name})
	return err
}

func is(err error, code management.Code) bool {
	refused, ok := err.(*management.Error) //nolint:errorlint // what a use-case answers
	return ok && refused.Code == code
}

// TestTheSecretIsStoredSealedAndShownOnce.
func TestTheSecretIsStoredSealedAndShownOnce(t *testing.T) {
	f := newFixture(t)
	in := management.WebhookCreate{URL: "https://example.com/", Events: []string{"*"}, Idempotency: management.Idempotency{Key: "k"}}
	first, err := f.WebhookCreate(t.Context(), global, in)
	must(t, err)
	again, err := f.WebhookCreate(t.Context(), global, in)
	must(t, err)
	if !again.Replayed || again.Webhook.ID != first.Webhook.ID || again.Secret.Reveal() == first.Secret.Reveal() {
		t.Error("a repeated request makes another webhook, or shows the secret again")
	}
	text := first.Secret.Reveal()
	if content := string(f.closed()); strings.Contains(content, text) || strings.Contains(content, strings.TrimPrefix(text, "whsec_")) {
		t.Error("the database holds the secret")
	}
	if strings.Contains(f.log.String(), text) {
		t.Error("the log holds the secret")
	}
}

// TestAWebhookThatIsDisabledKeepsWhatItWouldBeTold, and refuses tests.
func TestAWebhookThatIsDisabledKeepsWhatItWouldBeTold(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	w := f.hook("a", "key.*")
	_, err := f.WebhookDisable(ctx, global, management.WebhookDisable{ID: w.Webhook.ID, Reason: "maintenance"})
	must(t, err)
	if _, err := f.WebhookTry(ctx, global, w.Webhook.ID); !is(err, management.CodeConflict) || !strings.Contains(err.Error(), "maintenance") {
		t.Errorf("test: %v", err)
	}
	_, err = f.KeyCreate(ctx, global, management.KeyCreate{Namespace: "a", Name: "orders"})
	must(t, err)
	enabled, err := f.WebhookEnable(ctx, global, w.Webhook.ID)
	if err != nil || !enabled.Changed || types(f.told(w.Webhook.ID)) != "key.created" {
		t.Errorf("%v, told %s", err, types(f.told(w.Webhook.ID)))
	}
	if due := enabled.Webhook.Progress.DueAt; !due.Equal(start) {
		t.Errorf("due %s", due)
	}
}

func TestBadInputOfWebhooksIsNamed(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	_, err := f.WebhookCreate(ctx, global, management.WebhookCreate{URL: "x", Events: []string{"key.lost", "key.*", "key.*"}, Rate: 1000, Namespace: "nobody"})
	for _, field := range []string{"url", "events[0]", "events[2]", "rate", "namespace"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	w := f.hook("", "*")
	_, err = f.WebhookReplay(ctx, global, management.WebhookReplay{WebhookID: w.Webhook.ID, State: "pending"})
	if err == nil || !strings.Contains(err.Error(), "since") || !strings.Contains(err.Error(), "state") {
		t.Errorf("replay: %v", err)
	}
	_, err = f.WebhookReplay(ctx, global, management.WebhookReplay{WebhookID: w.Webhook.ID, Since: start, Until: start.Add(-time.Hour), EventType: "key.*"})
	if err == nil || !strings.Contains(err.Error(), "until") || !strings.Contains(err.Error(), "event") {
		t.Errorf("replay: %v", err)
	}
	for range 19 {
		f.hook("", "*")
	}
	if _, err := f.WebhookCreate(ctx, global, management.WebhookCreate{URL: "https://example.com/", Events: []string{"*"}}); !is(err, management.CodeConflict) {
		t.Errorf("the 21st: %v", err)
	}
}
