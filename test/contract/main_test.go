package contract

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"credence/test/harness"
)

var built struct {
	once   sync.Once
	folder string
	path   string
	err    error
}

// program builds what is tested, once and only for whom starts it.
func program(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "credence-contract-"); built.err == nil { //nolint:usetesting // for all tests
			built.path, built.err = harness.Build(context.Background(), built.folder) //nolint:usetesting // likewise
		}
	})
	must(tb, built.err)
	return built.path
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run has every run draw the same requests unless it is told otherwise.
func run(m *testing.M) int {
	flag.Parse()
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "rapid.seed" })
	if !told {
		if err := flag.Set("rapid.seed", "1"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if built.folder != "" {
		if err := os.RemoveAll(built.folder); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}
