package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// mostTime is how long an answer may take: the server gives up after 15 s, and
// the requests here wait for receipts for a second more.
const mostTime = 25 * time.Second

// mostOfAProblem bounds what a refusal says: it must not be a way to have the
// server send more than was sent to it.
const mostOfAProblem = 64 << 10

// answer is one, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string {
	body := a.body
	if len(body) > 2000 {
		body = append(body[:2000:2000], "..."...)
	}
	return fmt.Sprintf("%d %v\n%s", a.status, a.header, body)
}

// judge says what is wrong with an answer. Each line of it is a promise:
func (w *world) judge(r *request, a *answer) (wrong []string) {
	wrong = append(wrong, w.documented(r, a)...) // it is as the document says
	wrong = append(wrong, faults(r, a)...)       // it is no fault of the server
	wrong = append(wrong, w.leaks(r, a)...)      // it shows nothing that it must not
	wrong = append(wrong, w.allowed(r, a)...)    // the caller may have it
	if a.status >= http.StatusBadRequest {
		wrong = append(wrong, w.explains(a)...) // it says what to do
	}
	return wrong
}

// documented: status, media type, body and code are those that the document
// has for the operation.
func (w *world) documented(r *request, a *answer) (wrong []string) {
	path, _, _ := strings.Cut(r.target, "?")
	op := w.document.routed(r.method, path)
	if op == nil { // what a name in the path has led to
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			return []string{"there is no such path, and the answer is another"}
		}
		return nil
	}
	kinds, known := op.answers[strconv.Itoa(a.status)]
	if !known {
		return []string{fmt.Sprintf("%s: status %d is not documented", op.id, a.status)}
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if len(kinds) == 0 {
		if len(a.body) > 0 || kind != "" {
			wrong = append(wrong, op.id+": a body, and none is documented")
		}
		return wrong
	}
	described, known := kinds[kind]
	if !known {
		return []string{fmt.Sprintf("%s: %d is %q, which is not documented", op.id, a.status, kind)}
	}
	switch kind {
	case "application/json", "application/problem+json":
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
		if err != nil {
			return []string{op.id + ": the answer is no JSON: " + err.Error()}
		}
		if err := described.Validate(value); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: the answer is not as documented: %v", op.id, err))
		}
	case "application/jsonl":
		for line := range bytes.Lines(a.body) {
			if !json.Valid(line) {
				return []string{op.id + ": a line is no JSON"}
			}
		}
	}
	return wrong
}

// faults: none is the server's. The one status of 500 and above that a client
// has to live with is 502: the other program, of a connection, did not do its
// part; here, what drives it asks the impossible of it on purpose.
func faults(r *request, a *answer) (wrong []string) {
	if a.status >= http.StatusInternalServerError && a.status != http.StatusBadGateway {
		wrong = append(wrong, fmt.Sprintf("%s: %d is a fault of the server", r.op.id, a.status))
	}
	for _, inside := range []string{"goroutine ", ".go:", "panic:", "runtime error", "SQLSTATE", "SQLITE_", "pgx: ", "sql: ", "SELECT ", "huma."} {
		if a.status >= http.StatusBadRequest && bytes.Contains(a.body, []byte(inside)) && !bytes.Contains(r.body, []byte(inside)) {
			wrong = append(wrong, fmt.Sprintf("the answer shows something of the inside: %q", inside))
		}
	}
	return wrong
}

// leaks: a refusal repeats no text of a key or a token, whoever sent it and
// where; an answer shows one in the one field for it alone.
func (w *world) leaks(r *request, a *answer) (wrong []string) {
	texts := append(slices.Clone(w.memory.secrets), w.tokens[r.caller])
	for _, text := range texts {
		if text != "" && a.status >= http.StatusBadRequest && bytes.Contains(a.body, []byte(text)) {
			wrong = append(wrong, "the refusal repeats a secret text")
		}
	}
	return wrong
}

// reaches says which operations a role may call, by the least role that the
// document names.
var reaches = map[string][]string{
	"viewer": {"viewer"}, "auditor": {"viewer", "auditor"}, "operator": {"viewer", "operator"}, "admin": {"viewer", "auditor", "operator", "admin"},
}

// allowed: without a usable token there is nothing to be had; no role reaches
// beyond its own; no namespace sees another.
func (w *world) allowed(r *request, a *answer) (wrong []string) {
	path, _, _ := strings.Cut(r.target, "?")
	op := w.document.routed(r.method, path)
	if op == nil || op.role == "" || a.status >= http.StatusBadRequest {
		return nil
	}
	role, _, _ := strings.Cut(r.caller, " ")
	if role == "root" {
		return nil
	}
	if !slices.Contains(reaches[role], op.role) {
		wrong = append(wrong, fmt.Sprintf("%s needs the role %s, and %s got %d", op.id, op.role, r.caller, a.status))
	}
	if only := w.namespaceOf(r.caller); only != "" {
		var value any
		if json.Unmarshal(a.body, &value) == nil {
			for _, other := range namespacesIn(value) {
				if other != only {
					wrong = append(wrong, fmt.Sprintf("%s of %s sees something of %s", r.caller, only, other))
				}
			}
		}
	}
	return wrong
}

// namespacesIn are the namespaces that objects of an answer are in.
func namespacesIn(value any) (found []string) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			found = append(found, namespacesIn(item)...)
		}
	case map[string]any:
		for field, item := range v {
			if name, ok := item.(string); ok && field == "namespace" && name != "" {
				found = append(found, name)
			}
			found = append(found, namespacesIn(item)...)
		}
	}
	return found
}

// explains: every refusal has a code that docs/api.md explains with that
// status, and says what is wrong, where, and what to do.
func (w *world) explains(a *answer) (wrong []string) {
	var p struct {
		Status    int    `json:"status"`
		Title     string `json:"title"`
		Code      string `json:"code"`
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
		Errors    []struct {
			Field   string `json:"field"`
			Problem string `json:"problem"`
			Remedy  string `json:"remedy"`
		} `json:"errors"`
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		return []string{fmt.Sprintf("%d is %q and no problem document", a.status, kind)}
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return []string{"the problem document is no JSON: " + err.Error()}
	}
	if !w.document.codes[fmt.Sprintf("%d %s", a.status, p.Code)] || p.Status != a.status {
		wrong = append(wrong, fmt.Sprintf("docs/api.md does not explain %d %s (status in the body: %d)", a.status, p.Code, p.Status))
	}
	if p.Title == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") {
		wrong = append(wrong, "title, detail or request id is missing")
	}
	for _, f := range p.Errors {
		if f.Field == "" || f.Problem == "" || f.Remedy == "" {
			wrong = append(wrong, fmt.Sprintf("field, problem or remedy is missing: %+v", f))
		}
	}
	if len(a.body) > mostOfAProblem {
		wrong = append(wrong, fmt.Sprintf("the refusal is %d bytes long", len(a.body)))
	}
	for status, header := range map[int]string{
		http.StatusUnauthorized: "Www-Authenticate", http.StatusMethodNotAllowed: "Allow",
		http.StatusTooManyRequests: "Retry-After", http.StatusServiceUnavailable: "Retry-After",
	} {
		if a.status == status && a.header.Get(header) == "" {
			wrong = append(wrong, fmt.Sprintf("%d without %s", status, header))
		}
	}
	return wrong
}
