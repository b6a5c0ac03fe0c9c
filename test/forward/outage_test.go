package forward

import (
	"net/http"
	"testing"

	"credence/test/pgserver"
)

func TestEveryProxyDeniesWhileTheStoreIsAway(t *testing.T) {
	postgres, err := pgserver.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postgres.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	w, err := deploy(t.Context(), t.TempDir(), "--store", postgres.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	known, _ := w.newKey(t, nil)
	unseen, _ := w.newKey(t, nil)
	w.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := w.ask(t, p, "GET", "/store", [2]string{"X-Api-Key", known})
		g.wantPassed(t)
	})
	if err := postgres.Pause(); err != nil {
		t.Fatal(err)
	}
	w.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := w.ask(t, p, "GET", "/store", [2]string{"X-Api-Key", known})
		g.wantPassed(t)
		g = w.ask(t, p, "GET", "/store", [2]string{"X-Api-Key", unseen})
		g.wantRefused(t, http.StatusServiceUnavailable)
	})
	if err := postgres.Resume(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryProxyDeniesWhileTheServiceIsAway(t *testing.T) {
	w, err := deploy(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	text, _ := w.newKey(t, nil)
	w.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := w.ask(t, p, "GET", "/service", [2]string{"X-Api-Key", text})
		g.wantPassed(t)
	})
	w.credence.Kill()
	w.each(t, func(t *testing.T, p *proxy) {
		t.Helper()
		g := w.ask(t, p, "GET", "/service", [2]string{"X-Api-Key", text})
		g.wantRefused(t, http.StatusServiceUnavailable)
	})
}
