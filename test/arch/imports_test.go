package arch_test

import (
	"slices"
	"strings"
	"testing"
)

// mayImport is the import picture: what each package may import of this
// module, outside its tests. A package that is not in it may not exist; a line
// that changes says in its commit why.
var mayImport = map[string][]string{
	// Wiring: may import anything, is imported by nothing.
	".": {"*"},

	// Data plane. Pipeline declares the small interfaces it needs; those that
	// fulfil them import its types, it imports none of them.
	"extauthz": {"extauthz/pipeline", "extauthz/unary", "store", "store/credential", "store/limit"},
	// The HTTP/2 server under the Check port; it knows neither Checks nor gRPC's library.
	"extauthz/unary": {},
	"extauthz/probe": {"extauthz/pipeline", "store/certfile", "store/credential"},
	// What `credence doctor` examines from an Envoy's side, with the probe.
	"extauthz/doctor": {"extauthz/pipeline", "extauthz/probe", "store/certfile"},
	// The same question over HTTP, for proxies without gRPC.
	"extauthz/forward":  {"extauthz", "extauthz/pipeline"},
	"extauthz/pipeline": {"extauthz/prefetch", "store", "store/credential", "store/limit", "store/route"},
	"extauthz/cache":    {"extauthz/pipeline", "extauthz/prefetch", "store", "store/credential"},
	// Names memory to the processor, whatever stands in it.
	"extauthz/prefetch":  {},
	"extauthz/feed":      {"store"},
	"extauthz/fleet":     {"store"},
	"extauthz/blacklist": {"store"},
	"extauthz/routes":    {"extauthz/pipeline", "store", "store/route"},
	// What a replica leaves for its next start, and its way to the store.
	"extauthz/snapshot": {"extauthz/cache", "extauthz/pipeline", "store", "store/credential"},
	"extauthz/line":     {"store", "store/credential"},
	// Rehearses an outage; it knows neither of the two things that it takes down.
	"extauthz/drill":   {},
	"extauthz/limiter": {"extauthz/pipeline", "store", "store/limit"},
	"extauthz/usage":   {"extauthz/pipeline", "extauthz/prefetch", "store", "store/sketch"},

	// Control plane. The CLI is a client of the HTTP API and nothing else.
	// To count the different addresses that still use a rotated key.
	// To judge where a webhook may point before it is called, to make its secret,
	// and to name what happened. What calls of other programs answer.
	"management": {"management/anomaly", "management/audit", "management/event", "management/gitea", "management/n8n", "management/outgoing", "management/remote", "management/report", "management/signature", "store", "store/credential", "store/limit", "store/route", "store/sketch", "store/timespan"},
	// What a report says and how it looks; management fills it.
	"management/report": {},
	"management/audit":  {"store"},
	"management/jobs":   {"store"},
	// The places outside that keep checkpoints; management declares what they fulfil.
	"management/anchor": {"store/secretfile"},
	// Detectors over what was counted.
	"management/anomaly": {"store", "store/sketch", "store/timespan"},
	"management/api":     {"management", "management/client", "management/remote", "management/report", "store", "store/credential", "store/limit", "store/route"},
	"management/client":  {"store/certfile", "store/credential"},
	// The one way out, for whoever calls addresses that others have named.
	"management/geoip":    {"management/anomaly"},
	"management/outgoing": {},
	// What others are told of, and how it is signed.
	"management/event":          {},
	"management/event/generate": {"management/event"},
	"management/signature":      {},
	"management/webhook":        {"management/outgoing", "management/signature", "store"},
	// What the clients of other programs have in common.
	"management/remote": {"management/outgoing", "store/credential"},
	// The clients themselves. They keep no record; they judge the form of one.
	"management/gitea": {"management/remote", "store", "store/credential"},
	"management/n8n":   {"management/remote", "store", "store/credential"},

	// Tokens of identity providers, beside admin tokens.
	"management/oidc": {"management", "store"},

	// A program of go generate: writes the typed client from the table.
	"management/api/generate": {"management/api", "management/client"},
	// Reads the files in which other systems keep their keys, for the CLI.
	"management/importer": {"management/client", "store/credential", "store/limit"},
	// It verifies exports by itself: that needs neither a server nor its word.
	"management/cli": {"management/audit", "management/client", "management/importer", "management/signature", "store/certfile", "store/credential", "store/limit", "store/secretfile", "store/timespan"},

	// The contract, its leaves, and the backends, which never import each
	// other or a consumer.
	"store":            {"store/credential", "store/limit", "store/sketch"},
	"store/credential": {"store/secretfile"},
	"store/limit":      {},
	"store/timespan":   {}, // lengths of time as people write them
	// Which policy a request is for: the data plane decides by it, the control
	// plane explains it and refuses rules that are ambiguous.
	"store/route": {},
	// How many addresses there were, for whoever counts, stores or reads usage.
	"store/sketch": {},
	"store/seal":   {"store/secretfile"},
	// The services that encrypt its file; it knows nothing of the file.
	"store/kms": {},
	// Budgets in memory, for tests of those that draw from them.
	"store/limit/limittest": {"store/limit"},
	"store/secretfile":      {},
	// TLS files, for the listeners and clients of both planes.
	"store/certfile":  {"store/secretfile"},
	"store/sqlite":    {"store", "store/credential", "store/limit", "store/sketch", "migrations"},
	"store/postgres":  {"store", "store/credential", "store/limit", "store/sketch", "migrations"},
	"store/redis":     {"store", "store/credential", "store/limit"},
	"store/storetest": {"store", "store/credential", "store/limit", "store/seal", "store/sketch"},
	// Databases for tests, copied from one that was migrated once.
	"store/sqlite/sqlitetest": {"store/sqlite"},
	"migrations":              {},

	// Tests and the demo may import anything, but start the real binary.
	"test/arch":    {},
	"test/harness": {},
	"test/e2e":     {"*"},
	"test/demo":    {"test/harness"},
	// A real PostgreSQL for the tests of whoever needs one.
	"test/pgserver": {},
	// A real Chromium looks at reports.
	"test/browser": {"*"},
	// A real Redis, likewise.
	"test/redisserver": {},
	// What answers like Gitea, and the real one that a test is to use.
	"test/fakegitea": {"management/outgoing"},
	// Key management services that really encrypt.
	"test/fakekms": {},
	"test/fakes3":  {},
	// An n8n: one that answers as it did, and the program itself.
	"test/n8nserver": {},
	"test/fleet":     {"*"},
	"test/outage":    {"*"},
	// The same, with everything failing at once.
	"test/chaos": {"*"},
	// Real proxies that ask over HTTP.
	"test/forward": {"*"},
	"test/receipt": {"*"},
	// The files for Kubernetes, Istio and Envoy Gateway, and the programs that
	// read them.
	"test/gateways": {"*"},
	// Every kind of damage done to an audit log, in the databases themselves.
	"test/audit": {"*"},
	// Every answer of the API against its document.
	"test/contract": {"*"},
	// An xDS server, for the Envoys of those files.
	"test/ads": {},
	// A line between two processes that a test can cut, hold up or slow down.
	"test/link": {},
	// A deployment of real processes, for tests and benchmarks.
	"test/stage": {"management/client", "store/credential", "test/harness", "test/pgserver"},
	"test/bench/check": {
		"store", "store/credential", "store/limit", "store/postgres", "store/seal", "store/sqlite",
		"test/harness", "test/pgserver", "test/redisserver", "test/stage",
	},
	"test/bench/audit":      {"management/audit", "store", "store/seal"},
	"test/bench/import":     {"test/harness", "test/pgserver", "test/stage"},
	"test/bench/limits":     {"extauthz/limiter", "extauthz/pipeline", "store", "store/limit", "store/redis", "test/link"},
	"test/bench/start":      {"management/client", "test/harness", "test/pgserver", "test/stage"},
	"test/bench/revocation": {"management/client", "test/harness", "test/pgserver", "test/redisserver", "test/stage"},
	// Certificates for the tests of whoever needs some.
	"test/authority": {},
	// A real identity provider, likewise.
	"test/issuer": {"test/authority"},
}

