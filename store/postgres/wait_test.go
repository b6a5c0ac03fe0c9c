package postgres_test

import (
	"context"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"credence/test/pgserver"
)

// until asks again and again; what it waits for happens in another process,
// which sends us no signal.
func until(t *testing.T, what string, check func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if check() {
			return
		}
		<-tick.C
	}
	t.Fatalf("%s: it did not come to that", what)
}

// startServer starts a server that the test may stop.
func startServer(t *testing.T) *pgserver.Server {
	t.Helper()
	own, err := pgserver.Start(t.Context())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := own.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return own
}

func userOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.User.Username()
}

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }
