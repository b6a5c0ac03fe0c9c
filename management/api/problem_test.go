package api_test

import (
	"net/http"
	"strings"
	"testing"

	"credence/management/client"
)

func TestBadInputNamesTheFieldAndTheRemedy(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	made, err := c.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "k"}})
	must(t, err)
	key := "/v1/keys/" + made.Key.KeyID
	tag := made.ETag()
	const unknown = "/v1/keys/key_00000000000000000000000000"
	cases := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code, field        string
	}{
		"malformed JSON":                 {"POST", "/v1/keys", "{\n\"name\": ", nil, 400, "malformed_request", "body"},
		"not an object":                  {"POST", "/v1/keys", `[]`, nil, 422, "invalid_input", "body"},
		"null":                           {"POST", "/v1/keys", `null`, nil, 422, "invalid_input", "body"},
		"no body":                        {"POST", "/v1/keys", "", []string{"Content-Type", "application/json"}, 400, "malformed_request", "body"},
		"two values":                     {"POST", "/v1/keys", `{"name":"a"}{"name":"b"}`, nil, 400, "malformed_request", "body"},
		"missing field":                  {"POST", "/v1/keys", `{}`, nil, 422, "invalid_input", "name"},
		"missing nested field":           {"POST", "/v1/keys", `{"name":"a","limits":[{"name":"x","limit":1}]}`, nil, 422, "invalid_input", "limits[0].period"},
		"unknown field":                  {"POST", "/v1/keys", `{"name":"a","colour":1}`, nil, 422, "invalid_input", "colour"},
		"unknown nested field":           {"POST", "/v1/keys", `{"name":"a","limits":[{"Name":"x","limit":1,"period":"1s"}]}`, nil, 422, "invalid_input", "limits[0].Name"},
		"field in other case":            {"POST", "/v1/keys", `{"name":"a","NAME":"b"}`, nil, 422, "invalid_input", "NAME"},
		"wrong type":                     {"POST", "/v1/keys", `{"name":7}`, nil, 422, "invalid_input", "name"},
		"number out of range":            {"POST", "/v1/keys", `{"name":"a","limits":[{"name":"x","limit":1e30,"period":"1s"}]}`, nil, 422, "invalid_input", "limits.limit"},
		"wrong content type":             {"POST", "/v1/keys", `{"name":"a"}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type", ""},
		"form":                           {"POST", "/v1/keys", `name=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		"no content type":                {"POST", "/v1/keys", `{"name":"a"}`, []string{"Content-Type", ""}, 415, "unsupported_media_type", ""},
		"other charset":                  {"POST", "/v1/keys", `{"name":"a"}`, []string{"Content-Type", "application/json; charset=utf-16"}, 415, "unsupported_media_type", ""},
		"merge patch on POST":            {"POST", "/v1/keys", `{"name":"a"}`, []string{"Content-Type", "application/merge-patch+json"}, 415, "unsupported_media_type", ""},
		"body over the cap":              {"POST", "/v1/keys", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, nil, 413, "payload_too_large", ""},
		"name over length":               {"POST", "/v1/keys", `{"name":"` + strings.Repeat("a", 129) + `"}`, nil, 422, "invalid_input", "name"},
		"invalid network":                {"POST", "/v1/keys", `{"name":"a","networks":["10.0.0.0/99"]}`, nil, 422, "invalid_input", "networks[0]"},
		"invalid period":                 {"POST", "/v1/keys", `{"name":"a","limits":[{"name":"x","limit":1,"period":"soon"}]}`, nil, 422, "invalid_input", "limits[0].period"},
		"invalid quota period":           {"POST", "/v1/keys", `{"name":"a","quotas":[{"name":"x","limit":1,"period":"week"}]}`, nil, 422, "invalid_input", "quotas[0].period"},
		"invalid scope":                  {"POST", "/v1/keys", `{"name":"a","scopes":["a b"]}`, nil, 422, "invalid_input", "scopes[0]"},
		"invalid key type":               {"POST", "/v1/keys", `{"name":"a","key_type":"robot"}`, nil, 422, "invalid_input", "key_type"},
		"invalid duration":               {"POST", "/v1/keys", `{"name":"a","expires_in":"soon"}`, nil, 422, "invalid_input", "expires_in"},
		"past expiry":                    {"POST", "/v1/keys", `{"name":"a","expires_at":"2001-01-01T00:00:00Z"}`, nil, 422, "invalid_input", "expires_at"},
		"time in another form":           {"POST", "/v1/keys", `{"name":"a","expires_at":"tomorrow"}`, nil, 422, "invalid_input", "expires_at"},
		"unknown plan":                   {"POST", "/v1/keys", `{"name":"a","plan":"none"}`, nil, 422, "invalid_input", "plan"},
		"unknown namespace":              {"POST", "/v1/keys", `{"name":"a","namespace":"none"}`, nil, 422, "invalid_input", "namespace"},
		"idempotency key over length":    {"POST", "/v1/keys", `{"name":"a"}`, []string{"Idempotency-Key", strings.Repeat("x", 129)}, 422, "invalid_input", "Idempotency-Key"},
		"invalid blacklist network":      {"POST", "/v1/blacklist", `{"network":"example.com","reason":"x"}`, nil, 422, "invalid_input", "network"},
		"blacklist rule over before":     {"POST", "/v1/blacklist", `{"network":"203.0.113.0/24","reason":"x","ends_at":"2001-01-01T00:00:00Z"}`, nil, 422, "invalid_input", "ends_at"},
		"invalid namespace name":         {"POST", "/v1/namespaces", `{"name":"Not A Name"}`, nil, 422, "invalid_input", "name"},
		"unknown key":                    {"GET", unknown, "", nil, 404, "not_found", ""},
		"id in another form":             {"GET", "/v1/keys/%00", "", nil, 404, "not_found", ""},
		"unknown query parameter":        {"GET", "/v1/keys?colour=red", "", nil, 400, "malformed_request", "colour"},
		"query parameter given twice":    {"GET", "/v1/keys?owner=a&owner=b", "", nil, 400, "malformed_request", "owner"},
		"malformed query":                {"GET", "/v1/keys?owner=%zz", "", nil, 400, "malformed_request", "query"},
		"bad cursor":                     {"GET", "/v1/keys?cursor=!!", "", nil, 400, "malformed_request", "cursor"},
		"cursor of nothing":              {"GET", "/v1/keys?cursor=aGVsbG8", "", nil, 400, "malformed_request", "cursor"},
		"cursor of another list":         {"GET", "/v1/keys?cursor=UGxhbkxpc3QgYQ", "", nil, 400, "malformed_request", "cursor"},
		"page too large":                 {"GET", "/v1/keys?limit=501", "", nil, 422, "invalid_input", "limit"},
		"page that is no number":         {"GET", "/v1/keys?limit=many", "", nil, 422, "invalid_input", "limit"},
		"unknown status":                 {"GET", "/v1/keys?status=lost", "", nil, 422, "invalid_input", "status"},
		"filter time in another form":    {"GET", "/v1/keys?expires_before=tomorrow", "", nil, 422, "invalid_input", "expires_before"},
		"label filter without a value":   {"GET", "/v1/keys?label=team", "", nil, 422, "invalid_input", "label"},
		"update without If-Match":        {"PATCH", key, `{"name":"b"}`, nil, 428, "precondition_required", "If-Match"},
		"update with weak If-Match":      {"PATCH", key, `{"name":"b"}`, []string{"If-Match", "W/" + tag}, 400, "malformed_request", "If-Match"},
		"update with any If-Match":       {"PATCH", key, `{"name":"b"}`, []string{"If-Match", "*"}, 400, "malformed_request", "If-Match"},
		"update with stale If-Match":     {"PATCH", key, `{"name":"b"}`, []string{"If-Match", `"99"`}, 412, "stale_version", ""},
		"update with foreign If-Match":   {"PATCH", key, `{"name":"b"}`, []string{"If-Match", `"abc"`}, 412, "stale_version", ""},
		"update of what never changes":   {"PATCH", key, `{"namespace":"b"}`, []string{"If-Match", tag}, 422, "invalid_input", "namespace"},
		"update that clears the name":    {"PATCH", key, `{"name":null}`, []string{"If-Match", tag}, 422, "invalid_input", "name"},
		"update of an unknown key":       {"PATCH", unknown, `{"name":"b"}`, []string{"If-Match", tag}, 404, "not_found", ""},
		"purge without If-Match":         {"DELETE", key, "", nil, 428, "precondition_required", "If-Match"},
		"purge of an active key":         {"DELETE", key, "", []string{"If-Match", tag}, 409, "key_not_purgeable", ""},
		"reason over length":             {"POST", key + "/disable", `{"reason":"` + strings.Repeat("a", 257) + `"}`, nil, 422, "invalid_input", "reason"},
		"deleting the default namespace": {"DELETE", "/v1/namespaces/default", "", []string{"If-Match", `"1"`}, 409, "", ""},
		"unknown path":                   {"GET", "/v1/nothing", "", nil, 404, "no_such_path", ""},
		"unclean path":                   {"GET", "/v1//keys", "", nil, 404, "no_such_path", ""},
		"path with a slash behind":       {"GET", "/v1/keys/", "", nil, 404, "no_such_path", ""},
		"root":                           {"GET", "/", "", nil, 404, "no_such_path", ""},
		"unknown method":                 {"PUT", "/v1/keys", "", nil, 405, "method_not_allowed", ""},
		"preflight":                      {"OPTIONS", "/v1/keys", "", []string{"Origin", "https://evil.example"}, 405, "method_not_allowed", ""},
		"another host":                   {"GET", "/v1/keys", "", []string{"Host", "rebind.example"}, 421, "misdirected_request", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := d.send(t, tc.method, tc.path, tc.body, tc.headers...)
			if tc.code == "" {
				tc.code = a.problem.Code
			}
			wantProblem(t, a, tc.status, tc.code, tc.field)
			if tc.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	list, err := c.KeyList(t.Context(), client.KeyListInput{})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].Version != made.Key.Version {
		t.Error("bad input changed something")
	}
}

func TestEveryProblemOfAnInputIsNamedAtOnce(t *testing.T) {
	d := deploy(t)
	a := d.send(t, "POST", "/v1/keys", `{"name":"","expires_in":"soon","networks":["x"],"scopes":["a b"]}`)
	for _, field := range []string{"name", "expires_in", "networks[0]", "scopes[0]"} {
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid_input", field)
	}
}

func TestASmallBodyCannotMakeALargeAnswer(t *testing.T) {
	d := deploy(t)
	many := func(open, one, end string, n int) string {
		return open + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + end
	}
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"values over the cap":    {many(`{"name":"a","scopes":[`, `1`, `]}`, 10_001), http.StatusRequestEntityTooLarge},
		"empty arrays":           {many(`{"name":"a","limits":[`, `[]`, `]}`, 300_000), http.StatusRequestEntityTooLarge},
		"nested":                 {`{"name":` + strings.Repeat("[", 300_000), http.StatusRequestEntityTooLarge},
		"elements of wrong type": {many(`{"name":"a","scopes":[`, `1`, `]}`, 9_000), http.StatusUnprocessableEntity},
		"unknown fields":         {many(`{"name":"a","limits":[`, `{"x":1}`, `]}`, 4_000), http.StatusUnprocessableEntity},
		"a long unknown field":   {`{"name":"a","` + strings.Repeat("long", 200_000) + `":1}`, http.StatusUnprocessableEntity},
		"brackets in a text":     {`{"name":"` + strings.Repeat(`[,{\"`, 20_000) + `"}`, http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.send(t, "POST", "/v1/keys", tc.body)
			if a.status != tc.status || len(a.body) > 64<<10 {
				t.Errorf("status %d, want %d; %d bytes answer %d", a.status, tc.status, len(a.body), len(tc.body))
			}
		})
	}
}

func TestAnErrorDoesNotRepeatAKeyText(t *testing.T) {
	d := deploy(t)
	made, err := d.client(t, d.admin).KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "k"}})
	must(t, err)
	text := made.KeyText.Reveal()
	for _, a := range []answered{
		d.send(t, "GET", "/v1/keys/"+text, ""),
		d.send(t, "GET", "/v1/plans/"+text, ""),
		d.send(t, "POST", "/v1/keys", `{"name":"a","`+text+`":1}`),
		d.send(t, "GET", "/v1/keys?"+text+"=1", ""),
		d.send(t, "GET", "/v1/keys?status="+text, ""),
		d.send(t, "GET", "/v1/"+text, ""),
	} {
		if a.status < 400 || strings.Contains(a.body, text[9:40]) {
			t.Errorf("%d repeats the key text", a.status)
		}
	}
}

func TestUnknownAndForeignNamesLookAlike(t *testing.T) {
	d := deploy(t)
	c := d.client(t, d.admin)
	_, err := c.PlanShow(t.Context(), client.PlanShowInput{Name: "x", Namespace: "nowhere"})
	wantCode(t, err, http.StatusNotFound, "not_found")
}
