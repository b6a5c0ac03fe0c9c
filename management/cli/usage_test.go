package cli_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/management/cli"
	"credence/store"
)

// count puts usage where the data plane would have.
func (o *office) count(keys ...store.KeyUsage) {
	o.t.Helper()
	must(o.t, o.backend.AddUsage(o.t.Context(), store.UsageBatch{
		Replica: "rep_1", Sequence: 1, Started: now(), At: now(), Final: true, Keys: keys,
		Failing: []store.FailingAddress{
			{Minute: now().Add(-time.Hour).Truncate(time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.9"), Checks: 40, Uncertain: 2},
			{Minute: now().Add(-time.Hour).Truncate(time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("2001:db8::"), Checks: 10},
		},
		Agents: []store.AgentUsage{
			{Hour: now().Add(-time.Hour).Truncate(time.Hour), KeyID: keys[0].KeyID, Agent: "curl", Checks: 60, Denied: 10, Latency: time.Millisecond},
			{Hour: now().Add(-time.Hour).Truncate(time.Hour), KeyID: keys[0].KeyID, Agent: "python-requests", Checks: 30, Latency: time.Millisecond},
			{Hour: now().Add(-time.Hour).Truncate(time.Hour), Agent: store.AgentNone, Checks: 50, Denied: 50},
		},
	}))
}

func used(ago time.Duration, key, reason, policy string, checks int64) store.KeyUsage {
	u := store.KeyUsage{
		Minute: now().Add(-ago).Truncate(time.Minute), Minutes: 1, KeyID: key, Reason: reason, Policy: policy, Checks: checks,
		Latency: time.Duration(checks) * 5 * time.Microsecond,
	}
	u.Addresses.Add(7)
	return u
}

// keyIDOf is the id of the key that the command made.
func (o *office) keyIDOf(args ...string) string {
	o.t.Helper()
	var made struct {
		Key struct {
			KeyID string `json:"key_id"`
		} `json:"key"`
	}
	must(o.t, json.Unmarshal([]byte(o.ok(append(args, "-o", "json")...)), &made))
	return made.Key.KeyID
}

func TestUsage(t *testing.T) {
	o := open(t)
	id := o.keyIDOf("keys", "create", "--name", "orders", "--quota", "100/day")
	o.count(used(30*time.Minute, id, "allowed", "reports", 90), used(90*time.Minute, id, "allowed", "", 30),
		used(90*time.Minute, id, "rate_limited", "", 10), used(90*time.Minute, "", "unknown_key", "", 50))
	golden(t, `
HOUR              REQUESTS  DENIED  ADDRESSES  MEAN
2030-01-02 01:00  90        60      1          5µs  ████████████████████████
2030-01-02 02:00  90        0       1          5µs  ████████████████████████
2030-01-02 03:00  0         0       0          -
`, o.ok("usage", "--since", "2h", "--by", "hour"))
	golden(t, `
REASON        REQUESTS  DENIED  COURSE
allowed       120       0       ▃█
unknown_key   50        50      █
rate_limited  10        10      █
`, o.ok("usage", "--since", "2h", "--by", "hour", "--group", "reason"))
	golden(t, `
REASON        REQUESTS  DENIED  ADDRESSES  MEAN
unknown_key   50        50      1          5µs  ████████████████████████
rate_limited  10        10      1          5µs  ████▊
allowed       120       0       1          5µs
`, o.ok("usage", "top", "--by", "denials", "--of", "reason"))
	golden(t, `
AGENT            REQUESTS  DENIED  ADDRESSES  MEAN
curl             60        10      -          16.7µs  ████████████████████████
python-requests  30        0       -          33.3µs  ████████████
`, o.ok("usage", "top", "--of", "agent", "--key", id))
	golden(t, `
AGENT            REQUESTS  DENIED  COURSE
curl             60        10       █
none             50        50       █
python-requests  30        0        █
`, o.ok("usage", "--since", "2h", "--group", "agent"))
	golden(t, `
ADDRESS     REASON       SINCE   REFUSED
192.0.2.9   unknown_key  1h ago  40  ████████████████████████
2001:db8::  unknown_key  1h ago  10  ██████
`, o.ok("usage", "addresses"))
	want := "start,namespace,group,requests,denied,addresses,latency_us\n" +
		"2030-01-02T01:00:00Z,,,40,10,1,200\n2030-01-02T02:00:00Z,,,90,0,1,450\n"
	if got := o.ok("usage", "--key", id, "--since", "2h", "--by", "hour", "-o", "csv"); got != want {
		t.Errorf("as CSV:\n%s\nwant\n%s", got, want)
	}
	if got := o.ok("usage", "--route", "reports", "--since", "2h", "-o", "json"); !strings.Contains(got, `"requests": 90`) || !strings.Contains(got, `"by": "minute"`) {
		t.Errorf("as JSON: %s", got)
	}
	o.fails(cli.ExitUsage, "by: \"week\" is none of the words it can be; use one of minute, hour, day", "usage", "--by", "week")
	for _, narrow := range []string{"--reason=allowed", "--route=reports", "--denied"} {
		o.fails(cli.ExitUsage, "user agents are summed by key and hour alone", "usage", "--group", "agent", narrow)
	}
	o.fails(cli.ExitUsage, "by: \"minute\" is shorter than", "usage", "--group", "agent", "--by", "minute")
	o.fails(cli.ExitUsage, "since: is not before", "usage", "--since", "1h", "--until", "2h")
	o.fails(cli.ExitUsage, "sum by longer ones", "usage", "--since", "30d", "--by", "minute")
}

func TestQuotasThatAreNearlySpent(t *testing.T) {
	o := open(t)
	o.ok("plans", "create", "basic", "--quota", "1000/month")
	o.ok("owners", "create", "team", "--quota", "50/day")
	id := o.keyIDOf("keys", "create", "--name", "orders", "--quota", "100/day", "--plan", "basic", "--owner", "team")
	for _, q := range []struct {
		subject, name string
		used          int64
	}{{id, "daily", 81}, {id, "monthly", 500}, {"owner:default/team", "daily", 50}, {"key_gone", "daily", 99}, {id, "renamed", 99}} {
		_, _, err := o.backend.ReserveQuota(t.Context(), store.QuotaWindow{
			Subject: q.subject, Name: q.name, Start: now().Add(-time.Hour), End: now().Add(20 * time.Hour),
		}, q.used, q.used)
		must(t, err)
	}
	golden(t, fmt.Sprintf(`
NAMESPACE  KEY                             OWNER  QUOTA  USED  OF   REFILLS
default    -                               team   daily  100%%  50   in 20h  ████████████████████████
default    %s  team   daily  81%%   100  in 20h  ███████████████████▌
`, strings.Repeat("key_xxxxxxxxxxxxxxxxxxxxxxxxxx", 1)), o.ok("usage", "quotas"))
	if lines := strings.Count(o.ok("usage", "quotas", "--at-least", "0"), "\n"); lines != 4 {
		t.Errorf("%d lines, want the head and three quotas", lines)
	}
	o.fails(cli.ExitUsage, "at_least: 101", "usage", "quotas", "--at-least", "101")
	for _, output := range []string{"table", "csv"} {
		part := o.run("usage", "quotas", "--max", "1", "-o", output)
		if strings.Count(part.out, "\n") != 2 || !strings.HasPrefix(part.err, "there is more: add --cursor ") {
			t.Fatalf("the first as %s: %s%s", output, part.out, part.err)
		}
		rest := o.run("usage", "quotas", "--cursor", strings.TrimSuffix(strings.Fields(part.err)[5], ","), "-o", output)
		if strings.Count(rest.out, "\n") != 2 || !strings.Contains(rest.out, id) || rest.err != "" {
			t.Errorf("the rest as %s: %s%s", output, rest.out, rest.err)
		}
	}
	if got := o.ok("usage", "quotas", "--max", "1", "-o", "json"); strings.Contains(got, `"next_cursor": ""`) || !strings.Contains(got, `"next_cursor": "`) {
		t.Errorf("as JSON: %s", got)
	}
	if all := o.run("usage", "quotas", "--all", "--at-least", "0"); strings.Count(all.out, "\n") != 4 || all.err != "" {
		t.Errorf("all: %s%s", all.out, all.err)
	}
}
