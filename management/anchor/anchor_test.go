package anchor_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"credence/management/anchor"
	"credence/management/outgoing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFileGetsTheLinesAfterThoseItHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held.jsonl")
	f, err := anchor.NewFile(path)
	must(t, err)
	must(t, f.Hold(t.Context(), []byte("1\n")))
	must(t, f.Hold(t.Context(), []byte("2\n3\n")))
	got, err := os.ReadFile(path)
	must(t, err)
	if string(got) != "1\n2\n3\n" || f.Name() != "file:"+path {
		t.Errorf("%s holds %q", f.Name(), got)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestALineThatACrashCutShortDoesNotSpoilTheNext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held.jsonl")
	must(t, os.WriteFile(path, []byte("1\n{\"check"), 0o600))
	f, err := anchor.NewFile(path)
	must(t, err)
	must(t, f.Hold(t.Context(), []byte("2\n")))
	got, err := os.ReadFile(path)
	must(t, err)
	if string(got) != "1\n{\"check\n2\n" {
		t.Errorf("it holds %q", got)
	}
}

func TestAFileThatCannotBeWrittenIsAnError(t *testing.T) {
	f, err := anchor.NewFile(filepath.Join(t.TempDir(), "no", "such", "folder"))
	must(t, err)
	if err := f.Hold(t.Context(), []byte("1\n")); err == nil {
		t.Error("no error")
	}
	if _, err := anchor.NewFile("held.jsonl"); err == nil || !strings.Contains(err.Error(), "absolute") {
		t.Errorf("a path that depends on the folder: %v", err)
	}
}

func receiver(t *testing.T, handler http.HandlerFunc) (*anchor.Webhook, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	loopback := outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	client := outgoing.NewClient(outgoing.Options{Allow: loopback})
	t.Cleanup(client.CloseIdleConnections)
	w, err := anchor.NewWebhook(server.URL+"/held", client)
	must(t, err)
	return w, server.URL
}

func TestAWebhookPostsTheLines(t *testing.T) {
	got := make(chan string, 1)
	w, url := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
	})
	must(t, w.Hold(t.Context(), []byte("1\n2\n")))
	if sent := <-got; sent != "POST /held application/jsonl 1\n2\n" || w.Name() != url+"/held" {
		t.Errorf("%s got %q", w.Name(), sent)
	}
}

func TestOnlySuccessMeansThatLinesAreKept(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusNotModified, http.StatusUnauthorized, http.StatusInternalServerError} {
		w, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		if err := w.Hold(t.Context(), []byte("1\n")); err == nil {
			t.Errorf("status %d counts as kept", status)
		}
	}
}

func TestAPrivateAddressNeedsTheAllowList(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := outgoing.NewClient(outgoing.Options{})
	defer client.CloseIdleConnections()
	w, err := anchor.NewWebhook(server.URL, client)
	must(t, err)
	if err := w.Hold(t.Context(), []byte("1\n")); !errors.Is(err, outgoing.ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressIsCheckedBeforeAnythingIsSent(t *testing.T) {
	for _, address := range []string{"", "held", "ftp://a.example", "https://", "https://user:hunter2@a.example/"} {
		_, err := anchor.NewWebhook(address, http.DefaultClient)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
