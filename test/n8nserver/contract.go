package n8nserver

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Target is an n8n that the contract is tried on.
type Target struct {
	URL     string
	Version Version
	Cookie  string // of a session: logins are scarce
	Now     func() time.Time
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	media  string
	body   string
	header http.Header
}

// data is a field of the answer's data, by its path.
func (r *reply) data(tb testing.TB, path ...string) any {
	tb.Helper()
	var at any
	if err := json.Unmarshal([]byte(r.body), &at); err != nil {
		tb.Fatalf("%d %s: %v", r.status, r.media, err)
	}
	for _, field := range append([]string{"data"}, path...) {
		is, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = is[field]
	}
	return at
}

func (r *reply) text(tb testing.TB, path ...string) string {
	tb.Helper()
	s, _ := r.data(tb, path...).(string)
	return s
}

// call is a call as a test writes it.
type call struct {
	method, path, body string
	header             map[string]string
	stranger           bool // without the session
}

func (t *Target) do(tb testing.TB, c call) *reply {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), c.method, t.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		tb.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if !c.stranger {
		r.Header.Set("Cookie", "n8n-auth="+t.Cookie)
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		tb.Fatal(err)
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return &reply{res.StatusCode, media, string(bytes.TrimSpace(body)), res.Header}
}

// row is a line of the contract.
type row struct {
	name   string
	call   call
	status int
	media  string   // "": no body
	holds  []string // each is in the body
	since  Version  // zero: all
	until  Version  // before that; zero: all
}

const (
	isJSON = "application/json"
	isHTML = "text/html"
)

// Contract tries every recorded row on an n8n. It leaves no key behind.
func Contract(t *testing.T, on *Target) { //nolint:thelper // it is the test
	made := on.do(t, call{method: "POST", path: "/rest/api-keys", body: `{"label":"contract","expiresAt":null,"scopes":["tag:list"]}`})
	if made.status != http.StatusOK {
		t.Fatalf("create: %d %s", made.status, made.body)
	}
	id, key := made.text(t, "id"), made.text(t, "rawApiKey")
	t.Run("a create shows the secret once, and how it is masked", func(t *testing.T) { createRow(t, on, made) })
	rows := append(refusals(id), reads(key)...)
	for i := range rows {
		r := &rows[i]
		if on.Version.Before(r.since.Major, r.since.Minor) || r.until != (Version{}) && !on.Version.Before(r.until.Major, r.until.Minor) {
			continue
		}
		t.Run(r.name, func(t *testing.T) { r.try(t, on) })
	}
	t.Run("rotate, expiry and labels", func(t *testing.T) { lives(t, on, id, key) })
	t.Run("deleting", func(t *testing.T) { deletes(t, on, id, key) })
}

func (r *row) try(t *testing.T, on *Target) {
	t.Helper()
	got := on.do(t, r.call)
	if got.status != r.status || got.media != r.media {
		t.Errorf("answered %d %q, want %d %q: %.200s", got.status, got.media, r.status, r.media, got.body)
	}
	for _, part := range r.holds {
		if !strings.Contains(got.body, part) {
			t.Errorf("%.300s does not hold %q", got.body, part)
		}
	}
	if r.media == "" && got.body != "" {
		t.Errorf("has a body: %.200s", got.body)
	}
	// What was taken leaves nothing behind.
	if r.call.method == http.MethodPost && got.status == http.StatusOK && strings.HasSuffix(r.call.path, "/api-keys") {
		on.do(t, call{method: "DELETE", path: "/rest/api-keys/" + got.text(t, "id")})
	}
}

