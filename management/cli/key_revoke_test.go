package cli_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"credence/management/cli"
)

func TestManyKeysAreRevokedByDryRunAndConfirmation(t *testing.T) {
	o := open(t)
	for _, name := range []string{"ci one", "ci two", "web"} {
		o.ok("keys", "create", "--name", name, "--label", "team=a")
	}
	o.fails(cli.ExitUsage, "KEY_ID", "keys", "revoke", "--reason", "x")
	o.fails(cli.ExitUsage, "--dry-run", "keys", "revoke", "--name-prefix", "ci", "--reason", "x")
	o.fails(cli.ExitUsage, "one of the two", "keys", "revoke", "key_x", "--name-prefix", "ci")
	o.fails(cli.ExitUsage, "reason", "keys", "revoke", "--name-prefix", "ci", "--dry-run")
	o.fails(cli.ExitUsage, "everything", "keys", "revoke", "--label", "team=a", "--reason", "x", "--dry-run")
	dry := o.run("keys", "revoke", "--name-prefix", "ci", "--reason", "moved", "--dry-run")
	if dry.code != cli.ExitOK || !strings.Contains(dry.err, "2 keys would be revoked") || strings.Contains(dry.out, "web") {
		t.Fatalf("dry run: %d\n%s%s", dry.code, dry.out, dry.err)
	}
	token := regexp.MustCompile(`--confirm (\S+)`).FindStringSubmatch(dry.err)[1]
	o.fails(cli.ExitUsage, "alone", "keys", "revoke", "--confirm", token, "--name-prefix", "web")
	golden(t, `
revoked     2
left alone  0
receipt     complete: revision 5, and no replica is running
`, o.ok("keys", "revoke", "--confirm", token, "--wait", "1s"))
	o.fails(cli.ExitUsage, "confirm", "keys", "revoke", "--confirm", "x.y")
	var sum struct {
		Revoked int `json:"revoked"`
	}
	must(t, json.Unmarshal([]byte(o.ok("keys", "revoke", "--label", "team=a", "--everything", "--reason", "x", "--yes", "-o", "json")), &sum))
	if sum.Revoked != 1 {
		t.Errorf("the rest: %d revoked, want 1", sum.Revoked)
	}
}

func TestATerminalIsAskedWithTheNumberOfKeys(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "ci")
	o.ok("keys", "create", "--name", "web")
	o.options.Terminal = func() bool { return true }
	o.options.In = strings.NewReader("n\n")
	o.fails(cli.ExitFailure, "Revoke 1 key?", "keys", "revoke", "--name-prefix", "ci", "--reason", "x")
	o.options.In = strings.NewReader("y\n")
	o.ok("keys", "revoke", "--name-prefix", "ci", "--reason", "x")
	if got := o.ok("keys", "list", "--status", "revoked"); strings.Count(got, "key_") != 1 {
		t.Errorf("revoked are:\n%s", got)
	}
}
