package browser_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long Chromium may take for one thing; generous, because it
// only matters when something is broken.
const patience = 2 * time.Minute

// chromium is a Chromium without a window, and one page in it. It is spoken with
// in the protocol of its developer tools, over two pipes: no port is opened.
type chromium struct {
	*testing.T

	commands *os.File
	answers  *bufio.Reader
	deadline interface{ SetReadDeadline(t time.Time) error }
	session  string
	sent     int
	events   []message
}

// message is one of the protocol.
type message struct {
	ID      int             `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   json.RawMessage `json:"error,omitempty"`
	raw     []byte
}

type object = map[string]any

// program finds Chromium under the names that systems have for it.
func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("chromium is not installed; run `make tools`, or on Debian: apt-get install chromium")
	return ""
}

func launch(t *testing.T) *chromium {
	t.Helper()
	readsCommands, commands, err := os.Pipe()
	must(t, err)
	answers, writesAnswers, err := os.Pipe()
	must(t, err)
	log, err := os.Create(filepath.Join(t.TempDir(), "chromium.log"))
	must(t, err)
	// The pages are ours and load nothing: they need no sandbox, which root and
	// containers cannot have.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program(t), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe")
	cmd.ExtraFiles = []*os.File{readsCommands, writesAnswers} // 3 and 4
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	must(t, errors.Join(readsCommands.Close(), writesAnswers.Close()))
	c := &chromium{T: t, commands: commands, answers: bufio.NewReader(answers), deadline: answers}
	t.Cleanup(func() {
		// It ends when nobody speaks with it any more, and leaves its folder in
		// peace when it does so by itself; how, is in its log.
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		_ = errors.Join(commands.Close(), answers.Close())
		_ = errors.Join(cmd.Wait(), log.Close())
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s", text[max(0, len(text)-4096):])
		}
	})
	var target struct {
		ID string `json:"targetId"`
	}
	c.ask(&target, "Target.createTarget", object{"url": "about:blank"})
	var attached struct {
		Session string `json:"sessionId"`
	}
	c.ask(&attached, "Target.attachToTarget", object{"targetId": target.ID, "flatten": true})
	c.session = attached.Session
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		c.call(domain+".enable", nil)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call has Chromium do something, and answers what came of it.
func (c *chromium) call(method string, params object) json.RawMessage {
	c.Helper()
	c.sent++
	raw, err := json.Marshal(message{ID: c.sent, Method: method, Session: c.session, Params: params})
	must(c.T, err)
	_, err = c.commands.Write(append(raw, 0))
	must(c.T, err)
	for {
		switch m := c.next(); {
		case m.ID != c.sent:
		case m.Error != nil:
			c.Fatalf("%s: %s", method, m.Error)
		default:
			return m.Result
		}
	}
}

func (c *chromium) ask(into any, method string, params object) {
	c.Helper()
	must(c.T, json.Unmarshal(c.call(method, params), into))
}

// next reads a message; events are kept.
func (c *chromium) next() message {
	c.Helper()
	must(c.T, c.deadline.SetReadDeadline(time.Now().Add(patience)))
	raw, err := c.answers.ReadBytes(0)
	must(c.T, err)
	var m message
	must(c.T, json.Unmarshal(raw[:len(raw)-1], &m))
	if m.raw = raw; m.ID == 0 {
		c.events = append(c.events, m)
	}
	return m
}

// happened are the events of a kind since the page was opened.
func (c *chromium) happened(method string) (all []string) {
	for _, e := range c.events {
		if e.Method == method {
			all = append(all, string(e.raw))
		}
	}
	return all
}

// open opens a page that is a file.
func (c *chromium) open(page []byte) {
	c.Helper()
	file := filepath.Join(c.TempDir(), "page.html")
	must(c.T, os.WriteFile(file, page, 0o600))
	c.visit("file://" + file)
}

// visit opens the page at an address.
func (c *chromium) visit(address string) {
	c.Helper()
	c.events = nil
	c.call("Page.navigate", object{"url": address})
	for len(c.happened("Page.loadEventFired")) == 0 {
		c.next()
	}
}

// show sets how wide the page is, and what it is shown on.
func (c *chromium) show(width, height int, media, scheme string) {
	c.Helper()
	c.call("Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
	c.call("Emulation.setEmulatedMedia", object{"media": media, "features": []object{{"name": "prefers-color-scheme", "value": scheme}}})
}

// eval answers what an expression is in the page, or becomes when it is a promise.
func (c *chromium) eval(into any, expression string) {
	c.Helper()
	var answer struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	c.ask(&answer, "Runtime.evaluate", object{"expression": expression, "returnByValue": true, "awaitPromise": true})
	if answer.Exception != nil {
		c.Fatalf("%s: %s", expression, answer.Exception)
	}
	must(c.T, json.Unmarshal(answer.Result.Value, into))
}

// picture is the whole page as it is shown.
func (c *chromium) picture() []byte {
	c.Helper()
	return c.data("Page.captureScreenshot", object{"format": "png", "captureBeyondViewport": true})
}

// paper is the page as a PDF, as the style says.
func (c *chromium) paper() []byte {
	c.Helper()
	return c.data("Page.printToPDF", object{"preferCSSPageSize": true, "printBackground": false})
}

func (c *chromium) data(method string, params object) []byte {
	c.Helper()
	var answer struct {
		Data []byte `json:"data"`
	}
	c.ask(&answer, method, params)
	return answer.Data
}
