package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/event"
	"credence/management/webhook"
	"credence/store"
)

// TestAChangeIsDeliveredSignedAndNumbered: headers, body and signature are as
// Standard Webhooks says; the official library verifies them.
func TestAChangeIsDeliveredSignedAndNumbered(t *testing.T) {
	f := newFixture(t)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "thank you\x00\n") })
	w := f.hook(r.URL + "/in?a=b")
	f.happen(3)
	f.turn(w)
	got := r.all()
	if len(got) != 3 {
		t.Fatalf("%d requests, want 3", len(got))
	}
	for i, one := range got {
		if err := f.verify(one, w.Secret.Reveal()); err != nil {
			t.Errorf("the official library: %v", err)
		}
		var e event.Envelope
		must(t, json.Unmarshal([]byte(one.body), &e))
		if e.Type != event.KeyCreated || e.Version != 1 || e.Namespace != "default" || e.Sequence != int64(i+1) ||
			e.ID != one.header.Get("webhook-id") || !e.Timestamp.Equal(f.clock.Now()) || !strings.Contains(string(e.Data), `"name":"orders"`) {
			t.Errorf("envelope %+v", e)
		}
		if one.header.Get("Content-Type") != "application/json" || one.header.Get("User-Agent") != "Credence-Webhooks/test" {
			t.Errorf("header %v", one.header)
		}
	}
	for _, d := range f.deliveries(w) {
		try := d.Tries[0]
		if d.State != store.DeliveryDelivered || d.Attempts != 1 || try.Outcome != webhook.Delivered || try.Status != 200 || try.Response != "thank you" {
			t.Errorf("delivery %+v", d)
		}
	}
	if is := f.state(w).Progress; !is.DueAt.IsZero() || !is.TakenUntil.IsZero() || is.Sequence != 3 {
		t.Errorf("nothing is left to do, and it stands at %+v", is)
	}
	if len(f.paces.taken) != 3 || <-f.paces.taken != 10 {
		t.Errorf("the pace was asked %d times", len(f.paces.taken))
	}
	if text := f.log.String(); strings.Contains(text, w.Secret.Reveal()) || strings.Contains(text, "a=b") {
		t.Error("the log holds the secret or the URL")
	}
}

// TestBothSecretsSignWhileOneIsRotated, and the old one no longer after that.
func TestBothSecretsSignWhileOneIsRotated(t *testing.T) {
	f := newFixture(t)
	r := receive(t, status(204))
	old := f.hook(r.URL)
	fresh, err := f.service.WebhookRotateSecret(t.Context(), admin, management.WebhookRotateSecret{ID: old.Webhook.ID, Grace: "1m"})
	must(t, err)
	for i, oldFits := range []bool{true, false} {
		f.happen(1)
		f.turn(old)
		got := r.all()[i]
		if err := f.verify(got, fresh.Secret.Reveal()); err != nil {
			t.Errorf("new secret, %d: %v", i, err)
		}
		if err := f.verify(got, old.Secret.Reveal()); (err == nil) != oldFits {
			t.Errorf("old secret, %d: %v", i, err)
		}
		f.clock.advance(time.Minute)
	}
}

// TestWhatComesOfReceiversThatMisbehave: each is a real server.
func TestWhatComesOfReceiversThatMisbehave(t *testing.T) {
	release := make(chan struct{})
	for title, c := range map[string]struct {
		answer  http.HandlerFunc
		outcome string
		status  int
		paused  bool
		least   time.Duration // until the next try
	}{
		"an error of the receiver":  {status(500), webhook.Status, 500, true, 4 * time.Second},
		"an event it does not want": {status(422), webhook.Status, 422, false, 4 * time.Second},
		"too many at once": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, webhook.Throttled, 429, true, 10 * time.Minute},
		"asked to wait for a year": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "31536000")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, webhook.Status, 503, true, time.Hour},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
		}, webhook.Redirected, 0, true, 4 * time.Second},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}, webhook.TimedOut, 0, true, 4 * time.Second},
		"a reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, webhook.Broken, 0, true, 4 * time.Second},
		"a head without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("a", 1<<20))
		}, webhook.Broken, 0, true, 4 * time.Second},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t, func(o *webhook.Options) { o.Timeout = time.Second })
			r := receive(t, c.answer)
			w := f.hook(r.URL)
			f.happen(1)
			f.turn(w)
			d, try := f.only(w)
			now, is := f.clock.Now(), f.state(w).Progress
			if d.State != store.DeliveryPending || try.Outcome != c.outcome || try.Status != c.status {
				t.Errorf("%s, attempt %+v", d.State, try)
			}
			if wait := d.NextAt.Sub(now); wait < c.least || wait > c.least*2 {
				t.Errorf("tried again after %s", wait)
			}
			if is.Failures != 1 || !is.FailingSince.Equal(now) || is.PausedUntil.After(now) != c.paused || is.DueAt.Before(d.NextAt) {
				t.Errorf("the webhook stands at %+v", is)
			}
			if n := len(r.all()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	close(release)
}

