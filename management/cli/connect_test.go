package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/cli"
)

func TestTheServerAndTheTokenAreFoundInTheDataFolder(t *testing.T) {
	o := open(t)
	o.options.DataDir = ""
	o.ok("namespaces", "list", "--data-dir", o.dataDir)
	t.Chdir(t.TempDir())
	o.fails(cli.ExitUnavailable, "credence serve", "namespaces", "list")
	must(t, os.Symlink(o.dataDir, "credence-data"))
	o.ok("namespaces", "list")
}

func TestFlagsWinOverTheEnvironmentAndThatOverTheDataFolder(t *testing.T) {
	o := open(t)
	o.options.Server = "http://127.0.0.1:1" // nothing listens there
	o.ok("namespaces", "list", "--server", o.url)
	o.options.Token = "crdadm_wrong"
	o.fails(cli.ExitDenied, "--token-file", "namespaces", "list", "--server", o.url)
	o.ok("namespaces", "list", "--server", o.url, "--token-file", filepath.Join(o.dataDir, "admin.token"))
}

func TestTheTokenOfTheDefaultFolderIsNotSentToAServerNamedByHand(t *testing.T) {
	o := open(t)
	o.options.DataDir = ""
	t.Chdir(t.TempDir())
	must(t, os.Symlink(o.dataDir, "credence-data"))
	o.fails(cli.ExitDenied, "no admin token", "namespaces", "list", "--server", o.url)
	o.ok("namespaces", "list", "--server", o.url, "--data-dir", o.dataDir)
}

// Whoever can write into the folder that one happens to stand in must not get
// the token.
func TestATokenIsNotSentWhereAFolderThatNobodyNamedSays(t *testing.T) {
	o := open(t)
	o.options.DataDir = ""
	token, err := os.ReadFile(filepath.Join(o.dataDir, "admin.token"))
	must(t, err)
	o.options.Token = strings.TrimSpace(string(token))
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("credence-data", 0o700))
	addresses := filepath.Join("credence-data", "addresses.json")
	genuine, err := os.ReadFile(filepath.Join(o.dataDir, "addresses.json"))
	must(t, err)
	must(t, os.WriteFile(addresses, genuine, 0o600))
	o.ok("namespaces", "list")
	for says, spoil := range map[string]func(){
		"others may write it":      func() { must(t, os.Chmod(addresses, 0o666)) },
		"leads to another machine": func() { must(t, os.WriteFile(addresses, []byte(`{"api": "https://192.0.2.1:8080"}`), 0o600)) },
	} {
		must(t, os.Remove(addresses))
		must(t, os.WriteFile(addresses, genuine, 0o600))
		spoil()
		o.fails(cli.ExitFailure, says, "namespaces", "list")
	}
	must(t, os.WriteFile(addresses, genuine, 0o600))
	must(t, os.Chmod("credence-data", 0o777))
	o.fails(cli.ExitFailure, "--data-dir", "namespaces", "list")
	o.ok("namespaces", "list", "--data-dir", "credence-data")
}

func TestAServerThatIsNotThereIsExitCodeUnavailableWithTheNextStep(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().String()
	must(t, listener.Close())
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "admin.token"), []byte("crdadm_x\n"), 0o600))
	r := execute(t, cli.Options{In: strings.NewReader("")}, "keys", "list", "--server", "http://"+address, "--data-dir", dir)
	if r.code != cli.ExitUnavailable || !strings.Contains(r.err, "Is `credence serve` running") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestBrokenFilesInTheDataFolderAreNamed(t *testing.T) {
	o := open(t)
	token := filepath.Join(o.dataDir, "admin.token")
	must(t, os.WriteFile(token, []byte("two\nlines\n"), 0o600))
	o.fails(cli.ExitDenied, token, "keys", "list")
	must(t, os.Remove(token))
	o.fails(cli.ExitDenied, "--token-file", "keys", "list")
	addresses := filepath.Join(o.dataDir, "addresses.json")
	must(t, os.WriteFile(addresses, []byte(`{}`), 0o600))
	o.fails(cli.ExitFailure, addresses, "keys", "list")
}

func TestAListenerOnAllInterfacesIsReachedOverLoopback(t *testing.T) {
	o := open(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(o.url, "http://"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(o.dataDir, "addresses.json"), []byte(`{"api": "0.0.0.0:`+port+`"}`), 0o600))
	o.ok("namespaces", "list")
}
