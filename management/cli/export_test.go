package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"credence/management/cli"
	"credence/management/client"
)

// exported are the lines of an export by object.
func exported(t *testing.T, content string) (objects []string, values map[string][]json.RawMessage) {
	t.Helper()
	values = map[string][]json.RawMessage{}
	for line := range strings.Lines(content) {
		var l struct {
			Object string          `json:"object"`
			Value  json.RawMessage `json:"value"`
		}
		must(t, json.Unmarshal([]byte(line), &l))
		objects = append(objects, l.Object)
		values[l.Object] = append(values[l.Object], l.Value)
	}
	return objects, values
}

func TestAnExportHasEveryObjectInOrderAndNoSecret(t *testing.T) {
	o := open(t)
	o.ok("owners", "create", "team-a")
	o.ok("plans", "create", "basic", "--limit", "10/s")
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "scan")
	o.ok("key-policies", "set", "user", "--namespace", "default", "--longest-life", "90d")
	o.ok("route-policies", "create", "admin", "--host", "api.example.com", "--scope", "admin")
	var b strings.Builder
	b.WriteString("key_text,name\n")
	for i := range 520 { // more than a page
		b.WriteString("legacy-key-text-number-" + strings.Repeat("x", i%7) + strings.Repeat("y", i/7) + ",imported\n")
	}
	o.ok("keys", "import", "--file", file(t, b.String()), "--format", "csv")
	var made client.KeyCreated
	must(t, json.Unmarshal([]byte(o.ok("keys", "create", "--name", "orders", "--owner", "team-a", "-o", "json")), &made))

	name := filepath.Join(t.TempDir(), "out.jsonl")
	o.ok("export", "--out", name)
	content, err := os.ReadFile(name)
	must(t, err)
	objects, values := exported(t, string(content))
	if got := strings.Join(slices.Compact(slices.Clone(objects)), " "); got != "header namespace owner plan key_policy key blacklist_rule route_policy token end" {
		t.Errorf("objects are %s", got)
	}
	if len(values["key"]) != 521 || string(values["end"][0]) != `{"blacklist_rule":1,"key":521,"key_policy":6,"namespace":1,"owner":1,"plan":1,"route_policy":1,"token":1}` {
		t.Errorf("%d keys, and the end says %s", len(values["key"]), values["end"][0])
	}
	if !strings.Contains(string(values["header"][0]), `"version":1`) || !strings.Contains(string(content), made.Key.KeyID) {
		t.Errorf("header %s; is key %s there?", values["header"][0], made.Key.KeyID)
	}
	for _, secret := range []string{made.KeyText.Reveal(), "hash", "digest", "sha256"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("the export holds %.8q", secret)
		}
	}
	again := o.ok("export", "--out", "-")
	if again != string(content) {
		t.Error("two exports of the same differ")
	}
	info, err := os.Stat(name)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode())
	}
	o.fails(cli.ExitUsage, "--out", "export")
	o.fails(cli.ExitUsage, "--out", "export", "--out", filepath.Join(name, "x"))
}

func TestAnExportSaysWhatTheTokenMayNotSee(t *testing.T) {
	o := open(t)
	tokenFile := filepath.Join(t.TempDir(), "viewer.token")
	o.ok("tokens", "create", "--name", "looker", "--role", "viewer", "--namespace", "default", "--save-to", tokenFile)
	objects, values := exported(t, o.ok("export", "--out", "-", "--token-file", tokenFile))
	if got := strings.Join(slices.Compact(slices.Clone(objects)), " "); got != "header namespace key_policy end" {
		t.Errorf("objects are %s", got)
	}
	if !strings.Contains(string(values["header"][0]), `"omitted":["route_policy","token"]`) {
		t.Errorf("header is %s", values["header"][0])
	}
}

func TestAnExportThatBreaksLeavesTheOldFile(t *testing.T) {
	o := open(t)
	name := file(t, "old")
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/plans" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		o.handler.ServeHTTP(w, r)
	}))
	defer broken.Close()
	o.fails(cli.ExitFailure, "management API", "export", "--out", name, "--server", broken.URL, "--token-file", filepath.Join(o.dataDir, "admin.token"))
	content, err := os.ReadFile(name)
	must(t, err)
	if string(content) != "old" {
		t.Errorf("the file holds %q", content)
	}
	if _, err := os.Stat(name + ".partial"); !os.IsNotExist(err) {
		t.Error("what was written is left behind")
	}
}
