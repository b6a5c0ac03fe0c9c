package geoip_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"credence/management/anomaly"
	"credence/management/geoip"
)

// network is a row of a database.
type network struct {
	prefix, city, country string
	latitude, longitude   float64
	radius                uint16
	trait                 string
}

func world() []network {
	return []network{
		{"192.0.2.0/24", "Berlin", "Germany", 52.52, 13.405, 20, ""},
		{"198.51.100.0/24", "Tokyo", "Japan", 35.68, 139.69, 50, ""},
		{"2001:db8:1::/48", "", "Iceland", 64.9, -18, 0, ""},
		{"203.0.113.0/26", "Oslo", "Norway", 59.9, 10.7, 10, "is_anonymous_vpn"},
		{"203.0.113.64/26", "Oslo", "Norway", 59.9, 10.7, 10, "is_anycast"},
		{"203.0.113.128/26", "Oslo", "Norway", 59.9, 10.7, 10, "is_satellite_provider"},
	}
}

// database is the content of a file with these networks.
func database(t *testing.T, kind string, networks []network) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, Description: map[string]string{"en": "made by a test"}, RecordSize: 24, IncludeReservedNetworks: true, BuildEpoch: 1_700_000_000})
	must(t, err)
	for _, n := range networks {
		_, prefix, err := net.ParseCIDR(n.prefix)
		must(t, err)
		location := mmdbtype.Map{"latitude": mmdbtype.Float64(n.latitude), "longitude": mmdbtype.Float64(n.longitude)}
		if n.radius > 0 {
			location["accuracy_radius"] = mmdbtype.Uint16(n.radius)
		}
		record := mmdbtype.Map{"location": location, "country": mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(n.country)}}}
		if n.city != "" {
			record["city"] = mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(n.city)}}
		}
		if n.trait != "" {
			record["traits"] = mmdbtype.Map{mmdbtype.String(n.trait): mmdbtype.Bool(true)}
		}
		must(t, tree.Insert(prefix, record))
	}
	var out bytes.Buffer
	_, err = tree.WriteTo(&out)
	must(t, err)
	return out.Bytes()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", content, 0o600))
	must(t, os.Rename(path+".new", path))
}

func open(t *testing.T, content []byte) (places *geoip.Places, path string, log *bytes.Buffer, registry *prometheus.Registry) {
	t.Helper()
	path, log, registry = filepath.Join(t.TempDir(), "city.mmdb"), &bytes.Buffer{}, prometheus.NewRegistry()
	put(t, path, content)
	places, err := geoip.Open(geoip.Options{File: path, Logger: slog.New(slog.NewTextHandler(log, nil)), Registerer: registry})
	must(t, err)
	return places, path, log, registry
}

func TestNetworksHaveThePlaceThatTheDatabaseSays(t *testing.T) {
	places, _, _, _ := open(t, database(t, "GeoLite2-City", world()))
	for address, want := range map[string]anomaly.Place{
		"192.0.2.0":     {Name: "Berlin, Germany", Latitude: 52.52, Longitude: 13.405, Radius: 20},
		"198.51.100.0":  {Name: "Tokyo, Japan", Latitude: 35.68, Longitude: 139.69, Radius: 50},
		"2001:db8:1::":  {Name: "Iceland", Latitude: 64.9, Longitude: -18, Radius: 100},
		"203.0.113.0":   {}, // a VPN
		"203.0.113.64":  {}, // in many places
		"203.0.113.128": {}, // a satellite
		"100.64.0.0":    {}, // not in it
		"2001:db8:2::":  {},
	} {
		got, known := places.PlaceOf(netip.MustParseAddr(address))
		if got != want || known != (want != anomaly.Place{}) {
			t.Errorf("%s: %+v, %t, want %+v", address, got, known, want)
		}
	}
}

// damaged is a database of which one byte within the tree or the data is wrong.
func damaged(whole []byte) []byte {
	content := bytes.Clone(whole)
	at := bytes.Index(content, []byte("longitude")) + len("longitude")
	content[at] = 0xff // no type has it
	return content
}

