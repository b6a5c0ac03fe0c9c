package geoip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management/anomaly"
)

// DefaultPoll is how often it is looked whether the file was replaced.
const DefaultPoll = time.Minute

// Options say where the database is. File, Logger and Registerer are required.
type Options struct {
	File       string
	Poll       time.Duration // 0 means DefaultPoll
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Places is a database in use. It is safe for concurrent use; one goroutine
// runs [Places.Run].
type Places struct {
	o       Options
	current atomic.Pointer[loaded]
	refused os.FileInfo // that was told of last; nil after a success

	reloads, failures prometheus.Counter
}

// Open reads the file and checks all of it. The error names the file, its
// problem and the remedy.
func Open(o Options) (*Places, error) {
	switch {
	case o.File == "":
		return nil, errors.New("geoip options: File: missing: name the database")
	case o.Logger == nil:
		return nil, errors.New("geoip options: Logger: missing: pass a *slog.Logger")
	case o.Registerer == nil:
		return nil, errors.New("geoip options: Registerer: missing: pass a prometheus registry")
	case o.Poll < 0:
		return nil, fmt.Errorf("geoip options: Poll: %s: must not be negative", o.Poll)
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	first, err := load(o.File)
	if err != nil {
		return nil, err
	}
	p := &Places{
		o: o,
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "credence_geoip_reloads_total", Help: "Replaced MaxMind databases that were taken over.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "credence_geoip_reload_failures_total", Help: "Readings of a replaced MaxMind database that were refused; the old one stays in use.",
		}),
	}
	p.current.Store(first)
	built := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "credence_geoip_build_timestamp_seconds", Help: "When the MaxMind database in use was made.",
	}, func() float64 { return float64(p.current.Load().reader.Metadata.BuildEpoch) })
	for _, c := range []prometheus.Collector{p.reloads, p.failures, built} {
		if err := o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("geoip metrics: %w", err)
		}
	}
	return p, nil
}

// Run takes over files that replace the one in use, until ctx ends, and then
// answers nil. What goes wrong meanwhile is logged and counted.
func (p *Places) Run(ctx context.Context) error {
	tick := time.NewTicker(p.o.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, _ = p.Reload(ctx) // logged and counted there
		}
	}
}

// Reload is one turn of [Places.Run]. It reports whether another file is in use
// now. A file that was refused is not read again before it changes.
func (p *Places) Reload(ctx context.Context) (changed bool, err error) {
	info, err := os.Stat(p.o.File)
	if err == nil && (same(info, p.current.Load().file) || p.refused != nil && same(info, p.refused)) {
		return false, nil
	}
	next, err := load(p.o.File)
	if err != nil {
		p.failures.Inc()
		if p.refused == nil || info != nil {
			p.o.Logger.ErrorContext(ctx, "the MaxMind database was refused, going on with the old one", slog.Any("error", err))
		}
		if p.refused = info; info == nil { // it is gone: told once
			p.refused = p.current.Load().file
		}
		return false, err
	}
	p.refused = nil
	p.current.Store(next)
	p.reloads.Inc()
	p.o.Logger.InfoContext(ctx, "another MaxMind database is in use",
		slog.Time("built_at", time.Unix(int64(next.reader.Metadata.BuildEpoch), 0).UTC()))
	return true, nil
}

// same reports whether nothing points to another content.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// record is what is read of a network.
type record struct {
	City struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"city"`
	Country struct {
		Names map[string]string `maxminddb:"names"`
	} `maxminddb:"country"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		Radius    uint16   `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
	Traits struct {
		Anonymous      bool `maxminddb:"is_anonymous"`
		AnonymousProxy bool `maxminddb:"is_anonymous_proxy"`
		AnonymousVPN   bool `maxminddb:"is_anonymous_vpn"`
		PublicProxy    bool `maxminddb:"is_public_proxy"`
		Residential    bool `maxminddb:"is_residential_proxy"`
		Tor            bool `maxminddb:"is_tor_exit_node"`
		Anycast        bool `maxminddb:"is_anycast"`
		Satellite      bool `maxminddb:"is_satellite_provider"`
	} `maxminddb:"traits"`
}

// anywhere reports whether the client may be elsewhere than the network.
func (r *record) anywhere() bool {
	t := &r.Traits
	return t.Anonymous || t.AnonymousProxy || t.AnonymousVPN || t.PublicProxy || t.Residential || t.Tor || t.Anycast || t.Satellite
}

// defaultRadius is what is taken where a database says nothing, in kilometers.
const defaultRadius = 100

// PlaceOf answers where a network is; false for what has no certain place.
func (p *Places) PlaceOf(network netip.Addr) (anomaly.Place, bool) {
	var r record
	found := p.current.Load().reader.Lookup(network)
	if !found.Found() || found.Decode(&r) != nil || r.anywhere() || r.Location.Latitude == nil || r.Location.Longitude == nil {
		return anomaly.Place{}, false
	}
	at := anomaly.Place{Name: name(&r), Latitude: *r.Location.Latitude, Longitude: *r.Location.Longitude, Radius: float64(r.Location.Radius)}
	if math.Abs(at.Latitude) > 90 || math.Abs(at.Longitude) > 180 || math.IsNaN(at.Latitude+at.Longitude) {
		return anomaly.Place{}, false
	}
	if at.Radius == 0 {
		at.Radius = defaultRadius
	}
	return at, true
}

// name is what people call the place, of what they put up for it.
func name(r *record) string {
	var parts []string
	for _, part := range []string{r.City.Names["en"], r.Country.Names["en"]} {
		if part = printable(part); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "an unnamed place"
	}
	return strings.Join(parts, ", ")
}

// printable is a text of a file without what no sentence has.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > 64 {
		s = string(runes[:64])
	}
	return s
}
