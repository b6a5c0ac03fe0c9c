package kms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"
	"go.uber.org/goleak"

	"credence/test/fakekms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plain is what must never be seen in an error.
const plain = "hunter2hunter2"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError demands an error that says all parts and not what was encrypted.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), plain) || strings.Contains(err.Error(), "aHVudGVyMmh1bnRlcjI") {
		t.Errorf("the error shows what was to be kept: %v", err)
	}
}

func find(t *testing.T, uri string) tink.AEADWithContext {
	t.Helper()
	key, err := Find(t.Context(), uri)
	must(t, err)
	return key
}

// fake is a service of the tests, whichever it is.
type fake interface {
	URI(name string) string
	Instead(answer fakekms.Instead)
	Asked() int64
}

// services start each service, with the keys "one" and "two".
var services = map[string]func(t *testing.T) fake{
	"vault": func(t *testing.T) fake {
		t.Helper()
		service := fakekms.NewVault(t, "one", "two")
		t.Setenv("VAULT_ADDR", service.URL)
		t.Setenv("VAULT_TOKEN", fakekms.VaultToken)
		t.Setenv("VAULT_MAX_RETRIES", "0")
		return service
	},
	"aws": func(t *testing.T) fake {
		t.Helper()
		service := fakekms.NewAWS(t, "one", "two")
		service.Setenv(t)
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		return service
	},
}

func TestAKeyOpensWhatItHasEncryptedAndNothingElse(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			one, two := find(t, service.URI("one")), find(t, service.URI("two"))
			text, err := one.EncryptWithContext(t.Context(), []byte(plain), nil)
			must(t, err)
			if bytes.Contains(text, []byte(plain)) {
				t.Error("it is not encrypted")
			}
			if back, err := one.DecryptWithContext(t.Context(), text, nil); err != nil || string(back) != plain {
				t.Errorf("decrypted to %q, %v", back, err)
			}
			_, err = two.DecryptWithContext(t.Context(), text, nil)
			wantError(t, err, service.URI("two"), "decrypt: this key did not encrypt it", "put back the file")
			text[len(text)-8] ^= 1
			_, err = one.DecryptWithContext(t.Context(), text, nil)
			wantError(t, err, "the file was changed")
			_, err = one.EncryptWithContext(t.Context(), []byte(plain), []byte("associated"))
			if !errors.Is(err, errAssociated) {
				t.Errorf("associated data: %v", err)
			}
		})
	}
}

func TestAKeyThatIsNotThereIsNamed(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			text, err := find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
			must(t, err)
			_, err = find(t, service.URI("three")).DecryptWithContext(t.Context(), text, nil)
			wantError(t, err, service.URI("three"), "there is no")
		})
	}
}

// answers is what a service may say instead, and what is told of it.
var answers = map[string]struct {
	instead fakekms.Instead
	want    string
}{
	"nothing":   {status(http.StatusOK, ""), "the answer is none of such a service"},
	"no object": {status(http.StatusOK, "{}"), "the answer is none of such a service"},
	"a page":    {status(http.StatusOK, "<html>sign in</html>"), "the answer is none of such a service"},
	"too much":  {status(http.StatusOK, `{"x":"`+strings.Repeat("a", maxAnswer)+`"}`), "the answer is none of such a service"},
}

func status(code int, body string) fakekms.Instead {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		fmt.Fprint(w, body)
		return true
	}
}

func TestAnAnswerThatIsNoneIsRefused(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			key := find(t, service.URI("one"))
			for name, c := range answers {
				service.Instead(c.instead)
				out, err := key.EncryptWithContext(t.Context(), []byte(plain), nil)
				if wantError(t, err, service.URI("one"), "encrypt: ", c.want); out != nil {
					t.Errorf("%s: it answers %q", name, out)
				}
				_, err = key.DecryptWithContext(t.Context(), []byte("vault:v1:x"), nil)
				wantError(t, err, "decrypt: ", c.want)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			var followed atomic.Bool
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
			defer elsewhere.Close()
			for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
				service.Instead(func(w http.ResponseWriter, r *http.Request) bool {
					http.Redirect(w, r, elsewhere.URL, code)
					return true
				})
				_, err := find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
				wantError(t, err, service.URI("one"))
				if followed.Load() {
					t.Fatalf("%d was followed", code)
				}
			}
		})
	}
}

func TestAServiceThatDoesNotAnswerIsWaitedForSoLongOnly(t *testing.T) {
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			hang := func(_ http.ResponseWriter, r *http.Request) bool {
				<-r.Context().Done() // until whoever asks has gone
				return true
			}
			key, err := finder{timeout: 20 * time.Millisecond}.find(t.Context(), service.URI("one"))
			must(t, err)
			service.Instead(hang)
			_, err = key.EncryptWithContext(t.Context(), []byte(plain), nil)
			wantError(t, err, service.URI("one"), "no answer in 20ms", "can be reached from here")
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("no deadline: %v", err)
			}
			// Who is stopped says so, and does not blame the service.
			ctx, stop := context.WithCancel(t.Context())
			service.Instead(func(w http.ResponseWriter, r *http.Request) bool {
				stop()
				return hang(w, r)
			})
			_, err = find(t, service.URI("one")).EncryptWithContext(ctx, []byte(plain), nil)
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no answer") {
				t.Errorf("stopped: %v", err)
			}
		})
	}
}

func TestAServiceThatIsNotReachedIsNamed(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	host := strings.TrimPrefix(gone.URL, "http://")
	for name, start := range services {
		t.Run(name, func(t *testing.T) {
			service := start(t)
			t.Setenv("VAULT_ADDR", gone.URL)
			t.Setenv("AWS_ENDPOINT_URL_KMS", gone.URL)
			uri := service.URI("one")
			if strings.HasPrefix(uri, "hcvault") {
				uri = "hcvault://" + host + "/transit/keys/one"
			}
			_, err := find(t, uri).DecryptWithContext(t.Context(), []byte("vault:v1:x"), nil)
			wantError(t, err, uri, "cannot be reached", "connection refused")
		})
	}
}

func TestWhatNamesNoKeyIsToldBeforeAnythingIsAsked(t *testing.T) {
	for uri, want := range map[string]string{
		"":             "is of no service",
		"key":          "is of no service",
		"gcp-kms://x":  "is of no service",
		"AWS-KMS://x":  "is of no service",
		"aws-kms://":   "names no key of AWS KMS",
		"aws-kms://id": "names no key of AWS KMS",
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:grant/x": "names no key of AWS KMS",
		"aws-kms://arn:aws:s3:::bucket":                           "names no key of AWS KMS",
		"hcvault://":                                              "names no key of a transit engine",
		"hcvault://vault":                                         "names no key of a transit engine",
		"hcvault:///transit/keys/x":                               "names no key of a transit engine",
		"hcvault://vault/transit/encrypt/x":                       "names no key of a transit engine",
		"hcvault://vault/transit/keys/":                           "names no key of a transit engine",
		"hcvault://vault/transit/keys/a/b":                        "names no key of a transit engine",
		"hcvault://vault/../keys/a":                               "names no key of a transit engine",
		"hcvault://u:p@vault/transit/keys/x":                      "names no key of a transit engine",
		"hcvault://vault/transit/keys/x?y":                        "names no key of a transit engine",
		"hcvault://vault:x/transit/keys/x":                        "names no key of a transit engine",
	} {
		_, err := Find(t.Context(), uri)
		wantError(t, err, want)
	}
}
