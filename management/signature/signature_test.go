package signature_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"credence/management/signature"
)

func secret(t *testing.T) signature.Secret {
	t.Helper()
	s, err := signature.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func headers(id string, at time.Time, body []byte, by ...signature.Secret) http.Header {
	h := http.Header{}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(signature.HeaderSignature, signature.Sign(id, at, body, by...))
	return h
}

// TestTheOfficialLibraryVerifiesWhatWeSign, also by either of two secrets.
func TestTheOfficialLibraryVerifiesWhatWeSign(t *testing.T) {
	body, fresh, old, other := []byte(`{"type":"key.created"}`), secret(t), secret(t), secret(t)
	h := headers("evt_1", time.Now(), body, fresh, old)
	for s, want := range map[string]bool{fresh.Reveal(): true, old.Reveal(): true, other.Reveal(): false} {
		library, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := library.Verify(body, h); (err == nil) != want {
			t.Errorf("library: %v", err)
		}
		ours, err := signature.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := signature.Verify(h.Get, body, time.Now(), ours); (err == nil) != want {
			t.Errorf("ours: %v", err)
		}
	}
}

// TestWhatTheOfficialLibrarySignsIsVerified.
func TestWhatTheOfficialLibrarySignsIsVerified(t *testing.T) {
	body, s, at := []byte("{}"), secret(t), time.Now()
	library, err := standardwebhooks.NewWebhook(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := library.Sign("evt_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	h := headers("evt_1", at, body)
	h.Set(signature.HeaderSignature, signed)
	if err := signature.Verify(h.Get, body, at, s); err != nil {
		t.Error(err)
	}
}

func TestWhatIsForgedStaleOrUnsignedIsRefused(t *testing.T) {
	body, s, at := []byte(`{"a":1}`), secret(t), time.Unix(1_800_000_000, 0)
	for title, c := range map[string]struct {
		change func(h http.Header)
		body   string
		now    time.Time
		want   error
	}{
		"as it was sent":      {func(http.Header) {}, `{"a":1}`, at, nil},
		"another body":        {func(http.Header) {}, `{"a":2}`, at, signature.ErrForged},
		"another id":          {func(h http.Header) { h.Set("webhook-id", "evt_2") }, `{"a":1}`, at, signature.ErrForged},
		"another time":        {func(h http.Header) { h.Set("webhook-timestamp", "1800000001") }, `{"a":1}`, at, signature.ErrForged},
		"a version not known": {func(h http.Header) { h.Set("webhook-signature", "v2"+h.Get("webhook-signature")[2:]) }, `{"a":1}`, at, signature.ErrForged},
		"many before the one": {func(h http.Header) {
			h.Set("webhook-signature", strings.Repeat("v1,AAAA ", 20)+h.Get("webhook-signature"))
		}, `{"a":1}`, at, signature.ErrForged},
		"no id":                  {func(h http.Header) { h.Del("webhook-id") }, `{"a":1}`, at, signature.ErrUnsigned},
		"no time":                {func(h http.Header) { h.Set("webhook-timestamp", "now") }, `{"a":1}`, at, signature.ErrUnsigned},
		"no signature":           {func(h http.Header) { h.Del("webhook-signature") }, `{"a":1}`, at, signature.ErrUnsigned},
		"sent again later":       {func(http.Header) {}, `{"a":1}`, at.Add(signature.Tolerance + time.Second), signature.ErrStale},
		"from ahead of the time": {func(http.Header) {}, `{"a":1}`, at.Add(-signature.Tolerance - time.Second), signature.ErrStale},
		"just within the time":   {func(http.Header) {}, `{"a":1}`, at.Add(signature.Tolerance), nil},
	} {
		h := headers("evt_1", at, body, s)
		c.change(h)
		if err := signature.Verify(h.Get, []byte(c.body), c.now, s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", title, err)
		}
	}
	h := headers("evt_1", at, body, signature.Secret{})
	if err := signature.Verify(h.Get, body, at, signature.Secret{}); err == nil {
		t.Error("the zero secret verifies what anybody can sign")
	}
}

func TestASecretPrintsAsAPlaceholder(t *testing.T) {
	s := secret(t)
	logged := &strings.Builder{}
	slog.New(slog.NewJSONHandler(logged, nil)).Info("x", slog.Any("s", s))
	encoded, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(s.Reveal(), signature.Prefix)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %x %q", s, s, s, s, s, s), logged.String(), string(encoded)} {
		if strings.Contains(shown, text) || !strings.Contains(shown, "[redacted]") {
			t.Errorf("shown as %s", strings.ReplaceAll(shown, text, "THE SECRET"))
		}
	}
	if _, err := signature.Parse("whsec_" + text[:10]); err == nil || strings.Contains(err.Error(), text[:10]) {
		t.Errorf("a short secret: %v", err)
	}
}

func FuzzVerifyNeverAcceptsAndNeverPanics(f *testing.F) {
	f.Add("evt_1", "1800000000", "v1,AAAA v1,", []byte("{}"))
	f.Fuzz(func(t *testing.T, id, stamp, signatures string, body []byte) {
		h := map[string]string{signature.HeaderID: id, signature.HeaderTimestamp: stamp, signature.HeaderSignature: signatures}
		if signature.Verify(func(name string) string { return h[name] }, body, time.Unix(1_800_000_000, 0), secret(t)) == nil {
			t.Error("accepted under a secret that nobody knows")
		}
	})
}
