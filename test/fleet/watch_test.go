package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/redisserver"
)

// watched is a deployment whose use is looked at.
type watched struct {
	t       *testing.T
	cli     func(args ...string) (string, error) // a client of the API
	control *harness.Credence
	replica *harness.Credence
	traces  *traces
}

// traces is a collector of spans.
type traces struct {
	mu  sync.Mutex
	raw bytes.Buffer
}

func (c *traces) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.raw, r.Body) // what is missing is missed
}

func (c *traces) has(text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.raw.Bytes(), []byte(text))
}

// newTraces starts a collector, and answers the settings that lead to it.
func newTraces(t *testing.T) (*traces, []string) {
	t.Helper()
	c := &traces{}
	collector := httptest.NewServer(c)
	t.Cleanup(collector.Close)
	return c, []string{"--trace-endpoint", collector.URL, "--trace-ratio", "1", "--client-source", "peer"}
}

func onSQLite(t *testing.T) *watched {
	t.Helper()
	collector, flags := newTraces(t)
	c, err := harness.StartCredence(t.Context(), binary, t.TempDir(), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &watched{t: t, control: c, replica: c, traces: collector, cli: func(args ...string) (string, error) {
		return c.CLI(t.Context(), nil, args...)
	}}
}

func onPostgreSQL(t *testing.T, more ...string) *watched {
	t.Helper()
	collector, flags := newTraces(t)
	flags = append(flags, more...)
	d := prepare(t)
	m := d.start("management", d.owner, append(append(d.both(), "--api-addr", "127.0.0.1:0"), flags...)...)
	replica := d.start("extauthz", d.checker, append(append(d.secrets(), "--check-addr", "127.0.0.1:0"), flags...)...)
	return &watched{t: t, control: m, replica: replica, traces: collector, cli: func(args ...string) (string, error) {
		return d.cli(append(args, "--server", "http://"+m.API, "--token-file", filepath.Join(d.folder, "admin.token"))...)
	}}
}

func (w *watched) ok(args ...string) string {
	w.t.Helper()
	out, err := w.cli(args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// read reads what a command answers as JSON.
func (w *watched) read(into any, args ...string) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.ok(append(args, "-o", "json")...)), into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) key(name string, flags ...string) (id, file string) {
	w.t.Helper()
	file = filepath.Join(w.t.TempDir(), name+".txt")
	var made struct {
		Key struct {
			KeyID string `json:"key_id"`
		} `json:"key"`
	}
	w.read(&made, append([]string{"keys", "create", "--name", name, "--key-file", file}, flags...)...)
	return made.Key.KeyID, file
}

// checked makes Checks, and demands that all of them are allowed, or refused.
func (w *watched) checked(times int, allowed bool, flags ...string) {
	w.t.Helper()
	for range times {
		_, err := harness.Run(w.t.Context(), binary, append([]string{"check", "--addr", w.replica.Check.String()}, flags...)...)
		if command, is := errors.AsType[*harness.CommandError](err); allowed && err != nil || !allowed && (!is || command.Code != 1) {
			w.t.Fatalf("check %q: %v, want allowed: %v", flags, err, allowed)
		}
	}
}

func (w *watched) until(what string, check func() error) {
	w.t.Helper()
	if err := harness.Until(w.t.Context(), 60*time.Second, what, check); err != nil {
		w.t.Fatal(err)
	}
}

// deployments are the ways to run Credence that are told apart by their stores.
func deployments() map[string]func(t *testing.T) *watched {
	return map[string]func(t *testing.T) *watched{
		"SQLite":     onSQLite,
		"PostgreSQL": func(t *testing.T) *watched { t.Helper(); return onPostgreSQL(t) },
		"PostgreSQL and Redis": func(t *testing.T) *watched {
			t.Helper()
			return onPostgreSQL(t, "--redis", redisserver.Start(t).Address())
		},
	}
}

// TestUsageIsAnsweredWatchedAndReportedOnEveryDeployment is the way of a Check
// from its count to a question, a finding and what a policy does about it, a
// report, a metric and a trace, with the store that it takes.
func TestUsageIsAnsweredWatchedAndReportedOnEveryDeployment(t *testing.T) {
	for name, deploy := range deployments() {
		t.Run(name, func(t *testing.T) {
			w := deploy(t)
			w.ok("plans", "create", "gold", "--limit", "1000/s")
			w.ok("owners", "create", "team")
			w.ok("route-policies", "create", "orders", "--wait", "10s")
			w.ok("anomaly-policies", "set", "--type", "scope_probing", "--severity", "medium", "--action", "suspend", "--threshold", "probes=3")
			busy, busyFile := w.key("busy", "--owner", "team", "--plan", "gold", "--quota", "10/day")
			idle, _ := w.key("idle")
			prober, proberFile := w.key("prober")
			nonsense := filepath.Join(t.TempDir(), "nonsense.txt")
			if err := os.WriteFile(nonsense, []byte("crd_live_nonsense\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			w.checked(9, true, "--key-file", busyFile, "--policy", "orders", "--ip", "198.51.100.7")
			w.checked(4, false, "--key-file", nonsense, "--ip", "203.0.113.50")
			w.checked(4, false, "--key-file", proberFile, "--extension", "credence.scopes=admin")

			w.answers(busy, idle)
			found := w.finds(prober, proberFile)
			w.reports(busy, found)
			w.measures(name)
		})
	}
}

// answers asks what usage tells.
func (w *watched) answers(busy, idle string) {
	w.t.Helper()
	w.until("all Checks are counted", func() error {
		var all client.Usage
		w.read(&all, "usage", "--since", "24h")
		requests, denied := int64(0), int64(0)
		for _, s := range all.Items {
			requests, denied = requests+s.Requests, denied+s.Denied
		}
		if requests != 17 || denied != 8 {
			return fmt.Errorf("%d requests, %d of them refused", requests, denied)
		}
		return nil
	})
	for of, want := range map[string]client.UsageSum{
		"key": {Group: busy, Requests: 9}, "owner": {Group: "team", Requests: 9}, "plan": {Group: "gold", Requests: 9},
		"namespace": {Group: "default", Requests: 13}, "route": {Group: "orders", Requests: 9}, "reason": {Group: "scope_missing", Requests: 4},
	} {
		var top client.Usage
		w.read(&top, "usage", "top", "--of", of)
		if !slices.ContainsFunc(top.Items, func(s client.UsageSum) bool { return s.Group == want.Group && s.Requests == want.Requests }) {
			w.t.Errorf("by %s: %+v, want %s with %d", of, top.Items, want.Group, want.Requests)
		}
	}
	var denials client.Usage
	if w.read(&denials, "usage", "top", "--by", "denials", "--of", "reason"); len(denials.Items) == 0 || denials.Items[0].Denied != 4 {
		w.t.Errorf("by denials: %+v", denials.Items)
	}
	if table := w.ok("usage", "--key", busy, "--since", "24h", "--by", "hour"); !strings.ContainsAny(table, "▁▂▃▄▅▆▇█") {
		w.t.Errorf("without drawings: %s", table)
	}
	if csv := w.ok("usage", "--key", busy, "--since", "24h", "--by", "hour", "-o", "csv"); !strings.Contains(csv, "requests") || !strings.Contains(csv, ",9,") {
		w.t.Errorf("as CSV: %s", csv)
	}
	var addresses client.List[client.FailingAddress]
	if w.read(&addresses, "usage", "addresses"); !slices.ContainsFunc(addresses.Items, func(f client.FailingAddress) bool {
		return f.Address == "203.0.113.50" && f.Refused == 4
	}) {
		w.t.Errorf("addresses: %+v", addresses.Items)
	}
	var quotas client.List[client.QuotaState]
	if w.read(&quotas, "usage", "quotas"); len(quotas.Items) != 1 || quotas.Items[0].KeyID != busy || quotas.Items[0].Used < 9 {
		w.t.Errorf("quotas: %+v", quotas.Items)
	}
	w.until("keys say when they were used", func() error {
		var all client.List[client.Key]
		w.read(&all, "keys", "list", "--unused-since", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)) // none was, by then
		used := map[string]bool{}
		for _, k := range all.Items {
			used[k.KeyID] = !k.LastUsedAt.IsZero()
		}
		if idleUsed, is := used[idle]; !is || idleUsed || !used[busy] {
			return fmt.Errorf("%v", used)
		}
		return nil
	})
}

// finds waits for the finding about a key that probes and for what the policy
// does about it, replays it, and takes it back.
func (w *watched) finds(prober, file string) (id string) {
	w.t.Helper()
	w.until("the key is found and suspended", func() error {
		var found client.List[client.Anomaly]
		w.read(&found, "anomalies", "list", "--type", "scope_probing")
		if len(found.Items) != 1 || found.Items[0].KeyID != prober || len(found.Items[0].Actions) != 1 || found.Items[0].Actions[0].Outcome != "done" {
			return fmt.Errorf("%+v", found.Items)
		}
		id = found.Items[0].ID
		return nil
	})
	suspended := func() error {
		out, err := harness.Run(w.t.Context(), binary, "check", "--addr", w.replica.Check.String(), "--key-file", file)
		if err == nil || !strings.Contains(out+err.Error(), "suspended") {
			return fmt.Errorf("%q, %w", out, err)
		}
		return nil
	}
	w.until("the replica refuses the key", suspended)
	var replayed client.AnomalyReplay
	w.read(&replayed, "anomalies", "replay", "--since", "1h")
	if !slices.ContainsFunc(replayed.Items, func(r client.ReplayedAnomaly) bool {
		return r.Type == "scope_probing" && r.Happened == id && len(r.Would) == 1 && r.Would[0].Action == "suspend"
	}) {
		w.t.Errorf("replayed: %+v", replayed)
	}
	w.ok("anomalies", "undo", id, "--note", "a deploy")
	w.until("the replica lets the key through", func() error {
		_, err := harness.Run(w.t.Context(), binary, "check", "--addr", w.replica.Check.String(), "--key-file", file)
		return err
	})
	return id
}

// reports makes a report, and looks at it in every format.
func (w *watched) reports(busy, finding string) {
	w.t.Helper()
	folder := w.t.TempDir()
	w.ok("report", "create", "--since", "24h", "--format", "json", "--out", filepath.Join(folder, "report.json"))
	var listed client.List[client.Report]
	if w.read(&listed, "report", "list"); len(listed.Items) != 1 {
		w.t.Fatalf("%d reports", len(listed.Items))
	}
	for format, want := range map[string][]string{
		"json":     {`"urgent": 0`, `"open": 1`, finding, busy, `"used_up":`, "203.0.113.50"},
		"html":     {"<svg class=\"course\"", busy, "203.0.113.50", "asked 4 times"},
		"markdown": {"# Report, all namespaces", busy, "Keys that met a limit"},
		"csv":      {"section,row,column,value", busy},
	} {
		text := w.ok("report", "download", listed.Items[0].ReportID, "--format", format, "--out", "-")
		for _, part := range want {
			if !strings.Contains(text, part) {
				w.t.Errorf("the report as %s does not say %q", format, part)
			}
		}
	}
	w.ok("report", "schedules", "create", "daily")
	if schedules := w.ok("report", "schedules", "list"); !strings.Contains(schedules, "daily") {
		w.t.Errorf("schedules: %s", schedules)
	}
}

// measures looks at the metrics and traces of both planes.
func (w *watched) measures(deployment string) {
	w.t.Helper()
	shows := func(c *harness.Credence, expression string) {
		w.t.Helper()
		w.until(expression, func() error {
			text, err := status(w.t.Context(), c, "/metrics")
			if err == nil && !regexp.MustCompile("(?m)^"+expression).MatchString(text) {
				err = errors.New("not shown")
			}
			return err
		})
	}
	shows(w.replica, `credence_checks_total\{decision="allow",reason="allowed"\} [1-9]`)
	shows(w.replica, `credence_usage_batches_total [1-9]`)
	shows(w.control, `credence_management_requests_total\{operation="UsageTop",status_class="2xx"\} [1-9]`)
	if strings.Contains(deployment, "Redis") {
		shows(w.control, `credence_usage_ingested_total [1-9]`)
	}
	w.documented(w.control)
	w.documented(w.replica)
	for _, span := range []string{"Check", "GET /v1/usage/top", "credence.key_id"} {
		w.until("a span "+span, func() error {
			if !w.traces.has(span) {
				return errors.New("none")
			}
			return nil
		})
	}
}

// documented holds what a process exports against docs/metrics.md: every metric
// and label is there, and none has the id of a key as its value.
func (w *watched) documented(c *harness.Credence) {
	w.t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := status(w.t.Context(), c, "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^(credence_[a-z0-9_]+?)(_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`).FindAllStringSubmatch(text, -1)
	if len(lines) < 30 {
		w.t.Fatalf("only %d metrics: %s", len(lines), text)
	}
	for _, line := range lines {
		row := regexp.MustCompile("(?m)^\\| `" + line[1] + "` \\| \\w+ \\|([^|]*)\\|").FindStringSubmatch(string(page))
		if row == nil {
			w.t.Errorf("%s is not in docs/metrics.md", line[1])
			continue
		}
		for _, label := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(line[3], -1) {
			if label[1] != "le" && !strings.Contains(row[1], "`"+label[1]+"`") {
				w.t.Errorf("%s has label %s, which is not in docs/metrics.md", line[1], label[1])
			}
			if strings.HasPrefix(label[2], "key_") {
				w.t.Errorf("%s has %s", line[1], label[0])
			}
		}
	}
}
