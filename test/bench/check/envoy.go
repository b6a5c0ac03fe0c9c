package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"credence/store/credential"
	"credence/test/harness"
)

// gateway is an Envoy with the shipped configuration whose routes answer
// themselves: no upstream is part of what is measured.
type gateway struct {
	name   string
	log    string // file of the access log: a line for one request of a hundred
	read   int64  // bytes of it that were read
	envoy  *harness.Envoy
	server int // process that answers Checks, 0 for none
	keys   []credential.Text
	rounds []gatewaySample
}

type gatewaySample struct {
	envoy, server time.Duration // processor time for one request
	second        float64
	latency       time.Duration   // mean time of a request as the client sees it
	checks        []time.Duration // latency_us of Envoy's filter, some of them
}

// behindEnvoy measures requests through Envoy: without the filter, with a
// server that does nothing, and with ours.
func (b *bench) behindEnvoy(ctx context.Context) error {
	none, err := b.noopSubject(ctx, "noop", false)
	if err != nil {
		return err
	}
	ours, err := b.replicaSubject(ctx, planeReplica, 1000)
	if err != nil {
		return err
	}
	small, err := b.replicaSubject(ctx, planeReplica+", key id alone", 1000,
		"--identity-headers", "key-id", "--metadata-fields", "none", "--ratelimit-headers=false")
	if err != nil {
		return err
	}
	var gateways []*gateway
	for _, s := range []*subject{nil, none, ours, small} {
		g, err := b.startGateway(ctx, s)
		if err != nil {
			return err
		}
		gateways = append(gateways, g)
	}
	for _, connections := range []int{4, 64} {
		for round := range b.plan.rounds + 1 {
			for _, g := range gateways {
				if err := g.round(ctx, connections, b.plan.round); err != nil {
					return fmt.Errorf("%s: %w", g.name, err)
				}
				if round == 0 {
					g.rounds = g.rounds[:0]
				}
			}
		}
		if err := b.gatewayTable(connections, gateways); err != nil {
			return err
		}
	}
	return nil
}

// startGateway starts an Envoy that asks the subject; nil for nobody.
func (b *bench) startGateway(ctx context.Context, s *subject) (*gateway, error) {
	folder := filepath.Join(b.folder, fmt.Sprintf("envoy-%d", len(b.stops)))
	g := &gateway{name: "no filter", log: filepath.Join(folder, "access.log")}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("start Envoy: %w", err)
	}
	c, err := harness.ShippedConfig()
	if err != nil {
		return nil, err
	}
	check := netip.MustParseAddrPort("127.0.0.1:1")
	if s != nil {
		g.name, g.server, g.keys = s.name, s.pid, s.keys
		if check, err = netip.ParseAddrPort(s.address); err != nil {
			return nil, fmt.Errorf("start Envoy: %w", err)
		}
		// On a busy machine Envoy's patience is no part of what is measured.
		if err := c.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", "10s"); err != nil {
			return nil, err
		}
	} else {
		text, err := foreignText()
		if err != nil {
			return nil, err
		}
		g.keys = []credential.Text{text}
		if err := withoutFilter(c); err != nil {
			return nil, err
		}
	}
	err = errors.Join(
		c.Wire(harness.Wiring{
			Gateway: harness.AnyPort(), Admin: harness.AnyPort(), Credence: check,
			Upstream: netip.MustParseAddrPort("127.0.0.1:1"), AccessLog: g.log,
		}),
		c.Set(harness.RoutesPlace, []any{map[string]any{
			"name": "all", "match": map[string]any{"prefix": "/"},
			"direct_response": map[string]any{"status": 200, "body": map[string]any{"inline_string": "ok\n"}},
		}}),
		c.Set(harness.CredencePlace+"/health_checks", []any{}),
		// The log says how long Checks took, and is no part of what is measured.
		c.Add(harness.HCMPlace+"/access_log/envoy.access_loggers.file/filter", map[string]any{
			"runtime_filter": map[string]any{
				"runtime_key": "bench.log", "percent_sampled": map[string]any{"numerator": 1, "denominator": "HUNDRED"},
			},
		}),
	)
	if err != nil {
		return nil, err
	}
	if g.envoy, err = harness.StartEnvoy(ctx, folder, c); err != nil {
		return nil, err
	}
	b.stops = append(b.stops, g.envoy.Close)
	return g, nil
}

// withoutFilter takes the filter that asks out of the configuration.
func withoutFilter(c *harness.Config) error {
	filters, err := c.Get(harness.HCMPlace + "/http_filters")
	if err != nil {
		return err
	}
	all, ok := filters.([]any)
	if !ok {
		return fmt.Errorf("http_filters are %T", filters)
	}
	kept := slices.DeleteFunc(slices.Clone(all), func(f any) bool {
		filter, ok := f.(map[string]any)
		return ok && filter["name"] == "envoy.filters.http.ext_authz"
	})
	if len(kept) != len(all)-1 {
		return errors.New("the configuration has not exactly one filter that asks")
	}
	return c.Set(harness.HCMPlace+"/http_filters", kept)
}

