package webhook_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
)

// asked is one delivery that a receiver has to judge.
type asked struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"` // names in lower case
	Body    string            `json:"body"`

	what string
	want bool
}

// receivers are the languages of docs/webhooks.md: what makes a program of the
// snippet, which reads a list of deliveries and writes what it says of each,
// and how the program is run.
var receivers = map[string]struct {
	file, before, after string
	run                 []string
}{
	"go": {
		file: "receiver.go", run: []string{"go", "run"},
		before: `package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)
`,
		after: `
func main() {
	var asked []struct {
		Secret, Body string
		Headers map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	said := []bool{}
	for _, a := range asked {
		handler, err := receiver(a.Secret)
		if err != nil {
			panic(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(a.Body))
		for name, value := range a.Headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		handler(w, r)
		said = append(said, w.Code < 300)
	}
	json.NewEncoder(os.Stdout).Encode(said)
}
`,
	},
	"python": {
		file: "receiver.py", run: []string{"python3"},
		after: `
import json, sys
print(json.dumps([verify(a["secret"], a["headers"], a["body"].encode()) for a in json.load(sys.stdin)]))
`,
	},
	"js": {
		file: "receiver.js", run: []string{"node"},
		after: `
const asked = JSON.parse(require("node:fs").readFileSync(0));
console.log(JSON.stringify(asked.map((a) => verify(a.secret, a.headers, Buffer.from(a.body)))));
`,
	},
}

// delivered is a delivery as it really arrives.
func delivered(t *testing.T, f *fixture, secretsAtOnce int) (secrets []string, got received) {
	t.Helper()
	r := receive(t, status(http.StatusNoContent))
	w := f.hook(r.URL)
	secrets = []string{w.Secret.Reveal()}
	for len(secrets) < secretsAtOnce {
		next, err := f.service.WebhookRotateSecret(t.Context(), admin, management.WebhookRotateSecret{ID: w.Webhook.ID, Grace: "1h"})
		must(t, err)
		secrets = append(secrets, next.Secret.Reveal())
	}
	f.happen(1)
	f.turn(w)
	all := r.all()
	if len(all) == 0 {
		t.Fatal("nothing was delivered")
	}
	return secrets, all[0]
}

// deliveriesToJudge are real ones, and what somebody else would make of them.
func deliveriesToJudge(t *testing.T) []asked {
	t.Helper()
	secrets, got := delivered(t, newFixture(t), 2)
	old := newFixture(t)
	old.clock.advance(-10 * time.Minute)
	oldSecrets, late := delivered(t, old, 1)
	ask := func(what string, want bool, secret string, got received, change map[string]string) asked {
		headers := map[string]string{}
		for name, values := range got.header {
			headers[strings.ToLower(name)] = values[0]
		}
		maps.Copy(headers, change)
		maps.DeleteFunc(headers, func(_, value string) bool { return value == "" })
		return asked{Secret: secret, Headers: headers, Body: got.body, what: what, want: want}
	}
	forged := got
	forged.body = strings.Replace(got.body, "orders", "forged", 1)
	_, other := delivered(t, newFixture(t), 1)
	return []asked{
		ask("signed with the old secret, while it is rotated", true, secrets[0], got, nil),
		ask("signed with the new secret", true, secrets[1], got, nil),
		ask("of another body", false, secrets[1], forged, nil),
		ask("signed with the secret of somebody else", false, secrets[1], other, nil),
		ask("of ten minutes ago", false, oldSecrets[0], late, nil),
		ask("with another id", false, secrets[1], got, map[string]string{"webhook-id": "evt_other"}),
		ask("without a signature", false, secrets[1], got, map[string]string{"webhook-signature": ""}),
		ask("without an instant", false, secrets[1], got, map[string]string{"webhook-timestamp": ""}),
		ask("with an instant that is none", false, secrets[1], got, map[string]string{"webhook-timestamp": "soon"}),
		ask("with a signature that is no text of ASCII", false, secrets[1], got, map[string]string{"webhook-signature": "v1,é"}),
		ask("with an empty signature", false, secrets[1], got, map[string]string{"webhook-signature": "v1,"}),
	}
}

// TestTheReceiversOfTheDocumentationVerifyRealDeliveries: each snippet of
// docs/webhooks.md, as it stands there, lets in what Credence has sent and
// nothing else, and does not break at what it cannot read. Where there is no
// Node.js, that one is not run; make test needs the other two anyway.
func TestTheReceiversOfTheDocumentationVerifyRealDeliveries(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	must(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "webhooks.md"))
	must(t, err)
	deliveries := deliveriesToJudge(t)
	input, err := json.Marshal(deliveries)
	must(t, err)
	snippets := regexp.MustCompile("(?s)\n```(\\w+)\n(.*?)\n```\n").FindAllStringSubmatch(string(page), -1)
	var tried []string
	for _, s := range snippets {
		r, known := receivers[s[1]]
		if !known {
			t.Errorf("docs/webhooks.md has a snippet in %q, which nobody tries", s[1])
			continue
		}
		tried = append(tried, s[1])
		if _, err := exec.LookPath(r.run[0]); err != nil && s[1] == "js" {
			continue
		}
		file := filepath.Join(t.TempDir(), r.file)
		must(t, os.WriteFile(file, []byte(r.before+s[2]+r.after), 0o600))
		cmd := exec.CommandContext(t.Context(), r.run[0], append(r.run[1:], file)...)
		cmd.Dir, cmd.Stdin = root, bytes.NewReader(input) // where go.mod has the library
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v\n%s", s[1], err, &problems)
			continue
		}
		var said []bool
		must(t, json.Unmarshal(out, &said))
		for i, d := range deliveries {
			if i >= len(said) || said[i] != d.want {
				t.Errorf("%s: a delivery %s: let in: %v, want %v", s[1], d.what, said[min(i, len(said)-1)], d.want)
			}
		}
	}
	if slices.Sort(tried); !slices.Equal(tried, []string{"go", "js", "python"}) {
		t.Errorf("docs/webhooks.md has snippets in %v", tried)
	}
}
