package importer_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
	"credence/management/importer"
	"credence/store/credential"
)

func sha(text string) string {
	d := credential.DigestOf([]byte(text))
	return hex.EncodeToString(d[:])
}

// read reads a file to its end; problems are "line N: field".
func read(t *testing.T, format, content string, defaults client.KeyCreate) (rows []client.KeyImportRow, problems []string) {
	t.Helper()
	r, err := importer.Open(format, strings.NewReader(content), defaults)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Next()
		var wrong *importer.LineError
		switch {
		case errors.Is(err, io.EOF):
			return rows, problems
		case errors.As(err, &wrong):
			if wrong.Problem == "" || wrong.Remedy == "" {
				t.Errorf("problem without words: %+v", wrong)
			}
			problems = append(problems, fmt.Sprintf("line %d: %s", wrong.Line, wrong.Field))
		case err != nil:
			t.Fatal(err)
		default:
			rows = append(rows, row)
		}
	}
}

func wants(t *testing.T, format, content string, problems []string, want ...client.KeyImportRow) {
	t.Helper()
	rows, got := read(t, format, content, client.KeyCreate{})
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(problems, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func row(line int, text string, k client.KeyCreate) client.KeyImportRow {
	return client.KeyImportRow{Line: line, SHA256: sha(text), KeyCreate: k}
}

func TestAListIsOneTextALine(t *testing.T) {
	wants(t, "list", "# our keys\r\n\ntext-one\r\n  text-two  \nsha256:"+sha("three")+"\ntext four\nlast", []string{"line 6: key_text"},
		row(3, "text-one", client.KeyCreate{Name: "imported, line 3"}), row(4, "text-two", client.KeyCreate{Name: "imported, line 4"}),
		row(5, "three", client.KeyCreate{Name: "imported, line 5"}), row(7, "last", client.KeyCreate{Name: "imported, line 7"}))
}

func TestDefaultsFillInWhatTheFileDoesNotSay(t *testing.T) {
	rows, _ := read(t, "jsonl", `{"name":"own","key_text":"t","scopes":["a"],"labels":{"x":"1"}}`, client.KeyCreate{
		Name: "n", Namespace: "payments", Owner: "team", Plan: "basic", KeyType: "user", Scopes: []string{"b"}, ExpiresIn: "1h", Labels: map[string]string{"x": "2", "y": "3"},
	})
	want := row(1, "t", client.KeyCreate{
		Name: "own", Namespace: "payments", Owner: "team", Plan: "basic", KeyType: "user", Scopes: []string{"a"}, ExpiresIn: "1h", Labels: map[string]string{"x": "1", "y": "3"},
	})
	if diff := cmp.Diff([]client.KeyImportRow{want}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestCSVReadsEveryColumn(t *testing.T) {
	content := "\ufeffkey_text,name,namespace,owner,key_type,plan,environment,scopes,networks,hosts,methods,paths,labels,limits,quotas,expires_at,not_before,disabled\r\n" +
		`text-1,"a ""b"", c",payments,team,user,basic,live,orders:read orders:write,10.0.0.0/8,h.example.com,GET POST,/a /b/*,x=1; y=2 3,10/s; search=100/m burst 20,10000/day,2030-01-31T00:00:00Z,2029-01-31T00:00:00Z,true` + "\r\n"
	want := row(2, "text-1", client.KeyCreate{
		Name: `a "b", c`, Namespace: "payments", Owner: "team", KeyType: "user", Plan: "basic", Environment: "live",
		Scopes: []string{"orders:read", "orders:write"}, Networks: []string{"10.0.0.0/8"}, Hosts: []string{"h.example.com"},
		Methods: []string{"GET", "POST"}, Paths: []string{"/a", "/b/*"}, Labels: map[string]string{"x": "1", "y": "2 3"},
		Limits:    []client.Limit{{Name: "second", Limit: 10, Period: "1s", Burst: 10}, {Name: "search", Limit: 100, Period: "1m0s", Burst: 20}},
		Quotas:    []client.Quota{{Name: "day", Limit: 10000, Period: "day"}},
		ExpiresAt: time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC), NotBefore: time.Date(2029, 1, 31, 0, 0, 0, 0, time.UTC),
	})
	want.Disabled = true
	rows, problems := read(t, "csv", content, client.KeyCreate{})
	if len(problems) > 0 || len(rows) != 1 {
		t.Fatal(problems)
	}
	// How a notation names what has no name is package limit's.
	for i := range want.Limits {
		want.Limits[i].Name, want.Limits[i].Burst = rows[0].Limits[i].Name, rows[0].Limits[i].Burst
	}
	want.Quotas[0].Name = rows[0].Quotas[0].Name
	if diff := cmp.Diff([]client.KeyImportRow{want}, rows); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenCSVLineSpoilsNoOther(t *testing.T) {
	content := "key_text;name\nok-1;a\n" +
		"\"open;b\n" + // a quote that is never closed
		"one cell\n" + "ok\x00x;c\n" + "ok\xff;d\n" + "long-" + strings.Repeat("x", importer.MaxLine) + ";e\n" +
		"bad text;f\n" + ";g\n" + "ok-2;h"
	wants(t, "csv", content, []string{"line 3: line", "line 4: line", "line 5: line", "line 6: line", "line 7: line", "line 8: key_text", "line 9: key_text"},
		row(2, "ok-1", client.KeyCreate{Name: "a"}), row(10, "ok-2", client.KeyCreate{Name: "h"}))
	wants(t, "csv", "sha256\texpires_at\tlimits\n"+sha("x")+"\tsoon\t\n"+sha("y")+"\t\tmany\n"+sha("z")+"\t\t\n", []string{"line 2: expires_at", "line 3: limits"},
		row(4, "z", client.KeyCreate{Name: "imported, line 4"}))
}

func TestAFileThatIsNotOfTheFormatIsRefusedAsAWhole(t *testing.T) {
	for _, c := range [][3]string{
		{"csv", "", "empty"},
		{"csv", "key_text,scope\n", "column 2"},
		{"csv", "name,plan\n", "key_text"},
		{"csv", "key_text,key_text\n", "twice"},
		{"csv", "\xff\xfek\x00", "UTF-16"},
		{"kong", "\xfe\xff", "UTF-16"},
		{"kong", "services: []", "consumers"},
		{"kong", "a: [", "neither YAML nor JSON"},
		{"envoy-gateway", "kind: Service", "no Kubernetes Secret"},
		{"authorino", "- 1", "no Kubernetes Secret"},
		{"unkey", `{"x":{}`, "neither"},
		{"unkey", "7", "neither"},
		{"excel", "", "give one of authorino, csv"},
		{"kong", strings.Repeat("#", importer.MaxFile+1), "larger than 32 MiB"},
	} {
		if _, err := importer.Open(c[0], strings.NewReader(c[1]), client.KeyCreate{}); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s %.20q: %v, want %q", c[0], c[1], err, c[2])
		}
	}
}

func TestJSONLReadsTheFieldsOfTheAPIAndNoOthers(t *testing.T) {
	wants(t, "jsonl", `{"name":"a","sha256":"`+sha("x")+`","disabled":false,"line":99}`+"\n{\n"+`{"name":"b","key_text":"t","rights":1}`+"\n"+`{"name":7,"key_text":"t"}`+
		"\n"+`{"name":"c","key_text":"t"} {}`+"\n"+`{"name":"d","key_text":"t","sha256":"`+sha("t")+`"}`+"\n[]\n",
		[]string{"line 2: line", "line 3: rights", "line 4: name", "line 5: line", "line 6: sha256", "line 7: line"}, row(1, "x", client.KeyCreate{Name: "a"}))
}

const gatewaySecrets = `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Secret
  metadata: {name: clients, namespace: shop}
  type: Opaque
  data:
    mobile: ` + "%s" + `
    web: "!!"
- apiVersion: v1
  kind: Secret
  metadata: {name: db, namespace: shop}
  stringData: {password: hunter22}
- kind: Secret
  metadata: {name: cert, namespace: shop}
  type: kubernetes.io/tls
  data: {tls.key: eA==}
`

func TestEnvoyGatewaySecretsAreClientsAndTheirKeys(t *testing.T) {
	secrets := fmt.Sprintf(gatewaySecrets, base64.StdEncoding.EncodeToString([]byte("mobile-text")))
	mobile := row(10, "mobile-text", client.KeyCreate{Name: "mobile", Labels: map[string]string{"secret": "shop/clients"}})
	wants(t, "envoy-gateway", secrets, []string{"line 11: data"}, mobile,
		row(15, "hunter22", client.KeyCreate{Name: "password", Labels: map[string]string{"secret": "shop/db"}}))
	policy := `---
kind: SecurityPolicy
metadata: {name: p, namespace: shop}
spec:
  apiKeyAuth:
    credentialRefs: [{group: "", kind: Secret, name: clients}]
    extractFrom: [{headers: [x-api-key]}]
`
	wants(t, "envoy-gateway", secrets+policy, []string{"line 11: data"}, mobile)
	broken := `{"kind":"Secret","metadata":{"name":"s"},"data":{"c":"` + base64.StdEncoding.EncodeToString([]byte("text\n")) + `"}}`
	wants(t, "envoy-gateway", broken, []string{"line 1: key_text"})
}

func TestAuthorinoSecretsAreOneKeyEach(t *testing.T) {
	wants(t, "authorino", `
kind: Secret
metadata:
  name: bob-key
  namespace: kuadrant-system
  labels:
    authorino.kuadrant.io/managed-by: authorino
    app: toystore
    app.kubernetes.io/managed-by: Helm
  annotations:
    secret.kuadrant.io/user-id: bob
    secret.kuadrant.io/plan-id: gold
    kuadrant.io/groups: admins, users
stringData:
  api_key: IAMBOB
---
kind: Secret
metadata: {name: other}
data: {password: eA==}
---
kind: Secret
metadata: {name: empty}
data: {api_key: ""}
`, []string{"line 23: key_text"}, row(15, "IAMBOB", client.KeyCreate{
		Name: "bob-key", Scopes: []string{"admins", "users"},
		Labels: map[string]string{"secret": "kuadrant-system/bob-key", "app": "toystore", "secret.kuadrant.io/user-id": "bob", "secret.kuadrant.io/plan-id": "gold"},
	}))
}

func TestKongCredentialsTakeNameAndGroupsOfTheirConsumer(t *testing.T) {
	wants(t, "kong", `
_format_version: "3.0"
consumers:
- username: mobile
  custom_id: m-1
  id: 6b9443ae
  tags: [public]
  keyauth_credentials:
  - key: mobile-key-1
  - {key: mobile-key-2, ttl: 3600, created_at: 1900000000, tags: [old]}
  - {key: mobile-key-3, ttl: 3600}
  - key: "{vault://env/key}"
  acls: [{group: readers}]
- username: web
acls:
- {consumer: web, group: writers}
keyauth_credentials:
- {consumer: 6b9443ae, key: mobile-key-4, ttl: ~}
- {consumer: {username: web}, key: 123456}
- {consumer: nobody, key: lost-key}
`, []string{"line 11: ttl", "line 12: key", "line 20: consumer"},
		row(9, "mobile-key-1", client.KeyCreate{Name: "mobile", Scopes: []string{"readers"}, Labels: map[string]string{"custom-id": "m-1", "tags": "public"}}),
		row(10, "mobile-key-2", client.KeyCreate{
			Name: "mobile 2", Scopes: []string{"readers"}, Labels: map[string]string{"custom-id": "m-1", "tags": "public,old"}, ExpiresAt: time.Unix(1900003600, 0).UTC(),
		}),
		row(18, "mobile-key-4", client.KeyCreate{Name: "mobile 4", Scopes: []string{"readers"}, Labels: map[string]string{"custom-id": "m-1", "tags": "public"}}),
		row(19, "123456", client.KeyCreate{Name: "web", Scopes: []string{"writers"}}))
}

// TestKongCredentialsComeInTheOrderOfTheirLines: those beside the consumers may
// stand before them.
func TestKongCredentialsComeInTheOrderOfTheirLines(t *testing.T) {
	rows, problems := read(t, "kong", `keyauth_credentials:
- key: ${A_VARIABLE}
  consumer: b
- key: legacy-key-text-number-1
  consumer: b
consumers:
- username: a
  keyauth_credentials:
  - key: legacy-key-text-number-2
  - key: ${ANOTHER}
- username: b
`, client.KeyCreate{})
	if len(rows) != 2 || rows[0].Line != 4 || rows[1].Line != 9 || !slices.Equal(problems, []string{"line 2: key", "line 10: key"}) {
		t.Errorf("%+v %q", rows, problems)
	}
}

func TestUnkeyKeysKeepWhatNarrowsThem(t *testing.T) {
	hash := func(text string) string {
		d := credential.DigestOf([]byte(text))
		return base64.StdEncoding.EncodeToString(d[:])
	}
	key := `{"keyId":"key_1","name":"acme","hash":{"value":"` + hash("one") + `","variant":"sha256_base64"},"externalId":"user_1","meta":{"tier":"gold","seats":5,"deep":{}},` +
		`"permissions":["orders:read"],"roles":["admin"],"expires":1900000000000,"enabled":false,"credits":{"remaining":7,"refill":{"interval":"daily","amount":100}},` +
		`"ratelimits":[{"name":"default","limit":100,"duration":60000,"autoApply":true}]}`
	want := row(1, "one", client.KeyCreate{
		Name: "acme", Scopes: []string{"orders:read"}, ExpiresAt: time.Unix(1900000000, 0).UTC(),
		Limits: []client.Limit{{Name: "default", Limit: 100, Period: "1m0s"}}, Quotas: []client.Quota{{Name: "credits", Limit: 100, Period: "day"}},
		Labels: map[string]string{"external-id": "user_1", "unkey-id": "key_1", "roles": "admin", "tier": "gold", "seats": "5"},
	})
	want.SHA256, want.Disabled = hash("one"), true
	bad := `{"id":"key_2","hash":"` + hash("two") + `","remaining":5}`
	odd := `{"id":"key_3","hash":{"value":"x","variant":"argon2"}}`
	problems := []string{"line 2: remaining", "line 3: hash"}
	wants(t, "unkey", key+"\n"+bad+"\n"+odd+"\n", problems, want)
	for _, document := range []string{"[" + key + ",\n" + bad + ",\n" + odd + "]", `{"apiId":"a","keys":[` + key + ",\n" + bad + ",\n" + odd + "]}", `{"meta":{},"data":{"keys":[` + key + ",\n" + bad + ",\n" + odd + "]}}"} {
		wants(t, "unkey", document, problems, want)
	}
}

func TestShortTextsAreCounted(t *testing.T) {
	r, err := importer.Open("list", strings.NewReader("short\n"+strings.Repeat("x", 20)+"\n"), client.KeyCreate{})
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if r.Weak() != 1 {
		t.Errorf("%d weak texts, want 1", r.Weak())
	}
}

var xs = strings.Repeat("x", 1<<16)

// endless is a file of one line that does not end, 1 GB of it.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for filled := 0; filled < n; {
		filled += copy(p[filled:n], xs)
	}
	e.left -= n
	return n, nil
}

func TestAGigabyteWithoutALineEndIsRefusedInBoundedMemory(t *testing.T) {
	r, err := importer.Open("list", &endless{left: 1 << 30}, client.KeyCreate{})
	if err != nil {
		t.Fatal(err)
	}
	var wrong *importer.LineError
	if _, err := r.Next(); !errors.As(err, &wrong) || wrong.Line != 1 {
		t.Errorf("answer is %v", err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind it: %v", err)
	}
	if n := testing.AllocsPerRun(1, func() {
		r, _ := importer.Open("list", &endless{left: 1 << 24}, client.KeyCreate{})
		_, _ = r.Next()
	}); n > 50 {
		t.Errorf("%v allocations for one line that is too long", n)
	}
}
