package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"credence/management"
	"credence/management/api"
	"credence/management/cli"
	"credence/management/gitea"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
	"credence/test/fakegitea"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func now() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }

// office is a real API, and the data folder that leads to it.
type office struct {
	t       *testing.T
	dataDir string
	url     string
	handler http.Handler
	backend store.Backend
	shut    func() // takes the server down
	options cli.Options
}

func open(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	logger := slog.New(slog.DiscardHandler)
	db := sqlitetest.Open(t, now)
	keyset, err := seal.NewKeyset()
	must(t, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(t, err)
	forge, err := gitea.New(remote.Options{Outgoing: fakegitea.Reach(), Now: now})
	must(t, err)
	t.Cleanup(forge.Close)
	changes := store.New(db, keyset, now)
	flows, err := n8n.New(remote.Options{Outgoing: fakegitea.Reach(), Now: now}, management.N8NSessions(changes))
	must(t, err)
	t.Cleanup(flows.Close)
	service, err := management.New(management.Options{
		Store: changes, Secrets: secrets, Random: rand.Reader, Now: now, Logger: logger, Outgoing: fakegitea.Reach(), Gitea: forge, N8N: flows, ClientSourceKnown: true,
	})
	must(t, err)
	first, err := service.TokenBootstrap(t.Context(), management.TokenBootstrap{})
	must(t, err)
	handler, err := api.New(api.Options{
		Service: service, Authenticator: service, Ready: func(context.Context) error { return nil },
		Registerer: prometheus.NewRegistry(), Logger: logger, Now: now, Random: rand.Reader,
	})
	must(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	must(t, os.WriteFile(filepath.Join(dir, "admin.token"), []byte(first.Text.Reveal()+"\n"), 0o600))
	address := strings.TrimPrefix(server.URL, "http://")
	must(t, os.WriteFile(filepath.Join(dir, "addresses.json"), []byte(`{"api": "`+address+`"}`), 0o600))
	return &office{t: t, dataDir: dir, url: server.URL, handler: handler, backend: db, shut: server.Close, options: cli.Options{
		In: strings.NewReader(""), DataDir: dir, Now: now, Terminal: func() bool { return false },
	}}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// result is what a command line did.
type result struct {
	out, err string
	code     int
}

// run executes one command line as package main does.
func (o *office) run(args ...string) result {
	o.t.Helper()
	return execute(o.t, o.options, args...)
}

func execute(t *testing.T, options cli.Options, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	options.Out, options.Err = &out, &errs
	root := &cobra.Command{Use: "credence", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cli.Commands(options)...)
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		errs.WriteString("credence: " + err.Error() + "\n")
	}
	return result{out.String(), errs.String(), cli.ExitCode(err)}
}

// ok runs a command line that must succeed, and answers what it printed.
func (o *office) ok(args ...string) string {
	o.t.Helper()
	r := o.run(args...)
	if r.code != cli.ExitOK {
		o.t.Fatalf("credence %s: exit code %d\n%s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// fails runs a command line that must fail so.
func (o *office) fails(code int, says string, args ...string) {
	o.t.Helper()
	r := o.run(args...)
	if r.code != code || !strings.Contains(r.err, says) {
		o.t.Errorf("credence %s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), r.code, code, says, r.err)
	}
}

// plain replaces what differs from run to run with x of the same length.
func plain(text string) string {
	for _, random := range []string{`(key_|blk_|tok_)[0-9a-z]{26}`, `(crd_live_|crdadm_)[0-9A-Za-z]{49}`} {
		text = regexp.MustCompile(random).ReplaceAllStringFunc(text, func(s string) string {
			keep := strings.LastIndex(s, "_") + 1
			return s[:keep] + strings.Repeat("x", len(s)-keep)
		})
	}
	return text
}

// golden compares output; lines are trimmed on the right, as editors do.
func golden(t *testing.T, want, got string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(plain(got)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), strings.Join(lines, "\n")+"\n"); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}

// broken is a writer that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

var _ io.Writer = broken{}
