package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"credence/store/limit"
)

// config is everything an operator can set, parsed and checked. Only package
// main knows it; packages get plain option structs made from it in wire.go.
type config struct {
	DataDir string
	Store   string // "sqlite:PATH" or a PostgreSQL URL

	StoreSessionURL string
	SecretsFile     string
	Keyset          string

	CheckAddr  string
	StatusAddr string
	APIAddr    string
	APIHosts   []string

	InsecurePlaintext bool

	CheckTLS       tlsSettings
	APITLS         tlsSettings
	CallSecretFile string

	ClientSource       string
	ClientTrustedHops  int
	ClientTrustedCIDRs []netip.Prefix
	AddressLimit       *limit.Limit
	FailureLimit       *limit.Limit

	KeySources        []string
	AcceptForeignKeys bool
	KeepCredential    bool
	Realm             string
	IdentityHeaders   []string
	RateLimitHeaders  bool

	CacheSize   int
	CacheTTL    time.Duration
	NegativeTTL time.Duration
	Ceiling     time.Duration
	FeedPoll    time.Duration

	MaxConnectionAge time.Duration
	DrainDelay       time.Duration
	ShutdownGrace    time.Duration
	ChangesRetention time.Duration

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

	inData    = inServe | inExtauthz   // has a data plane
	inControl = inServe | inManagement // has a control plane
	inRun     = inServe | inExtauthz | inManagement
	inAll     = inRun | inMigrate | inBootstrap
)

func (s *setting) fileKey() string { return strings.ReplaceAll(s.name, "-", "_") }

func (s *setting) variable() string { return "CREDENCE_" + strings.ToUpper(s.fileKey()) }

// settings is the one table of the configuration. Flags, variables, file
// keys, help texts and `config print` are all made from it.
func settings() []setting {
	return slices.Concat(placeSettings(), transportSettings(), clientSettings(), keySettings(), stateSettings(), runSettings())
}

func placeSettings() []setting {
	return []setting{
		{inRun | inMigrate, "data-dir", "dir", "credence-data", "folder for everything the process writes: database, secrets, first token, addresses", text(func(c *config) *string { return &c.DataDir })},
		{inAll, "store", "address", "", "database: sqlite:PATH (serve; default sqlite:DATA_DIR/credence.db) or postgres://USER@HOST/DATABASE", text(func(c *config) *string { return &c.Store })},
		{inAll, "store-session-url", "url", "", "the same PostgreSQL without a pooler in transaction mode: for LISTEN and migrations; without it a pooler means polling", text(func(c *config) *string { return &c.StoreSessionURL })},
		{inExtauthz | inManagement | inBootstrap, "secrets-file", "file", "secrets.json", "secrets.json of the deployment, made once by `credence secrets init`", text(func(c *config) *string { return &c.SecretsFile })},
		{inManagement | inBootstrap, "keyset", "file", "keyset.json", "keyset.json of the deployment: it seals audit entries; the data plane never gets it", text(func(c *config) *string { return &c.Keyset })},
		{inData, "check-addr", "address", "127.0.0.1:9001", "where Envoy sends its Checks: HOST:PORT or unix:PATH; port 0 picks a free one", text(func(c *config) *string { return &c.CheckAddr })},
		{inRun, "status-addr", "host:port", "127.0.0.1:9003", "health and metrics", text(func(c *config) *string { return &c.StatusAddr })},
		{inControl, "api-addr", "host:port", "127.0.0.1:8080", "management API", text(func(c *config) *string { return &c.APIAddr })},
		{inControl, "api-hosts", "names", "", "names, comma separated, that the API answers to besides loopback (Host header)", list(func(c *config) *[]string { return &c.APIHosts })},
		{inRun, "insecure-plaintext", "bool", "false", "allow listeners beyond loopback without TLS; keys and tokens then cross the network readable", boolean(func(c *config) *bool { return &c.InsecurePlaintext })},
	}
}

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
		{inData, "call-secret-file", "file", "", "secrets, a line each, one of which Envoy must send with every Check in the metadata x-credence-call-secret", text(func(c *config) *string { return &c.CallSecretFile })},
		{inControl, "api-tls-cert", "file", "", "certificate (PEM) of the management API; read again when it changes", text(func(c *config) *string { return &c.APITLS.Cert })},
		{inControl, "api-tls-key", "file", "", "its private key (PEM), mode 0640 or narrower", text(func(c *config) *string { return &c.APITLS.Key })},
		{inControl, "api-tls-client-ca", "file", "", "authorities (PEM) of API clients' certificates (mTLS, beside the admin token)", text(func(c *config) *string { return &c.APITLS.ClientCA })},
	}
}

