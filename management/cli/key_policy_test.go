package cli_test

import (
	"strings"
	"testing"

	"credence/management/cli"
)

func TestKeyPolicies(t *testing.T) {
	o := open(t)
	o.ok("namespaces", "create", "payments")
	golden(t, `
TYPE         OF     LONGEST LIFE  DEFAULT LIFE  ROTATE EVERY  DEMANDS
user         (all)  -             -             -             -
service      (all)  -             -             -             -
integration  (all)  -             -             -             -
system       (all)  -             -             -             -
emergency    (all)  12h           4h            -             expiry, reason
`, o.ok("key-policies", "list"))
	o.ok("keys", "create", "--name", "old", "--type", "user", "-n", "payments")
	golden(t, `
type          user
policy of     payments
longest life  90d
default life  30d
rotate every  never
warn before   7d
demands       scopes
updated       2030-01-02 03:04:05Z (now)
`, o.ok("key-policies", "set", "user", "-n", "payments", "--longest-life", "90d", "--default-life", "30d", "--require-scopes"))
	golden(t, `
KEY ID                          NAME  NAMESPACE  TYPE  ROTATE  BREAKS
key_xxxxxxxxxxxxxxxxxxxxxxxxxx  old   payments   user  -       expires_at, scopes
`, o.ok("key-policies", "check"))
	o.fails(cli.ExitUsage, "scopes: is empty", "keys", "create", "--name", "x", "--type", "user", "-n", "payments")
	o.fails(cli.ExitUsage, "nothing to change", "key-policies", "set", "user")
	o.fails(cli.ExitUsage, "--longest-life", "key-policies", "set", "user", "--longest-life", "soon")
	o.fails(cli.ExitNotFound, "is no key type", "key-policies", "show", "robot")
	if text := o.ok("key-policies", "show", "user"); !strings.Contains(text, "all namespaces") {
		t.Errorf("that of all is %s", text)
	}
	o.ok("key-policies", "set", "user", "-n", "payments", "--longest-life", "", "--require-scopes=false")
	o.ok("key-policies", "reset", "user", "-n", "payments")
	o.fails(cli.ExitUsage, "reason: is missing", "keys", "create", "--name", "x", "--type", "emergency")
	o.ok("keys", "create", "--name", "x", "--type", "emergency", "--reason", "pager")
}
