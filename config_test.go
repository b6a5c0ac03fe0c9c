package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// load runs loadConfig on flags, a file's content and an environment.
func load(t *testing.T, file string, environ, args []string) (config, []origin, error) {
	t.Helper()
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "credence.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addSettings(flags, inAll)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return loadConfig(flags, path, environ)
}

func from(origins []origin, name string) string {
	for _, o := range origins {
		if o.setting.name == name {
			return o.from
		}
	}
	return ""
}

func TestFlagsBeatVariablesBeatFileBeatDefaults(t *testing.T) {
	file := "cache_size: 111\ncache_ttl: 1m\nfeed_poll: 2s\n"
	environ := []string{"CREDENCE_CACHE_SIZE=222", "CREDENCE_CACHE_TTL=2m"}
	c, origins, err := load(t, file, environ, []string{"--cache-size", "333"})
	if err != nil {
		t.Fatal(err)
	}
	if c.CacheSize != 333 || c.CacheTTL != 2*time.Minute || c.FeedPoll != 2*time.Second || c.Ceiling != time.Hour {
		t.Errorf("got %d %s %s %s, want 333 2m 2s 1h", c.CacheSize, c.CacheTTL, c.FeedPoll, c.Ceiling)
	}
	for name, want := range map[string]string{
		"cache-size": "flag --cache-size", "cache-ttl": "variable CREDENCE_CACHE_TTL", "feed-poll": "file ", "ceiling": "default",
	} {
		if got := from(origins, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s comes from %q, want %q", name, got, want)
		}
	}
}

func TestEveryDefaultIsValid(t *testing.T) {
	c, _, err := load(t, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkListeners(c, inServe); err != nil {
		t.Error(err)
	}
	if _, err := pipelineOptions(c); err != nil {
		t.Error(err)
	}
	if _, err := answerOptions(c); err != nil {
		t.Error(err)
	}
}

func TestListsCanBeWrittenAsTextOrAsYAML(t *testing.T) {
	for _, file := range []string{"api_hosts: a.example,b.example\n", "api_hosts: [a.example, b.example]\n"} {
		c, _, err := load(t, file, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(c.APIHosts, " ") != "a.example b.example" {
			t.Errorf("%q gives %q", file, c.APIHosts)
		}
	}
}

// What blacklists by address has to know whether somebody has said where
// addresses come from, also by naming the default.
func TestASaidClientSourceIsTold(t *testing.T) {
	for args, want := range map[string]bool{"": false, "--client-source=peer": true, "--client-source=header:x-client-ip": true} {
		c, _, err := load(t, "", nil, strings.Fields(args))
		if err != nil || c.ClientSourceSaid != want {
			t.Errorf("%q: said %v, %v", args, c.ClientSourceSaid, err)
		}
	}
	if c, _, err := load(t, "client_source: peer\n", nil, nil); err != nil || !c.ClientSourceSaid {
		t.Errorf("of the file: said %v, %v", c.ClientSourceSaid, err)
	}
}

// Each bad input is refused with the setting, where it was set, and what
// would be right.
func TestBadConfigurationNamesTheSettingAndTheRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		file    string
		environ []string
		args    []string
		want    []string
	}{
		"unknown key":             {file: "cache_sise: 5\n", want: []string{`unknown key "cache_sise"`, `did you mean "cache_size"`}},
		"unknown variable":        {environ: []string{"CREDENCE_CEILLING=1h"}, want: []string{"CREDENCE_CEILLING", "CREDENCE_CEILING"}},
		"no number":               {args: []string{"--cache-size", "many"}, want: []string{"cache-size (from flag --cache-size)", "number from 100"}},
		"out of range":            {environ: []string{"CREDENCE_CACHE_SIZE=5"}, want: []string{"variable CREDENCE_CACHE_SIZE", "number from 100"}},
		"no duration":             {file: "ceiling: soon\n", want: []string{"ceiling", "10m, 24h or 7d"}},
		"parts of a day":          {args: []string{"--ceiling", "1.5d"}, want: []string{"ceiling", "24h"}},
		"no boolean":              {environ: []string{"CREDENCE_LOG_CHECKS=perhaps"}, want: []string{"true nor false"}},
		"no rate":                 {args: []string{"--failure-limit", "often"}, want: []string{"failure-limit", "often"}},
		"limits without a source": {args: []string{"--failure-limit", "20/m"}, want: []string{"client-source: not set", "peer", "xff"}},
		"no network":              {args: []string{"--client-trusted-cidrs", "10.0.0.0/40"}, want: []string{"10.0.0.0/40", "10.0.0.0/8"}},
		"no log level":            {args: []string{"--log-level", "loud"}, want: []string{"debug, info, warn, error"}},
		"no log format":           {args: []string{"--log-format", "xml"}, want: []string{"text, json"}},
		"broken yaml":             {file: "a: [\n", want: []string{"credence.yaml"}},
		"several at once":         {args: []string{"--log-level", "loud", "--cache-size", "0"}, want: []string{"log-level", "cache-size"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, test.file, test.environ, test.args)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if code := report(&bytes.Buffer{}, err); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
		})
	}
}

