package browser_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management"
	"credence/management/api"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

// office is the address of a management API, and counts what it is asked for.
func office(t *testing.T, asked func(path string)) string {
	t.Helper()
	keyset, err := seal.NewKeyset()
	must(t, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(t, err)
	logger := slog.New(slog.DiscardHandler)
	service, err := management.New(management.Options{
		Store: store.New(sqlitetest.Open(t, time.Now), keyset, time.Now), Secrets: secrets, Random: rand.Reader, Now: time.Now, Logger: logger,
	})
	must(t, err)
	handler, err := api.New(api.Options{
		Service: service, Authenticator: service, Ready: func(context.Context) error { return nil },
		Registerer: prometheus.NewRegistry(), Logger: logger, Now: time.Now, Random: rand.Reader,
	})
	must(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked(r.URL.Path)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestThePageOfTheAPIShowsEveryOperationAndAsksForNothing(t *testing.T) {
	c := launch(t)
	paths := make(chan string, 100)
	c.visit(office(t, func(path string) { paths <- path }) + "/docs")
	var ids strings.Builder
	for _, op := range api.Operations() {
		ids.WriteString(`"` + op.ID + `",`)
	}
	var missing []string
	if c.eval(&missing, "["+ids.String()+`].filter(id => { const e = document.getElementById(id); return !e || e.offsetHeight < 40 || !e.querySelector("table") })`); len(missing) > 0 {
		t.Errorf("operations that the page does not show: %v", missing)
	}
	for _, s := range screens[:3] {
		c.show(s.width, 900, s.media, "light")
		var off []string
		if c.eval(&off, beyond); len(off) > 0 {
			t.Errorf("on %s: %d elements run off the page, first %q", s.name, len(off), off[0])
		}
	}
	var styled bool
	if c.eval(&styled, `getComputedStyle(document.querySelector("nav")).listStyleType !== "" && [...document.styleSheets].some(s => s.cssRules.length > 5)`); !styled {
		t.Error("the style of the page is not in force: its policy refuses it")
	}
	if asked := c.happened("Network.requestWillBeSent"); len(asked) != 1 {
		t.Errorf("the page asks for %d things beside itself: %s", len(asked)-1, asked)
	}
	if said := append(c.happened("Log.entryAdded"), c.happened("Runtime.consoleAPICalled")...); len(said) > 0 {
		t.Errorf("the browser complains: %s", said)
	}
	if path := <-paths; path != "/docs" || len(paths) > 0 {
		t.Errorf("the server was asked for %s and %d things more", path, len(paths))
	}
}

// What somebody got into the page could do nothing there.
func TestThePolicyOfThePageOfTheAPIHolds(t *testing.T) {
	c := launch(t)
	elsewhere := make(chan string, 100)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere <- r.URL.Path
		_, _ = io.WriteString(w, "taken")
	}))
	t.Cleanup(foreign.Close)
	c.visit(office(t, func(string) {}) + "/docs")
	var ran bool
	c.eval(&ran, `(() => { const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s); return window.ran === true })()`)
	if ran {
		t.Error("a script in the page runs")
	}
	var color string
	c.eval(&color, `(() => { const s = document.createElement("style"); s.textContent = "h1 { color: rgb(1, 2, 3) }"; document.body.append(s); return getComputedStyle(document.querySelector("h1")).color })()`)
	if color == "rgb(1, 2, 3)" {
		t.Error("a style that is not the page's own is in force")
	}
	for what, expression := range map[string]string{
		"an image":   `new Promise(done => { const i = new Image(); i.onload = () => done("loaded"); i.onerror = () => done("refused"); i.src = "` + foreign.URL + `/image" })`,
		"a frame":    `new Promise(done => { document.addEventListener("securitypolicyviolation", () => done("refused"), {once: true}); const f = document.createElement("iframe"); f.src = "` + foreign.URL + `/frame"; document.body.append(f) })`,
		"a request":  `fetch("` + foreign.URL + `/request").then(() => "loaded", () => "refused")`,
		"its server": `fetch("/openapi.json").then(() => "loaded", () => "refused")`,
	} {
		var outcome string
		if c.eval(&outcome, expression); outcome != "refused" {
			t.Errorf("%s is %s", what, outcome)
		}
	}
	if len(elsewhere) > 0 {
		t.Errorf("somebody else was asked for %s", <-elsewhere)
	}
}
