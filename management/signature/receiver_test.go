package signature_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"credence/management/signature"
)

// TestAReceiverVerifiesBeforeItHandsOn, and stops with its context.
func TestAReceiverVerifiesBeforeItHandsOn(t *testing.T) {
	s, body := secret(t), `{"type":"key.created"}`
	came := make(chan signature.Received, 2)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- signature.Serve(ctx, l, signature.Receiver(s, time.Now, func(r signature.Received) { came <- r }))
	}()
	for by, want := range map[*signature.Secret]struct {
		code int
		err  error
	}{&s: {204, nil}, new(signature.Secret): {401, signature.ErrForged}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = headers("evt_1", time.Now(), []byte(body), *by)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if got := <-came; res.StatusCode != want.code || !errors.Is(got.Err, want.err) || got.ID != "evt_1" || string(got.Body) != body {
			t.Errorf("%d, %v", res.StatusCode, got.Err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
