package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/cli"
	"credence/management/client"
)

func TestKeysRotateAndRotation(t *testing.T) {
	o := open(t)
	o.ok("keys", "create", "--name", "orders", "--scope", "orders:read", "--expires", "30d")
	old := o.first()
	made := o.run("keys", "rotate", old, "--grace", "7d", "--close-when-silent", "1h", "--wait", "1s")
	golden(t, `
key id          key_xxxxxxxxxxxxxxxxxxxxxxxxxx
name            orders
namespace       default
type            service
status          active
since           2030-01-02 03:04:05Z (now)
environment     live
scopes          orders:read
expires         2030-02-01 03:04:05Z (in 30d)
took over from  key_xxxxxxxxxxxxxxxxxxxxxxxxxx
created         2030-01-02 03:04:05Z (now)
updated         2030-01-02 03:04:05Z (now)
last used       never
old key         key_xxxxxxxxxxxxxxxxxxxxxxxxxx works until 2030-01-09 03:04:05Z (in 7d)
key text        crd_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
receipt         complete: revision 3, and no replica is running
`, made.out)
	if !strings.Contains(made.err, "shown this once") {
		t.Errorf("no hint that the text is shown once: %q", made.err)
	}
	for _, id := range []string{old, o.key(old).Successor} {
		golden(t, `
old key         key_xxxxxxxxxxxxxxxxxxxxxxxxxx
name            orders
status          active
new key         key_xxxxxxxxxxxxxxxxxxxxxxxxxx
rotated         2030-01-02 03:04:05Z (now)
closes          2030-01-09 03:04:05Z (in 7d)
or when silent  for 1h, which is in 1h if nobody uses it
used since      no
last used       never since
quiet since     2030-01-02 03:04:05Z (now)
counted until   2030-01-02 03:04:05Z (now)
`, o.ok("keys", "rotation", id))
	}
	o.fails(cli.ExitConflict, "has taken over from it already", "keys", "rotate", old)
	o.fails(cli.ExitUsage, "--grace", "keys", "rotate", o.key(old).Successor, "--grace", "soon")
	o.fails(cli.ExitNotFound, "there is none", "keys", "rotation", keyWithoutRotation(o))
}

func keyWithoutRotation(o *office) string {
	o.t.Helper()
	var made client.KeyCreated
	must(o.t, json.Unmarshal([]byte(o.ok("keys", "create", "--name", "alone", "-o", "json")), &made))
	return made.Key.KeyID
}

func TestARotatedTextGoesToItsFileAlone(t *testing.T) {
	o := open(t)
	old := keyWithoutRotation(o)
	file := filepath.Join(t.TempDir(), "new.key")
	r := o.run("keys", "rotate", old, "--key-file", file, "--idempotency-key", "once", "--expires", "never", "-o", "json")
	if r.code != cli.ExitOK {
		t.Fatal(r.err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	var made client.KeyRotated
	must(t, json.Unmarshal([]byte(r.out), &made))
	if !strings.HasPrefix(string(text), "crd_live_") || made.KeyText != "" || strings.Contains(r.out+r.err, strings.TrimSpace(string(text))) ||
		made.Previous.KeyID != old || made.Key.Predecessor != old {
		t.Errorf("answer is %+v", made)
	}
	o.fails(cli.ExitUsage, "--key-file", "keys", "rotate", made.Key.KeyID, "--key-file", file)
	must(t, os.Remove(file))
	again := o.run("keys", "rotate", old, "--key-file", file, "--idempotency-key", "once", "--expires", "never")
	if again.code != cli.ExitOK || !strings.Contains(again.err, "Rotate it to get another") || !strings.Contains(again.out, made.Key.KeyID) {
		t.Errorf("a repeated rotation says %q and %q", again.out, again.err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error("a text that is not shown again left a file")
	}
	o.ok("keys", "rotate", made.Key.KeyID, "--grace", "0s", "--reason", "leaked")
	if k := o.key(made.Key.KeyID); k.Status != "revoked" {
		t.Errorf("after a rotation without grace the status is %s", k.Status)
	}
}
