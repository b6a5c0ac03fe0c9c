package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/management"
	"credence/store/limit"
	"credence/store/timespan"
)

// config is everything an operator can set, parsed and checked. Only package
// main knows it; packages get plain option structs made from it in wire.go.
type config struct {
	DataDir string
	Store   string // "sqlite:PATH" or a PostgreSQL URL

	StoreSessionURL string
	SecretsFile     string
	Keyset          string
	KeysetVariable  string // content of the variable that it names

	CheckAddr      string
	CheckTransport string
	CheckMostCalls int

	CheckConns, ForwardConns, APIConns, StatusConns connectionBounds

	StatusAddr string
	APIAddr    string
	APIHosts   []string

	APIFailureLimit   *limit.Limit
	APITrustedProxies []netip.Prefix

	InsecurePlaintext bool

	ForwardAddr     string // "" for no such listener
	ForwardPolicies string

	CheckTLS       tlsSettings
	ForwardTLS     tlsSettings
	APITLS         tlsSettings
	CallSecretFile string

	ClientSource       string
	ClientSourceSaid   bool // it is not the default
	ClientTrustedHops  int
	ClientTrustedCIDRs []netip.Prefix
	AddressLimit       *limit.Limit
	FailureLimit       *limit.Limit

	KeySources        []string
	AcceptForeignKeys bool
	ProtectedNetworks []netip.Prefix
	GeoIPDB           string // MaxMind database; "" for none
	KeepCredential    bool
	Realm             string
	IdentityHeaders   []string
	MetadataFields    []string
	RateLimitHeaders  bool

	CacheSize   int
	CacheTTL    time.Duration
	NegativeTTL time.Duration
	Ceiling     time.Duration
	FeedPoll    time.Duration

	SnapshotEvery time.Duration // 0: none is kept

	Redis redisConfig

	Limiter string // "": leased with Redis, memory without

	Usage string // "": redis with Redis, store without

	Outgoing outgoingConfig

	Trace traceConfig

	OIDCConfig string // "": tokens of identity providers are not accepted

	MaxConnectionAge time.Duration
	DrainDelay       time.Duration
	ShutdownGrace    time.Duration

	Retention            management.Retention
	AuditCheckpointEvery time.Duration
	AuditAnchors         []string

	LogLevel  slog.Level
	LogFormat string
	LogChecks bool
}

// setting is one line of the configuration: the flag --NAME, the variable
// CREDENCE_NAME and the file key name (with _ for -) are the same setting.
type setting struct {
	in       processes // whose setting it is
	name     string
	kind     string // shown in help texts
	fallback string
	usage    string
	apply    func(c *config, value string) error
}

// processes are the commands that read the configuration.
type processes uint8

const (
	inServe processes = 1 << iota
	inExtauthz
	inManagement
	inMigrate
	inBootstrap
	inRecover
	inStatus // secrets status

	inData    = inServe | inExtauthz   // has a data plane
	inControl = inServe | inManagement // has a control plane
	inRun     = inServe | inExtauthz | inManagement
	inAll     = inRun | inMigrate | inBootstrap | inRecover | inStatus
)

func (s *setting) fileKey() string { return strings.ReplaceAll(s.name, "-", "_") }

func (s *setting) variable() string { return "CREDENCE_" + strings.ToUpper(s.fileKey()) }

// settings is the one table of the configuration. Flags, variables, file
// keys, help texts and `config print` are all made from it.
func settings() []setting {
	return slices.Concat(placeSettings(), connectionSettings(), transportSettings(), clientSettings(), keySettings(), geoipSettings(), stateSettings(), snapshotSettings(), redisSettings(), limiterSettings(), usageSettings(), recordSettings(), outgoingSettings(), traceSettings(), oidcSettings(), runSettings())
}

