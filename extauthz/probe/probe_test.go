package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"credence/extauthz"
	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
)

// text is well-formed, and no key.
const text = "crd_live_0000000000000000000000000000000000000000000000000"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type decideFunc func(r *pipeline.Request, d *pipeline.Decision)

func (f decideFunc) Decide(_ context.Context, r *pipeline.Request, d *pipeline.Decision) { f(r, d) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs a Check server and answers its address.
func serve(t *testing.T, address string, decide decideFunc) string {
	t.Helper()
	s, err := extauthz.New(extauthz.Options{
		Pipeline: decide, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Registerer: prometheus.NewRegistry(),
	})
	must(t, err)
	l, err := extauthz.Listen(t.Context(), address)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); must(t, <-done) })
	return l.Addr().String()
}

// run executes the command line.
func run(t *testing.T, in string, args ...string) (out, warnings string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := probe.Command(probe.Options{In: strings.NewReader(in), Out: &o, Err: &e, Now: time.Now})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// TestEveryReasonIsExplained: one line says what it means, the stages before
// the one that decided are passed, those after it are not reached.
func TestEveryReasonIsExplained(t *testing.T) {
	var now pipeline.Decision
	address := serve(t, "127.0.0.1:0", func(_ *pipeline.Request, d *pipeline.Decision) { *d = now })
	explained := map[string]bool{}
	for i, reason := range pipeline.Reasons() {
		stages := pipeline.Stages()
		stage := stages[i%len(stages)]
		now = pipeline.Decision{Reason: reason, Stage: stage, Key: &pipeline.Key{KeyID: "key_01"}}
		out, _, err := run(t, "", "--addr", address, "-o", "json")
		if errors.Is(err, probe.ErrRefused) == reason.Allowed() || err != nil && !strings.Contains(err.Error(), reason.String()) {
			t.Errorf("%s: %v", reason, err)
		}
		var r probe.Result
		must(t, json.Unmarshal([]byte(out), &r))
		if r.Reason != reason.String() || r.Allowed != reason.Allowed() || r.Explains == "" || r.Metadata["key_id"] != "key_01" {
			t.Errorf("%s: %+v", reason, r)
		}
		explained[r.Explains] = true
		want := "passed"
		for j, s := range r.Stages {
			state := want
			if s.Name == stage.String() {
				state, want = map[bool]string{true: "decided", false: "refused"}[r.Allowed], "not reached"
			}
			if s.Name != stages[j].String() || s.Result != state || s.Does == "" {
				t.Errorf("%s at %s: stage %d is %+v, want %s", reason, stage, j, s, state)
			}
		}
	}
	if len(explained) != len(pipeline.Reasons()) {
		t.Errorf("%d explanations for %d reasons", len(explained), len(pipeline.Reasons()))
	}
}

// TestTableTellsTheVerdictFirst for an allow, a refusal and a watching route.
func TestTableTellsTheVerdictFirst(t *testing.T) {
	var now pipeline.Decision
	address := serve(t, "127.0.0.1:0", func(_ *pipeline.Request, d *pipeline.Decision) { *d = now })
	key := &pipeline.Key{KeyID: "key_01", Owner: "team-a"}
	for _, c := range []struct {
		decision pipeline.Decision
		want     []string
	}{
		{
			pipeline.Decision{Reason: pipeline.ReasonAllowed, Stage: pipeline.StageLimit, Key: key, Credential: pipeline.Credential{Header: "x-api-key"}},
			[]string{"allowed\n", "limit          decided", "end            not reached", "x-credence-owner: team-a", "x-api-key"},
		},
		{
			pipeline.Decision{Reason: pipeline.ReasonExpired, Stage: pipeline.StageState, Key: key},
			[]string{"refused: expired\n", "verify         passed", "state          refused", "authorize      not reached", "401", "www-authenticate: Bearer", `"code":"invalid_api_key"`},
		},
		{
			pipeline.Decision{Reason: pipeline.ReasonScopeMissing, Stage: pipeline.StageAuthorize, Key: key, Shadow: true},
			[]string{"allowed, because the route only watches; it would be refused: scope_missing\n", "authorize      would refuse"},
		},
	} {
		now = c.decision
		out, _, _ := run(t, "", "--addr", address)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.decision.Reason, want, out)
			}
		}
	}
}

