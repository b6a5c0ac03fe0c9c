package cli_test

import (
	"strings"
	"testing"

	"credence/management/cli"
)

func TestRoutePolicies(t *testing.T) {
	o := open(t)
	o.ok("namespaces", "create", "payments")
	golden(t, `
name         admin
description  for staff
accepts      default, payments
scopes       admin
cost         2
mode         enforce
hosts        api.example.com
paths        /admin, /admin/*
created      2030-01-02 03:04:05Z (now)
updated      2030-01-02 03:04:05Z (now)
receipt      complete: revision 2, and no replica is running
`, o.ok("route-policies", "create", "admin", "--description", "for staff", "--accept", "default,payments", "--scope", "admin", "--cost", "2",
		"--host", "api.example.com", "--path", "/admin", "--path", "/admin/*", "--wait", "0s"))
	o.ok("route-policies", "create", "public", "--path", "/public/*", "--method", "GET,HEAD", "--anonymous", "allow", "--mode", "shadow")
	golden(t, `
NAME    MODE     ACCEPTS             SCOPES  HOSTS            PATHS
admin   enforce  default, payments   admin   api.example.com  /admin, /admin/*
public  shadow   default, anonymous  -       -                /public/*
`, o.ok("route-policies", "list"))
	golden(t, `
verdict  found
policy   admin
rule     any method api.example.com /admin/*
`, o.ok("route-policies", "explain", "--host", "api.example.com", "--path", "/admin/users"))
	golden(t, `
verdict  none
meaning  no rule speaks of it: keys of the namespace default are accepted
`, o.ok("route-policies", "explain", "--host", "api.example.com", "--path", "/public/x", "--method", "POST"))
	if out := o.ok("route-policies", "explain", "--host", "api.example.com", "--path", "/%61dmin"); !strings.Contains(out, "unclear") || !strings.Contains(out, "it is denied (route_not_allowed)") {
		t.Errorf("an escape is explained as %s", out)
	}
	o.fails(cli.ExitConflict, `policy "admin" has the rule`, "route-policies", "create", "other", "--host", "api.example.com", "--path", "/Admin")
	o.fails(cli.ExitUsage, "is no mode", "route-policies", "update", "public", "--mode", "off")
	o.fails(cli.ExitUsage, "nothing to change", "route-policies", "update", "public")
	o.ok("route-policies", "update", "public", "--anonymous", "", "--mode", "enforce", "--method", "", "--cost", "3", "--wait", "0s")
	if out := o.ok("route-policies", "show", "public"); strings.Contains(out, "anonymous") || strings.Contains(out, "methods") || !strings.Contains(out, "cost     3") {
		t.Errorf("after the update: %s", out)
	}
	if r := o.run("route-policies", "delete", "public", "--yes", "--wait", "0s"); !strings.Contains(r.err, "route policy public deleted") || !strings.Contains(r.out, "complete") {
		t.Errorf("deleted: %s%s", r.out, r.err)
	}
	o.fails(cli.ExitNotFound, "not found", "route-policies", "show", "public")
	o.fails(cli.ExitConflict, "accepts its keys", "namespaces", "delete", "payments", "--yes")
}