// livesIn says for each dependency from outside (a path or a prefix of it)
// where it may be imported, outside tests and test/. What is not listed may
// not be imported at all: a new dependency gets its line here.
var livesIn = map[string][]string{
	// The standard library's doors to the world.
	"database/sql": {"store/sqlite"},
	"net/http":     {".", "extauthz", "extauthz/doctor", "extauthz/drill", "extauthz/forward", "management/anchor", "management/api", "management/client", "management/gitea", "management/n8n", "management/oidc", "management/outgoing", "management/remote", "management/signature", "management/webhook", "store/kms"},
	"os/exec":      {},

	// Envoy's types and the transport stop in the data plane's root package;
	// the probe is a client of it.
	"github.com/envoyproxy/go-control-plane": {"extauthz", "extauthz/probe"},
	"google.golang.org/grpc":                 {"extauthz", "extauthz/doctor", "extauthz/probe"},
	"google.golang.org/protobuf":             {"extauthz"},

	// Databases.
	"github.com/jackc/pgx":        {"store/postgres"},
	"github.com/redis/go-redis":   {"store/redis"},
	"modernc.org/sqlite":          {"store/sqlite"},
	"github.com/pressly/goose/v3": {"store/postgres", "store/sqlite"},
	"github.com/riverqueue/river": {"store/postgres", "store/sqlite"},

	// One wrapper each.
	"github.com/tink-crypto/tink-go/v2": {"store/kms", "store/seal"},
	"github.com/gaissmai/bart":          {"extauthz/blacklist", "management"},
	"github.com/puzpuzpuz/xsync/v4":     {"extauthz/cache", "extauthz/limiter", "extauthz/usage"},
	"github.com/danielgtaylor/huma/v2":  {"management/api"},
	"github.com/mattn/go-isatty":        {"management/cli"},
	"golang.org/x/term":                 {"management/cli"},

	// Key management services.
	"github.com/aws/aws-sdk-go-v2":             {"management/anchor", "store/kms"},
	"github.com/aws/smithy-go":                 {"management/anchor", "store/kms"},
	"github.com/hashicorp/vault/api":           {"store/kms"},
	"github.com/tink-crypto/tink-go-awskms/v3": {"store/kms"},

	// Tokens of identity providers: their protocol, and signatures.
	"github.com/coreos/go-oidc/v3":  {"management/oidc"},
	"github.com/go-jose/go-jose/v4": {"management/oidc"},

	// Files that operators write, and Envoy's, in tests.
	"go.yaml.in/yaml/v3": {".", "management/cli", "management/importer"},

	// Commands and configuration.
	"github.com/spf13/viper": {"."},
	"github.com/spf13/cobra": {".", "extauthz/doctor", "extauthz/drill", "extauthz/probe", "management/cli"},
	"github.com/spf13/pflag": {".", "extauthz/probe", "management/cli"},

	// What many may use, but not the decision and not the contract.
	"github.com/oschwald/maxminddb-golang/v2": {"management/geoip"},
	"github.com/prometheus/client_golang":     {".", "extauthz", "extauthz/forward", "management/api", "management/geoip", "management/jobs", "management/oidc", "management/webhook", "store/certfile", "store/redis"},
	"golang.org/x/net/http2/hpack":            {"extauthz/unary"},
	"golang.org/x/sync":                       {".", "extauthz", "management/n8n", "management/oidc", "store/storetest"},
	"go.opentelemetry.io/otel":                {"."},
	"go.uber.org/ratelimit":                   {"management/remote", "management/webhook"},
	"github.com/google/go-cmp":                {"store/storetest"},
}

