package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
)

// connectionBounds are those of one listener.
type connectionBounds struct {
	Most  int
	OfOne int // 0: half of Most
}

func connectionSettings() []setting {
	var all []setting
	for _, one := range []struct {
		in       processes
		listener string
		fallback string
		whose    string
		field    func(*config) *connectionBounds
	}{
		{inData, "check", "8192", "the Check port", func(c *config) *connectionBounds { return &c.CheckConns }},
		{inData, "forward", "8192", "the forward-auth port", func(c *config) *connectionBounds { return &c.ForwardConns }},
		{inControl, "api", "2048", "the management API", func(c *config) *connectionBounds { return &c.APIConns }},
		{inRun, "status", "256", "health and metrics", func(c *config) *connectionBounds { return &c.StatusConns }},
	} {
		beside := ""
		if one.listener == "api" {
			beside = "; those of api-trusted-proxies have no bound of their own"
		}
		all = append(all,
			setting{
				one.in, one.listener + "-max-connections", "n", one.fallback,
				"connections of " + one.whose + " at once; more are closed",
				number(func(c *config) *int { return &one.field(c).Most }, 2, 1_000_000),
			},
			setting{
				one.in, one.listener + "-max-connections-per-address", "n", "0",
				fmt.Sprintf("how many of --%s-max-connections one address may have, an IPv6 /64 being one; 0 is half of them%s", one.listener, beside),
				number(func(c *config) *int { return &one.field(c).OfOne }, 0, 1_000_000),
			})
	}
	return all
}

// bound keeps the listeners that speak HTTP within their bounds. The Check
// server does so with its own.
func (l *listeners) bound(c config, logger *slog.Logger) error {
	for _, one := range []struct {
		to      *net.Listener
		bounds  connectionBounds
		proxies []netip.Prefix
		name    string
		metric  string
	}{
		{&l.forward, c.ForwardConns, nil, "forward", "credence_forward_turned_away_total"},
		{&l.api, c.APIConns, c.APITrustedProxies, "api", "credence_management_turned_away_total"},
		{&l.status, c.StatusConns, nil, "status", "credence_status_turned_away_total"},
	} {
		if *one.to == nil {
			continue
		}
		away := prometheus.NewCounter(prometheus.CounterOpts{
			Name: one.metric, Help: "Connections of the " + one.name + " listener that were closed because too many were open.",
		})
		if err := l.registry.Register(away); err != nil {
			return fmt.Errorf("count connections of the %s listener: %w", one.name, err)
		}
		bounds := extauthz.Bounds{Most: one.bounds.Most, OfOne: one.bounds.OfOne, Proxies: one.proxies}
		*one.to = extauthz.Bound(*one.to, bounds, extauthz.TurnedAway(one.name, away, logger, time.Now))
	}
	return nil
}
