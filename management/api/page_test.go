package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"credence/management"
	"credence/management/api"
)

// TestThePageOfTheDocumentNeedsNothingButItself: every operation, code and
// field is on it, every link on it leads somewhere on it, and it asks a
// browser for no script and nothing from elsewhere.
func TestThePageOfTheDocumentNeedsNothingButItself(t *testing.T) {
	d := deploy(t)
	a := d.send(t, http.MethodGet, "/docs", "", "Authorization", "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("/docs is %d %s", a.status, a.header.Get("Content-Type"))
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(a.body)
	if style == nil {
		t.Fatal("/docs has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := a.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("policy is %q, want %q", got, want)
	}
	for _, foreign := range []string{"<script", "src=", "http://", "https://", "style=", "<img", "<link", "@import", "url("} {
		if strings.Contains(a.body, foreign) {
			t.Errorf("/docs holds %q", foreign)
		}
	}
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(a.body, -1) {
		if targets[m[1]] {
			t.Errorf("id %q is taken twice", m[1])
		}
		targets[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` href="([^"]+)"`).FindAllStringSubmatch(a.body, -1) {
		if name, local := strings.CutPrefix(m[1], "#"); m[1] != "/openapi.json" && (!local || !targets[name]) {
			t.Errorf("link %q leads nowhere", m[1])
		}
	}
	for _, op := range api.Operations() {
		if !targets[op.ID] {
			t.Errorf("/docs lacks %s", op.ID)
		}
	}
}

// TestEveryCodeIsExplained: on the page, and in docs/api.md, in the same words.
func TestEveryCodeIsExplained(t *testing.T) {
	page := deploy(t).send(t, http.MethodGet, "/docs", "", "Authorization", "").body
	guide, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	rows := api.CodeRows()
	for _, row := range rows {
		if !strings.Contains(string(guide), row) {
			t.Errorf("docs/api.md lacks the line\n%s", row)
		}
	}
	for _, code := range management.Codes() {
		if !strings.Contains(page, `id="code-`+string(code)+`"`) || !strings.Contains(strings.Join(rows, "\n"), "`"+string(code)+"`") {
			t.Errorf("code %s is not explained", code)
		}
	}
	told := map[string]bool{}
	for _, words := range regexp.MustCompile(`"#/components/responses/([a-z_.]+)"`).FindAllStringSubmatch(deploy(t).send(t, http.MethodGet, "/openapi.json", "", "Authorization", "").body, -1) {
		for code := range strings.SplitSeq(words[1], ".") {
			if told[code] {
				continue
			}
			told[code] = true
			if !strings.Contains(page, `id="code-`+code+`"`) {
				t.Errorf("code %s is documented for an operation and explained nowhere", code)
			}
		}
	}
}
