package cli_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"credence/management/anchor"
	"credence/management/cli"
	"credence/management/client"
	"credence/test/fakes3"
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

func TestAuditExportAndVerify(t *testing.T) {
	o := open(t)
	o.ok("plans", "create", "basic", "--limit", "100/m")
	dir := t.TempDir()
	held, export, keys := filepath.Join(dir, "held.jsonl"), filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "audit.pem")
	golden(t, `
NAMESPACE  ENTRY  KIND  MADE  HASH
(none)     2      head  now   xxxxxxxxxxxxxxxx
default    1      head  now   xxxxxxxxxxxxxxxx
`, regexp.MustCompile(`[0-9a-f]{16}`).ReplaceAllString(o.ok("audit", "checkpoint", "--out", held), strings.Repeat("x", 16)))
	o.ok("audit", "public-key", "--out", keys)
	o.ok("audit", "export", "--out", export)
	o.fails(cli.ExitUsage, "new file", "audit", "export", "--out", export)
	o.fails(cli.ExitUsage, "--out is missing", "audit", "export")
	for _, args := range [][]string{
		{"--checkpoint", held},
		{"--checkpoint", held, "--public-key", keys},
		{"--file", export, "--checkpoint", held, "--public-key", keys},
		{"--namespace", "default", "--checkpoint", held},
		{"--global"},
	} {
		if got := o.ok(append([]string{"audit", "verify"}, args...)...); !strings.HasPrefix(got, "whole: ") {
			t.Errorf("verify %v says %q", args, got)
		}
	}
	if r := o.run("audit", "verify", "--file", export); !strings.Contains(r.err, "no signature is checked") || !strings.Contains(r.err, "from outside") {
		t.Errorf("what is not proven is not said: %s", r.err)
	}
	if got := o.ok("audit", "checkpoints", "--lines"); got != read(t, held) {
		t.Errorf("the list has %q, the file %q", got, read(t, held))
	}
	// Somebody writes the export anew without its last entry.
	lines := strings.SplitAfter(read(t, export), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.Contains(l, `"plan.create"`) || strings.HasPrefix(l, `{"chain":{"namespace":"default"`)
	})
	forged := filepath.Join(dir, "forged.jsonl")
	must(t, os.WriteFile(forged, []byte(strings.Join(lines, "")), 0o600))
	o.fails(cli.ExitFailure, "not an export", "audit", "verify", "--file", forged)
	tampered := filepath.Join(dir, "tampered.jsonl")
	must(t, os.WriteFile(tampered, []byte(strings.Replace(read(t, export), "plan.create", "plan.delete", 1)), 0o600))
	o.fails(cli.ExitFailure, `audit chain "default": entry 1: hash`, "audit", "verify", "--file", tampered)
	o.fails(cli.ExitUsage, "--public-key", "audit", "verify", "--file", export, "--public-key", held)
	o.fails(cli.ExitUsage, "--checkpoint", "audit", "verify", "--file", export, "--checkpoint", keys)
	o.fails(cli.ExitUsage, "--file", "audit", "verify", "--file", filepath.Join(dir, "none"))
}

// TestAuditVerifyReadsWhereAnchorsWrite: from an object store, as an anchor of the
// control plane has filled it.
func TestAuditVerifyReadsWhereAnchorsWrite(t *testing.T) {
	o := open(t)
	bucket, reach := fakes3.New(t), &http.Client{Transport: &http.Transport{}}
	t.Cleanup(reach.CloseIdleConnections)
	o.fails(cli.ExitUsage, "reads no object store", "audit", "verify", "--checkpoint", "s3://held/credence")
	o.options.Objects = func(ctx context.Context, address string) (io.ReadCloser, error) {
		held, err := anchor.NewObject(ctx, address, reach)
		if err != nil {
			return nil, err
		}
		return held.Read(ctx)
	}
	o.ok("plans", "create", "basic", "--limit", "100/m")
	dir := t.TempDir()
	held, export, keys := filepath.Join(dir, "held.jsonl"), filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "audit.pem")
	o.ok("audit", "checkpoint", "--out", held)
	o.ok("audit", "export", "--out", export)
	o.ok("audit", "public-key", "--out", keys)
	to, err := anchor.NewObject(t.Context(), "s3://held/credence", reach)
	must(t, err)
	for line := range strings.Lines(read(t, held)) {
		must(t, to.Hold(t.Context(), []byte(line)))
	}
	bucket.Objects["exports/audit.jsonl"] = read(t, export)
	for _, args := range [][]string{
		{"--checkpoint", "s3://held/credence", "--public-key", keys},
		{"--file", "s3://held/exports/audit.jsonl", "--checkpoint", "s3://held/credence/", "--public-key", keys},
		{"--file", export, "--checkpoint", "s3://held/credence"},
	} {
		if got := o.run(append([]string{"audit", "verify"}, args...)...); !strings.HasPrefix(got.out, "whole: ") || strings.Contains(got.err, "from outside") {
			t.Errorf("verify %v says %q %q", args, got.out, got.err)
		}
	}
	// A log that was written anew does not fit what the store has.
	anew := filepath.Join(dir, "anew.jsonl")
	open(t).ok("audit", "export", "--out", anew)
	bucket.Objects["exports/anew.jsonl"] = read(t, anew)
	o.fails(cli.ExitFailure, `audit chain ""`, "audit", "verify", "--file", "s3://held/exports/anew.jsonl", "--checkpoint", "s3://held/credence")
	bucket.Refuse = "AccessDenied"
	o.fails(cli.ExitUsage, "allow s3:GetObject", "audit", "verify", "--checkpoint", "s3://held/credence")
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return string(content)
}