func TestPackagesImportOnlyWhatThePictureAllows(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: a package that is not in the picture; add it to mayImport and say why", folder)
			continue
		}
		for _, file := range sources[folder] {
			if file.test || slices.Contains(allowed, "*") {
				continue
			}
			for _, imported := range file.imports() {
				inside, ours := strings.CutPrefix(imported, module+"/")
				if ours && !slices.Contains(allowed, inside) {
					t.Errorf("%s imports %s; %s may import %v of this module", file.path, inside, folder, allowed)
				}
			}
		}
	}
}

func TestThePictureHoldsNoPackageThatIsGone(t *testing.T) {
	sources := load(t)
	for folder, allowed := range mayImport {
		if len(sources[folder]) == 0 {
			t.Errorf("%s is in mayImport but has no Go file", folder)
		}
		for _, inside := range allowed {
			if inside != "*" && len(sources[inside]) == 0 {
				t.Errorf("%s may import %s, which has no Go file", folder, inside)
			}
		}
	}
}

func TestDependenciesLiveWhereTheyAreWrappedOnly(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		if strings.HasPrefix(folder, "test/") {
			continue
		}
		for _, file := range sources[folder] {
			if file.test {
				continue
			}
			for _, imported := range file.imports() {
				places, listed := placesOf(imported)
				if listed && !slices.Contains(places, folder) {
					t.Errorf("%s imports %s, which belongs to %v only", file.path, imported, places)
				}
				if !listed && isOutside(imported) {
					t.Errorf("%s imports %s, which has no line in livesIn", file.path, imported)
				}
			}
		}
	}
}

// The planes meet in the store, in their tests too: otherwise a test would be
// the only proof that they fit, and a change of one would break the other.
func TestThePlanesDoNotKnowEachOther(t *testing.T) {
	sources := load(t)
	for _, folder := range sources.folders() {
		var other string
		switch plane, _, _ := strings.Cut(folder, "/"); plane {
		case "extauthz":
			other = module + "/management"
		case "management":
			other = module + "/extauthz"
		default:
			continue
		}
		for _, file := range sources[folder] {
			for _, imported := range file.imports() {
				if imported == other || strings.HasPrefix(imported, other+"/") {
					t.Errorf("%s imports %s: the planes meet in the store", file.path, imported)
				}
			}
		}
	}
}

// placesOf answers the line of livesIn with the longest matching prefix.
func placesOf(imported string) (places []string, listed bool) {
	longest := ""
	for prefix, in := range livesIn {
		if (imported == prefix || strings.HasPrefix(imported, prefix+"/")) && len(prefix) > len(longest) {
			longest, places, listed = prefix, in, true
		}
	}
	return places, listed
}

// isOutside reports whether the path is neither the standard library's nor
// this module's. Only the standard library's have no dot in the first element.
func isOutside(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".")
}
