package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/cli"
)

// contextual is an office whose person has no data folder.
func contextual(t *testing.T) (o *office, token string) {
	t.Helper()
	o = open(t)
	t.Chdir(t.TempDir())
	o.options.DataDir = ""
	o.options.ContextsFile = filepath.Join(t.TempDir(), "settings", "contexts.yaml")
	return o, filepath.Join(o.dataDir, "admin.token")
}

func TestAContextStandsForServerAndToken(t *testing.T) {
	o, token := contextual(t)
	o.fails(cli.ExitUnavailable, "no server given", "keys", "list")
	o.ok("context", "add", "prod", "--server", o.url, "--token-file", token)
	o.ok("context", "add", "nowhere", "--server", "http://127.0.0.1:1", "--token-file", token)
	o.ok("keys", "list") // the first is the current one
	golden(t, strings.ReplaceAll(`
NAME     STATE    SERVER                  TOKEN FILE
nowhere  -        http://127.0.0.1:1      TOKEN
prod     current  URL  TOKEN
`, "URL", o.url), strings.ReplaceAll(o.ok("context", "list"), token, "TOKEN"))
	o.ok("context", "use", "nowhere")
	o.fails(cli.ExitUnavailable, "127.0.0.1:1", "keys", "list")
	o.ok("keys", "list", "--context", "prod")
	o.options.Context = "prod" // CREDENCE_CONTEXT
	o.ok("keys", "list")
	if shown := o.ok("context", "show"); !strings.Contains(shown, o.url) {
		t.Errorf("shown %s", shown)
	}
	o.options.Context = ""
	o.ok("context", "remove", "nowhere")
	o.fails(cli.ExitNotFound, "no current context", "context", "show")
	o.fails(cli.ExitUsage, "none of that name", "keys", "list", "--context", "nowhere")
	o.fails(cli.ExitConflict, "--replace", "context", "add", "prod", "--server", o.url)
	o.ok("context", "add", "prod", "--server", o.url, "--replace", "--use")
	o.fails(cli.ExitDenied, "context prod has no token", "keys", "list")
	if _, err := os.Stat(token); err != nil {
		t.Errorf("a token file that was only named: %v", err)
	}
	info, err := os.Stat(o.options.ContextsFile)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// TestFlagsWinOverVariablesAndThoseOverTheContext, and the token of a context
// goes to no other server.
func TestFlagsWinOverVariablesAndThoseOverTheContext(t *testing.T) {
	o, token := contextual(t)
	o.ok("context", "add", "prod", "--server", o.url, "--token-file", token)
	elsewhere := "http://127.0.0.1:1"
	o.fails(cli.ExitDenied, "no admin token", "keys", "list", "--server", elsewhere)
	o.fails(cli.ExitUnavailable, elsewhere, "keys", "list", "--server", elsewhere, "--token-file", token)
	o.fails(cli.ExitUnavailable, "none", "keys", "list", "--data-dir", filepath.Join(t.TempDir(), "none"))
	o.fails(cli.ExitUsage, "--context names the server", "keys", "list", "--context", "prod", "--server", elsewhere)
	o.options.Server = elsewhere
	o.fails(cli.ExitDenied, "no admin token", "keys", "list")
	o.ok("keys", "list", "--context", "prod") // the flag wins
	o.options.Server = ""
	o.options.Token = "crdadm_" + strings.Repeat("0", 49)
	o.fails(cli.ExitDenied, "usable admin token", "keys", "list") // the variable wins over the context
	o.ok("keys", "list", "--context", "prod")                     // and the flag over the variable
	o.options.Token, o.options.DataDir = "", t.TempDir()
	o.fails(cli.ExitUnavailable, "none is running", "keys", "list")
}

func TestATokenThatIsGivenByHandIsKeptForItsOwnerOnly(t *testing.T) {
	o, token := contextual(t)
	text, err := os.ReadFile(token)
	must(t, err)
	o.options.In = strings.NewReader(string(text))
	r := o.run("context", "add", "prod", "--server", o.url, "--token-stdin")
	if r.code != cli.ExitOK || strings.Contains(r.out+r.err, strings.TrimSpace(string(text))) {
		t.Fatalf("exit code %d", r.code)
	}
	kept := filepath.Join(filepath.Dir(o.options.ContextsFile), "prod.token")
	info, err := os.Stat(kept)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	settings, err := os.ReadFile(o.options.ContextsFile)
	must(t, err)
	if strings.Contains(string(settings)+o.ok("context", "show", "-o", "yaml"), strings.TrimSpace(string(text))) {
		t.Error("the token is shown")
	}
	o.ok("keys", "list")
	must(t, os.Chmod(kept, 0o640))
	o.fails(cli.ExitDenied, "chmod 600", "keys", "list")
	o.ok("context", "remove", "prod")
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Error("the kept token stays")
	}
}

func TestABadContextIsRefusedWhenItIsMade(t *testing.T) {
	o, token := contextual(t)
	wide := filepath.Join(t.TempDir(), "wide.token")
	text, err := os.ReadFile(token)
	must(t, err)
	must(t, os.WriteFile(wide, text, 0o644))
	for says, args := range map[string][]string{
		"1 to 64":         {"../x", "--server", o.url},
		"server: none":    {"a"},
		"not a URL":       {"a", "--server", "credence.example.com"},
		"unencrypted":     {"a", "--server", "http://credence.example.com"},
		"chmod 600":       {"a", "--server", o.url, "--token-file", wide},
		"give one of":     {"a", "--server", o.url, "--token-file", token, "--token-stdin"},
		"would not use":   {"a", "--server", o.url, "--tls-ca", wide},
		"1 wanted":        {},
		"is this the one": {"a", "b"},
	} {
		if says == "is this the one" {
			says = "1 wanted"
		}
		o.fails(cli.ExitUsage, says, append([]string{"context", "add"}, args...)...)
	}
	o.fails(cli.ExitDenied, "--token-file", "context", "add", "a", "--server", o.url, "--token-file", "none")
	o.options.In = strings.NewReader("")
	o.fails(cli.ExitDenied, "--token-stdin", "context", "add", "a", "--server", o.url, "--token-stdin")
	if _, err := os.Stat(o.options.ContextsFile); !os.IsNotExist(err) {
		t.Error("a context that was refused is kept")
	}
	must(t, os.MkdirAll(filepath.Dir(o.options.ContextsFile), 0o700))
	must(t, os.WriteFile(o.options.ContextsFile, []byte("contexts: {a: {serve: x}}\n"), 0o600))
	o.fails(cli.ExitUsage, "field serve not found", "keys", "list")
	must(t, os.WriteFile(o.options.ContextsFile, []byte("current: a\n"), 0o600))
	o.fails(cli.ExitUsage, "none of that name", "keys", "list")
	o.options.ContextsFile = ""
	o.fails(cli.ExitUsage, "CREDENCE_CONTEXTS", "context", "add", "a", "--server", o.url, "--token-file", token)
}
