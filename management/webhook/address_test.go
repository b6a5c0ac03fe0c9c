package webhook_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"credence/management"
	"credence/management/outgoing"
	"credence/management/webhook"
	"credence/store"
)

// TestWhatAURLMayNotPointTo is refused when a webhook is made.
func TestWhatAURLMayNotPointTo(t *testing.T) {
	f := newFixture(t)
	for url, want := range map[string]string{
		"":                                     "characters long",
		"hooks.example.com":                    "no URL",
		"ftp://example.com/":                   "no URL",
		"https://user:pw@example.com/":         "user or password",
		"https://example.com/#there":           "fragment",
		"https://example.com:0/":               "no port",
		"https://example.com:25/":              "port 25",
		"http://example.com/":                  "not https",
		"https://10.0.0.1/":                    "private",
		"https://[::ffff:10.0.0.1]/":           "private",
		"https://169.254.169.254/latest":       "never reached",
		"https://[64:ff9b::a9fe:a9fe]/":        "never reached",
		"https://" + strings.Repeat("a", 2100): "characters long",
		"https://example.com/" + "\n":          "no URL",
	} {
		_, err := f.service.WebhookCreate(t.Context(), admin, management.WebhookCreate{URL: url, Events: []string{"*"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw@") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
	for _, url := range []string{"https://example.com/in?secret=1", "https://example.com:8443", "http://127.0.0.1:9999/", "https://93.184.216.34/"} {
		if _, err := f.service.WebhookCreate(t.Context(), admin, management.WebhookCreate{URL: url, Events: []string{"*"}}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestANameThatResolvesElsewhereLaterGainsNothing (DNS rebinding): the address
// is judged at each connection, after the name was resolved.
func TestANameThatResolvesElsewhereLaterGainsNothing(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.SetKeepAlivesEnabled(false)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	f := newFixture(t, func(o *webhook.Options) {
		o.Outgoing = outgoing.Options{
			Allow:    outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
			Resolver: names([4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2}, [4]byte{169, 254, 169, 254}),
			TLS:      &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		}
	})
	w := f.hook("https://example.com:" + port(t, secure.URL))
	f.happen(1)
	for _, want := range []string{webhook.Delivered, webhook.Refused, webhook.Refused} {
		f.turn(w)
		d, try := f.only(w)
		if try.Outcome != want {
			t.Errorf("%+v, want %s", try, want)
		}
		if want == webhook.Refused && !strings.Contains(try.Problem, "127.0.0.2") && !strings.Contains(try.Problem, "169.254.169.254") {
			t.Errorf("problem %q", try.Problem)
		}
		_, err := f.service.WebhookRedeliver(t.Context(), admin, management.WebhookRedeliver{WebhookID: w.Webhook.ID, DeliveryID: d.ID})
		must(t, err)
	}
}

// TestAReceiverThatDoesNotProveWhoItIsIsToldNothing.
func TestAReceiverThatDoesNotProveWhoItIsIsToldNothing(t *testing.T) {
	told := false
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told = true }))
	t.Cleanup(secure.Close)
	plain := receive(t, status(200))
	for title, url := range map[string]string{
		"an unknown authority": secure.URL,
		"no TLS at all":        "https://127.0.0.1:" + port(t, plain.URL),
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t)
			w := f.hook(url)
			f.happen(1)
			f.turn(w)
			d, try := f.only(w)
			if d.State != store.DeliveryPending || try.Outcome != webhook.BadTLS || try.Problem == "" || strings.Contains(try.Problem, url) {
				t.Errorf("%s %+v", d.State, try)
			}
		})
	}
	if told {
		t.Error("it was told")
	}
}

// TestANameThatDoesNotExistAndAPortWhereNobodyListens.
func TestANameThatDoesNotExistAndAPortWhereNobodyListens(t *testing.T) {
	closed := receive(t, status(200))
	closed.Close()
	f := newFixture(t)
	w := f.hook(closed.URL)
	f.happen(1)
	f.turn(w)
	if _, try := f.only(w); try.Outcome != webhook.Broken || !strings.Contains(try.Problem, "refused") {
		t.Errorf("%+v", try)
	}
}
