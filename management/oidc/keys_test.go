package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"credence/management/outgoing"
)

// TestTheBackgroundAsksLessOftenWhileAnIssuerIsAway and keeps to its rhythm
// when it is there.
func TestTheBackgroundAsksLessOftenWhileAnIssuerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var away atomic.Bool
		away.Store(true)
		var asked []time.Duration
		k := &keys{now: time.Now, fetch: func(context.Context) ([]jose.JSONWebKey, error) {
			asked = append(asked, time.Since(start))
			if away.Load() {
				return nil, errors.New("away")
			}
			return []jose.JSONWebKey{{KeyID: "1"}}, nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.run(ctx, func(error) {}) }()
		<-time.After(20 * time.Minute) // of the bubble
		away.Store(false)
		<-time.After(40 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		var seconds []int
		for _, at := range asked {
			seconds = append(seconds, int(at/time.Second))
		}
		if want := []int{0, 10, 30, 70, 150, 310, 610, 910, 1210, 2110, 3010}; !slices.Equal(seconds, want) {
			t.Errorf("asked at %v, want %v", seconds, want)
		}
	})
}

// TestWhoGivesUpDoesNotTakeTheAnswerFromOthers: the question is everybody's.
func TestWhoGivesUpDoesNotTakeTheAnswerFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		k := &keys{now: time.Now, fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) {
			<-answer
			return []jose.JSONWebKey{{KeyID: "1"}}, ctx.Err()
		}}
		impatient, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { _, err := k.find(impatient, "1", false); left <- err }()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
		stayed := make(chan error)
		go func() { _, err := k.find(t.Context(), "1", false); stayed <- err }()
		synctest.Wait()
		close(answer)
		if err := <-stayed; err != nil {
			t.Errorf("who stayed: %v", err)
		}
	})
}

// TestOnlyKeysThatVerifySignaturesAreTaken from a key set, and the others do
// not spoil it.
func TestOnlyKeysThatVerifySignaturesAreTaken(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]any{"keys": []any{
		jose.JSONWebKey{Key: &curve.PublicKey, KeyID: "good", Use: "sig"},
		jose.JSONWebKey{Key: &curve.PublicKey, KeyID: "any"},
		jose.JSONWebKey{Key: &curve.PublicKey, KeyID: "encrypts", Use: "enc"},
		jose.JSONWebKey{Key: curve, KeyID: "private"},
		jose.JSONWebKey{Key: []byte("secret"), KeyID: "symmetric"},
		jose.JSONWebKey{Key: &small.PublicKey, KeyID: "small"},
		map[string]any{"kty": "OKP", "crv": "X448", "kid": "unknown", "x": "AA"},
		map[string]any{"kty": "EC", "crv": "P-256", "kid": "off the curve", "x": "AA", "y": "AA"},
		"a text", nil,
	}}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	found, err := parseKeys(raw)
	if err != nil || len(found) != 2 || found[0].KeyID != "good" || found[1].KeyID != "any" {
		t.Errorf("got %d keys, %v", len(found), err)
	}
	for want, body := range map[string]string{
		"Key Set":   `<html>`,
		"no key":    `{"keys":[]}`,
		"too many":  `{"keys":[` + strings.Repeat("1,", maxKeys) + `1]}`,
		"no key in": `{}`,
	} {
		if _, err := parseKeys([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v", body, err)
		}
	}
}

// TestWhatAnIssuerAnswersIsBounded, and what of it gets into the log, too.
func TestWhatAnIssuerAnswersIsBounded(t *testing.T) {
	document := func(url, keys string) string {
		return `{"issuer":"` + url + `","jwks_uri":"` + keys + `"}`
	}
	for title, c := range map[string]struct {
		answer func(url string) (status int, body string)
		want   string
	}{
		"an error with a long text":       {func(string) (int, string) { return 500, strings.Repeat("x", 10_000) }, "500"},
		"a document without end":          {func(string) (int, string) { return 200, strings.Repeat(" ", 2<<20) }, "too large"},
		"no JSON":                         {func(string) (int, string) { return 200, "<html>" }, "discovery"},
		"another issuer":                  {func(string) (int, string) { return 200, document("https://other.example", "") }, "discovery"},
		"keys without encryption":         {func(url string) (int, string) { return 200, document(url, "http://idp.example.com/keys") }, "https is needed"},
		"keys where machines keep theirs": {func(url string) (int, string) { return 200, document(url, "https://169.254.169.254/keys") }, "may not be reached"},
	} {
		t.Run(title, func(t *testing.T) {
			server := httptest.NewServer(nil)
			defer server.Close()
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				status, body := c.answer(server.URL)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})
			allow, err := outgoing.ParseAllow([]string{server.Listener.Addr().String()})
			if err != nil {
				t.Fatal(err)
			}
			client := outgoing.NewClient(outgoing.Options{Allow: allow})
			defer client.CloseIdleConnections()
			_, err = discover(client, server.URL)(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 2*maxSaid+100 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnIssuerAtAPrivateAddressNeedsTheAllowList(t *testing.T) {
	connected := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { connected = true }))
	defer server.Close()
	client := outgoing.NewClient(outgoing.Options{})
	defer client.CloseIdleConnections()
	if _, err := discover(client, server.URL)(t.Context()); !errors.Is(err, outgoing.ErrRefused) || connected {
		t.Errorf("connected %v, %v", connected, err)
	}
}

func TestAnOptionThatIsMissingIsNamed(t *testing.T) {
	whole := Options{
		Next: adminTokens{}, HTTP: http.DefaultClient, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
	for name, change := range map[string]func(*Options){
		"Next": func(o *Options) { o.Next = nil }, "HTTP": func(o *Options) { o.HTTP = nil }, "Now": func(o *Options) { o.Now = nil },
		"Logger": func(o *Options) { o.Logger = nil }, "Registerer": func(o *Options) { o.Registerer = nil }, "issuers": func(*Options) {},
	} {
		o := whole
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
