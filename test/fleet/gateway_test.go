package fleet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/test/harness"
)

// gateway is a real Envoy with the shipped configuration in front of several
// replicas and an upstream.
type gateway struct {
	t     *testing.T
	envoy *harness.Envoy
}

// startGateway lets the shipped configuration name the replicas instead of one
// host; change may alter more of it.
func startGateway(t *testing.T, replicas []*harness.Credence, change func(*harness.Config) error) *gateway {
	t.Helper()
	echo, err := harness.StartEcho(t.Context(), harness.AnyPort())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	folder := t.TempDir()
	config, err := harness.ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		config.Wire(harness.Wiring{
			Gateway: harness.AnyPort(), Admin: harness.AnyPort(), Credence: replicas[0].Check, Upstream: echo.Address,
			AccessLog: filepath.Join(folder, "access.log"),
		}),
		config.Set(harness.CredencePlace+"/type", "STATIC"),
		config.Set(harness.CredencePlace+"/load_assignment/endpoints/0/lb_endpoints", endpoints(replicas)),
		// A slow machine is not what these tests look for.
		config.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", "5s"),
		config.Set(harness.CredencePlace+"/connect_timeout", "5s"),
	)
	if err == nil && change != nil {
		err = change(config)
	}
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{t: t}
	if g.envoy, err = harness.StartEnvoy(t.Context(), folder, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.envoy.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
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

// healthy waits until Envoy finds every replica healthy, or none.
func (g *gateway) healthy(all bool) {
	g.t.Helper()
	if err := g.envoy.AwaitHealthy(g.t.Context(), "credence", all); err != nil {
		g.t.Fatal(err)
	}
}

// get sends one request with the key and answers the status.
func (g *gateway) get(client *http.Client, key string) (int, error) {
	request, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "http://"+g.envoy.Address+"/fleet", http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("x-api-key", key)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// errors is what the ext_authz filter has counted as error: Checks that no
// replica answered.
func (g *gateway) errors() int64 {
	g.t.Helper()
	counters, err := g.envoy.ExtAuthz(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return counters["error"]
}

// connections is how many connections to replicas Envoy has made so far.
func (g *gateway) connections() int64 {
	g.t.Helper()
	const name = "cluster.credence.upstream_cx_total"
	stats, err := g.envoy.Stats(g.t.Context(), name)
	if err != nil {
		g.t.Fatal(err)
	}
	return stats[name]
}

// pace is the shortest time between two requests of a client: a steady load
// leaves room for what happens beside it.
const pace = 2 * time.Millisecond

// load is requests with one key, one after the other from each of several
// clients, until it is ended.
type load struct {
	g       *gateway
	clients sync.WaitGroup
	stop    chan struct{}

	mu       sync.Mutex
	statuses map[int]int
	failure  error
}

func (g *gateway) load(key string) *load {
	g.t.Helper()
	l := &load{g: g, stop: make(chan struct{}), statuses: map[int]int{}}
	for range 4 {
		l.clients.Go(func() { l.client(key) })
	}
	g.t.Cleanup(l.end)
	return l
}

func (l *load) client(key string) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: harness.Patience}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		status, err := l.g.get(client, key)
		l.mu.Lock()
		l.statuses[status]++
		if err != nil {
			l.failure = err
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// end stops the clients; it can be called again.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.clients.Wait()
}

// unseen ends the load and demands that no client and no proxy has noticed
// anything.
func (l *load) unseen() {
	l.g.t.Helper()
	l.end()
	if l.failure != nil || len(l.statuses) != 1 || l.statuses[http.StatusOK] == 0 {
		l.g.t.Errorf("clients got %v (by status), error %v; want 200 only", l.statuses, l.failure)
	}
	if n := l.g.errors(); n != 0 {
		l.g.t.Errorf("Envoy has counted %d Checks that no replica answered", n)
	}
}

// metric is the sum of a metric of a replica over its labels.
func metric(t *testing.T, replica *harness.Credence, name string) (int64, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+replica.Status+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var sum int64
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if found, _, _ := strings.Cut(series, "{"); found == name {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			sum += int64(n)
		}
	}
	return sum, nil
}

// atLeast waits until the replica has counted so many.
func atLeast(t *testing.T, replica *harness.Credence, name string, want int64) {
	t.Helper()
	err := harness.Until(t.Context(), harness.Patience, name, func() error {
		n, err := metric(t, replica, name)
		if err == nil && n < want {
			err = fmt.Errorf("%d, want %d", n, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// busy waits until the replica has its share of the load.
func busy(t *testing.T, replica *harness.Credence) {
	t.Helper()
	atLeast(t, replica, "credence_checks_total", 100)
}

// keyText is what a client sends of a file made by newKey.
func keyText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
