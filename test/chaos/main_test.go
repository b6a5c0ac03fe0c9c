package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"credence/test/harness"
)

var (
	binary   string // the program under test
	duration = flag.Duration("chaos.duration", 5*time.Second, "how long each variant is troubled")
	seed     = flag.Uint64("chaos.seed", 0, "of the schedule; 0 takes another each time")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "credence-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder) //nolint:errcheck // nothing to be done about it
	if binary, err = harness.Build(context.Background(), folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
