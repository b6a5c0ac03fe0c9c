package importer_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"credence/management/client"
	"credence/management/importer"
	"credence/store/credential"
)

// marker is a key text in the seeds: no error may show it.
const marker = "Marker9Marker9Marker9Marker9Marker9Marker9"

// fuzz holds every parser to what the package promises: it ends, each row has a
// digest and no text, and each error has words and none of the file's secrets.
func fuzz(f *testing.F, format string, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add([]byte(strings.ReplaceAll(seed, "KEY", marker)))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := importer.Open(format, bytes.NewReader(content), client.KeyCreate{})
		for n := 0; err == nil || n < 1; n++ {
			if err != nil && r == nil {
				secret(t, err)
				return
			}
			var row client.KeyImportRow
			row, err = r.Next()
			var wrong *importer.LineError
			switch {
			case errors.As(err, &wrong):
				secret(t, err)
				if wrong.Field == "" || wrong.Problem == "" || wrong.Remedy == "" {
					t.Fatalf("error without words: %+v", wrong)
				}
				err = nil
			case err == nil:
				if _, err := credential.ParseDigest(row.SHA256); err != nil || row.KeyText != "" || row.Name == "" {
					t.Fatalf("row %+v", row)
				}
			case !errors.Is(err, io.EOF):
				secret(t, err)
			}
			if n > len(content)+1 {
				t.Fatal("more keys than bytes")
			}
		}
	})
}

func secret(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), marker) {
		t.Fatalf("the error shows a key text: %v", err)
	}
}

func FuzzCSV(f *testing.F) {
	fuzz(f, "csv", "key_text,name\nKEY,a\n\"KEY,b\n", "sha256;limits;labels\nKEY;10/s;a=b\n", "\xef\xbb\xbfkey_text\r\nKEY x KEY\r\n", "KEY\n")
}

func FuzzJSONL(f *testing.F) {
	fuzz(f, "jsonl", `{"name":"a","key_text":"KEY"}`, `{"KEY":1}`, `{"key_text":["KEY"]}`, `{"key_text":"KEY`, "[]\nnull\n")
}

func FuzzList(f *testing.F) { fuzz(f, "list", "KEY\n# c\nsha256:KEY\nKEY x KEY\n") }

func FuzzEnvoyGateway(f *testing.F) {
	fuzz(f, "envoy-gateway", "kind: Secret\nmetadata: {name: a}\ndata: {c: KEY}\nstringData: {d: KEY, e: [KEY]}\n",
		"kind: List\nitems:\n- kind: Secret\n  stringData: {a: KEY}\n- kind: SecurityPolicy\n  spec: {apiKeyAuth: {credentialRefs: [{name: KEY}]}}\n", "a: &a [*a]", `{"kind":"Secret","data":{"KEY`)
}

func FuzzAuthorino(f *testing.F) {
	fuzz(f, "authorino", "kind: Secret\nmetadata: {name: a, labels: {x: KEY}, annotations: {kuadrant.io/groups: 'a,b'}}\nstringData: {api_key: KEY}\n", "kind: Secret\ndata: {api_key: KEY}")
}

func FuzzKong(f *testing.F) {
	fuzz(f, "kong", "consumers:\n- username: a\n  tags: [t]\n  acls: [{group: g}]\n  keyauth_credentials: [{key: KEY, ttl: 9, created_at: 1}]\n",
		"keyauth_credentials: [{consumer: a, key: KEY}, {key: '{vault://KEY}'}]", "consumers: [{username: KEY, keyauth_credentials: {key: KEY}}]")
}

func FuzzUnkey(f *testing.F) {
	fuzz(f, "unkey", `{"hash":"KEY","name":"a"}`, `[{"hash":{"value":"KEY","variant":"sha256_base64"},"expires":1}]`, `{"data":{"keys":[{"plaintext":"KEY","ratelimits":[{"limit":1}]}]}}`, `{"keys":[{"hash":7}`)
}
