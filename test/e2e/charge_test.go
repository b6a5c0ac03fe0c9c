package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"credence/test/harness"
)

// patient is the shipped configuration with time for a second Check on a slow
// machine, and without health checks, whose answers a tap would count.
func patient(c *harness.Config) error {
	if err := c.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", "20s"); err != nil {
		return err
	}
	return c.Set(harness.CredencePlace+"/health_checks", []any{})
}

// wantLeft checks what is left of a limit after a request.
func wantLeft(t *testing.T, r *reply, left int) {
	t.Helper()
	r.wantStatus(t, 200)
	if got := r.header.Get("ratelimit"); !strings.Contains(got, fmt.Sprintf(";r=%d;", left)) {
		t.Errorf("RateLimit %q, want %d left", got, left)
	}
}

// One request costs one. Only where the answer to a Check was lost, so that
// Envoy had to make a second one, does it cost two: a replica cannot know that
// nobody heard it.
func TestARequestIsChargedOncePerCheckThatEnvoyMade(t *testing.T) {
	t.Parallel()
	between := tapped(t, shared.credence.Check)
	d := *shared
	d.home = t.TempDir()
	d.envoy = envoyOf(t, between.address, d.echo.Address, d.home, patient)
	k := shared.newKey(t, limited(30))
	for used := range 20 {
		wantLeft(t, d.get(t, "/charged", k.header()), 29-used)
	}
	if got := retries(t, &d); got != 0 {
		t.Errorf("%d retries, want none", got)
	}

	between.hold()
	replies := make(chan *reply, 1)
	go func() {
		defer close(replies)
		if r, err := d.try(t, "", "GET", "/charged", k.header()); err == nil {
			replies <- r
		}
	}()
	err := harness.Until(t.Context(), harness.Patience, "an answer that nobody hears", func() error {
		if between.lost() == 0 {
			return fmt.Errorf("none yet")
		}
		return nil
	})
	between.cut()
	if err != nil {
		t.Fatal(err)
	}
	r, ok := <-replies
	if !ok {
		t.Fatal("no reply to the request whose first Check was lost")
	}
	wantLeft(t, r, 8) // of the ten that were left
	if got := retries(t, &d); got != 1 {
		t.Errorf("%d retries, want 1", got)
	}
}

func retries(t *testing.T, d *deployment) int64 {
	t.Helper()
	stats, err := d.envoy.Stats(t.Context(), "cluster.credence.upstream_rq_retry")
	if err != nil {
		t.Fatal(err)
	}
	return stats["cluster.credence.upstream_rq_retry"]
}
