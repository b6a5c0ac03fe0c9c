package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/test/fakegitea"
	"credence/test/harness"
	"credence/test/n8nserver"
	"credence/test/pgserver"
	"credence/test/stage"
)

// world is a running server, who asks it, and what it has answered.
type world struct {
	ctx      context.Context //nolint:containedctx // that of the test: checks of rapid have none
	document *document
	server   *harness.Credence // with the API
	checker  *harness.Credence // that answers Checks
	client   *http.Client
	memory   *memory
	tokens   map[string]string // text by caller
	given    map[given]string
	reached  map[string]int // answers that were a success, by operation
	inARow   int            // how many requests are one check of rapid
	sent     int
}

// one and another are the namespaces that some callers are limited to.
const one, another = "one", "another"

func (w *world) namespaceOf(caller string) string {
	_, of, _ := strings.Cut(caller, " of ")
	return of
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// flags are those of every server here: it may call the programs of the test,
// and a caller who lies about its token is not turned away for it.
var flags = []string{"--outgoing-allow", "127.0.0.0/8", "--api-failure-limit", "", "--client-source", "peer"}

// newWorld drives a server. root is the text of its first token.
func newWorld(tb testing.TB, server, checker *harness.Credence, root string, inARow int) *world {
	tb.Helper()
	forge := fakegitea.New(tb, "1.27.3")
	forge.AddUser(fakegitea.User{Login: "alice"})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	tb.Cleanup(receiver.Close)
	w := &world{
		ctx: tb.Context(), document: readDocument(tb), server: server, checker: checker, memory: newMemory(),
		client: &http.Client{
			Timeout: mostTime, Transport: &http.Transport{ExpectContinueTimeout: mostTime},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tokens:  map[string]string{"root": root, "a liar": "crdadm_" + strings.Repeat("1", 49)},
		given:   map[given]string{"gitea": forge.URL, "n8n": n8nserver.NewFake(tb, n8nserver.New, time.Now).URL, "receiver": receiver.URL + "/in"},
		reached: map[string]int{}, inARow: inARow,
	}
	tb.Cleanup(w.client.CloseIdleConnections)
	w.protect(tb)
	for _, name := range []string{one, another} {
		w.call(tb, w.request(drawn{op: w.operation("NamespaceCreate"), caller: "root", media: "application/json", body: object{{"name", name}}}))
	}
	for _, caller := range callers[1:] {
		w.enlist(tb, caller)
	}
	w.furnish("main", func(r *request) { w.call(tb, r) })
	w.offend(tb)
	return w
}

// protect keeps requests from naming the token that the tests stand on.
func (w *world) protect(tb testing.TB) {
	tb.Helper()
	var me struct {
		Actor string `json:"actor"`
	}
	must(tb, json.Unmarshal(w.call(tb, w.request(drawn{op: w.operation("Me"), caller: "root"})).body, &me))
	id, ok := strings.CutPrefix(me.Actor, "token:")
	if !ok {
		tb.Fatalf("the server does not say which token asks: %q", me.Actor)
	}
	w.memory.never = append(w.memory.never, id, me.Actor)
}

// enlist makes a caller's token, also anew when it was revoked.
func (w *world) enlist(t failer, caller string) {
	role, _, _ := strings.Cut(caller, " ")
	if reaches[role] == nil {
		return
	}
	body := object{{"name", caller}, {"role", role}}
	if of := w.namespaceOf(caller); of != "" {
		body = append(body, member{"namespaces", []any{of}})
	}
	var made struct {
		Text string `json:"token_text"`
	}
	a, err := w.send(w.request(drawn{op: w.operation("TokenCreate"), caller: "root", media: "application/json", body: body}))
	if err != nil || json.Unmarshal(a.body, &made) != nil || made.Text == "" {
		t.Fatalf("make the token of %s: %v\n%s", caller, err, a)
	}
	w.tokens[caller] = made.Text
}

func (w *world) operation(id string) *operation {
	return w.document.operations[slices.IndexFunc(w.document.operations, func(op *operation) bool { return op.id == id })]
}

// furnish makes one of each thing that others refer to; tell gets the requests.
// Connections and an empty namespace get the name.
func (w *world) furnish(name string, tell func(*request)) {
	put := func(id string, body object) {
		tell(w.request(drawn{op: w.operation(id), caller: "root", media: "application/json", body: body}))
	}
	for _, namespace := range []string{"default", one, another} {
		in := member{"namespace", namespace}
		put("OwnerCreate", object{{"name", "team"}, in})
		put("PlanCreate", object{{"name", "basic"}, in})
		for _, key := range []string{"first", "second"} {
			put("KeyCreate", object{{"name", key}, in, {"owner", "team"}, {"plan", "basic"}})
		}
		put("WebhookCreate", object{{"url", given("receiver")}, {"events", []any{"key.*"}}, in})
	}
	webhooks := w.memory.values["/v1/webhooks webhook_id"]
	webhook := map[string]any{"webhook_id": webhooks[len(webhooks)-1]}
	for _, id := range []string{"WebhookTest", "WebhookDeliveries"} {
		tell(w.request(drawn{op: w.operation(id), caller: "root", path: webhook}))
	}
	service, of := map[string]any{"key_type": "service"}, []member{{"namespace", one}}
	tell(w.request(drawn{op: w.operation("KeyPolicyShow"), caller: "root", path: service, query: of}))
	tell(w.request(drawn{
		op: w.operation("KeyPolicySet"), caller: "root", path: service, query: of, headers: []member{{"If-Match", lastTag}},
		media: "application/json", body: object{{"warn_before", "24h"}},
	}))
	put("NamespaceCreate", object{{"name", "empty-" + name}})
	put("BlacklistAdd", object{{"network", "198.51.100.7"}, {"reason", "scan"}})
	put("RoutePolicyCreate", object{{"name", "orders"}, {"hosts", []any{"api.example.com"}}})
	put("ReportCreate", object{})
	put("ReportScheduleCreate", object{{"every", "daily"}})
	put("GiteaConnectionCreate", object{
		{"name", name}, {"url", given("gitea")}, {"account", fakegitea.Admin}, {"credential", fakegitea.Password}, {"logins", []any{"*"}}, {"scopes", []any{"write:repository"}},
	})
	put("GiteaTokenCreate", object{{"connection", name}, {"login", "alice"}, {"name", "ci"}, {"scopes", []any{"read:repository"}}, {"expires_in", "24h"}, {"description", "for builds"}})
	put("N8NConnectionCreate", object{
		{"name", name}, {"url", given("n8n")}, {"account", n8nserver.Email}, {"credential", n8nserver.Password}, {"scopes", []any{"tag:list"}},
	})
	put("N8NKeyCreate", object{{"connection", name}, {"name", "ci"}, {"scopes", []any{"tag:list"}}, {"expires_in", "48h"}, {"description", "for builds"}})
}

// offend has somebody guess keys, and waits until that is found and acted on.
func (w *world) offend(tb testing.TB) {
	tb.Helper()
	policy := w.call(tb, w.request(drawn{op: w.operation("AnomalyPolicyShow"), caller: "root"}))
	w.call(tb, w.request(drawn{
		op: w.operation("AnomalyPolicySet"), caller: "root", media: "application/json",
		headers: []member{{"If-Match", policy.header.Get("ETag")}},
		body: object{{"thresholds", object{{"guesses", "3"}}}, {"actions", []any{object{
			{"anomaly_type", "brute_force"}, {"severity", "medium"}, {"action", "blacklist"}, {"for", "1h"},
		}}}},
	}))
	guess := filepath.Join(tb.TempDir(), "guess")
	must(tb, os.WriteFile(guess, []byte("crd_live_nonsense"), 0o600))
	for range 3 {
		if said, err := w.checker.CLI(tb.Context(), nil, "check", "--key-file", guess, "--ip", "203.0.113.50"); err == nil {
			tb.Fatalf("a guess is let in: %s", said)
		}
	}
	must(tb, harness.Until(tb.Context(), harness.Patience, "the guesses are found", func() error {
		a := w.call(tb, w.request(drawn{op: w.operation("AnomalyList"), caller: "root"}))
		if !bytes.Contains(a.body, []byte("brute_force")) {
			return fmt.Errorf("found: %s", a.body)
		}
		return nil
	}))
}

// call sends a request that must succeed.
func (w *world) call(tb testing.TB, r *request) *answer {
	tb.Helper()
	a, err := w.send(r)
	must(tb, err)
	if wrong := w.judge(r, a); a.status >= http.StatusMultipleChoices || len(wrong) > 0 {
		tb.Fatalf("%s\nis answered\n%s\n%q", r, a, wrong)
	}
	return a
}

// send sends a request and remembers the answer.
func (w *world) send(r *request) (*answer, error) {
	w.sent++
	req, err := http.NewRequestWithContext(w.ctx, r.method, "http://"+w.server.API, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(r.target, "?")
	if req.URL.Path, err = url.PathUnescape(path); err != nil {
		return nil, err
	}
	req.URL.RawPath, req.URL.RawQuery, req.Header = path, query, r.header.Clone()
	if token := w.tokens[r.caller]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if len(r.body) > 1<<18 { // refused before it is read, perhaps
		req.Header.Set("Expect", "100-continue")
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer ends early: %w", err)
	}
	a := &answer{status: res.StatusCode, header: res.Header, body: body}
	if a.status < http.StatusMultipleChoices {
		w.reached[r.op.id]++
		var value any
		if json.Unmarshal(body, &value) == nil {
			w.memory.learn(r, value, a.header.Get("ETag"))
		}
		if r.method == http.MethodDelete && len(r.objects) > 0 {
			w.memory.forget(r.op, r.objects[0])
		}
	}
	return a, res.Body.Close()
}

// serve starts the whole program on SQLite.
func serve(tb testing.TB, inARow int) *world {
	tb.Helper()
	server, err := harness.StartCredence(tb.Context(), program(tb), tb.TempDir(), flags...)
	must(tb, err)
	tb.Cleanup(func() { must(tb, server.Close()) })
	return newWorld(tb, server, server, text(tb, filepath.Join(server.DataDir, "admin.token")), inARow)
}

// deploy starts a control plane and a data plane on PostgreSQL.
func deploy(tb testing.TB, inARow int) *world {
	tb.Helper()
	database, err := pgserver.Shared(tb.Context())
	must(tb, err)
	tb.Cleanup(func() { must(tb, database.Stop(context.WithoutCancel(tb.Context()))) })
	s, err := stage.Prepare(tb.Context(), program(tb), tb.TempDir(), database)
	must(tb, err)
	server, err := s.Management(tb.Context(), s.Owner, flags...)
	must(tb, err)
	tb.Cleanup(func() { must(tb, server.Close()) })
	checker, err := s.Replica(tb.Context(), s.Checker, "--client-source", "peer")
	must(tb, err)
	tb.Cleanup(func() { must(tb, checker.Close()) })
	return newWorld(tb, server, checker, text(tb, filepath.Join(s.Folder, "secrets", "admin.token")), inARow)
}

// text is the content of a file that holds a token.
func text(tb testing.TB, file string) string {
	tb.Helper()
	content, err := os.ReadFile(file)
	must(tb, err)
	return strings.TrimSpace(string(content))
}
