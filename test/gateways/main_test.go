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
	binary string           // the program under test
	server *pgserver.Server // the PostgreSQL of this package's tests
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
