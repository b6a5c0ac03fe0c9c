package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"credence/management/api"
	"credence/management/client"
)

// FuzzRequest throws bodies, queries and headers at every operation: whatever
// comes in, the answer is a success or a problem of the caller's, never a
// fault of ours.
func FuzzRequest(f *testing.F) {
	d := deploy(f)
	made, err := d.client(f, d.admin).KeyCreate(f.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "k"}})
	must(f, err)
	table := api.Operations()
	f.Add(uint8(0), `{"name":"a","expires_in":"1h","limits":[{"name":"x","limit":1,"period":"1s"}]}`, "", "", "k1")
	f.Add(uint8(0), `{"name":"\u0000","labels":{"":""},"scopes":[null]}`, "limit=1", `"1"`, "")
	f.Add(uint8(1), "", "limit=2&cursor=S2V5TGlzdCBh&status=active&label=a%3Db", "", "")
	f.Add(uint8(1), "", "expires_before=9999-12-31T23:59:59Z&name_prefix=%ff%25_", "", "")
	f.Add(uint8(3), `{"labels":{"a":null},"expires_at":null,"limits":[]}`, "", `"1"`, "")
	f.Add(uint8(5), `{"reason":"x"}`, "", `"9223372036854775808"`, "")
	f.Add(uint8(9), `{"name":"p","quotas":[{"name":"q","limit":-1,"period":"day"}]}`, "", "", "\x7f")
	f.Add(uint8(24), `{"network":"::ffff:1.2.3.0/120","reason":"x","for":"9999999h"}`, "namespace=default", "", "")
	f.Add(uint8(16), `{"name":"n","key_prefix":"`+strings.Repeat("x", 70)+`"}`, "", "", "")
	f.Fuzz(func(t *testing.T, row uint8, body, query, match, idempotency string) {
		op := table[int(row)%len(table)]
		path := strings.NewReplacer("{key_id}", made.Key.KeyID, "{id}", "blk_x", "{name}", "default").Replace(op.Path)
		r := httptest.NewRequestWithContext(t.Context(), op.Method, "http://localhost"+path, strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+d.admin.Reveal())
		r.Header.Set("Content-Type", "application/json")
		if match != "" {
			r.Header.Set("If-Match", match)
		}
		r.Header.Set("Idempotency-Key", idempotency)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s %s?%q %q: %d %s\n%s", op.Method, path, query, body, w.Code, w.Body, d.log)
		}
		var problem client.Error
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Code == "" || problem.Detail == "") {
			t.Fatalf("%s: %d is no problem document: %s", op.ID, w.Code, w.Body)
		}
		if w.Code < 400 && w.Code != op.Status {
			t.Fatalf("%s: success is %d, the table says %d", op.ID, w.Code, op.Status)
		}
	})
}