func createRow(t *testing.T, on *Target, made *reply) {
	t.Helper()
	id, key, masked := made.text(t, "id"), made.text(t, "rawApiKey"), made.text(t, "apiKey")
	if len(id) != 16 || len(strings.Split(key, ".")) != 3 || masked != "******"+key[len(key)-4:] || made.data(t, "expiresAt") != nil {
		t.Errorf("id %q, %d characters of secret, masked %q, ends %v", id, len(key), masked, made.data(t, "expiresAt"))
	}
	list := on.do(t, call{method: "GET", path: "/rest/api-keys?take=250"})
	if strings.Contains(list.body, key) || strings.Contains(list.body, "rawApiKey") || !strings.Contains(list.body, masked) {
		t.Error("the list shows the secret, or not how it is masked")
	}
	_, array := list.data(t).([]any)
	if array != on.Version.Before(2, 27) {
		t.Errorf("the list is an array: %v", array)
	}
}

// refusals are the rows of what is not done.
func refusals(id string) []row {
	post := func(body string) call { return call{method: "POST", path: "/rest/api-keys", body: body} }
	spec := func(label, expires, scopes string) call {
		return post(`{"label":` + label + `,"expiresAt":` + expires + `,"scopes":` + scopes + `}`)
	}
	list := `["tag:list"]`
	return []row{
		{name: "a label that is taken is a 500", call: spec(`"contract"`, "null", list), status: 500, media: isJSON, holds: []string{`"code":0`, "There is already an entry with this name"}},
		{name: "expiresAt missing", call: post(`{"label":"x1","scopes":["tag:list"]}`), status: 400, media: isJSON, holds: []string{`"path":["expiresAt"]`}},
		{name: "expiresAt as text", call: spec(`"x2"`, `"tomorrow"`, list), status: 400, media: isJSON, holds: []string{`"path":["expiresAt"]`}},
		{name: "expiresAt in the past", call: spec(`"x3"`, "1000000000", list), status: 400, media: isJSON, holds: []string{`"path":["expiresAt"]`}},
		{name: "expiresAt with a fraction", call: spec(`"x4"`, "4000000000.5", list), status: 500, media: isJSON, holds: []string{`"code":0`, "expiresIn"}},
		{name: "expiresAt in milliseconds is taken", call: spec(`"x5"`, "4000000000000", list), status: 200, media: isJSON, holds: []string{`4000000000000`}},
		{name: "expiresAt 0 is no end", call: spec(`"x6"`, "0", list), status: 200, media: isJSON, since: Version{2, 7}},
		{name: "scopes missing", call: post(`{"label":"x7","expiresAt":null}`), status: 400, media: isJSON, holds: []string{`"path":["scopes"]`}},
		{name: "scopes empty", call: spec(`"x8"`, "null", "[]"), status: 400, media: isJSON, holds: []string{`"path":["scopes"`}},
		{name: "a scope that is unknown", call: spec(`"x9"`, "null", `["banana:peel"]`), status: 400, media: isJSON},
		{name: "label empty", call: spec(`""`, "null", list), status: 400, media: isJSON, holds: []string{`"code":"too_small"`, `"path":["label"]`}},
		{name: "label of 51", call: spec(`"`+strings.Repeat("l", 51)+`"`, "null", list), status: 400, media: isJSON, holds: []string{`"code":"too_big"`, `"path":["label"]`}},
		{name: "label of 50", call: spec(`"`+strings.Repeat("l", 50)+`"`, "4100000000", list), status: 200, media: isJSON},
		{name: "label with a bracket", call: spec(`"a<b"`, "null", list), status: 400, media: isJSON},
		{name: "malformed JSON is a page", call: post(`{"label":`), status: 500, media: isHTML},
		{name: "no session", call: call{method: "GET", path: "/rest/api-keys", stranger: true}, status: 401, media: isJSON, holds: []string{`"status":"error"`, "Unauthorized"}},
		{name: "a dead session", call: call{method: "GET", path: "/rest/api-keys", stranger: true, header: map[string]string{"Cookie": "n8n-auth=dead"}}, status: 401, media: isJSON, holds: []string{`"status":"error"`, "Unauthorized"}},
		{name: "no single key can be read", call: call{method: "GET", path: "/rest/api-keys/" + id}, status: 404, media: isHTML},
		{name: "a change of a key that is not there succeeds", call: call{method: "PATCH", path: "/rest/api-keys/doesnotexist0000", body: `{"label":"x10","scopes":["tag:list"]}`}, status: 200, media: isJSON, holds: []string{`"success":true`}},
		{name: "rotating is not there", call: call{method: "POST", path: "/rest/api-keys/" + id + "/rotate"}, status: 404, media: isHTML, until: Version{2, 28}},
		{name: "rotating what is not there", call: call{method: "POST", path: "/rest/api-keys/doesnotexist0000/rotate"}, status: 404, media: isJSON, holds: []string{`"code":404`}, since: Version{2, 28}},
		{name: "deleting what is not there", call: call{method: "DELETE", path: "/rest/api-keys/doesnotexist0000"}, status: 404, media: isJSON, holds: []string{`"code":404`, "API key not found"}, since: Version{2, 27}},
		{name: "deleting what is not there succeeds", call: call{method: "DELETE", path: "/rest/api-keys/doesnotexist0000"}, status: 200, media: isJSON, holds: []string{`"success":true`}, until: Version{2, 27}},
	}
}

