package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/test/harness"
)

// everybody lets every request pass as nobody.
type everybody struct{}

func (everybody) Decide(_ context.Context, _ *pipeline.Request, d *pipeline.Decision) {
	d.Reason = pipeline.ReasonAllowedAnonymous
}

// checkServer runs the product's gRPC server in this process, because the
// interval of pings that it tolerates is no setting of the program.
func checkServer(t *testing.T, minPing time.Duration) netip.AddrPort {
	t.Helper()
	server, err := extauthz.New(extauthz.Options{
		Pipeline: everybody{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Registerer: prometheus.NewRegistry(),
		Transport: extauthz.TransportOptions{MinPing: minPing},
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := extauthz.Listen(t.Context(), harness.AnyPort().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// pinging has Envoy ping its one connection to Credence every 300 ms, idle or
// not: the shipped 30 s, a hundred times faster.
func pinging(c *harness.Config) error {
	if err := c.Set(harness.CredencePlace+"/health_checks", []any{}); err != nil {
		return err // they have connections of their own
	}
	if err := c.Add(harness.CredencePlace+"/circuit_breakers/thresholds/0/max_connections", 1); err != nil {
		return err
	}
	return c.Set(harness.CredencePlace+"/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"+
		"/explicit_http_config/http2_protocol_options/connection_keepalive",
		map[string]any{"interval": "0.3s", "interval_jitter": map[string]any{"value": 0}, "timeout": "5s", "connection_idle_interval": "0.1s"})
}

// pinged is a gateway whose only connection to the server is tapped.
func pinged(t *testing.T, minPing time.Duration) (*deployment, *tap) {
	t.Helper()
	d := &deployment{echo: shared.echo, home: t.TempDir()}
	between := tapped(t, checkServer(t, minPing))
	d.envoy = envoyOf(t, between.address, d.echo.Address, d.home, pinging)
	d.get(t, "/ping").wantStatus(t, 200)
	return d, between
}

// closings are Envoy's own counters of what pings can do to a connection.
func closings(t *testing.T, d *deployment) (notified, timedOut, made int64) {
	t.Helper()
	stats, err := d.envoy.Stats(t.Context(), "cluster.credence.")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"upstream_cx_close_notify", "http2.keepalive_timeout", "upstream_cx_total"} {
		if _, ok := stats["cluster.credence."+name]; !ok {
			t.Fatalf("Envoy has no counter %s", name)
		}
	}
	return stats["cluster.credence.upstream_cx_close_notify"], stats["cluster.credence.http2.keepalive_timeout"],
		stats["cluster.credence.upstream_cx_total"]
}

// Six pings without a Check between them, then Checks on the same
// connection, then six more. Three too many would close it.
func TestKeepalivePingsOfEnvoyCloseNothing(t *testing.T) {
	t.Parallel()
	d, between := pinged(t, 100*time.Millisecond)
	for _, want := range []int{6, 12} {
		err := harness.Until(t.Context(), harness.Patience, fmt.Sprintf("%d pings", want), func() error {
			if pings, _, _ := between.counts(); pings < want {
				return fmt.Errorf("%d pings", pings)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			d.get(t, "/ping").wantStatus(t, 200)
		}
	}
	if _, goaways, made := between.counts(); goaways != 0 || made != 1 {
		t.Errorf("%d GOAWAY on %d connections, want none on one", goaways, made)
	}
	if notified, timedOut, made := closings(t, d); notified != 0 || timedOut != 0 || made != 1 {
		t.Errorf("close_notify %d, keepalive_timeout %d, connections %d; want 0, 0, 1", notified, timedOut, made)
	}
}

// The same pings at a server that tolerates one in 10 s: what the test above
// looks for does happen, and Envoy counts it.
func TestPingsFasterThanToleratedCloseTheConnection(t *testing.T) {
	t.Parallel()
	d, between := pinged(t, 10*time.Second)
	err := harness.Until(t.Context(), harness.Patience, "GOAWAY", func() error {
		pings, goaways, _ := between.counts()
		if notified, _, _ := closings(t, d); notified == 0 || goaways == 0 {
			return fmt.Errorf("%d pings, %d GOAWAY, close_notify %d", pings, goaways, notified)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d.get(t, "/ping").wantStatus(t, 200) // on a new connection: harmless
}

// What is shipped must be slower than what the server tolerates by default.
func TestTheShippedPingsAreSlowerThanTolerated(t *testing.T) {
	c, err := harness.ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	const tolerated = 5 * time.Second // extauthz.TransportOptions.MinPing
	for _, name := range []string{"interval", "connection_idle_interval"} {
		text, err := c.Get(harness.CredencePlace + "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions" +
			"/explicit_http_config/http2_protocol_options/connection_keepalive/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if every, err := time.ParseDuration(fmt.Sprint(text)); err != nil || every < 2*tolerated {
			t.Errorf("%s: %v, %v; want at least twice the tolerated %s", name, text, err, tolerated)
		}
	}
}
