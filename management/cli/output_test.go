package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"credence/management/cli"
)

// TestEveryFormSaysTheSame: JSON, YAML and CSV hold what the API answered.
func TestEveryFormSaysTheSame(t *testing.T) {
	o := open(t)
	for i, name := range []string{`yes`, `0123`, `null`, `a: b # c`, `back\slash and "quotes"`, `ü – 日本`, `- x`, `2030-01-02`} {
		o.ok("plans", "create", fmt.Sprint("p", i), "--limit", "10/s", "--description", name)
	}
	var fromJSON, fromYAML any
	must(t, json.Unmarshal([]byte(o.ok("plans", "list", "-o", "json")), &fromJSON))
	must(t, yaml.Unmarshal([]byte(o.ok("plans", "list", "-o", "yaml")), &fromYAML))
	again, err := json.Marshal(fromYAML)
	must(t, err)
	var back any
	must(t, json.Unmarshal(again, &back))
	if diff := cmp.Diff(fromJSON, back); diff != "" {
		t.Errorf("YAML is not what JSON is:\n%s", diff)
	}
	if text := o.ok("plans", "list", "-o", "yaml"); strings.ContainsAny(text, "{}") || !strings.Contains(text, "\n    limits:\n") {
		t.Errorf("YAML that reads like JSON: %s", text)
	}

	rows, err := csv.NewReader(strings.NewReader(o.ok("plans", "list", "-o", "csv"))).ReadAll()
	must(t, err)
	var list struct {
		Items []map[string]any `json:"items"`
	}
	must(t, json.Unmarshal([]byte(o.ok("plans", "list", "-o", "json")), &list))
	items := list.Items
	if len(rows) != len(items)+1 {
		t.Fatalf("%d rows for %d items", len(rows), len(items))
	}
	for i, row := range rows[1:] {
		item := items[i]
		for n, name := range rows[0] {
			switch value := item[name].(type) {
			case nil:
				if row[n] != "" {
					t.Errorf("%s is %q, and nothing in JSON", name, row[n])
				}
			case string:
				if strings.TrimPrefix(row[n], "'") != value {
					t.Errorf("%s is %q, want %q", name, row[n], value)
				}
			default:
				var cell any
				must(t, json.Unmarshal([]byte(row[n]), &cell))
				if diff := cmp.Diff(value, cell); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		}
	}
}

func TestASpreadsheetRunsNothingThatOthersWrote(t *testing.T) {
	o := open(t)
	for _, name := range []string{"=HYPERLINK(1)", "+1", "-1", "@x", "plain"} {
		o.ok("keys", "create", "--name", name)
	}
	rows, err := csv.NewReader(strings.NewReader(o.ok("keys", "list", "-o", "csv"))).ReadAll()
	must(t, err)
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("cell %q", cell)
			}
		}
	}
}

func TestAnObjectIsARowInCSV(t *testing.T) {
	o := open(t)
	o.ok("owners", "create", "team-a", "--contact", "a@example.com")
	rows, err := csv.NewReader(strings.NewReader(o.ok("owners", "show", "team-a", "-o", "csv"))).ReadAll()
	must(t, err)
	if len(rows) != 2 || rows[0][1] != "name" || rows[1][1] != "team-a" {
		t.Errorf("rows %q", rows)
	}
}

// TestATableFitsTheTerminal of any width, and keeps the id whole. Where nobody
// looks, nothing is cut for the width.
func TestATableFitsTheTerminal(t *testing.T) {
	o := open(t)
	o.ok("owners", "create", "team-with-a-long-name")
	o.ok("keys", "create", "--name", strings.Repeat("ö", 30), "--owner", "team-with-a-long-name", "--expires", "30d")
	whole := o.ok("keys", "list")
	for _, width := range []int{200, 100, 80} {
		o.options.Screen = func() (int, bool) { return width, false }
		for line := range strings.Lines(o.ok("keys", "list")) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("on %d columns a line of %d: %s", width, n, line)
			}
		}
		if id := o.first(); !strings.Contains(o.ok("keys", "list"), id) {
			t.Errorf("on %d columns the id is cut", width)
		}
	}
	if !strings.Contains(whole, strings.Repeat("ö", 30)) {
		t.Errorf("in a pipe: %s", whole)
	}
	o.options.Screen = func() (int, bool) { return 1, false }
	o.ok("keys", "list") // as narrow as it gets
}

