package outage

import (
	"context"
	"fmt"
	"os"
	"testing"

	"credence/test/harness"
	"credence/test/pgserver"
)

var (
	binary string           // the program under test
	server *pgserver.Server // ours to stop; tests run one after the other
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "credence-outage-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder) //nolint:errcheck // nothing to be done about it
	if binary, err = harness.Build(ctx, folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if server, err = pgserver.Start(ctx); err != nil {
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
