package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"

	"credence/test/harness"
)

// Gateway is a real Envoy with the shipped configuration before several
// replicas and an upstream.
type Gateway struct {
	Envoy *harness.Envoy

	echo *harness.Echo
}

// Reply is what a client of the gateway got.
type Reply struct {
	Status     int
	RetryAfter string // the header; "" without one: then Envoy has refused by itself
}

// StartGateway starts it with its files in folder, and waits until it finds
// every replica healthy. The caller closes it.
func StartGateway(ctx context.Context, folder string, replicas []*harness.Credence) (_ *Gateway, err error) {
	g := &Gateway{}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Close())
		}
	}()
	if g.echo, err = harness.StartEcho(ctx, harness.AnyPort()); err != nil {
		return nil, err
	}
	config, err := harness.ShippedConfig()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		config.Wire(harness.Wiring{
			Gateway: harness.AnyPort(), Admin: harness.AnyPort(), Credence: replicas[0].Check, Upstream: g.echo.Address,
			AccessLog: filepath.Join(folder, "access.log"),
		}),
		config.Set(harness.CredencePlace+"/type", "STATIC"),
		config.Set(harness.CredencePlace+"/load_assignment/endpoints/0/lb_endpoints", endpoints(replicas)),
		// So long that it is our answer that is seen, and not Envoy's patience
		// or a slow machine.
		config.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", "10s"),
		config.Set(harness.CredencePlace+"/connect_timeout", "5s"),
	)
	if err != nil {
		return nil, err
	}
	if g.Envoy, err = harness.StartEnvoy(ctx, folder, config); err != nil {
		return nil, err
	}
	return g, g.Envoy.AwaitHealthy(ctx, "credence", true)
}

func endpoints(replicas []*harness.Credence) []any {
	var all []any
	for _, r := range replicas {
		all = append(all, map[string]any{"endpoint": map[string]any{
			"address":             map[string]any{"socket_address": socket(r.Check)},
			"health_check_config": map[string]any{"hostname": "credence"},
		}})
	}
	return all
}

func socket(at netip.AddrPort) map[string]any {
	return map[string]any{"address": at.Addr().String(), "port_value": int(at.Port())}
}

// Get sends one request with the key text through the gateway.
func (g *Gateway) Get(ctx context.Context, c *http.Client, text string) (Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.Envoy.Address+"/outage", http.NoBody)
	if err != nil {
		return Reply{}, err
	}
	request.Header.Set("x-api-key", text)
	response, err := c.Do(request)
	if err != nil {
		return Reply{}, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return Reply{response.StatusCode, response.Header.Get("retry-after")}, errors.Join(err, response.Body.Close())
}

// Unanswered is how many Checks Envoy has counted that no replica answered.
func (g *Gateway) Unanswered(ctx context.Context) (int64, error) {
	counters, err := g.Envoy.ExtAuthz(ctx)
	if err != nil {
		return 0, fmt.Errorf("counters of Envoy: %w", err)
	}
	return counters["error"], nil
}

// Close ends Envoy and the upstream.
func (g *Gateway) Close() error {
	var err error
	if g.Envoy != nil {
		err = g.Envoy.Close()
	}
	if g.echo != nil {
		err = errors.Join(err, g.echo.Close())
	}
	return err
}
