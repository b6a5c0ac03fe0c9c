package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"credence/extauthz/pipeline"
	"credence/management/webhook"
)

// documentedMetric is a row of docs/metrics.md.
type documentedMetric struct {
	kind   string
	labels []string
}

// documentedMetrics reads the tables of docs/metrics.md.
func documentedMetrics(t *testing.T) map[string]documentedMetric {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]documentedMetric{}
	label := regexp.MustCompile("`([a-z_]+)`")
	for _, row := range regexp.MustCompile("(?m)^\\| `(credence_[a-z0-9_]+)` \\| (\\w+) \\|([^|]*)\\| ([^|]+) \\|$").FindAllStringSubmatch(string(page), -1) {
		if _, twice := all[row[1]]; twice {
			t.Errorf("docs/metrics.md has %s twice", row[1])
		}
		m := documentedMetric{kind: row[2]}
		for _, found := range label.FindAllStringSubmatch(row[3], -1) {
			m.labels = append(m.labels, found[1])
		}
		all[row[1]] = m
	}
	if rows := strings.Count(string(page), "\n| `credence_"); rows != len(all) {
		t.Errorf("docs/metrics.md has %d rows of metrics, %d of them in the form | name | type | labels | words |", rows, len(all))
	}
	return all
}

// exportedMetrics are the names that the program can export: what stands as a
// text of its own in the source and is a name of a metric, not of something
// else that begins so.
func exportedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	others := []string{"credence_data", "credence_changes", "credence_crowd", "credence_merge", "credence_scopes"} // of databases and of snapshots
	name := regexp.MustCompile(`^credence_[a-z0-9]+(_[a-z0-9]+)*$`)
	all := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || path == "test" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if value, err := strconv.Unquote(text.Value); err == nil && name.MatchString(value) && !slices.Contains(others, value) {
					all[value] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryMetricIsDocumentedAndEveryDocumentedOneExists(t *testing.T) {
	documented, exported := documentedMetrics(t), exportedMetrics(t)
	if len(exported) < 50 {
		t.Fatalf("found only %d metrics in the source: they are not where this test looks", len(exported))
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		if _, is := documented[name]; !is {
			t.Errorf("%s has no row in docs/metrics.md", name)
		}
	}
	bounded := []string{"decision", "reason", "source", "spoken", "code", "profile", "status", "kind", "limiter", "result", "cause", "operation", "status_class", "outcome", "issuer", "listener"}
	for name, m := range documented {
		if !exported[name] {
			t.Errorf("docs/metrics.md has %s, the program does not", name)
		}
		for _, label := range m.labels {
			if !slices.Contains(bounded, label) {
				t.Errorf("%s has label %s: is the number of its values bounded? Then name it here", name, label)
			}
		}
		total := strings.HasSuffix(name, "_total")
		if !slices.Contains([]string{"counter", "gauge", "histogram"}, m.kind) || total != (m.kind == "counter") {
			t.Errorf("%s is documented as a %s", name, m.kind)
		}
	}
}

// scriptMetrics holds what a process exports against docs/metrics.md: types and
// labels.
func scriptMetrics(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: metrics")
	}
	page, err := os.ReadFile(filepath.Join("docs", "metrics.md"))
	ts.Check(err)
	answer, err := http.Get("http://" + ts.Getenv("STATUS") + "/metrics")
	ts.Check(err)
	defer func() { _ = answer.Body.Close() }()
	read := expfmt.NewTextParser(model.UTF8Validation)
	families, err := read.TextToMetricFamilies(answer.Body)
	ts.Check(err)
	seen := 0
	for name, family := range families {
		if !strings.HasPrefix(name, "credence_") {
			continue
		}
		seen++
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\| (\\w+) \\|([^|]*)\\|").FindSubmatch(page)
		if row == nil {
			ts.Fatalf("%s is exported and not documented", name)
		}
		if kind := strings.ToLower(family.GetType().String()); kind != string(row[1]) {
			ts.Fatalf("%s is a %s, documented as a %s", name, kind, row[1])
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if !strings.Contains(string(row[2]), "`"+label.GetName()+"`") {
					ts.Fatalf("%s has label %s, which is not documented", name, label.GetName())
				}
			}
		}
	}
	if seen < 40 {
		ts.Fatalf("only %d metrics are exported", seen)
	}
}

// parsed is an expression of the dashboard or of an alert.
func parsed(t *testing.T, where, expression string) metricsql.Expr {
	t.Helper()
	for variable, value := range map[string]string{"$__rate_interval": "5m", "$job": "credence", "$instance": "a:1"} {
		expression = strings.ReplaceAll(expression, variable, value)
	}
	e, err := metricsql.Parse(expression)
	if err != nil {
		t.Fatalf("%s: %q: %v", where, expression, err)
	}
	return e
}

