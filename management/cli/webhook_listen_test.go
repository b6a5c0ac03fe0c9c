package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"credence/management/cli"
)

// ear is a `credence webhooks listen` that runs.
type ear struct {
	*testing.T

	url  string
	says *bufio.Scanner // its standard error, line by line
	out  bytes.Buffer   // to be read when it has ended
	stop context.CancelFunc
	done chan error
}

// listen starts the command and waits until it has said where it listens.
func listen(t *testing.T, options cli.Options, args ...string) *ear {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	errs, writeErrs := io.Pipe()
	e := &ear{T: t, says: bufio.NewScanner(errs), stop: stop, done: make(chan error, 1)}
	options.Out, options.Err, options.Now = &e.out, writeErrs, time.Now // the official library knows no other clock
	root := &cobra.Command{Use: "credence", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cli.Commands(options)...)
	root.SetArgs(append([]string{"webhooks", "listen"}, args...))
	go func() {
		e.done <- root.ExecuteContext(ctx)
		writeErrs.Close() //nolint:errcheck // of a pipe it answers nil
	}()
	_, rest, _ := strings.Cut(e.line("listening on "), "listening on ")
	address, _, _ := strings.Cut(rest, ";")
	e.url = "http://" + address
	return e
}

// line is the next one on standard error that says the words.
func (e *ear) line(words string) string {
	e.Helper()
	var before []string
	for e.says.Scan() {
		if strings.Contains(e.says.Text(), words) {
			return e.says.Text()
		}
		before = append(before, e.says.Text())
	}
	e.Fatalf("it ended and never said %q: %s %v", words, strings.Join(before, "\n"), <-e.done)
	return ""
}

// end stops it as Ctrl-C does and answers its exit code and its last words.
func (e *ear) end() (code int, words string) {
	e.Helper()
	e.stop()
	for e.says.Scan() {
		words += e.says.Text() + "\n"
	}
	err := <-e.done
	if err != nil {
		words += err.Error()
	}
	return cli.ExitCode(err), words
}

// send sends what the official library signs with the secret, and answers the
// status.
func (e *ear) send(secret, id, body string) int {
	e.Helper()
	library, err := standardwebhooks.NewWebhook(secret)
	must(e, err)
	at := time.Now()
	signed, err := library.Sign(id, at, []byte(body))
	must(e, err)
	r, err := http.NewRequestWithContext(e.Context(), http.MethodPost, e.url, strings.NewReader(body))
	must(e, err)
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", signed)
	res, err := http.DefaultClient.Do(r)
	must(e, err)
	must(e, res.Body.Close())
	return res.StatusCode
}

const (
	ownSecret   = "whsec_b3duIHNlY3JldCBvZiB0aGlzIHdlYmhvb2s="
	otherSecret = "whsec_c2VjcmV0IG9mIGFub3RoZXIgd2ViaG9vaw=="
)

// TestListeningWithASecretVerifiesWhatComes, needs no server, prints what is
// signed and only says that something else came.
func TestListeningWithASecretVerifiesWhatComes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hook.secret")
	must(t, os.WriteFile(file, []byte(ownSecret+"\n"), 0o600))
	e := listen(t, cli.Options{}, "--secret-file", file)
	answered := make(chan int, 1) // it says something before it answers
	go func() { answered <- e.send(ownSecret, "evt_1", `{"type":"key.created","id":"evt_1"}`) }()
	if said := e.line("verified"); said != "verified evt_1" {
		t.Errorf("of what is signed it said %q", said)
	}
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("signed: %d", got)
	}
	go func() { answered <- e.send(otherSecret, "evt_\u202e2", `{"type":"key.revoked"}`) }()
	if said := e.line("refused"); !strings.Contains(said, "no signature fits") || strings.Contains(said, "\u202e") {
		t.Errorf("of a bad signature it said %q", said)
	}
	if got := <-answered; got != http.StatusUnauthorized {
		t.Errorf("with another secret: %d", got)
	}
	code, words := e.end()
	if code != cli.ExitOK || words != "" {
		t.Errorf("exit code %d, %s", code, words)
	}
	if out := e.out.String(); out != "{\n  \"type\": \"key.created\",\n  \"id\": \"evt_1\"\n}\n" {
		t.Errorf("printed %s", out)
	}
}

// TestListeningLeavesNoWebhookBehind, and says so when it must.
func TestListeningLeavesNoWebhookBehind(t *testing.T) {
	o := open(t)
	e := listen(t, o.options, "--event", "key.*")
	if !strings.Contains(o.ok("webhooks", "list"), e.url) {
		t.Error("there is no webhook that leads to it")
	}
	if code, words := e.end(); code != cli.ExitOK || strings.Contains(o.ok("webhooks", "list"), e.url) {
		t.Errorf("exit code %d, %s; the webhook is left", code, words)
	}

	e = listen(t, o.options)
	o.shut()
	if code, words := e.end(); code != cli.ExitUnavailable || !strings.Contains(words, "credence webhooks delete whk_") {
		t.Errorf("exit code %d, %s", code, words)
	}
}

// TestWhatIsWrongAboutListeningIsSaidAtOnce.
func TestWhatIsWrongAboutListeningIsSaidAtOnce(t *testing.T) {
	o := open(t)
	file := filepath.Join(t.TempDir(), "hook.secret")
	must(t, os.WriteFile(file, []byte("hunter2"), 0o600))
	o.fails(cli.ExitUsage, "--secret-file", "webhooks", "listen", "--secret-file", file)
	o.fails(cli.ExitUsage, "--secret-file", "webhooks", "listen", "--secret-file", file+".missing")
	o.fails(cli.ExitUsage, "--listen", "webhooks", "listen", "--listen", "nowhere")
	o.fails(cli.ExitUsage, "event", "webhooks", "listen", "--event", "key.lost")
	o.fails(cli.ExitUsage, "no URL", "webhooks", "listen", "--url", "ftp://example.com/in")
	if listed := o.ok("webhooks", "list", "-o", "json"); strings.Contains(listed, "whk_") {
		t.Errorf("left: %s", listed)
	}
}
