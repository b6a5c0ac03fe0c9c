package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"credence/management/cli"
	"credence/management/client"
)

func TestKeysFromCreateToDelete(t *testing.T) {
	o := open(t)
	created := o.run("keys", "create", "--name", "orders", "--scope", "orders:read,orders:write", "--limit", "10/s",
		"--limit", "search=100/m burst 20", "--quota", "10000/day", "--expires", "30d", "--label", "team=a", "--path", "/orders/*")
	golden(t, `
key id       key_xxxxxxxxxxxxxxxxxxxxxxxxxx
name         orders
namespace    default
type         service
status       active
since        2030-01-02 03:04:05Z (now)
environment  live
scopes       orders:read, orders:write
limits       10/s, search=100/m burst 20
quotas       10000/day
paths        /orders/*
labels       team=a
expires      2030-02-01 03:04:05Z (in 30d)
created      2030-01-02 03:04:05Z (now)
updated      2030-01-02 03:04:05Z (now)
last used    never
key text     crd_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
`, created.out)
	if !strings.Contains(created.err, "shown this once") {
		t.Errorf("no hint that the text is shown once: %q", created.err)
	}
	id := o.first()
	golden(t, `
KEY ID                          NAME    NAMESPACE  OWNER  STATUS  PLAN  EXPIRES
key_xxxxxxxxxxxxxxxxxxxxxxxxxx  orders  default    -      active  -     in 30d
`, o.ok("keys", "list"))
	golden(t, `
KEY ID                          NAME    NAMESPACE  OWNER  STATUS  PLAN  LAST USED
key_xxxxxxxxxxxxxxxxxxxxxxxxxx  orders  default    -      active  -     never
`, o.ok("keys", "list", "--unused-since", "2030-01-03T00:00:00Z"))
	if left := o.ok("keys", "list", "--unused-since", "90d"); strings.Contains(left, "key_") {
		t.Errorf("a new key is listed as unused: %s", left)
	}

	o.ok("keys", "update", id, "--limit", "20/s", "--label", "tier=gold", "--remove-label", "team", "--expires", "never", "--quota", "")
	k := o.key(id)
	if len(k.Limits) != 1 || k.Limits[0].Limit != 20 || len(k.Quotas) != 0 || !k.ExpiresAt.IsZero() || len(k.Labels) != 1 || k.Labels["tier"] != "gold" {
		t.Errorf("updated key is %+v", k)
	}
	if len(k.Scopes) != 2 || k.Paths[0] != "/orders/*" {
		t.Errorf("update touched what was not given: %+v", k)
	}
	for _, step := range [][3]string{{"disable", "disabled"}, {"enable", "active"}, {"suspend", "suspended"}, {"revoke", "revoked"}} {
		o.ok("keys", step[0], id, "--reason", "testing "+step[0])
		if k := o.key(id); k.Status != step[1] {
			t.Errorf("after %s the status is %s", step[0], k.Status)
		}
	}
	o.fails(cli.ExitConflict, "revoked", "keys", "enable", id)
	o.ok("keys", "delete", id)
	if k := o.key(id); k.Status != "purged" {
		t.Errorf("after delete the status is %s", k.Status)
	}
}

// first is the id of the newest key.
func (o *office) first() string {
	o.t.Helper()
	var list client.List[client.Key]
	must(o.t, json.Unmarshal([]byte(o.ok("keys", "list", "-o", "json")), &list))
	if len(list.Items) == 0 {
		o.t.Fatal("there is no key")
	}
	return list.Items[0].KeyID
}

func (o *office) key(id string) client.Key {
	o.t.Helper()
	var k client.Key
	must(o.t, json.Unmarshal([]byte(o.ok("keys", "show", id, "-o", "json")), &k))
	return k
}

func TestKeyFileGetsTheTextAndTheScreenDoesNot(t *testing.T) {
	o := open(t)
	file := filepath.Join(t.TempDir(), "orders.key")
	for _, output := range []string{"table", "json"} {
		r := o.run("keys", "create", "--name", "orders", "--key-file", file, "-o", output)
		if r.code != cli.ExitOK {
			t.Fatal(r.err)
		}
		text, err := os.ReadFile(file)
		must(t, err)
		if !strings.HasPrefix(string(text), "crd_live_") || strings.Contains(r.out+r.err, strings.TrimSpace(string(text))) {
			t.Error("the text is not in the file alone")
		}
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode is %v", info.Mode())
		}
		o.fails(cli.ExitUsage, "--key-file", "keys", "create", "--name", "again", "--key-file", file)
		must(t, os.Remove(file))
	}
	if got := strings.Count(o.ok("keys", "list"), "orders"); got != 2 {
		t.Errorf("%d keys, want 2: one that has no file must not be made", got)
	}
	o.fails(cli.ExitUsage, "name", "keys", "create", "--key-file", file)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error("a failed create left its file")
	}
}

