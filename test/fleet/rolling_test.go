package fleet

import (
	"errors"
	"testing"

	"credence/test/harness"
)

// replica starts a data plane, again when at names where it was before.
func (d *deployment) replica(at string, flags ...string) *harness.Credence {
	d.t.Helper()
	return d.start("extauthz", d.checker, append(append(d.secrets(), "--check-addr", at), flags...)...)
}

// With the health checks of envoy/envoy.yaml, Envoy turns away from a replica
// that drains within 5 s, and comes back when it is ready again.
func TestARollingRestartUnderLoadIsNoticedByNobody(t *testing.T) {
	const delay = "5s"
	d := prepare(t)
	_, file := d.newKey(d.management())
	replicas := []*harness.Credence{d.replica("127.0.0.1:0", "--drain-delay", delay), d.replica("127.0.0.1:0", "--drain-delay", delay)}
	g := startGateway(t, replicas, nil)
	g.healthy(true)
	l := g.load(keyText(t, file))
	for _, r := range replicas {
		busy(t, r)
	}
	for _, r := range replicas {
		if err := r.Close(); err != nil { // SIGTERM
			t.Fatal(err)
		}
		again := d.replica(r.Check.String(), "--drain-delay", delay)
		g.healthy(true)
		busy(t, again)
	}
	l.unseen()
}

// MaxConnectionAge ends connections with GOAWAY while Checks are on them.
func TestConnectionsThatEndForTheirAgeAreNoticedByNobody(t *testing.T) {
	d := prepare(t)
	_, file := d.newKey(d.management())
	replicas := []*harness.Credence{
		d.replica("127.0.0.1:0", "--max-connection-age", "200ms"), d.replica("127.0.0.1:0", "--max-connection-age", "200ms"),
	}
	g := startGateway(t, replicas, nil)
	g.healthy(true)
	l := g.load(keyText(t, file))
	for _, r := range replicas {
		busy(t, r)
	}
	before := g.connections()
	err := harness.Until(t.Context(), harness.Patience, "connections have ended", func() error {
		if n := g.connections() - before; n < 20 {
			return errors.New("too few new ones")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.unseen()
}
