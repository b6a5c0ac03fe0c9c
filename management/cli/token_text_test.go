package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/cli"
)

// TestATokenOfAnIdentityProviderIsSentAsItIs from the file or the variable, up
// to the size that the server reads.
func TestATokenOfAnIdentityProviderIsSentAsItIs(t *testing.T) {
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"items":[]}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "jwt")
	for title, text := range map[string]string{
		"short": "eyJh.eyJi.c2ln", "long": "eyJh." + strings.Repeat("x", 12<<10-10) + ".c2ln",
	} {
		must(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
		for way, o := range map[string]cli.Options{
			"file": {Server: server.URL, In: strings.NewReader("")}, "variable": {Server: server.URL, Token: text, In: strings.NewReader("")},
		} {
			args := []string{"namespaces", "list"}
			if way == "file" {
				args = append(args, "--token-file", file)
			}
			if r := execute(t, o, args...); r.code != 0 || sent != "Bearer "+text {
				t.Errorf("%s by %s: exit code %d %s, %d bytes sent", title, way, r.code, r.err, len(sent))
			}
		}
	}
}

func TestWhatIsNoTokenIsRefusedWithoutShowingIt(t *testing.T) {
	o := open(t)
	file := filepath.Join(t.TempDir(), "jwt")
	for title, text := range map[string]string{
		"two lines":      "eyJh.eyJi.c2lnbmF0dXJl\neyJh",
		"a word before":  "Bearer eyJh.eyJi.c2lnbmF0dXJl",
		"no signature":   "eyJhbGciOiJub25lIn0.eyJi.",
		"other letters":  "eyJh.eyJi.c2lnb+F0dXJl",
		"longer":         "eyJh." + strings.Repeat("x", 12<<10) + ".c2ln",
		"much longer":    "eyJh." + strings.Repeat("x", 1<<20) + ".c2ln",
		"four parts":     "eyJh.eyJi.c2ln.c2ln",
		"only its frame": "..",
	} {
		must(t, os.WriteFile(file, []byte(text), 0o600))
		r := o.run("namespaces", "list", "--token-file", file)
		if r.code != cli.ExitDenied || strings.Contains(r.err, "eyJ") {
			t.Errorf("%s: exit code %d: %.300s", title, r.code, r.err)
		}
	}
}