func TestJSONOutputIsTheObjectOfTheAPI(t *testing.T) {
	o := open(t)
	var made client.KeyCreated
	must(t, json.Unmarshal([]byte(o.ok("keys", "create", "--name", "ci", "--idempotency-key", "one", "-o", "json")), &made))
	if !strings.HasPrefix(made.KeyText.Reveal(), "crd_live_") || made.Key.Name != "ci" {
		t.Errorf("answer is %+v", made)
	}
	var again client.KeyCreated
	must(t, json.Unmarshal([]byte(o.ok("keys", "create", "--name", "ci", "--idempotency-key", "one", "-o", "json")), &again))
	if again.Key.KeyID != made.Key.KeyID || again.KeyText != "" || again.Code == "" {
		t.Errorf("repeated answer is %+v", again)
	}
}

func TestPlansOwnersAndNamespaces(t *testing.T) {
	o := open(t)
	o.ok("namespaces", "create", "payments", "--key-prefix", "pay", "--description", "cards")
	o.ok("plans", "create", "basic", "--limit", "100/m", "--quota", "10000/day", "--namespace", "payments")
	o.ok("owners", "create", "team-a", "--limit", "500/s", "--contact", "a@example.com", "--description", "the a team")
	golden(t, `
NAME   NAMESPACE  LIMITS  QUOTAS     DESCRIPTION
basic  payments   100/m   10000/day  -
`, o.ok("plans", "list"))
	golden(t, `
NAME      KEY PREFIX  ENVIRONMENT  DESCRIPTION
default   crd         live         Everything that names no namespace
payments  pay         live         cards
`, o.ok("namespaces", "list"))

	o.ok("plans", "update", "basic", "--namespace", "payments", "--quota", "", "--description", "for all")
	golden(t, `
name         basic
namespace    payments
description  for all
limits       100/m
created      2030-01-02 03:04:05Z (now)
updated      2030-01-02 03:04:05Z (now)
`, o.ok("plans", "show", "basic", "-n", "payments"))
	o.ok("owners", "update", "team-a", "--contact", "")
	o.ok("namespaces", "update", "payments", "--environment", "test")
	o.fails(cli.ExitUsage, "nothing to change", "owners", "update", "team-a")
	o.fails(cli.ExitConflict, "keys, owners, plans, key policies, blacklist rules or connections live in it; remove them first", "namespaces", "delete", "payments")
	o.fails(cli.ExitConflict, "changed", "plans", "update", "basic", "-n", "payments", "--limit", "1/s", "--if-match", `"1"`)
	o.ok("plans", "delete", "basic", "--namespace", "payments")
	o.ok("owners", "delete", "team-a")
	o.ok("namespaces", "delete", "payments")
	o.fails(cli.ExitNotFound, "not found", "plans", "show", "basic")
}

func TestBlacklist(t *testing.T) {
	o := open(t)
	golden(t, `
id         blk_xxxxxxxxxxxxxxxxxxxxxxxxxx
network    203.0.113.0/24
namespace  (all)
reason     key scan
ends       2030-01-02 04:04:05Z (in 1h)
added by   token:tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
added      2030-01-02 03:04:05Z (now)
`, o.ok("blacklist", "add", "203.0.113.0/24", "--for", "1h", "--reason", "key scan"))
	var list client.List[client.BlacklistRule]
	must(t, json.Unmarshal([]byte(o.ok("blacklist", "list", "-o", "json")), &list))
	if len(list.Items) != 1 {
		t.Fatalf("%d rules", len(list.Items))
	}
	golden(t, `
ID                              NETWORK         NAMESPACE  ENDS   REASON
blk_xxxxxxxxxxxxxxxxxxxxxxxxxx  203.0.113.0/24  (all)      in 1h  key scan
`, o.ok("blacklist", "list"))
	o.ok("blacklist", "show", list.Items[0].ID)
	o.ok("blacklist", "remove", list.Items[0].ID)
	if r := o.run("blacklist", "list"); r.out != "" || !strings.Contains(r.err, "nothing found") {
		t.Errorf("an empty list prints %q and %q", r.out, r.err)
	}
	o.fails(cli.ExitUsage, "network", "blacklist", "add", "example.com", "--reason", "x")
	o.fails(cli.ExitUsage, "--for", "blacklist", "add", "10.0.0.1", "--reason", "x", "--for", "soon")
	o.fails(cli.ExitUsage, "give one of them", "blacklist", "add", "10.0.0.1", "--reason", "x", "--for", "1h", "--until", "2031-01-01T00:00:00Z")
}

