package contract

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// What a schema does not say: words that an operation can accept in a field,
// and texts and numbers that break programs.

var oddTexts = []string{
	"", " ", "\x00", "a\x00b", "\n", "a\r\nX-Injected: yes", "\t", "\u202etxt", "Zoë", "ﷺﷺﷺ", "e\u0301", "\u2028", "\xff\xfe", "\xc0\xaf", "💥",
	"..", ".", "../../etc/passwd", "a/b", "a%2fb", "%", "%00", "%zz", "?x=1", "#", "*", "a*", "-", "--help", "@", "a,b", ";", "'", `"`, `\`,
	"' OR 1=1 --", "%_", "$1", "{{.}}", "${jndi:x}", "<script>alert(1)</script>", "null", "true", "NaN", "0", "-1", "1e400", "9223372036854775808",
	"import", "revoke", "breaches", "explain", "1h", "0s", "-1h", "9999999h", "1y", "never", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z",
	"9999-12-31T23:59:59.999999999Z", "10000-01-01T00:00:00Z", "2030-02-30T00:00:00Z", "2030-01-01", "0.0.0.0/0", "::/0", "::ffff:1.2.3.4/120", "1.2.3.4/33",
	"fe80::1%eth0", "default", "DEFAULT", "default ", "crdadm_" + strings.Repeat("0", 49), "crd_live_" + strings.Repeat("A", 40),
	strings.Repeat("x", 64), strings.Repeat("x", 129), strings.Repeat("é", 300), strings.Repeat("a.", 200), strings.Repeat("A", 3000),
}

var oddNumbers = []string{
	"0", "-1", "1.5", "-0.0", "2147483648", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e18", "1e19",
	"1e308", "1E400", "18446744073709551616", "0.1e-300", "00", "+1", ".5", "0x10", "NaN", "Infinity",
}

// instants are relative to a run, within what objects of it live through.
var instants = []string{
	ago(-90 * 24 * time.Hour), ago(-time.Hour), ago(0), ago(time.Hour), ago(24 * time.Hour), ago(30 * 24 * time.Hour), "2026-11-02T10:00:00+02:00",
}

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }

// named is a field whose value is the name or id of something else: where it
// is found in the memory.
var named = map[string]struct{ place, field string }{
	"namespace": {"/v1/namespaces", "name"}, "namespaces": {"/v1/namespaces", "name"}, "owner": {"/v1/owners", "name"}, "plan": {"/v1/plans", "name"},
	"cursor": {"", "next_cursor"}, "confirm": {"/v1/keys/revoke", "confirm"}, "keys": {"/v1/keys", "key_id"}, "route": {"/v1/route-policies", "name"},
	"actor": {"/v1/audit", "actor"}, "action": {"/v1/audit", "action"}, "key_id": {"/v1/keys", "key_id"}, "object": {"/v1/audit", "object"}, "ended_before": {"/v1/webhooks", "ended_before"},
}

// words are what operations accept, by field; a field with the place of the
// operation before it goes first.
var words = map[string][]any{
	"expires_in": {"1h", "720h"}, "for": {"1h", "24h"}, "grace": {"0s", "1h", "24h"}, "overlap": {"1h"}, "rotate_every": {"720h", "2160h"},
	"longest_life": {"9000h"}, "default_life": {"720h"}, "warn_before": {"168h"}, "close_when_silent": {"1m", "1h"}, "wait": {"1ms", "500ms", "1s"},
	"period": {"1s", "1m", "24h"}, "limit": {num(1), num(100)}, "burst": {num(100)}, "rate": {num(10)}, "cost": {num(1), num(3)},
	"environment": {"live", "test"}, "hosts": {[]any{"api.example.com"}, []any{"*.example.com"}}, "host": {"api.example.com"},
	"paths": {[]any{"/orders"}, []any{"/v1/*"}}, "path": {"/orders", "/v1/x"}, "methods": {[]any{"GET"}, []any{"GET", "POST"}}, "method": {"GET"},
	"scopes": {[]any{"orders:read"}, []any{}}, "scope": {"orders:read"}, "label": {"team=a"}, "labels": {object{{"team", "a"}}},
	"networks": {[]any{"192.0.2.0/24"}, []any{}}, "within": {"192.0.2.0/24"}, "source": {"list"}, "reason": {"because"}, "note": {"seen"},
	"role": {"viewer", "operator", "auditor", "admin"}, "mode": {"enforce", "shadow"}, "anonymous": {"deny", "allow"}, "key_prefix": {"acme"},
	"every": {"daily", "weekly", "monthly"}, "event": {"key.created"}, "events": {[]any{"key.*"}, []any{"*"}}, "contact": {"team@example.com"},
	"type": {"brute_force"}, "anomaly_type": {"brute_force", "scope_probing"}, "severity": {"low", "medium", "high"}, "action": {"notify", "throttle"},
	"thresholds": {object{{"guesses", "3"}}}, "severities": {object{{"scope_probing", "medium"}}}, "most_per_hour": {object{{"blacklist", num(10)}}}, "share": {num(50)}, "description": {"for people"},
	"state": {"open", "failed", "delivered", "active"}, "by": {"hour", "day", "checks"}, "group": {"key", "reason"}, "of": {"keys", "owners"},
	"format": {"html", "markdown", "csv", "json"}, "since": {ago(2 * time.Hour), ago(time.Hour)}, "until": {ago(0)}, "at_least": {num(50)},
	"force": {false, true}, "everything": {false}, "name_prefix": {"a"}, "account": {""}, "settings": {object{}}, "ca": {""}, "server_name": {""},
	"key_type": {"service", "user", "integration", "system"}, "global": {false}, "ends_at": {ago(-time.Hour)}, "login": {"alice"},
	"sha256": {}, "network": {}, "name": {}, "key_text": {}, "line": {num(1), num(2)}, "logins": {[]any{"*"}},
	"/v1/gitea url": {given("gitea")}, "/v1/gitea account": {fakegitea.Admin}, "/v1/gitea credential": {fakegitea.Password},
	"/v1/n8n url": {given("n8n")}, "/v1/n8n account": {n8nserver.Email}, "/v1/n8n credential": {n8nserver.Password}, "url": {given("receiver")},
	"/v1/gitea scopes": {[]any{"read:repository"}}, "/v1/n8n scopes": {[]any{"tag:list"}, []any{"tag:list", "tag:read"}},
	"/v1/usage limit": {num(10)}, "KeysRevoke filter": {object{{"name_prefix", "n"}}}, "KeysRevoke confirm": {},
}

func num(n int) json.Number { return json.Number(fmt.Sprint(n)) }

// word draws what the operation can accept in the field, if the schema alone
// does not say it.
func (d *drawer) word(field string) (any, bool) {
	switch field {
	case "":
		return nil, false
	case "name":
		return fmt.Sprintf("n%d", d.number(0, 5000)), true
	case "network":
		return fmt.Sprintf("192.0.2.%d/32", d.number(0, 255)), true
	case "sha256":
		return fmt.Sprintf("%064x", d.number(0, 1<<30)), true
	case "key_text":
		return fmt.Sprintf("taken-over-from-elsewhere-%012d", d.number(0, 1<<30)), true
	}
	if field == "connection" {
		return ref{field: strings.Join(strings.SplitN(d.op.path, "/", 4)[:3], "/") + "/connections name", at: d.number(0, 1<<20)}, true
	}
	if at, ok := named[field]; ok {
		if strings.HasPrefix(field, "namespace") && d.percent(40) {
			return "default", true
		}
		place := at.place
		if field == "cursor" {
			place = collection(d.op.path)
		}
		return ref{field: place + " " + at.field, at: d.number(0, 1<<20)}, true
	}
	for at := d.op.path; at != ""; at = at[:strings.LastIndex(at, "/")] {
		if list := words[at+" "+field]; len(list) > 0 {
			return pick(d, list), true
		}
	}
	for _, at := range []string{d.op.id + " " + field, field} {
		if list := words[at]; len(list) > 0 {
			return pick(d, list), true
		}
	}
	return nil, false
}
