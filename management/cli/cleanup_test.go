package cli_test

import (
	"encoding/json"
	"testing"

	"credence/management/cli"
	"credence/management/client"
)

func TestCleanupIsListedShownAndRun(t *testing.T) {
	o := open(t)
	golden(t, `
NAME           EVERY  KEPT     LAST RUN  DONE  PROBLEM
expired-keys   1m     -        never     -     -
expiring-keys  5m     -        never     -     -
rotations      5m     -        never     -     -
due-rotations  1h     -        never     -     -
revoked-keys   1h     forever  never     -     -
usage          1m     forever  never     -     -
usage-hours    10m    forever  never     -     -
usage-days     10m    forever  never     -     -
idempotency    10m    forever  never     -     -
changes        10m    forever  never     -     -
quotas         10m    1d       never     -     -
replicas       10m    8d       never     -     -
reports        1h     forever  never     -     -
audit          1h     forever  never     -     -
`, o.ok("cleanup", "list"))
	if r := o.run("cleanup", "run", "quotas", "--dry-run"); r.code != cli.ExitOK || r.err != "dry run: quotas would be done to 0 objects; nothing was changed\n" {
		t.Errorf("a dry run says %q %q", r.out, r.err)
	}
	var would client.CleanupReport
	must(t, json.Unmarshal([]byte(o.ok("cleanup", "run", "quotas", "--dry-run", "-o", "json")), &would))
	if !would.DryRun || would.Before.IsZero() || would.Name != "quotas" {
		t.Errorf("a dry run answers %+v", would)
	}
	golden(t, `
cleanup  quotas
done     0
`, o.ok("cleanup", "run", "quotas", "--yes"))
	var all client.List[client.Cleanup]
	must(t, json.Unmarshal([]byte(o.ok("cleanup", "list", "-o", "json")), &all))
	for _, c := range all.Items {
		if (c.LastRun != nil) != (c.Name == "quotas") {
			t.Errorf("%s: last run %+v", c.Name, c.LastRun)
		}
	}
	o.fails(cli.ExitConflict, "--audit-retention", "cleanup", "run", "audit", "--yes")
	o.fails(cli.ExitNotFound, "not found", "cleanup", "run", "nonsense", "--yes")
	o.fails(cli.ExitUsage, "", "cleanup", "run")
	if got := o.run("audit", "anchors"); got.out != "" || got.code != cli.ExitOK {
		t.Errorf("anchors of none: %q %q", got.out, got.err)
	}
}
