package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// boundListeners are the three that speak HTTP, each with a server behind it.
func boundListeners(t *testing.T, c config) *listeners {
	t.Helper()
	c.CheckAddr, c.ForwardAddr, c.StatusAddr, c.APIAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	l, err := listen(t.Context(), c, inServe)
	if err != nil {
		t.Fatal(err)
	}
	l.registry = prometheus.NewRegistry()
	if err := l.bound(c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for _, open := range []net.Listener{l.forward, l.status, l.api} {
		server := &http.Server{Handler: http.NotFoundHandler()}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = server.Serve(open) }()
		t.Cleanup(func() { _ = server.Close(); <-ended })
	}
	t.Cleanup(l.close)
	return l
}

// answered dials so often, keeps the connections, and says on how many there
// was an answer. The others must have been closed.
func answered(t *testing.T, address string, times int) (n int) {
	t.Helper()
	for range times {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n") // may be cut off
		line, err := bufio.NewReader(conn).ReadString('\n')
		switch {
		case err == nil && strings.HasPrefix(line, "HTTP/1.1 "):
			n++
		case err == nil:
			t.Errorf("an answer that begins %q", line)
		}
	}
	return n
}

func counter(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("%s is not counted", name)
	return 0
}

// TestTheListenersThatSpeakHTTPAreBounded, each on its own, by address, and
// what is closed is counted.
func TestTheListenersThatSpeakHTTPAreBounded(t *testing.T) {
	c, _, err := load(t, "", nil, []string{
		"--forward-max-connections=8", "--api-max-connections=8", "--api-max-connections-per-address=3",
		"--status-max-connections=8", "--status-max-connections-per-address=8",
	})
	if err != nil {
		t.Fatal(err)
	}
	l := boundListeners(t, c)
	for _, tc := range []struct {
		at     net.Listener
		want   int
		metric string
	}{
		{l.forward, 4, "credence_forward_turned_away_total"},
		{l.api, 3, "credence_management_turned_away_total"},
		{l.status, 8, "credence_status_turned_away_total"},
	} {
		if got := answered(t, tc.at.Addr().String(), 12); got != tc.want {
			t.Errorf("%s: %d of 12 connections were answered, want %d", tc.metric, got, tc.want)
		}
		if got := counter(t, l.registry, tc.metric); got != float64(12-tc.want) {
			t.Errorf("%s is %v, want %d", tc.metric, got, 12-tc.want)
		}
	}
}

// TestABalancerInFrontOfTheAPIHasAllItsConnections, once it is named, and one
// that is not named still half of them.
func TestABalancerInFrontOfTheAPIHasAllItsConnections(t *testing.T) {
	c := config{ForwardConns: connectionBounds{Most: 8}, APIConns: connectionBounds{Most: 8}, StatusConns: connectionBounds{Most: 8}}
	if got := answered(t, boundListeners(t, c).api.Addr().String(), 12); got != 4 {
		t.Errorf("not named: %d of 12 connections were answered, want 4", got)
	}
	c.APITrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if got := answered(t, boundListeners(t, c).api.Addr().String(), 12); got != 8 {
		t.Errorf("named: %d of 12 connections were answered, want 8", got)
	}
}