func TestAdminTokens(t *testing.T) {
	o := open(t)
	golden(t, `
token id    tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
name        grafana
role        viewer
namespaces  (all)
status      active
expires     2030-04-02 03:04:05Z (in 90d)
created by  token:tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
created     2030-01-02 03:04:05Z (now)
last used   never
token       crdadm_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
`, o.ok("tokens", "create", "--name", "grafana", "--role", "viewer"))
	file := filepath.Join(t.TempDir(), "ci.token")
	r := o.run("tokens", "create", "--name", "ci", "--role", "operator", "-n", "default", "--expires", "30d", "--save-to", file, "-o", "json")
	text, err := os.ReadFile(file)
	must(t, err)
	var made client.TokenCreated
	must(t, json.Unmarshal([]byte(r.out), &made))
	if made.TokenText != "" || strings.Contains(r.out+r.err, strings.TrimSpace(string(text))) || len(made.Token.Namespaces) != 1 {
		t.Errorf("with --save-to: %s%s", r.out, r.err)
	}
	id := made.Token.TokenID
	if shown := o.ok("tokens", "show", id, "--token-file", filepath.Join(o.dataDir, "admin.token")); !strings.Contains(shown, "default") {
		t.Errorf("shown %s", shown)
	}
	o.ok("keys", "create", "--name", "of-ci", "--token-file", file)
	o.fails(cli.ExitDenied, "operator may not do this", "tokens", "list", "--token-file", file)
	o.fails(cli.ExitUsage, "--save-to", "tokens", "rotate", id, "--save-to", file)
	rotated := o.ok("tokens", "rotate", id, "--grace", "1h")
	if !strings.Contains(rotated, "takes over from") || !strings.Contains(rotated, "(in 1h)") {
		t.Errorf("rotated %s", rotated)
	}
	o.ok("tokens", "revoke", id)
	o.fails(cli.ExitDenied, "usable admin token", "keys", "list", "--token-file", file)
	var list client.List[client.Token]
	must(t, json.Unmarshal([]byte(o.ok("tokens", "list", "-o", "json")), &list))
	if len(list.Items) != 3 {
		t.Errorf("%d tokens can be used, want 3", len(list.Items))
	}
	at := slices.IndexFunc(list.Items, func(token client.Token) bool { return token.Name == "first" })
	first := list.Items[at].TokenID
	o.fails(cli.ExitConflict, "--replace", "tokens", "revoke", first)
	o.fails(cli.ExitUsage, "role", "tokens", "create", "--name", "x", "--role", "root")
	o.fails(cli.ExitNotFound, "not found", "tokens", "show", "tok_none")
	o.ok("tokens", "revoke", first, "--force")
}

func TestWhoamiSaysWhoseTokenItIsAndWhatItMayDo(t *testing.T) {
	o := open(t)
	golden(t, `
who         token:tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
role        admin
namespaces  (all)
expires     never
`, o.ok("whoami"))
	file := filepath.Join(t.TempDir(), "ci.token")
	o.ok("tokens", "create", "--name", "ci", "--role", "viewer", "-n", "default", "--expires", "30d", "--save-to", file)
	golden(t, `
who         token:tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
role        viewer
namespaces  default
expires     2030-02-01 03:04:05Z (in 30d)
`, o.ok("whoami", "--token-file", file))
	var who client.Me
	must(t, json.Unmarshal([]byte(o.ok("whoami", "--token-file", file, "-o", "json")), &who))
	if !strings.HasPrefix(who.Actor, "token:tok_") || who.Role != "viewer" || !slices.Equal(who.Namespaces, []string{"default"}) || who.ExpiresAt.IsZero() {
		t.Errorf("as JSON: %+v", who)
	}
	must(t, os.WriteFile(file, []byte("crdadm_"+strings.Repeat("0", 49)), 0o600))
	o.fails(cli.ExitDenied, "admin token", "whoami", "--token-file", file)
}

func TestListsFitATerminalOfAHundredColumns(t *testing.T) {
	o := open(t)
	long := strings.Repeat("é", 100)
	o.ok("owners", "create", "team-payments", "--description", long)
	o.ok("plans", "create", "premium", "--limit", "100/m", "--quota", "10000/day", "--description", long)
	o.ok("namespaces", "create", "shop", "--description", long)
	o.ok("keys", "create", "--name", "orders-service-eu", "--owner", "team-payments", "--expires", "30d")
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", long)
	o.ok("tokens", "create", "--name", long, "--role", "operator", "--namespace", "default,shop", "--expires", "never")
	for _, noun := range []string{"keys", "plans", "owners", "namespaces", "blacklist", "tokens"} {
		for line := range strings.Lines(o.ok(noun, "list")) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
				t.Errorf("%s list: %d columns: %s", noun, n, line)
			}
		}
	}
	if !strings.Contains(o.ok("owners", "show", "team-payments"), long) {
		t.Error("show does not have the whole description")
	}
}

