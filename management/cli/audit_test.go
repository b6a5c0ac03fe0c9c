package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"credence/management/cli"
	"credence/management/client"
)

func TestAuditListAndShow(t *testing.T) {
	o := open(t)
	o.ok("plans", "create", "basic", "--limit", "100/m", "--description", "for all")
	o.ok("plans", "update", "basic", "--limit", "200/m")
	golden(t, `
ENTRY      WHEN  ACTION           OBJECT                          ACTOR
default:2  now   plan.update      plan:basic                      tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
default:1  now   plan.create      plan:basic                      tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
:1         now   token.bootstrap  tok_xxxxxxxxxxxxxxxxxxxxxxxxxx  system
`, o.ok("audit", "list"))
	actor := strings.Fields(strings.Split(o.ok("audit", "list"), "\n")[1])[4]
	golden(t, `
ENTRY      WHEN  ACTION       OBJECT      ACTOR
default:1  now   plan.create  plan:basic  tok_xxxxxxxxxxxxxxxxxxxxxxxxxx
`, o.ok("audit", "list", "--action", "plan.create", "--since", "1h", "-n", "default", "--actor", actor))
	if got := o.run("audit", "list", "--until", "1h"); got.out != "" || got.code != cli.ExitOK {
		t.Errorf("nothing was done until an hour ago, but it lists %s%s", got.out, got.err)
	}
	shown := o.ok("audit", "show", "default:2")
	for _, want := range []string{"before limits  [\"100/m\"]", "after limits   [\"200/m\"]", "address        127.0.0.1", "action         plan.update"} {
		if !strings.Contains(shown, want) {
			t.Errorf("show lacks %q:\n%s", want, shown)
		}
	}
	var e client.AuditEntry
	must(t, json.Unmarshal([]byte(o.ok("audit", "show", ":1", "-o", "json")), &e))
	if e.Action != "token.bootstrap" || e.Sequence != 1 || len(e.Hash) != 64 || len(e.Details) == 0 {
		t.Errorf("entry %+v", e)
	}
	o.fails(cli.ExitNotFound, "not found", "audit", "show", "default:3")
}