func clientSettings() []setting {
	return []setting{
		{inData, "client-source", "source", "peer", "where the client address comes from: peer, header:NAME or xff", text(func(c *config) *string { return &c.ClientSource })},
		{inData, "client-trusted-hops", "n", "0", "with --client-source xff: proxies in front of Envoy that append to x-forwarded-for", number(func(c *config) *int { return &c.ClientTrustedHops }, 0, 32)},
		{inData, "client-trusted-cidrs", "cidrs", "", "with --client-source xff: networks of the proxies to trust instead of a number of hops", cidrs(func(c *config) *[]netip.Prefix { return &c.ClientTrustedCIDRs })},
		{inData, "address-limit", "rate", "", "limit on all requests of one client address, e.g. 200/s burst 400; off when empty; needs a true --client-source", rate(func(c *config) **limit.Limit { return &c.AddressLimit })},
		{inData, "failure-limit", "rate", "", "failed credentials of one client address, e.g. 20/m; off when empty; needs a true --client-source", rate(func(c *config) **limit.Limit { return &c.FailureLimit })},
	}
}

func keySettings() []setting {
	return []setting{
		{inData, "key-sources", "places", "header:x-api-key,bearer", "where callers may put the key: header:NAME, bearer, query:NAME", list(func(c *config) *[]string { return &c.KeySources })},
		{inData, "accept-foreign-keys", "bool", "false", "look up key texts without our checksum (imported keys)", boolean(func(c *config) *bool { return &c.AcceptForeignKeys })},
		{inData, "keep-credential", "bool", "false", "let the key reach the upstream; by default it is removed", boolean(func(c *config) *bool { return &c.KeepCredential })},
		{inData, "realm", "text", "credence", "realm in the WWW-Authenticate challenge", text(func(c *config) *string { return &c.Realm })},
		{inData, "identity-headers", "list", "key-id,namespace,owner,type,scopes,plan", "x-credence-... headers the upstream gets; FIELD or FIELD=HEADER; the others are still removed when forged", list(func(c *config) *[]string { return &c.IdentityHeaders })},
		{inData, "ratelimit-headers", "bool", "true", "send RateLimit and RateLimit-Policy back to the caller", boolean(func(c *config) *bool { return &c.RateLimitHeaders })},
	}
}

func stateSettings() []setting {
	return []setting{
		{inData, "cache-size", "n", "100000", "keys kept in memory", number(func(c *config) *int { return &c.CacheSize }, 100, 10_000_000)},
		{inData, "cache-ttl", "duration", "10m", "a cached key is read again after this long", duration(func(c *config) *time.Duration { return &c.CacheTTL }, time.Second, 24*time.Hour)},
		{inData, "negative-ttl", "duration", "30s", "an unknown key is looked up again after this long", duration(func(c *config) *time.Duration { return &c.NegativeTTL }, time.Second, time.Hour)},
		{inData, "ceiling", "duration", "1h", "the longest time to go on deciding without having read the change feed", duration(func(c *config) *time.Duration { return &c.Ceiling }, 10*time.Second, 7*24*time.Hour)},
		{inData, "feed-poll", "duration", "1s", "how often the change feed is read when no push arrives", duration(func(c *config) *time.Duration { return &c.FeedPoll }, 50*time.Millisecond, time.Minute)},
	}
}

