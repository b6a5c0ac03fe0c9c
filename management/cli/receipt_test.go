package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"credence/management/cli"
	"credence/management/client"
	"credence/store"
)

// replica writes the row of a replica that stands behind the head by so many
// changes.
func (o *office) replica(id, name string, behind store.Revision) {
	o.t.Helper()
	head, err := o.backend.Head(o.t.Context())
	must(o.t, err)
	at := head
	if at.Revision -= behind; behind > 0 {
		at.ID = "chg_earlier"
	}
	must(o.t, o.backend.PutReplica(o.t.Context(), store.Replica{
		ID: id, Name: name, Address: "192.0.2.1:9001", Version: "v1.2.3", Applied: at,
		StartedAt: now().Add(-time.Hour), SeenAt: now(), LastRead: now(), Ceiling: time.Hour,
	}))
}

func TestWaitShowsTheReceipt(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders")
	id := o.first()
	if out := o.ok("keys", "disable", id, "--wait", "0s"); !strings.Contains(out, "complete: revision 2, and no replica is running") {
		t.Errorf("output lacks the receipt:\n%s", out)
	}
	if out := o.ok("keys", "enable", id); strings.Contains(out, "receipt") {
		t.Errorf("a receipt although nobody waited:\n%s", out)
	}
	o.ok("keys", "revoke", id)
	o.replica("rep_1", "pod-1", 0)
	o.replica("rep_2", "pod-2", 0)
	if out := o.ok("keys", "revoke", id, "--wait", "0s"); !strings.Contains(out, "complete: 2 of 2 replicas applied revision 4 in 0ms") {
		t.Errorf("output lacks the receipt:\n%s", out)
	}
	var k client.KeyChanged
	must(t, json.Unmarshal([]byte(o.ok("keys", "revoke", id, "--wait", "0s", "-o", "json")), &k))
	if k.KeyID != id || k.Receipt == nil || k.Receipt.State != client.ReceiptComplete {
		t.Errorf("json is %+v", k)
	}
}

func TestAPartialReceiptHasAnExitCodeOfItsOwnAndNamesWhoIsSilent(t *testing.T) {
	o := open(t)
	o.ok("plans", "create", "basic")
	o.ok("owners", "create", "team")
	o.ok("keys", "create", "--name", "orders")
	id := o.first()
	o.replica("rep_1", "pod-1\x1b[2J", 1)
	for _, args := range [][]string{
		{"keys", "update", id, "--name", "other"},
		{"keys", "disable", id},
		{"keys", "enable", id},
		{"keys", "suspend", id},
		{"keys", "revoke", id},
		{"plans", "update", "basic", "--limit", "1/s"},
		{"owners", "update", "team", "--limit", "1/s"},
		{"blacklist", "add", "192.0.2.7", "--reason", "x"},
	} {
		r := o.run(append(args, "--wait", "1ms")...)
		if r.code != cli.ExitUnconfirmed || !strings.Contains(r.out, "partial: 0 of 1 replica applied revision") {
			t.Errorf("%v: exit code %d, want %d and a partial receipt:\n%s%s", args, r.code, cli.ExitUnconfirmed, r.out, r.err)
		}
		if !strings.Contains(r.err, "pod-1\ufffd[2J at 192.0.2.1:9001 (rep_1) may decide as before until 2030-01-02 04:04:05Z (in 1h)") {
			t.Errorf("%v: the silent replica and its end are not named:\n%s", args, r.err)
		}
	}
	var list client.List[client.BlacklistRule]
	must(t, json.Unmarshal([]byte(o.ok("blacklist", "list", "-o", "json")), &list))
	r := o.run("blacklist", "remove", list.Items[0].ID, "--wait", "0s", "-o", "json")
	var removed client.BlacklistRemoved
	must(t, json.Unmarshal([]byte(r.out), &removed))
	if r.code != cli.ExitUnconfirmed || removed.Receipt == nil || len(removed.Receipt.Silent) != 1 || !strings.Contains(r.err, "removed") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.err)
	}
}

func TestAWaitThatMakesNoSenseIsAMistakeOfTheCommandLine(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders")
	id := o.first()
	for _, wait := range []string{"31s", "-1s", "soon", "5"} {
		o.fails(cli.ExitUsage, "--wait", "keys", "revoke", id, "--wait", wait)
	}
	o.fails(cli.ExitUsage, "nothing to change", "keys", "update", id, "--wait", "1s")
	if k := o.key(id); k.Status != "active" {
		t.Errorf("the key is %s", k.Status)
	}
}

func TestReplicasAreListed(t *testing.T) {
	o := open(t)
	if r := o.run("replicas", "list"); r.code != cli.ExitOK || !strings.Contains(r.err, "nothing found") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.err)
	}
	o.ok("plans", "create", "basic")
	o.replica("rep_1", "pod-1", 0)
	o.replica("rep_2", "pod-2", 1)
	golden(t, `
ID     NAME   ADDRESS         VERSION  STATE  REVISION  LAG  SEEN  STOPS
rep_1  pod-1  192.0.2.1:9001  v1.2.3   live   1         0    now   -
rep_2  pod-2  192.0.2.1:9001  v1.2.3   live   0         1    now   -
`, o.ok("replicas", "list"))
	var page client.ReplicaPage
	must(t, json.Unmarshal([]byte(o.ok("replicas", "list", "--ended", "-o", "json")), &page))
	if len(page.Items) != 2 || page.HeadRevision != 1 || page.Items[1].Lag != 1 {
		t.Errorf("json is %+v", page)
	}
}
