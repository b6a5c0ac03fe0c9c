package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"credence/management/cli"
)

// file writes content to a new file.
func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func TestKeysAreImportedInBatchesAndAgainWithoutHarm(t *testing.T) {
	o := open(t)
	var b strings.Builder
	b.WriteString("key_text,name,scopes\n")
	for i := range 1_100 {
		fmt.Fprintf(&b, "legacy-key-text-number-%d,key %d,orders:read\n", i, i)
	}
	name := file(t, b.String())
	golden(t, `
lines          1100
would be made  1100
there before   0
refused        0
`, o.ok("keys", "import", "--file", name, "--format", "csv", "--dry-run"))
	if left := o.ok("keys", "list", "-o", "json"); strings.Contains(left, "key_id") {
		t.Fatal("a dry run made keys")
	}
	first := o.run("keys", "import", "--file", name, "--format", "csv", "--label", "from=csv")
	if first.code != cli.ExitOK || !strings.Contains(first.err, "--accept-foreign-keys") {
		t.Fatalf("import: %d\n%s", first.code, first.err)
	}
	k := o.key(o.first())
	if k.Labels["from"] != "csv" || len(k.Scopes) != 1 {
		t.Errorf("an imported key is %+v", k)
	}
	golden(t, `
lines         1100
made          0
there before  1100
refused       0
`, o.ok("keys", "import", "--file", name, "--format", "csv"))
}

func TestRefusedLinesAreReportedAndTheOthersImported(t *testing.T) {
	o := open(t)
	name := file(t, "key_text,name,plan\nlegacy-key-text-number-1,a,\n\"broken\nlegacy-key-text-number-2,b,nowhere\nlegacy-key-text-number-1,c,\nlegacy-key-text-number-3,d,\n")
	report := filepath.Join(t.TempDir(), "errors.csv")
	r := o.run("keys", "import", "--file", name, "--format", "csv", "--errors", report, "-o", "json")
	var summary struct {
		Read    int `json:"read"`
		Created int `json:"created"`
		Failed  int `json:"failed"`
	}
	must(t, json.Unmarshal([]byte(r.out), &summary))
	if r.code != cli.ExitUsage || summary.Read != 5 || summary.Created != 2 || summary.Failed != 3 {
		t.Errorf("exit code %d, summary %+v", r.code, summary)
	}
	content, err := os.ReadFile(report)
	must(t, err)
	for _, want := range []string{"line,field,problem,remedy\n", "\n3,line,", "\n4,plan,", "\n5,key_text,repeats the key of line 2,"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the report lacks %q:\n%s", want, content)
		}
	}
	if got := reportedLines(t, string(content)); !slices.Equal(got, []int{3, 4, 5}) {
		t.Errorf("lines %d are told in this order", got)
	}
	if strings.Contains(string(content)+r.err+r.out, "legacy-key-text") {
		t.Error("a key text was repeated")
	}
	o.fails(cli.ExitUsage, "line 4: plan", "keys", "import", "--file", name, "--format", "csv")
	o.fails(cli.ExitUsage, "--file", "keys", "import", "--format", "csv")
	o.fails(cli.ExitUsage, "give one of", "keys", "import", "--file", name, "--format", "excel")
	o.fails(cli.ExitUsage, "column 1", "keys", "import", "--file", file(t, "key\n"), "--format", "csv")
}

// reportedLines are the lines of a report of refused ones, in its order.
func reportedLines(t *testing.T, report string) (lines []int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(report)).ReadAll()
	must(t, err)
	for _, row := range rows[1:] {
		line, err := strconv.Atoi(row[0])
		must(t, err)
		lines = append(lines, line)
	}
	return lines
}

// TestRefusedLinesAreReportedInTheirOrder: some are found wrong here, some by the
// server when their batch is sent, and batches end in the middle.
func TestRefusedLinesAreReportedInTheirOrder(t *testing.T) {
	o := open(t)
	var content strings.Builder
	content.WriteString("key_text,name,plan\n")
	var want []int
	for line := 2; line < 1800; line++ {
		switch {
		case line%7 == 0, line > 600 && line < 1300: // no request is due for long
			content.WriteString("\"broken\n")
		case line%11 == 0:
			fmt.Fprintf(&content, "legacy-key-text-number-%d,a,nowhere\n", line)
		case line%13 == 0:
			content.WriteString("legacy-key-text-number-2,a,\n")
		default:
			fmt.Fprintf(&content, "legacy-key-text-number-%d,a,\n", line)
			continue
		}
		want = append(want, line)
	}
	name, report := file(t, content.String()), filepath.Join(t.TempDir(), "errors.csv")
	o.fails(cli.ExitUsage, "lines refused", "keys", "import", "--file", name, "--format", "csv", "--errors", report, "--dry-run")
	told, err := os.ReadFile(report)
	must(t, err)
	if got := reportedLines(t, string(told)); !slices.Equal(got, want) {
		t.Errorf("%d lines are told and not in order, want %d", len(got), len(want))
	}
	r := o.run("keys", "import", "--file", file(t, content.String()), "--format", "csv", "--dry-run")
	var shown []int
	for _, m := range regexp.MustCompile(`(?m)^line (\d+): `).FindAllStringSubmatch(r.err, -1) {
		line, err := strconv.Atoi(m[1])
		must(t, err)
		shown = append(shown, line)
	}
	if !slices.Equal(shown, want[:20]) {
		t.Errorf("on the screen: %d, want %d", shown, want[:20])
	}
}

func TestKeysAreImportedFromStandardInput(t *testing.T) {
	o := open(t)
	o.options.In = strings.NewReader("kind: Secret\nmetadata: {name: bob}\nstringData: {api_key: IAMBOB}\n")
	r := o.run("keys", "import", "--file", "-", "--format", "authorino", "--scope", "orders:read")
	if r.code != cli.ExitOK || !strings.Contains(r.err, "1 text shorter than 20 characters") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	if k := o.key(o.first()); k.Name != "bob" || k.Scopes[0] != "orders:read" {
		t.Errorf("the key is %+v", k)
	}
}