// round drives the gateway with that many connections, one request at a time
// on each.
func (g *gateway) round(ctx context.Context, connections int, length time.Duration) error {
	before, err := g.measure()
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := g.drive(ctx, connections, start.Add(length))
	if err != nil {
		return err
	}
	took := time.Since(start)
	after, err := g.measure()
	if err != nil {
		return err
	}
	if n == 0 {
		return errors.New("nothing was answered")
	}
	checks, err := g.checkTimes()
	if err != nil {
		return err
	}
	g.rounds = append(g.rounds, gatewaySample{
		checks: checks,
		envoy:  (after[0] - before[0]) / time.Duration(n), server: (after[1] - before[1]) / time.Duration(n),
		second: float64(n) / took.Seconds(), latency: took * time.Duration(connections) / time.Duration(n),
	})
	return nil
}

// checkTimes are those of the log that were not read yet. Envoy writes
// it when it has a buffer full or every ten seconds, so a round can see those
// of the one before.
func (g *gateway) checkTimes() (_ []time.Duration, err error) {
	file, err := os.Open(g.log)
	if err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Seek(g.read, io.SeekStart); err != nil {
		return nil, fmt.Errorf("access log: %w", err)
	}
	var all []time.Duration
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, nil // half a line is read with its other half
		}
		if err != nil {
			return nil, fmt.Errorf("access log: %w", err)
		}
		g.read += int64(len(line))
		var entry struct {
			CheckUS string `json:"check_us"`
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("access log: %w", err)
		}
		if us, err := strconv.ParseInt(entry.CheckUS, 10, 64); err == nil { // else nobody was asked
			all = append(all, time.Duration(us)*time.Microsecond)
		}
	}
}

// measure is the processor time of Envoy and of the server.
func (g *gateway) measure() (cpu [2]time.Duration, err error) {
	for i, pid := range []int{g.envoy.PID(), g.server} {
		if pid == 0 {
			continue
		}
		u, err := measure(pid)
		if err != nil {
			return cpu, err
		}
		cpu[i] = u.cpu
	}
	return cpu, nil
}

func (g *gateway) drive(ctx context.Context, connections int, end time.Time) (int64, error) {
	var wg sync.WaitGroup
	var answered atomic.Int64
	errs := make([]error, connections)
	for worker := range connections {
		wg.Go(func() {
			n, err := g.requests(ctx, worker, end)
			answered.Add(n)
			errs[worker] = err
		})
	}
	wg.Wait()
	return answered.Load(), errors.Join(errs...)
}

// requests sends one request after the other on a connection of its own.
func (g *gateway) requests(ctx context.Context, worker int, end time.Time) (n int64, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", g.envoy.Address)
	if err != nil {
		return 0, fmt.Errorf("dial Envoy: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	reader := bufio.NewReader(conn)
	for i := worker; time.Now().Before(end); i++ {
		request := "GET /orders/42?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: application/json\r\n" +
			"X-Api-Key: " + g.keys[i%len(g.keys)].Reveal() + "\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			return n, fmt.Errorf("send: %w", err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return n, fmt.Errorf("receive: %w", err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return n, fmt.Errorf("receive: %w", err)
		}
		if response.StatusCode != http.StatusOK {
			return n, fmt.Errorf("answered with %s", strings.TrimSpace(response.Status))
		}
		n++
	}
	return n, nil
}

// gatewayTable prints the middle rounds. What the filter costs is the
// difference to the first line; the ratio is that of the servers.
func (b *bench) gatewayTable(connections int, gateways []*gateway) error {
	w := tabwriter.NewWriter(b.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nbehind Envoy, %d connections\tEnvoy us/request\tserver us/request\tratio\trequests/s\tmean us\tlatency_us p50\tp99\t\n", connections)
	base := gateways[1].middle().server
	for _, g := range gateways {
		m := g.middle()
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t%.0f\t%.0f\t%s\t%s\t\n", g.name, micros(m.envoy), micros(m.server),
			float64(m.server)/float64(base), m.second, micros(m.latency), g.checkTime(0.5), g.checkTime(0.99))
	}
	for _, g := range gateways {
		g.rounds = nil
	}
	return w.Flush()
}

// checkTime is a quantile of latency_us over all rounds; "-" where nobody is
// asked.
func (g *gateway) checkTime(q float64) string {
	var all []time.Duration
	for _, r := range g.rounds {
		all = append(all, r.checks...)
	}
	if len(all) == 0 {
		return "-"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.0f", micros(quantile(all, q)))
}