// TestRequestArrivesAsEnvoyWouldSendIt: every flag shows up where the decision
// looks.
func TestRequestArrivesAsEnvoyWouldSendIt(t *testing.T) {
	var seen struct{ method, path, host, peer, key, bearer, extra, extension string }
	address := "unix:" + filepath.Join(t.TempDir(), "check.sock")
	serve(t, address, func(r *pipeline.Request, d *pipeline.Decision) {
		seen.method, seen.path, seen.host, seen.peer = string(r.Method), string(r.Path), string(r.Host), r.Peer.String()
		seen.key, seen.bearer = string(r.Header("x-api-key")), string(r.Header("authorization"))
		seen.extra, seen.extension = string(r.Header("x-extra")), string(r.Extension("credence.scopes"))
		d.Reason = pipeline.ReasonAllowed
	})
	keyFile := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(keyFile, []byte(text+"\n"), 0o600))
	args := []string{
		"--addr", address, "--method", "PUT", "--path", "/orders?a=b", "--host", "shop.example.com", "--ip", "2001:db8::1",
		"--header", "X-Extra: 1", "--header", "x-extra:2", "--extension", "credence.scopes=orders:read",
	}
	_, _, err := run(t, text, append(args, "--key-file", "-")...)
	must(t, err)
	want := seen
	want.method, want.path, want.host, want.peer = "PUT", "/orders?a=b", "shop.example.com", "2001:db8::1"
	want.key, want.bearer, want.extra, want.extension = text, "", "1,2", "orders:read"
	if seen != want {
		t.Error("the request differs from the flags") // without values: one of them is a key
	}
	_, warnings, err := run(t, "", append(args, "--key-file", keyFile, "--key-header", "Authorization")...)
	must(t, err)
	if seen.key != "" || seen.bearer != "Bearer "+text || warnings != "" {
		t.Errorf("not a bearer token, or warned: %s", warnings)
	}
	out, warnings, err := run(t, "", append(args, "--key", text)...)
	must(t, err)
	if !strings.Contains(warnings, "--key-file") || strings.Contains(warnings+out, text) {
		t.Errorf("warned: %s", warnings)
	}
}

// TestMistakesNameTheFlag and send nothing; no message quotes a key.
func TestMistakesNameTheFlag(t *testing.T) {
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "two"), []byte(text+"\n"+text), 0o600))
	for want, args := range map[string][]string{
		"--ip":                 {"--ip", "localhost"},
		"--header number 2":    {"--header", "a: b", "--header", text},
		"--extension number 1": {"--extension", "=x"},
		"--output":             {"-o", "yaml"},
		"--timeout":            {"--timeout", "0s"},
		"--key and --key-file": {"--key", text, "--key-file", "x"},
		"--key-header":         {"--key-header", ""},
		"--key-file":           {"--key-file", filepath.Join(folder, "none")},
		"several lines":        {"--key-file", filepath.Join(folder, "two")},
		"nothing was given":    {"--key-file", "-"},
		"none expected":        {text},
		"unknown flag":         {"--keyfile", "x"},
		"--insecure-plaintext": {"--key", text, "--addr", "192.0.2.1:9001"},
	} {
		_, _, err := run(t, "", args...)
		if !errors.Is(err, probe.ErrUsage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", want, err)
		}
		if code, ok := probe.ExitCode(err); !ok || code != probe.ExitUsage {
			t.Errorf("%s: exit code %d, %v", want, code, ok)
		}
	}
}

// TestNoAnswerSaysWhereToLook for everything that is no Check server.
func TestNoAnswerSaysWhereToLook(t *testing.T) {
	other := grpc.NewServer()
	l, err := extauthz.Listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	done := make(chan error)
	go func() { done <- other.Serve(l) }()
	t.Cleanup(func() { other.Stop(); must(t, <-done) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, closed.Close())
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "addresses.json"), []byte(`{"api":"127.0.0.1:1"}`), 0o600))

	for want, args := range map[string][]string{
		"credence serve":     {"--addr", closed.Addr().String()},
		"something else":     {"--addr", l.Addr().String()},
		"--data-dir":         {"--data-dir", filepath.Join(folder, "none")},
		"names no Check":     {"--data-dir", folder},
		"no answer to the C": {"--addr", "unix:" + filepath.Join(folder, "none")},
	} {
		_, _, err := run(t, "", args...)
		if !errors.Is(err, probe.ErrUnanswered) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if code, ok := probe.ExitCode(err); !ok || code != probe.ExitUnanswered {
			t.Errorf("%s: exit code %d, %v", want, code, ok)
		}
	}
}

// TestAddressComesFromTheDataFolder of the running process, also when it
// listens on all interfaces.
func TestAddressComesFromTheDataFolder(t *testing.T) {
	address := serve(t, "127.0.0.1:0", func(_ *pipeline.Request, d *pipeline.Decision) { d.Reason = pipeline.ReasonAllowed })
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	for _, host := range []string{"127.0.0.1", "0.0.0.0"} {
		folder := t.TempDir()
		content, err := json.Marshal(map[string]string{"check": net.JoinHostPort(host, port)})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(folder, "addresses.json"), content, 0o600))
		if _, _, err := run(t, "", "--data-dir", folder); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestExitCodesTellRefusalFromFailure.
func TestExitCodesTellRefusalFromFailure(t *testing.T) {
	if code, ok := probe.ExitCode(probe.ErrRefused); !ok || code != probe.ExitRefused {
		t.Errorf("refused: %d, %v", code, ok)
	}
	if _, ok := probe.ExitCode(io.EOF); ok {
		t.Error("a foreign error is taken for ours")
	}
}