func TestKubernetesServiceLinksAreNotSettings(t *testing.T) {
	_, _, err := load(t, "", []string{
		"CREDENCE_SERVICE_HOST=10.0.0.1", "CREDENCE_SERVICE_PORT=9001", "CREDENCE_SERVICE_PORT_GRPC=9001",
		"CREDENCE_PORT=tcp://10.0.0.1:9001", "CREDENCE_PORT_9001_TCP_ADDR=10.0.0.1", "CREDENCE_EXTAUTHZ_PORT_9001_TCP=x",
		"CREDENCE_SERVER=http://127.0.0.1:8080", "CREDENCE_TLS_CA=ca.pem",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestMissingConfigFileIsAnErrorOnlyWhenNamed(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addSettings(flags, inAll)
	if _, _, err := loadConfig(flags, filepath.Join(t.TempDir(), "no.yaml"), nil); err == nil {
		t.Error("a named file that is not there was accepted")
	}
	t.Chdir(t.TempDir())
	if _, _, err := loadConfig(flags, "", nil); err != nil {
		t.Error(err)
	}
}

func TestPlaintextBeyondLoopbackNeedsConsent(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:9001": true, "[::1]:0": true, "localhost:9001": true, "unix:/run/credence.sock": true,
		"0.0.0.0:9001": false, ":9001": false, "10.0.0.1:9001": false, "credence:9001": false,
	} {
		for _, setting := range []string{"--check-addr", "--api-addr"} {
			c, _, err := load(t, "", nil, []string{setting, address})
			if err != nil {
				t.Fatal(err)
			}
			if err := checkListeners(c, inServe); (err == nil) != ok {
				t.Errorf("%s %s: %v, want ok %t", setting, address, err, ok)
			}
			c.InsecurePlaintext = true
			if err := checkListeners(c, inServe); err != nil {
				t.Errorf("%s %s with consent: %v", setting, address, err)
			}
		}
	}
}

func TestConfigPrintMasksPasswords(t *testing.T) {
	_, origins, err := load(t, "", nil, []string{"--store", "postgres://credence:hunter2@db/credence"})
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{"table", "json"} {
		var out bytes.Buffer
		if err := printConfig(&out, origins, output); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "credence:[masked]@db") {
			t.Errorf("as %s: %s", output, out.String())
		}
	}
}

func TestConfigPrintAsJSONHoldsEverySettingAndWhereItsValueCameFrom(t *testing.T) {
	var out, errs strings.Builder
	environ := []string{"CREDENCE_CACHE_SIZE=500000"}
	if code := run(t.Context(), []string{"config", "print", "--data-dir", "elsewhere", "-o", "json"}, process{strings.NewReader(""), &out, &errs, environ}); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var got struct {
		Items []settingRow `json:"items"`
	}
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []settingRow{
		{"data_dir", "elsewhere", "flag --data-dir"}, {"cache_size", "500000", "variable CREDENCE_CACHE_SIZE"}, {"store", "", "default"},
	} {
		if !slices.Contains(got.Items, want) {
			t.Errorf("no %+v in %s", want, out.String())
		}
	}
	if len(got.Items) != len(settings()) {
		t.Errorf("%d settings, want %d", len(got.Items), len(settings()))
	}
	if code := run(t.Context(), []string{"config", "print", "-o", "xml"}, process{strings.NewReader(""), &out, &errs, nil}); code != 2 || !strings.Contains(errs.String(), "table or json") {
		t.Errorf("-o xml: exit code %d: %s", code, errs.String())
	}
}

func TestMistakesOnTheCommandLineAreUsageErrorsThatSayWhatIsRight(t *testing.T) {
	for says, args := range map[string][]string{
		`unknown command "doors": ` + "`credence --help` lists them":       {"doors"},
		`unknown command "kesy"; did you mean "keys"?`:                     {"kesy"},
		`unknown command "show": ` + "`credence config --help` lists them": {"config", "show"},
		`"now": ` + "`credence serve` takes no arguments":                  {"serve", "now"},
		`"2": ` + "`credence version` takes no arguments":                  {"version", "2"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, process{strings.NewReader(""), &out, &errs, nil}); code != 2 {
			t.Errorf("credence %s: exit code %d, want 2", strings.Join(args, " "), code)
		}
		if !strings.Contains(errs.String(), says) || out.Len() != 0 {
			t.Errorf("credence %s: it says %q and prints %q, want %q", strings.Join(args, " "), errs.String(), out.String(), says)
		}
	}
}

func TestACallerIsToldTheFirstPlacesForAKey(t *testing.T) {
	for sources, want := range map[string]string{
		"header:x-api-key,bearer":           "in the header x-api-key or as a bearer token",
		"query:key":                         "in the query parameter key",
		"bearer,header:x-key,header:x-auth": "as a bearer token or in the header x-key",
	} {
		c, _, err := load(t, "", nil, []string{"--key-sources", sources})
		if err != nil {
			t.Fatal(err)
		}
		if o, err := answerOptions(c); err != nil || o.KeyPlaces != want {
			t.Errorf("%s: %q, %v; want %q", sources, o.KeyPlaces, err, want)
		}
	}
}
