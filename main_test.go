package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"credence/test/fakegitea"
	"credence/test/fakekms"
	"credence/test/issuer"
	"credence/test/n8nserver"
)

// TestMain makes the test binary answer to the name credence, so that the
// scripts run the real program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"credence": main})
}

// TestScripts runs test/script/*.txtar: the program as a person uses it.
//
// Commands of their own: `collector` runs a collector of traces and sets
// OTEL_EXPORTER_OTLP_ENDPOINT, `collector NAME...` wants spans of these names in
// it; `metrics` holds what the process at STATUS exports
// against docs/metrics.md; `ready DIR` waits until the process that serves from
// DIR has announced its addresses and sets CHECK, STATUS and API to them;
// `busyport NAME` holds a port until the script ends and sets NAME to its
// address; `overwrite FILE TEXT` replaces a file's first bytes; `replace FILE
// OLD NEW` replaces a text in it; `until PATTERN PROGRAM ARG...` runs it until
// its standard output matches; `issuer` runs an identity provider and sets
// ISSUER and ISSUER_CA, `jwt FILE SUBJECT GROUP...` gets a token from it,
// `issuer-stop` takes it down; `gitea VERSION` runs what answers like Gitea, with a
// user alice, and sets GITEA; `vault NAME...` and `awskms ID...` run key management
// services that have these keys and set what finds them, and VAULT_KEYS and
// AWS_KEYS to the URI of a key but its name; `capture NAME PATTERN` sets NAME to what the
// pattern finds in the standard output of the command before.
func TestScripts(t *testing.T) {
	providers := &scriptIssuers{tb: t, running: map[*testscript.TestScript]*issuer.Issuer{}}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("test", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("BELL", "\a")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready":     scriptReady,
			"busyport":  scriptBusyPort,
			"overwrite": scriptOverwrite,
			"replace":   scriptReplace,
			"until":     scriptUntil,

			"collector":   scriptCollector,
			"metrics":     scriptMetrics,
			"capture":     scriptCapture,
			"issuer":      providers.start,
			"issuer-stop": providers.stop,
			"jwt":         providers.token,
			"gitea":       scriptGitea(t),
			"vault":       scriptVault(t),
			"awskms":      scriptAWSKMS(t),
			"n8n":         scriptN8N(t),
		},
	})
}

func scriptGitea(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: gitea VERSION")
		}
		s := fakegitea.New(t, args[0])
		s.AddUser(fakegitea.User{Login: "alice"})
		ts.Setenv("GITEA", s.URL)
	}
}

func scriptVault(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: vault NAME...")
		}
		s := fakekms.NewVault(t, args...)
		ts.Setenv("VAULT_ADDR", s.URL)
		ts.Setenv("VAULT_TOKEN", fakekms.VaultToken)
		ts.Setenv("VAULT_KEYS", strings.TrimSuffix(s.URI(""), "/"))
	}
}

func scriptAWSKMS(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: awskms ID...")
		}
		s := fakekms.NewAWS(t, args...)
		for _, v := range s.Environ() {
			name, value, _ := strings.Cut(v, "=")
			ts.Setenv(name, value)
		}
		ts.Setenv("AWS_KEYS", strings.TrimSuffix(s.URI(""), "/"))
	}
}

func scriptN8N(t *testing.T) func(*testscript.TestScript, bool, []string) {
	t.Helper()
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: n8n VERSION")
		}
		s := n8nserver.NewFake(t, args[0], time.Now)
		ts.Setenv("N8N", s.URL)
	}
}

func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DIR")
	}
	path := filepath.Join(ts.MkAbs(args[0]), addressesFile)
	addresses := map[string]string{}
	for deadline := time.Now().Add(30 * time.Second); ; {
		content, err := os.ReadFile(path)
		if err == nil {
			ts.Check(json.Unmarshal(content, &addresses))
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no %s after 30 s", path)
		}
		<-time.After(10 * time.Millisecond)
	}
	for name, address := range addresses {
		ts.Setenv(strings.ToUpper(name), address)
	}
}

// scriptUntil waits for what another process does by itself.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARG...")
	}
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		failed := ts.Exec(args[1], args[2:]...) // what is waited for may be a refusal
		if out := ts.ReadFile("stdout"); wanted.MatchString(out) {
			return
		} else if time.Now().After(deadline) {
			ts.Fatalf("nothing that matches %s after 30 s: %v, %s", args[0], failed, out)
		}
	}
}

func scriptBusyPort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: busyport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func scriptReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	before := ts.ReadFile(args[0])
	if !strings.Contains(before, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(before, args[1], args[2])), 0o600))
}

func scriptOverwrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: overwrite FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(args[1]), 0)
	ts.Check(err)
	ts.Check(f.Close())
}

// scriptIssuers are the identity providers of the scripts.
type scriptIssuers struct {
	tb      testing.TB
	mu      sync.Mutex
	running map[*testscript.TestScript]*issuer.Issuer
}

func (s *scriptIssuers) of(ts *testscript.TestScript) *issuer.Issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.running[ts]
	if i == nil {
		ts.Fatalf("there is no issuer: start one with `issuer`")
	}
	return i
}

func (s *scriptIssuers) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: issuer")
	}
	i := issuer.New(s.tb, time.Now())
	s.mu.Lock()
	s.running[ts] = i
	s.mu.Unlock()
	ts.Setenv("ISSUER", i.URL)
	ts.Setenv("ISSUER_CA", i.CA.File)
}

func (s *scriptIssuers) stop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: issuer-stop")
	}
	s.of(ts).Stop()
}

func (s *scriptIssuers) token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jwt FILE SUBJECT GROUP...")
	}
	text := s.of(ts).Token(s.tb, issuer.Grant{
		Subject: args[1], Audience: []string{"credence"}, Claims: map[string]any{"groups": args[2:]},
	})
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	found := pattern.FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("nothing in standard output matches %q", args[1])
	}
	ts.Setenv(args[0], found)
}