// TestAHugeAnswerIsReadToItsBeginningAndCounts: its status has come.
func TestAHugeAnswerIsReadToItsBeginningAndCounts(t *testing.T) {
	f := newFixture(t)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat("é", 1<<15))
		for range 1 << 14 { // a gigabyte, unless we hang up
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	w := f.hook(r.URL)
	f.happen(1)
	f.turn(w)
	if d, try := f.only(w); d.State != store.DeliveryDelivered || len(try.Response) != 512 {
		t.Errorf("%s, %d bytes kept", d.State, len(try.Response))
	}
}

// TestAReceiverThatAnswersGoneIsDisabledAtOnce, with an event for the others.
func TestAReceiverThatAnswersGoneIsDisabledAtOnce(t *testing.T) {
	f := newFixture(t)
	gone, other := receive(t, status(410)), receive(t, status(200))
	w, o := f.hook(gone.URL), f.hook(other.URL)
	f.happen(2)
	f.turn(w)
	f.turn(o)
	is := f.state(w)
	if is.Enabled() || !strings.Contains(is.DisabledReason, "410") || len(gone.all()) != 1 {
		t.Errorf("enabled %v, %q, %d requests", is.Enabled(), is.DisabledReason, len(gone.all()))
	}
	last := other.all()[2]
	if !strings.Contains(last.body, `"webhook.disabled"`) || !strings.Contains(last.body, w.Webhook.ID) {
		t.Errorf("the others were told %s", last.body)
	}
	// What it was to be told waits until it is enabled again.
	if _, err := f.service.WebhookEnable(t.Context(), admin, w.Webhook.ID); err != nil {
		t.Fatal(err)
	}
	f.turn(w)
	if n := len(gone.all()); n != 2 {
		t.Errorf("%d requests after it was enabled", n)
	}
}

// TestADeliveryIsTriedOverThreeDaysAndThenGivenUp.
func TestADeliveryIsTriedOverThreeDaysAndThenGivenUp(t *testing.T) {
	f := newFixture(t)
	r := receive(t, status(400))
	w := f.hook(r.URL)
	f.happen(1)
	made := f.clock.Now()
	for range webhook.MaxAttempts {
		f.turn(w)
		d := f.deliveries(w)[0]
		if d.State != store.DeliveryPending {
			break
		}
		f.clock.advance(d.NextAt.Sub(f.clock.Now()))
	}
	d, try := f.only(w)
	took := f.clock.Now().Sub(made)
	if d.State != store.DeliveryFailed || d.Attempts != webhook.MaxAttempts || len(d.Tries) != store.MaxTries || try.Status != 400 {
		t.Errorf("%s after %d attempts", d.State, d.Attempts)
	}
	if took < 67*time.Hour || took > 84*time.Hour {
		t.Errorf("given up after %s", took)
	}
	if f.state(w).Progress.DueAt != (time.Time{}) {
		t.Error("it is due again")
	}
}

// TestAWebhookThatFailsIsCalledLessAndLess, whatever waits for it, and disabled
// after days.
func TestAWebhookThatFailsIsCalledLessAndLess(t *testing.T) {
	f := newFixture(t)
	r := receive(t, status(503))
	w := f.hook(r.URL)
	f.happen(300)
	made := f.clock.Now()
	var pauses []time.Duration
	for enabled := true; enabled; {
		f.turn(w)
		is := f.state(w)
		enabled = is.Enabled()
		pauses = append(pauses, is.Progress.DueAt.Sub(f.clock.Now()))
		if len(pauses) > 3000 {
			t.Fatal("it is never disabled")
		}
		if is.Enabled() {
			f.clock.advance(is.Progress.DueAt.Sub(f.clock.Now()))
		}
	}
	if len(r.all()) != len(pauses) {
		t.Errorf("%d calls in %d turns", len(r.all()), len(pauses))
	}
	if pauses[0] < 4*time.Second || pauses[0] > 6*time.Second || pauses[10] < 4*time.Minute || pauses[10] > 6*time.Minute {
		t.Errorf("paused for %s, later for %s", pauses[0], pauses[10])
	}
	is := f.state(w)
	if lasted := is.DisabledAt.Sub(made); lasted < webhook.DisableAfter || lasted > webhook.DisableAfter+7*time.Minute {
		t.Errorf("disabled after %s", lasted)
	}
	if !strings.Contains(is.DisabledReason, "503") || !strings.Contains(is.DisabledReason, made.Format("2006-01-02")) {
		t.Errorf("reason %q", is.DisabledReason)
	}
}