// reads are the rows of what only looks; key may do no more than tag:list.
func reads(key string) []row {
	by := func(path, key string) call {
		return call{method: "GET", path: path, stranger: true, header: map[string]string{"X-N8N-API-KEY": key}}
	}
	forged := key[:strings.LastIndexByte(key, '.')+1] + "Zm9yZ2Vk"
	foreign := jwt(object{"sub": "x", "iss": "somebody", "aud": "else", "iat": 1})
	withCookie := call{method: "GET", path: "/api/v1/workflows?limit=1", header: map[string]string{"X-N8N-API-KEY": foreign}}
	none := call{method: "GET", path: "/api/v1/workflows?limit=1", stranger: true}
	isNew, isOld := Version{2, 16}, Version{2, 0}
	return []row{
		{name: "who is logged in", call: call{method: "GET", path: "/rest/login"}, status: 200, media: isJSON, holds: []string{Email, "globalScopes"}},
		{name: "who is logged in, and may make keys", call: call{method: "GET", path: "/rest/login"}, status: 200, media: isJSON, holds: []string{"apiKey:"}, since: isOld},
		{name: "the version is for those with a session", call: call{method: "GET", path: "/rest/settings"}, status: 200, media: isJSON, holds: []string{`"versionCli":"`, `"publicApi":{"enabled":true`}},
		{name: "scopes that may be given", call: call{method: "GET", path: "/rest/api-keys/scopes"}, status: 200, media: isJSON, holds: []string{`"workflow:read"`, `"tag:list"`}},
		{name: "ready", call: call{method: "GET", path: "/healthz/readiness", stranger: true}, status: 200, media: isJSON},
		{name: "no public way to keys", call: by("/api/v1/api-keys", key), status: 404, media: isJSON, holds: []string{`"message":"not found"`}},
		{name: "the editor answers any path", call: call{method: "GET", path: "/nowhere/at/all", stranger: true, header: map[string]string{"Accept": "text/html"}}, status: 200, media: isHTML},
		{name: "discover", call: by("/api/v1/discover?resource=none", key), status: 200, media: isJSON, holds: []string{`"scopes":["tag:list"]`}, since: isNew},
		{name: "no discover", call: by("/api/v1/discover?resource=none", key), status: 404, media: isJSON, holds: []string{`"message":"not found"`}, until: isNew},
		{name: "beyond the scopes", call: by("/api/v1/workflows?limit=1", key), status: 403, media: isJSON, holds: []string{`"message":"Forbidden"`}, since: isOld},
		{name: "beyond the scopes, which the old version does not enforce", call: by("/api/v1/workflows?limit=1", key), status: 200, media: isJSON, until: isOld},
		{name: "a forged key", call: by("/api/v1/workflows?limit=1", forged), status: 401, media: isJSON, holds: []string{`"message":"Unauthorized"`}, since: isNew},
		{name: "a forged key, old", call: by("/api/v1/workflows?limit=1", forged), status: 401, media: isJSON, holds: []string{`"message":"unauthorized"`}, until: isOld},
		{name: "a forged key, discover", call: by("/api/v1/discover?resource=none", forged), status: 401, media: isJSON, holds: []string{`"message":"unauthorized"`}, since: isNew},
		{name: "no key", call: none, status: 401, media: isJSON, holds: []string{`"message":"Unauthorized"`}, since: isOld},
		{name: "no key, old", call: none, status: 401, media: isJSON, holds: []string{"'X-N8N-API-KEY' header required"}, until: isOld},
		{name: "no key, discover", call: call{method: "GET", path: "/api/v1/discover?resource=none", stranger: true}, status: 401, media: isJSON, holds: []string{"'X-N8N-API-KEY' header required"}, since: isNew},
		{name: "the session opens the public interface", call: withCookie, status: 200, media: isJSON, since: isNew},
		{name: "the session does not open the public interface", call: withCookie, status: 401, media: isJSON, until: isOld},
		{name: "a key never opens the web page's interface", call: by("/rest/api-keys", key), status: 401, media: isJSON},
	}
}