func placeSettings() []setting {
	return []setting{
		{inRun | inMigrate | inRecover, "data-dir", "dir", "credence-data", "folder for everything the process writes: database, secrets, first token, addresses", text(func(c *config) *string { return &c.DataDir })},
		{inAll, "store", "address", "", "database: sqlite:PATH (serve; default sqlite:DATA_DIR/credence.db) or postgres://USER@HOST/DATABASE", text(func(c *config) *string { return &c.Store })},
		{inAll, "store-session-url", "url", "", "the same PostgreSQL without a pooler in transaction mode: for LISTEN and migrations; without it a pooler means polling", text(func(c *config) *string { return &c.StoreSessionURL })},
		{inExtauthz | inManagement | inBootstrap | inStatus, "secrets-file", "file", "secrets.json", "secrets.json of the deployment, made once by credence secrets init", text(func(c *config) *string { return &c.SecretsFile })},
		{inManagement | inBootstrap, "keyset", "file", "keyset.json", "keyset.json of the deployment, or env:NAME of a variable with its content: it seals audit entries; the data plane never gets it", text(func(c *config) *string { return &c.Keyset })},
		{inData, "check-addr", "address", "127.0.0.1:9001", "where Envoy sends its Checks: HOST:PORT or unix:PATH; port 0 picks a free one", text(func(c *config) *string { return &c.CheckAddr })},
		{inData, "check-transport", "name", transportNative, "what speaks gRPC on the Check port: native (of this program), or grpc (grpc-go, which costs more)", choice(func(c *config) *string { return &c.CheckTransport }, transportNative, transportGRPC)},
		{inData, "check-max-calls", "n", "16384", "Checks of one connection under way at once; not below max_requests of the cluster in Envoy, which counts those beyond as errors", number(func(c *config) *int { return &c.CheckMostCalls }, 1, 1_000_000)},
		{inData, "forward-addr", "address", "", "forward-auth over HTTP (Envoy http_service, nginx, Caddy, Traefik): HOST:PORT, usually 127.0.0.1:9002, or unix:PATH; off when empty", text(func(c *config) *string { return &c.ForwardAddr })},
		{inData, "forward-policies", "file", "", "YAML file of what paths such as /auth/NAME demand: NAME: {scopes: orders:read}", text(func(c *config) *string { return &c.ForwardPolicies })},
		{inRun, "status-addr", "host:port", "127.0.0.1:9003", "health and metrics", text(func(c *config) *string { return &c.StatusAddr })},
		{inControl, "api-addr", "host:port", "127.0.0.1:8080", "management API", text(func(c *config) *string { return &c.APIAddr })},
		{inControl, "api-hosts", "names", "", "names, comma separated, that the API answers to besides loopback (Host header)", list(func(c *config) *[]string { return &c.APIHosts })},
		{inControl, "api-failure-limit", "rate", "30/m burst 60", "admin tokens of one client address that may be wrong; usable tokens pass beyond it; off when empty", rate(func(c *config) **limit.Limit { return &c.APIFailureLimit })},
		{inControl, "api-trusted-proxies", "cidrs", "", "networks of proxies in front of the API: a client's address is what they say of it in X-Forwarded-For", cidrs(func(c *config) *[]netip.Prefix { return &c.APITrustedProxies })},
		{inRun, "insecure-plaintext", "bool", "false", "allow listeners beyond loopback without TLS; keys and tokens then cross the network readable", boolean(func(c *config) *bool { return &c.InsecurePlaintext })},
	}
}

// What speaks gRPC on the Check port.
const (
	transportNative = "native"
	transportGRPC   = "grpc"
)

// tlsSettings are the files of one listener; all "" is plaintext.
type tlsSettings struct {
	Cert, Key, ClientCA string
	ClientNames         []string
}