// filtersOf are all filters of an expression.
func filtersOf(t *testing.T, where, expression string) (all []metricsql.LabelFilter) {
	t.Helper()
	metricsql.VisitAll(parsed(t, where, expression), func(e metricsql.Expr) {
		if m, is := e.(*metricsql.MetricExpr); is {
			all = append(all, slices.Concat(m.LabelFilterss...)...)
		}
	})
	return all
}

// askedOf answers the metrics, and the labels of each, that an expression asks for.
func askedOf(t *testing.T, where, expression string) map[string][]string {
	t.Helper()
	asked := map[string][]string{}
	metricsql.VisitAll(parsed(t, where, expression), func(e metricsql.Expr) {
		m, is := e.(*metricsql.MetricExpr)
		if !is {
			return
		}
		for _, filters := range m.LabelFilterss {
			name := ""
			for _, f := range filters {
				if f.Label == "__name__" {
					name = f.Value
				}
			}
			for _, f := range filters {
				asked[name] = append(asked[name], f.Label)
			}
		}
	})
	return asked
}

func TestTheDashboardAndTheAlertsAskForMetricsThatExist(t *testing.T) {
	documented := documentedMetrics(t)
	expressions := map[string]string{}
	maps.Copy(expressions, dashboardExpressions(t))
	alerts := alertRules(t)
	for name, rule := range alerts {
		expressions["alert "+name] = rule.Expr
	}
	if len(expressions) < 50 {
		t.Fatalf("found only %d expressions", len(expressions))
	}
	for where, expression := range expressions {
		asked := askedOf(t, where, expression)
		if len(asked) == 0 {
			t.Errorf("%s asks for nothing: %q", where, expression)
		}
		for name, labels := range asked {
			m, is := documented[name]
			is = is || slices.Contains(othersMetrics, name)
			if of, bucket := strings.CutSuffix(name, "_bucket"); !is && bucket {
				m, is = documented[of]
				is = is && m.kind == "histogram"
			}
			if !is {
				t.Errorf("%s asks for %s, which does not exist", where, name)
			}
			for _, label := range labels {
				if !slices.Contains(append([]string{"__name__", "job", "instance"}, m.labels...), label) {
					t.Errorf("%s asks for label %s of %s, which has none", where, label, name)
				}
			}
		}
	}
}

// othersMetrics are those of Prometheus itself and of every Go program.
var othersMetrics = []string{"up", "process_cpu_seconds_total", "process_resident_memory_bytes", "go_goroutines"}

// TestTheDashboardAndTheAlertsAskForValuesThatExist: a reason that is spelled
// wrong would be an alert that never fires.
func TestTheDashboardAndTheAlertsAskForValuesThatExist(t *testing.T) {
	values := map[string][]string{
		"decision": {"allow", "deny", "shadow_deny"}, "status_class": {"2xx", "3xx", "4xx", "5xx"}, "outcome": webhook.Outcomes(),
		"job": {"credence"}, "instance": {"a:1"},
	}
	for _, r := range pipeline.Reasons() {
		values["reason"] = append(values["reason"], r.String())
	}
	expressions := dashboardExpressions(t)
	for name, rule := range alertRules(t) {
		expressions["alert "+name] = rule.Expr
	}
	checked := 0
	for where, expression := range expressions {
		for _, f := range filtersOf(t, where, expression) {
			if f.Label == "__name__" {
				continue
			}
			for value := range strings.SplitSeq(f.Value, "|") {
				if checked++; !slices.Contains(values[f.Label], value) {
					t.Errorf("%s asks for %s %q, which there is none of", where, f.Label, value)
				}
			}
		}
	}
	if checked < 50 {
		t.Fatalf("only %d values were looked at", checked)
	}
}

// dashboardExpressions are those of docs/grafana/credence.json, by panel.
func dashboardExpressions(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("docs", "grafana", "credence.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			GridPos struct {
				W int `json:"w"`
				X int `json:"x"`
			} `json:"gridPos"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	all, ids := map[string]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q: ids are unique, titles given, places within the board", p.ID, p.Title)
		}
		ids[p.ID] = true
		for i, target := range p.Targets {
			all[fmt.Sprintf("panel %q %d", p.Title, i)] = target.Expr
		}
	}
	return all
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) map[string]alertRule {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("docs", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]alertRule{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all[r.Alert] = r
		}
	}
	return all
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := alertRules(t)
	for name, r := range alerts {
		text := regexp.MustCompile("(?ms)^### " + name + "\n\n(.{100,}?)(\n\n###|\\z)").FindSubmatch(page)
		if text == nil {
			t.Errorf("docs/metrics.md has no paragraph ### %s", name)
		}
		if r.Annotations["runbook"] != "docs/metrics.md#"+strings.ToLower(name) || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s: summary, severity and runbook must be given: %+v", name, r)
		}
	}
	for _, found := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllSubmatch(page, -1) {
		if _, is := alerts[string(found[1])]; !is {
			t.Errorf("docs/metrics.md has a paragraph for %s, docs/alerts.yaml no such alert", found[1])
		}
	}
}