// TestATableOfManyColumnsKeepsIDsWhole, which are of no use cut, and leaves out
// columns for which there is no room, saying which.
func TestATableOfManyColumnsKeepsIDsWhole(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders", "--expires", "30d")
	id := o.first()
	for _, width := range []int{120, 80, 60} {
		o.options.Screen = func() (int, bool) { return width, false }
		r := o.run("inventory")
		header, rows, _ := strings.Cut(r.out, "\n")
		if !strings.Contains(rows, " "+id+" ") && !strings.Contains(rows, " "+id+"\n") {
			t.Errorf("on %d columns no id: %s", width, r.out)
		}
		for line := range strings.Lines(r.out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("on %d columns a line of %d: %s", width, n, line)
			}
		}
		for _, column := range []string{"STATE", "EXPIRES", "CREATED"} {
			if strings.Contains(header, column[:4]) == strings.Contains(r.err, column) {
				t.Errorf("on %d columns %s is to be either shown or said to be left out: %s%s", width, column, header, r.err)
			}
		}
	}
	o.options.Screen = func() (int, bool) { return 0, false }
	if r := o.run("inventory"); r.err != "" || !strings.Contains(r.out, "CREATED") {
		t.Errorf("where nobody looks: %s%s", r.out, r.err)
	}
}

func TestColoursAreForATerminalThatWantsThem(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders")
	const escape = "\x1b["
	for title, c := range map[string]struct {
		colour, no bool
		args       []string
		want       bool
	}{
		"a terminal": {true, false, []string{"keys", "list"}, true}, "a pipe": {false, false, []string{"keys", "list"}, false},
		"NO_COLOR": {true, true, []string{"keys", "list"}, false}, "for a program": {true, false, []string{"keys", "list", "-o", "json"}, false},
	} {
		o.options.Screen, o.options.NoColour = func() (int, bool) { return 120, c.colour }, c.no
		if got := strings.Contains(o.ok(c.args...), escape); got != c.want {
			t.Errorf("%s: colours %v", title, got)
		}
	}
	o.options.Screen, o.options.NoColour = nil, false
	if strings.Contains(o.ok("keys", "list"), escape) {
		t.Error("colours in a buffer")
	}
}

// TestADryRunChangesNothing, whatever it is of, and says what would be in the
// way.
func TestADryRunChangesNothing(t *testing.T) {
	o := open(t)
	o.ok("namespaces", "create", "empty")
	o.ok("namespaces", "create", "full")
	o.ok("plans", "create", "free", "--limit", "1/s")
	o.ok("plans", "create", "used", "--limit", "1/s")
	o.ok("owners", "create", "nobody")
	o.ok("owners", "create", "team-a")
	o.ok("plans", "create", "basic", "--limit", "1/s", "-n", "full")
	o.ok("route-policies", "create", "orders", "--scope", "orders:read")
	active := id(t, o.ok("keys", "create", "--name", "orders", "--plan", "used", "--owner", "team-a"), "key_")
	revoked := id(t, o.ok("keys", "create", "--name", "gone"), "key_")
	o.ok("keys", "revoke", revoked)
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "x")
	rule := id(t, o.ok("blacklist", "list"), "blk_")
	o.ok("tokens", "create", "--name", "ci", "--role", "viewer")
	token := id(t, o.ok("tokens", "list"), "tok_")
	state := func() string {
		var all strings.Builder
		for _, noun := range []string{"keys", "plans", "owners", "namespaces", "blacklist", "tokens", "route-policies"} {
			all.WriteString(o.ok(noun, "list", "-o", "json"))
		}
		return all.String()
	}
	before := state()
	for _, args := range [][]string{
		{"keys", "revoke", active},
		{"keys", "revoke", revoked},
		{"keys", "delete", revoked},
		{"plans", "delete", "free"},
		{"owners", "delete", "nobody"},
		{"namespaces", "delete", "empty"},
		{"route-policies", "delete", "orders"},
		{"blacklist", "remove", rule},
		{"tokens", "revoke", token},
		{"keys", "revoke", "--name", "orders", "--reason", "x"},
	} {
		r := o.run(append(args, "--dry-run")...)
		if r.code != cli.ExitOK || r.out == "" || r.err == "" {
			t.Errorf("%v: exit code %d\n%s%s", args, r.code, r.out, r.err)
		}
	}
	o.fails(cli.ExitConflict, active, "plans", "delete", "used", "--dry-run")
	o.fails(cli.ExitConflict, active, "owners", "delete", "team-a", "--dry-run")
	o.fails(cli.ExitConflict, "live in it", "namespaces", "delete", "full", "--dry-run")
	o.fails(cli.ExitConflict, "it is active", "keys", "delete", active, "--dry-run")
	o.fails(cli.ExitNotFound, "not found", "plans", "delete", "none", "--dry-run")
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("a dry run changed something:\n%s", diff)
	}
}

// id is the first id of the kind in a table.
func id(t *testing.T, text, prefix string) string {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, prefix) {
			return word
		}
	}
	t.Fatalf("no %s in %s", prefix, text)
	return ""
}
