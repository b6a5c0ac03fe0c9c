package gateways

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"credence/test/harness"
	"credence/test/pgserver"
)

var (
	binary   string            // the program under test
	helps    map[string]string // what it says of each command it runs as
	defaults string            // and of every setting
	server   *pgserver.Server  // the PostgreSQL of this package's tests
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "credence-gateways-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder) //nolint:errcheck // nothing to be done about it
	if binary, err = harness.Build(ctx, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err = askBinary(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if server, err = pgserver.Shared(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL for tests:", err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL for tests:", err)
		return max(code, 1)
	}
	return code
}

// askBinary has the binary say which flags and settings it has.
func askBinary(ctx context.Context) error {
	helps = map[string]string{}
	for _, command := range []string{"extauthz", "management", "migrate"} {
		help, err := harness.Run(ctx, binary, command, "--help")
		if err != nil {
			return err
		}
		helps[command] = help
	}
	var err error
	defaults, err = harness.Run(ctx, binary, "config", "print")
	return err
}

// repositoryFile is the text of a file named from the root of the repository.
func repositoryFile(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