func runSettings() []setting {
	return []setting{
		{inData, "max-connection-age", "duration", "30m", "Envoy's connections are ended softly after this long, so that load spreads; 0 never", duration(func(c *config) *time.Duration { return &c.MaxConnectionAge }, 0, 24*time.Hour)},
		{inData, "drain-delay", "duration", "0s", "after a stop signal, how long Checks are still answered while health says NOT_SERVING: longer than Envoy takes to notice, 5s with envoy/envoy.yaml", duration(func(c *config) *time.Duration { return &c.DrainDelay }, 0, 10*time.Minute)},
		{inRun, "shutdown-grace", "duration", "10s", "how long running requests may take after a stop signal", duration(func(c *config) *time.Duration { return &c.ShutdownGrace }, 0, 10*time.Minute)},
		{inControl, "changes-retention", "duration", "72h", "how long rows of the change feed are kept", duration(func(c *config) *time.Duration { return &c.ChangesRetention }, 2*time.Hour, 365*24*time.Hour)},
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
		d, err := time.ParseDuration(v)
		if err != nil || d < low || d > high {
			return fmt.Errorf("%q is not a duration from %s to %s, such as 90s, 10m or 24h", v, low, high)
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

// fromDefault is the origin of a value that nobody set.
const fromDefault = "default"

// origin says where a value came from.
type origin struct {
	setting setting
	value   string
	from    string
}

// loadConfig merges defaults < file < environment < flags. file is the path
// given with --config; "" reads ./credence.yaml when there is one.
func loadConfig(flags *pflag.FlagSet, file string, environ []string) (config, []origin, error) {
	v := viper.New()
	path, err := readConfigFile(v, file)
	if err != nil {
		return config{}, nil, err
	}
	variables := environment(environ)
	if err := unknownNames(v, path, variables); err != nil {
		return config{}, nil, err
	}
	var c config
	var origins []origin
	var problems []error
	for _, s := range settings() {
		o := resolve(v, s, path, variables, flags)
		if err := s.apply(&c, o.value); err != nil {
			problems = append(problems, fmt.Errorf("%s (from %s): %w", s.name, o.from, err))
		}
		origins = append(origins, o)
	}
	if c.AddressLimit != nil || c.FailureLimit != nil {
		problems = append(problems, unsaidSource(origins)...)
	}
	if len(problems) > 0 {
		return config{}, nil, usageError{errors.Join(problems...)}
	}
	return c, origins, nil
}

// unsaidSource refuses limits that count by address while nobody has said
// where the address comes from: behind a load balancer every client would
// share the default's one.
func unsaidSource(origins []origin) []error {
	for _, o := range origins {
		if o.setting.name == "client-source" && o.from == fromDefault {
			return []error{errors.New("client-source: not set: address-limit and failure-limit count by client address, " +
				"so say where it comes from: peer (Envoy is at the edge), header:NAME or xff")}
		}
	}
	return nil
}

func readConfigFile(v *viper.Viper, file string) (string, error) {
	path := file
	if path == "" {
		path = "credence.yaml"
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrNotExist) && file == "" {
		return "", nil
	}
	if err != nil {
		return "", usageError{fmt.Errorf("config: %w: give --config a file that can be read", err)}
	}
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(raw)); err != nil {
		return "", usageError{fmt.Errorf("config %s: %w", path, err)}
	}
	return path, nil
}

// resolve finds the value that wins and says where it stands.
func resolve(v *viper.Viper, s setting, path string, variables map[string]string, flags *pflag.FlagSet) origin {
	if f := flags.Lookup(s.name); f != nil && f.Changed {
		return origin{s, f.Value.String(), "flag --" + s.name}
	}
	if value, ok := variables[s.variable()]; ok {
		return origin{s, value, "variable " + s.variable()}
	}
	if path != "" && v.InConfig(s.fileKey()) {
		value := v.GetString(s.fileKey())
		if items := v.GetStringSlice(s.fileKey()); value == "" && len(items) > 0 {
			value = strings.Join(items, ",")
		}
		return origin{s, value, "file " + path}
	}
	return origin{s, s.fallback, fromDefault}
}

// environment is the CREDENCE_ part of environ.
func environment(environ []string) map[string]string {
	found := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "CREDENCE_") {
			found[name] = value
		}
	}
	return found
}

// unknownNames refuses file keys and variables that set nothing: a
// misspelled one must not be taken for a set one.
func unknownNames(v *viper.Viper, path string, variables map[string]string) error {
	keys, names := map[string]bool{}, map[string]bool{}
	for _, s := range settings() {
		keys[s.fileKey()], names[s.variable()] = true, true
	}
	var problems []error
	for _, k := range slices.Sorted(slices.Values(v.AllKeys())) {
		if !keys[k] {
			problems = append(problems, fmt.Errorf("config %s: unknown key %q%s", path, k, didYouMean(k, keys)))
		}
	}
	for _, n := range slices.Sorted(mapKeys(variables)) {
		if !names[n] && !clientVariable(n) && !kubernetesVariable(n) {
			problems = append(problems, fmt.Errorf("environment: unknown variable %s%s", n, didYouMean(n, names)))
		}
	}
	if len(problems) > 0 {
		return usageError{errors.Join(problems...)}
	}
	return nil
}

// clientVariable are the variables that the CLI and the tests read.
func clientVariable(name string) bool {
	return slices.Contains([]string{
		"CREDENCE_SERVER", "CREDENCE_TOKEN", "CREDENCE_CONFIG",
		"CREDENCE_TLS_CA", "CREDENCE_TLS_CERT", "CREDENCE_TLS_KEY", "CREDENCE_TLS_SERVER_NAME",
	}, name) ||
		strings.HasPrefix(name, "CREDENCE_TEST_")
}

// kubernetesVariable recognises what Kubernetes adds to every pod for a
// Service whose name starts with credence (service links).
func kubernetesVariable(name string) bool {
	return regexp.MustCompile(`^CREDENCE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_\w+)?)$`).MatchString(name)
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// didYouMean names the nearest known name when it is near enough to be meant.
func didYouMean(name string, known map[string]bool) string {
	best, distance := "", 4
	for k := range known {
		if d := editDistance(name, k); d < distance || d == distance && k < best {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; `credence config print` lists all"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// printConfig writes every setting, its value and where it came from.
func printConfig(out io.Writer, origins []origin) error {
	sort.Slice(origins, func(i, j int) bool { return origins[i].setting.name < origins[j].setting.name })
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tVALUE\tFROM")
	for _, o := range origins {
		value := o.value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.setting.fileKey(), maskURL(value), o.from)
	}
	return w.Flush()
}

// maskURL hides the password of an address such as postgres://u:p@host/db.
func maskURL(value string) string {
	return regexp.MustCompile(`(://[^:/@\s]*):[^@\s]*@`).ReplaceAllString(value, "$1:[masked]@")
}