// lives are the rows about a key over time.
func lives(t *testing.T, on *Target, id, key string) {
	t.Helper()
	for _, label := range []string{"CONTRACT", "contract "} {
		r := on.do(t, call{method: "POST", path: "/rest/api-keys", body: `{"label":"` + label + `","expiresAt":` + ends(on, len(label)) + `,"scopes":["tag:list","tag:list"]}`})
		if r.status != http.StatusOK || !strings.Contains(r.body, `"scopes":["tag:list","tag:list"]`) {
			t.Errorf("%q: %d %.200s", label, r.status, r.body)
		}
		on.do(t, call{method: "DELETE", path: "/rest/api-keys/" + r.text(t, "id")})
	}
	if on.Version.Before(2, 28) {
		return
	}
	r := on.do(t, call{method: "POST", path: "/rest/api-keys/" + id + "/rotate"})
	other := r.text(t, "rawApiKey")
	if r.status != http.StatusOK || r.text(t, "id") != id || other == "" || other == key || r.text(t, "label") != "contract" {
		t.Errorf("rotate: %d", r.status)
	}
	for secret, want := range map[string]int{key: 401, other: 200} {
		got := on.do(t, call{method: "GET", path: "/api/v1/discover?resource=none", stranger: true, header: map[string]string{"X-N8N-API-KEY": secret}})
		if got.status != want {
			t.Errorf("after the rotation: %d, want %d", got.status, want)
		}
	}
}

// ends is an end that no other key of the test has: two of the old version may
// not share one within a second.
func ends(on *Target, n int) string {
	b, err := json.Marshal(on.Now().Unix() + int64(86400+n))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func deletes(t *testing.T, on *Target, id, key string) {
	t.Helper()
	if r := on.do(t, call{method: "DELETE", path: "/rest/api-keys/" + id}); r.status != http.StatusOK || !strings.Contains(r.body, `"success":true`) {
		t.Errorf("delete: %d %.200s", r.status, r.body)
	}
	want := 404
	if on.Version.Before(2, 27) {
		want = 200
	}
	if r := on.do(t, call{method: "DELETE", path: "/rest/api-keys/" + id}); r.status != want {
		t.Errorf("delete again: %d %.200s", r.status, r.body)
	}
	if r := on.do(t, call{method: "GET", path: "/api/v1/workflows?limit=1", stranger: true, header: map[string]string{"X-N8N-API-KEY": key}}); r.status != http.StatusUnauthorized {
		t.Errorf("a deleted key is answered %d", r.status)
	}
	again := on.do(t, call{method: "POST", path: "/rest/api-keys", body: `{"label":"contract","expiresAt":` + ends(on, 99) + `,"scopes":["tag:list"]}`})
	if again.status != http.StatusOK {
		t.Errorf("a label is not free again: %d %.200s", again.status, again.body)
	}
	on.do(t, call{method: "DELETE", path: "/rest/api-keys/" + again.text(t, "id")})
}