func transportSettings() []setting {
	return []setting{
		{inData, "check-tls-cert", "file", "", "certificate (PEM) of the Check port; read again when it changes", text(func(c *config) *string { return &c.CheckTLS.Cert })},
		{inData, "check-tls-key", "file", "", "its private key (PEM), mode 0640 or narrower", text(func(c *config) *string { return &c.CheckTLS.Key })},
		{inData, "check-tls-client-ca", "file", "", "authorities (PEM) of Envoy's certificates: only clients with one of theirs are answered (mTLS)", text(func(c *config) *string { return &c.CheckTLS.ClientCA })},
		{inData, "check-tls-client-names", "names", "", "DNS names or URIs (SPIFFE IDs) that Envoy's certificate must bear one of; empty accepts all of check-tls-client-ca", list(func(c *config) *[]string { return &c.CheckTLS.ClientNames })},
		{inData, "forward-tls-cert", "file", "", "certificate (PEM) of the forward-auth port; read again when it changes", text(func(c *config) *string { return &c.ForwardTLS.Cert })},
		{inData, "forward-tls-key", "file", "", "its private key (PEM), mode 0640 or narrower", text(func(c *config) *string { return &c.ForwardTLS.Key })},
		{inData, "forward-tls-client-ca", "file", "", "authorities (PEM) of the proxies' certificates: only clients with one of theirs are answered (mTLS)", text(func(c *config) *string { return &c.ForwardTLS.ClientCA })},
		{inData, "forward-tls-client-names", "names", "", "DNS names or URIs that the proxy's certificate must bear one of; empty accepts all of forward-tls-client-ca", list(func(c *config) *[]string { return &c.ForwardTLS.ClientNames })},
		{inData, "call-secret-file", "file", "", "secrets, a line each, one of which a proxy must send with every Check in the metadata (forward-auth: the header) x-credence-call-secret", text(func(c *config) *string { return &c.CallSecretFile })},
		{inControl, "api-tls-cert", "file", "", "certificate (PEM) of the management API; read again when it changes", text(func(c *config) *string { return &c.APITLS.Cert })},
		{inControl, "api-tls-key", "file", "", "its private key (PEM), mode 0640 or narrower", text(func(c *config) *string { return &c.APITLS.Key })},
		{inControl, "api-tls-client-ca", "file", "", "authorities (PEM) of API clients' certificates (mTLS, beside the admin token)", text(func(c *config) *string { return &c.APITLS.ClientCA })},
		{inControl, "api-tls-client-names", "names", "", "DNS names or URIs (SPIFFE IDs) that an API client's certificate must bear one of; empty accepts all of api-tls-client-ca", list(func(c *config) *[]string { return &c.APITLS.ClientNames })},
	}
}

func clientSettings() []setting {
	return []setting{
		{inRun, "client-source", "source", "peer", "where the client address comes from: peer, header:NAME or xff; management only has to know that it was said, or no anomaly policy may blacklist", text(func(c *config) *string { return &c.ClientSource })},
		{inData, "client-trusted-hops", "n", "0", "with --client-source xff: proxies in front of Envoy that append to x-forwarded-for", number(func(c *config) *int { return &c.ClientTrustedHops }, 0, 32)},
		{inData, "client-trusted-cidrs", "cidrs", "", "with --client-source xff: networks of the proxies to trust instead of a number of hops", cidrs(func(c *config) *[]netip.Prefix { return &c.ClientTrustedCIDRs })},
		{inData, "address-limit", "rate", "", "limit on all requests of one client address, e.g. 200/s burst 400; off when empty; needs a true --client-source", rate(func(c *config) **limit.Limit { return &c.AddressLimit })},
		{inData, "failure-limit", "rate", "", "failed credentials of one client address, e.g. 20/m; off when empty; needs a true --client-source", rate(func(c *config) **limit.Limit { return &c.FailureLimit })},
	}
}

func keySettings() []setting {
	return []setting{
		{inData, "key-sources", "places", "header:x-api-key,bearer", "where callers may put the key: header:NAME, bearer, query:NAME", list(func(c *config) *[]string { return &c.KeySources })},
		{inControl, "protected-networks", "cidrs", "", "networks, comma separated, that no blacklist rule may touch unless forced: your own load balancers, offices, monitors", cidrs(func(c *config) *[]netip.Prefix { return &c.ProtectedNetworks })},
		{inRun, "accept-foreign-keys", "bool", "false", "look up key texts without our checksum (imported keys); management warns who imports keys while it is off", boolean(func(c *config) *bool { return &c.AcceptForeignKeys })},
		{inData, "keep-credential", "bool", "false", "let the key reach the upstream; by default it is removed", boolean(func(c *config) *bool { return &c.KeepCredential })},
		{inData, "realm", "text", "credence", "realm in the WWW-Authenticate challenge", text(func(c *config) *string { return &c.Realm })},
		{inData, "identity-headers", "list", "key-id,namespace,owner,type,scopes,plan", "x-credence-... headers the upstream gets; FIELD or FIELD=HEADER; the others are still removed when forged", list(func(c *config) *[]string { return &c.IdentityHeaders })},
		{inData, "metadata-fields", "list", "all", "fields of the dynamic metadata that Envoy gets: all, none, or some of decision,reason,stage,mode,policy,source,client,key_id,namespace,owner,plan,key_type", list(func(c *config) *[]string { return &c.MetadataFields })},
		{inData, "ratelimit-headers", "bool", "true", "send RateLimit and RateLimit-Policy back to the caller", boolean(func(c *config) *bool { return &c.RateLimitHeaders })},
	}
}

