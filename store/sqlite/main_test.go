package sqlite_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/store/sqlite"
)

// What only another process can show (a lock that is held, a death in the
// middle) is done by this test binary, started again with these flags.
var (
	childRole = flag.String("child", "", "what the process does instead of testing: hold or migrate")
	childPath = flag.String("child-path", "", "database file of the child")
	childDies = flag.Int("child-dies", 0, "log record at which the child kills itself")
)

func TestMain(m *testing.M) {
	flag.Parse()
	switch *childRole {
	case "hold":
		holdDatabase()
	case "migrate":
		migrateAndDie()
	default:
		goleak.VerifyTestMain(m)
	}
}

func child(t *testing.T, role, path string, dies int) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), program, "-child="+role, "-child-path="+path, fmt.Sprintf("-child-dies=%d", dies))
}

func childOptions(handler slog.Handler) sqlite.Options {
	return sqlite.Options{Path: *childPath, Now: time.Now, Random: rand.Reader, Logger: slog.New(handler)}
}

// holdDatabase opens the file, says so, and keeps it until its input ends.
func holdDatabase() {
	db, err := sqlite.Open(context.Background(), childOptions(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, "open")
	bufio.NewScanner(os.Stdin).Scan()
	if err := db.Close(); err != nil {
		panic(err)
	}
}

// migrateAndDie migrates and kills itself, as a power cut would, when the
// migration logs for the given time.
func migrateAndDie() {
	_, _, err := sqlite.Migrate(context.Background(), childOptions(&deadlyHandler{}))
	if err != nil {
		panic(err)
	}
}

type deadlyHandler struct{ records atomic.Int64 }

func (*deadlyHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *deadlyHandler) Handle(context.Context, slog.Record) error {
	if h.records.Add(1) == int64(*childDies) {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	return nil
}

func (h *deadlyHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *deadlyHandler) WithGroup(string) slog.Handler { return h }