// TestAnEventThatIsRefusedHoldsUpNoOther.
func TestAnEventThatIsRefusedHoldsUpNoOther(t *testing.T) {
	f := newFixture(t)
	first := true
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		if first {
			first = false
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	w := f.hook(r.URL)
	f.happen(3)
	f.turn(w)
	var states []string
	for _, d := range f.deliveries(w) {
		states = append(states, string(d.State))
	}
	if !slices.Equal(states, []string{"pending", "delivered", "delivered"}) {
		t.Errorf("got %v", states)
	}
	if p := f.state(w).Progress; p.Failures != 0 || !p.FailingSince.IsZero() {
		t.Errorf("a webhook that takes events is failing: %+v", p)
	}
}

// TestATurnThatALostProcessTookIsTakenAnew, and what it had delivered is not
// delivered again.
func TestATurnThatALostProcessTookIsTakenAnew(t *testing.T) {
	f := newFixture(t)
	r := receive(t, status(200))
	w := f.hook(r.URL)
	f.happen(1)
	_, mine, err := f.store.BeginTurn(t.Context(), w.Webhook.ID, f.clock.Now().Add(2*time.Minute))
	if err != nil || !mine {
		t.Fatalf("%v %v", mine, err)
	}
	f.turn(w)
	if len(r.all()) != 0 {
		t.Error("two are at it at once")
	}
	f.clock.advance(2*time.Minute + time.Second)
	if woken, err := f.store.WakeLateWebhooks(t.Context(), f.clock.Now()); err != nil || woken != 1 {
		t.Errorf("%d woken, %v", woken, err)
	}
	f.turn(w)
	f.turn(w)
	if len(r.all()) != 1 {
		t.Errorf("%d requests", len(r.all()))
	}
}

// TestWhatIsReplayedKeepsItsIdAndNumber.
func TestWhatIsReplayedKeepsItsIdAndNumber(t *testing.T) {
	f := newFixture(t)
	r := receive(t, status(200))
	w := f.hook(r.URL)
	from := f.clock.Now()
	f.happen(2)
	f.turn(w)
	f.clock.advance(time.Minute)
	done, err := f.service.WebhookReplay(t.Context(), admin, management.WebhookReplay{WebhookID: w.Webhook.ID, Since: from})
	if err != nil || done.Repeated != 2 || !done.Done {
		t.Fatalf("%+v %v", done, err)
	}
	f.clock.advance(time.Second)
	f.turn(w)
	again, err := f.service.WebhookReplay(t.Context(), admin, management.WebhookReplay{WebhookID: w.Webhook.ID, Since: from, EndedBefore: done.EndedBefore})
	if err != nil || again.Repeated != 0 {
		t.Errorf("what was replayed is replayed once more: %+v %v", again, err)
	}
	_, err = f.service.WebhookRedeliver(t.Context(), admin, management.WebhookRedeliver{WebhookID: w.Webhook.ID, DeliveryID: f.deliveries(w)[0].ID})
	must(t, err)
	f.turn(w)
	got := r.all()
	if len(got) != 5 {
		t.Fatalf("%d requests", len(got))
	}
	for i, first := range []int{0, 1, 0} {
		if got[i+2].body != got[first].body || got[i+2].header.Get("webhook-id") != got[first].header.Get("webhook-id") {
			t.Errorf("delivery %d is another one", i+2)
		}
	}
}

// TestAWebhookThatIsDisabledOrDeletedInTheMiddleIsCalledNoMore.
func TestAWebhookThatIsDisabledOrDeletedInTheMiddleIsCalledNoMore(t *testing.T) {
	for title, end := range map[string]func(f *fixture, id string) error{
		"disabled": func(f *fixture, id string) error {
			_, err := f.service.WebhookDisable(f.t.Context(), admin, management.WebhookDisable{ID: id, Reason: "enough"})
			return err
		},
		"deleted": func(f *fixture, id string) error {
			return f.service.WebhookDelete(f.t.Context(), admin, management.WebhookDelete{ID: id})
		},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t)
			var id string
			var failed error
			r := receive(t, func(http.ResponseWriter, *http.Request) { failed = errors.Join(failed, end(f, id)) })
			w := f.hook(r.URL)
			id = w.Webhook.ID
			f.happen(3)
			f.turn(w)
			if n := len(r.all()); n != 1 || failed != nil {
				t.Errorf("%d requests, %v", n, failed)
			}
		})
	}
}