func TestListsArePagedAndSayHowToGoOn(t *testing.T) {
	o := open(t)
	for range 3 {
		o.ok("keys", "create", "--name", "many")
	}
	r := o.run("keys", "list", "--max", "2")
	if strings.Count(r.out, "many") != 2 || !strings.Contains(r.err, "--cursor ") {
		t.Fatalf("first part: %s%s", r.out, r.err)
	}
	cursor := strings.TrimSuffix(strings.Fields(r.err[strings.Index(r.err, "--cursor "):])[1], ",")
	if rest := o.run("keys", "list", "--cursor", cursor); strings.Count(rest.out, "many") != 1 || rest.err != "" {
		t.Errorf("second part: %s%s", rest.out, rest.err)
	}
	if all := o.run("keys", "list", "--all"); strings.Count(all.out, "many") != 3 {
		t.Errorf("all: %s", all.out)
	}
}

func TestAPersonAtATerminalIsAskedBeforeWhatCannotBeUndone(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders")
	id := o.first()
	o.options.Terminal = func() bool { return true }
	for _, answer := range []string{"", "\n", "n\n", "maybe\n"} {
		o.options.In = strings.NewReader(answer)
		o.fails(cli.ExitFailure, "not confirmed", "keys", "revoke", id)
	}
	o.options.In = strings.NewReader("Y\n")
	if r := o.run("keys", "revoke", id); r.code != cli.ExitOK || !strings.Contains(r.err, "[y/N]") {
		t.Errorf("confirmed: %d %s", r.code, r.err)
	}
	o.options.In = strings.NewReader("")
	o.ok("keys", "delete", id, "--yes")
}

func TestMistakesOnTheCommandLineAreUsageErrorsThatSayWhatIsRight(t *testing.T) {
	o := open(t)
	for _, tc := range []struct {
		says string
		args []string
	}{
		{"--help", []string{"keys", "create", "--colour", "red"}},
		{"unknown command", []string{"keys", "paint"}},
		{"1 wanted", []string{"keys", "show"}},
		{"0 wanted", []string{"keys", "create", "orders"}},
		{"10/s", []string{"keys", "create", "--name", "a", "--limit", "fast"}},
		{"day", []string{"keys", "create", "--name", "a", "--quota", "10/week"}},
		{"720h", []string{"keys", "create", "--name", "a", "--expires", "tomorrow"}},
		{"name=value", []string{"keys", "create", "--name", "a", "--label", "gold"}},
		{"2030-01-31", []string{"keys", "create", "--name", "a", "--not-before", "soon"}},
		{"table, json, yaml, csv", []string{"keys", "list", "-o", "xml"}},
		{"is missing", []string{"keys", "create"}},
		{"expires_at", []string{"keys", "create", "--name", "a", "--expires", "2001-01-01T00:00:00Z"}},
		{"nothing to change", []string{"keys", "update", "key_x"}},
		{"cursor", []string{"keys", "list", "--cursor", "?"}},
		{"1 to 500", []string{"keys", "list", "--max", "501"}},
		{"1 to 500", []string{"keys", "list", "--max", "0"}},
		{"unencrypted", []string{"keys", "list", "--server", "http://credence.example.com", "--data-dir", o.dataDir}},
	} {
		o.fails(cli.ExitUsage, tc.says, tc.args...)
	}
}

func TestEveryCommandHasAnExampleThatParses(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no summary", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(line)
			if len(words) > 1 && words[0] != "credence" {
				t.Errorf("%s: example %q is no command line", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	for _, c := range cli.Commands(cli.Options{}) {
		visit(c)
	}
}

func TestHelpOfEveryNounListsTheExitCodes(t *testing.T) {
	for _, c := range cli.Commands(cli.Options{}) {
		for _, want := range []string{"Exit codes:", "3  no such object", "CREDENCE_TOKEN"} {
			if !strings.Contains(c.Long, want) {
				t.Errorf("help of %s lacks %q", c.Name(), want)
			}
		}
	}
}

func TestAClosedOutputIsAnError(t *testing.T) {
	o := open(t)
	o.options.Out = broken{}
	root := &cobra.Command{Use: "credence", SilenceUsage: true, SilenceErrors: true}
	o.options.Err = &strings.Builder{}
	root.AddCommand(cli.Commands(o.options)...)
	root.SetArgs([]string{"namespaces", "list"})
	if err := root.ExecuteContext(t.Context()); err == nil {
		t.Error("output that could not be written was no error")
	}
}