func stateSettings() []setting {
	return []setting{
		{inData, "cache-size", "n", "100000", "keys kept in memory", number(func(c *config) *int { return &c.CacheSize }, 100, 10_000_000)},
		{inData, "cache-ttl", "duration", "10m", "a cached key is read again after this long", duration(func(c *config) *time.Duration { return &c.CacheTTL }, time.Second, 24*time.Hour)},
		{inData, "negative-ttl", "duration", "30s", "an unknown key is looked up again after this long", duration(func(c *config) *time.Duration { return &c.NegativeTTL }, time.Second, time.Hour)},
		{inData, "ceiling", "duration", "1h", "the longest time to go on deciding without having read the change feed", duration(func(c *config) *time.Duration { return &c.Ceiling }, 10*time.Second, 7*24*time.Hour)},
		{inData, "feed-poll", "duration", "500ms", "how often the change feed is read when no push arrives", duration(func(c *config) *time.Duration { return &c.FeedPoll }, 50*time.Millisecond, time.Minute)},
	}
}

func runSettings() []setting {
	return []setting{
		{inData, "max-connection-age", "duration", "30m", "Envoy's connections are ended softly after this long, so that load spreads; 0 never", duration(func(c *config) *time.Duration { return &c.MaxConnectionAge }, 0, 24*time.Hour)},
		{inData, "drain-delay", "duration", "0s", "after a stop signal, how long Checks are still answered while health says NOT_SERVING: longer than Envoy takes to notice, 5s with envoy/envoy.yaml", duration(func(c *config) *time.Duration { return &c.DrainDelay }, 0, 10*time.Minute)},
		{inRun, "shutdown-grace", "duration", "10s", "how long running requests may take after a stop signal", duration(func(c *config) *time.Duration { return &c.ShutdownGrace }, 0, 10*time.Minute)},
		{inAll, "log-level", "level", "info", "debug, info, warn or error", level},
		{inAll, "log-format", "format", "text", "text or json", choice(func(c *config) *string { return &c.LogFormat }, "text", "json")},
		{inData, "log-checks", "bool", "false", "log one line for every Check", boolean(func(c *config) *bool { return &c.LogChecks })},
	}
}

// The parsers of single values. Their errors say what would be right; the
// caller adds which setting and where it was set.

func text(field func(*config) *string) func(*config, string) error {
	return func(c *config, v string) error { *field(c) = v; return nil }
}

func list(field func(*config) *[]string) func(*config, string) error {
	return func(c *config, v string) error { *field(c) = splitList(v); return nil }
}

func boolean(field func(*config) *bool) func(*config, string) error {
	return func(c *config, v string) error {
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*field(c) = b
		return nil
	}
}

func number(field func(*config) *int, low, high int) func(*config, string) error {
	return func(c *config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not a number from %d to %d", v, low, high)
		}
		*field(c) = n
		return nil
	}
}

func duration(field func(*config) *time.Duration, low, high time.Duration) func(*config, string) error {
	return func(c *config, v string) error {
		d, err := timespan.Parse(v)
		if err != nil || d < low || d > high {
			return fmt.Errorf("%q is not a duration from %s to %s, such as 90s, 10m, 24h or 7d", v, timespan.Text(low), timespan.Text(high))
		}
		*field(c) = d
		return nil
	}
}

func choice(field func(*config) *string, allowed ...string) func(*config, string) error {
	return func(c *config, v string) error {
		if !slices.Contains(allowed, v) {
			return fmt.Errorf("%q is not one of %s", v, strings.Join(allowed, ", "))
		}
		*field(c) = v
		return nil
	}
}

func level(c *config, v string) error {
	if err := c.LogLevel.UnmarshalText([]byte(v)); err != nil {
		return fmt.Errorf("%q is not one of debug, info, warn, error", v)
	}
	return nil
}

func rate(field func(*config) **limit.Limit) func(*config, string) error {
	return func(c *config, v string) error {
		if v == "" {
			return nil
		}
		l, err := limit.Parse(v)
		if err != nil {
			return err
		}
		*field(c) = &l
		return nil
	}
}

func cidrs(field func(*config) *[]netip.Prefix) func(*config, string) error {
	return func(c *config, v string) error {
		for _, s := range splitList(v) {
			p, err := netip.ParsePrefix(s)
			if err != nil {
				return fmt.Errorf("%q is not a network such as 10.0.0.0/8", s)
			}
			*field(c) = append(*field(c), p.Masked())
		}
		return nil
	}
}

func splitList(v string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(v, func(r rune) bool { return r == ',' }), func(s string) bool {
		return strings.TrimSpace(s) == ""
	})
}