func TestAFileThatIsNoDatabaseOfPlacesIsRefusedWithWhatToDo(t *testing.T) {
	whole := database(t, "GeoLite2-City", world())
	folder := t.TempDir()
	for name, is := range map[string]struct {
		content []byte
		wants   []string
	}{
		"missing":   {nil, []string{"no such file", "name the right file"}},
		"empty":     {[]byte{}, []string{"no whole MaxMind database", "get the file anew"}},
		"text":      {[]byte(strings.Repeat("not a database\n", 1000)), []string{"no whole MaxMind database", "get the file anew"}},
		"truncated": {whole[:len(whole)-len(whole)/3], []string{"no whole MaxMind database", "get the file anew"}},
		"headless":  {whole[len(whole)/2:], []string{"get the file anew"}},
		"damaged":   {damaged(whole), []string{"is damaged", "get the file anew"}},
		"asn":       {database(t, "GeoLite2-ASN", nil), []string{`type "GeoLite2-ASN"`, "give a City database"}},
		"country":   {database(t, "GeoIP2-Country", world()), []string{`type "GeoIP2-Country"`, "give a City database"}},
	} {
		path := filepath.Join(folder, name+".mmdb")
		if is.content != nil {
			put(t, path, is.content)
		}
		_, err := geoip.Open(geoip.Options{File: path, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, want := range append(is.wants, path) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if _, err := geoip.Open(geoip.Options{File: folder, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// FuzzOpen has any bytes refused or read, never a panic.
func FuzzOpen(f *testing.F) {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", Description: map[string]string{"en": "small"}, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		f.Fatal(err)
	}
	var small bytes.Buffer
	if _, err := tree.WriteTo(&small); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Add(small.Bytes()[1:])
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "city.mmdb")
		put(t, path, content)
		places, err := geoip.Open(geoip.Options{File: path, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
		if err == nil {
			places.PlaceOf(netip.MustParseAddr("192.0.2.0"))
		}
	})
}

func nameOf(places *geoip.Places) string {
	at, _ := places.PlaceOf(netip.MustParseAddr("192.0.2.0"))
	return at.Name
}

func TestAReplacedFileIsTakenOverAndACorruptOneKeepsTheOld(t *testing.T) {
	whole := database(t, "GeoLite2-City", world())
	places, path, log, registry := open(t, whole)
	failures := func() float64 {
		t.Helper()
		families, err := registry.Gather()
		must(t, err)
		for _, f := range families {
			if f.GetName() == "credence_geoip_reload_failures_total" {
				return f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		t.Fatal("no such metric")
		return 0
	}
	if changed, err := places.Reload(t.Context()); changed || err != nil {
		t.Errorf("nothing was replaced: %t, %v", changed, err)
	}
	moved := world()
	moved[0].city = "Potsdam"
	for n, bad := range [][]byte{whole[:len(whole)/2], damaged(whole), database(t, "GeoLite2-ASN", nil)} {
		put(t, path, bad)
		for range 3 { // read, and told of, once
			if changed, err := places.Reload(t.Context()); changed {
				t.Errorf("file %d: taken over, %v", n, err)
			}
		}
		if got := strings.Count(log.String(), "was refused"); got != n+1 || failures() != float64(n+1) || nameOf(places) != "Berlin, Germany" {
			t.Errorf("file %d: %d lines, %v failures, %s", n, got, failures(), nameOf(places))
		}
	}
	put(t, path, database(t, "GeoIP2-City", moved))
	if changed, err := places.Reload(t.Context()); !changed || err != nil || nameOf(places) != "Potsdam, Germany" {
		t.Errorf("the good one: %t, %v, %s", changed, err, nameOf(places))
	}
	must(t, os.Remove(path))
	for range 2 {
		if changed, err := places.Reload(t.Context()); changed || err == nil || nameOf(places) != "Potsdam, Germany" {
			t.Errorf("without a file: %t, %v", changed, err)
		}
	}
	if got := strings.Count(log.String(), "was refused"); got != 4 {
		t.Errorf("%d lines, want one more for the file that is gone", got)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 3 {
		t.Errorf("%d metrics, %v", n, err)
	}
}

func TestTheFileIsLookedAtEveryMinute(t *testing.T) {
	first := database(t, "GeoLite2-City", world())
	moved := world()
	moved[0].city = "Potsdam"
	second := database(t, "GeoLite2-City", moved)
	synctest.Test(t, func(t *testing.T) {
		places, path, _, _ := open(t, first)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- places.Run(ctx) }()
		put(t, path, second)
		<-time.After(geoip.DefaultPoll + time.Second)
		synctest.Wait()
		if got := nameOf(places); got != "Potsdam, Germany" {
			t.Errorf("%s", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
