package cli_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"credence/management/cli"
	"credence/management/client"
)

func TestAListIsImportedInBatchesAndRemovedAgain(t *testing.T) {
	o := open(t)
	var b strings.Builder
	b.WriteString("# a list\n\n")
	for i := range 1_200 {
		fmt.Fprintf(&b, "198.51.%d.%d # case %d\n", i/250, i%250, i)
	}
	name := file(t, b.String())
	golden(t, `
networks        1200
would be added  1200
there before    0
refused         0
overlaps        0
`, o.ok("blacklist", "import", name, "--source", "drop", "--dry-run"))
	if r := o.run("blacklist", "list"); r.out != "" {
		t.Fatal("a dry run added rules")
	}
	o.ok("blacklist", "import", name, "--source", "drop", "--for", "7d")
	var list client.List[client.BlacklistRule]
	must(t, json.Unmarshal([]byte(o.ok("blacklist", "list", "--all", "-o", "json")), &list))
	if len(list.Items) != 1_200 {
		t.Fatalf("%d rules", len(list.Items))
	}
	reasons := map[string]bool{}
	for _, r := range list.Items {
		reasons[r.Reason] = true
		if r.Source != "drop" || r.EndsAt.IsZero() {
			t.Fatalf("rule is %+v", r)
		}
	}
	if len(reasons) != 1_200 || !reasons["case 7"] {
		t.Errorf("%d reasons: a comment behind a network is that rule's reason", len(reasons))
	}
	golden(t, `
networks      1200
added         0
there before  1200
refused       0
overlaps      0
`, o.ok("blacklist", "import", name, "--source", "drop"))

	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "by hand")
	if out := o.ok("blacklist", "remove", "--source", "drop", "--dry-run"); !strings.Contains(out, "would be removed  1200 rules") {
		t.Errorf("dry run says %s", out)
	}
	golden(t, `
removed  1200 rules
`, o.ok("blacklist", "remove", "--file", name, "--source", "drop"))
	must(t, json.Unmarshal([]byte(o.ok("blacklist", "list", "-o", "json")), &list))
	if len(list.Items) != 1 || list.Items[0].Network != "203.0.113.0/24" {
		t.Errorf("left are %+v", list.Items)
	}
}

func TestLinesOfAListThatAreWrongAreReportedAndTheOthersAdded(t *testing.T) {
	o := open(t)
	o.options.In = strings.NewReader("203.0.113.7\nexample.com\n0.0.0.0/0 # all\n127.0.0.1\n203.0.113.0/24\n")
	r := o.run("blacklist", "import", "-", "--reason", "x")
	if r.code != cli.ExitUsage {
		t.Errorf("exit code %d", r.code)
	}
	for _, want := range []string{"line 2: network", "line 3: network", "line 4: network 127.0.0.1/32 holds your own address", "line 5: it refuses all clients of rule blk_", "3 lines refused"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("%q is not in:\n%s", want, r.err)
		}
	}
	if !strings.Contains(r.out, "added         2") {
		t.Errorf("printed:\n%s", r.out)
	}
	o.fails(cli.ExitUsage, "no network", "blacklist", "import", file(t, "# nothing\n"), "--reason", "x")
	o.fails(cli.ExitUsage, "longer than", "blacklist", "import", file(t, strings.Repeat("x", 5000)), "--reason", "x")
	o.fails(cli.ExitUsage, "say which rule", "blacklist", "remove")
	o.fails(cli.ExitUsage, "not both", "blacklist", "remove", "blk_1", "--source", "x")
	o.fails(cli.ExitUsage, "your own address", "blacklist", "add", "127.0.0.0/8", "--reason", "x")
	forced := o.run("blacklist", "add", "203.0.0.0/16", "--reason", "x", "--force")
	if forced.code != cli.ExitOK || !strings.Contains(forced.err, "note: it refuses all clients of rule blk_") {
		t.Errorf("%d: %s", forced.code, forced.err)
	}
}

func TestEveryBlacklistRuleIsRemovedOnlyWhenSomebodySaysSo(t *testing.T) {
	o := open(t)
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "scan")
	left := func() int { return strings.Count(o.ok("blacklist", "list"), "203.0.113.0/24") }

	o.options.In = strings.NewReader("y\n")
	o.fails(cli.ExitUsage, "--dry-run at what would be removed, then give --yes", "blacklist", "remove", "--everything")
	o.options.Terminal = func() bool { return true }
	o.options.In = strings.NewReader("\n")
	o.fails(cli.ExitFailure, "not confirmed", "blacklist", "remove", "--everything")
	o.ok("blacklist", "remove", "--everything", "--dry-run")
	if left() != 1 {
		t.Fatal("the rule was removed though nobody said yes")
	}
	for args, asked := range map[string]string{
		"":                     "every blacklist rule that your token may change?",
		"--global":             "every blacklist rule that refuses everywhere?",
		"--namespace payments": "every blacklist rule of namespace payments?",
	} {
		o.options.In = strings.NewReader("n\n")
		o.fails(cli.ExitFailure, asked, append([]string{"blacklist", "remove", "--everything"}, strings.Fields(args)...)...)
	}
	o.options.In = strings.NewReader("y\n")
	if o.ok("blacklist", "remove", "--everything"); left() != 0 {
		t.Error("the rule is still there after a yes")
	}
	o.ok("blacklist", "add", "203.0.113.0/24", "--reason", "scan")
	o.options.Terminal, o.options.In = func() bool { return false }, strings.NewReader("")
	if o.ok("blacklist", "remove", "--everything", "--yes"); left() != 0 {
		t.Error("the rule is still there after --yes")
	}
}
