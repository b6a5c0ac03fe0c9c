package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/store/postgres"
	"credence/test/pgserver"
)

// server is the PostgreSQL of this package's tests. Those that stop it start
// one of their own.
var server *pgserver.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx := context.Background()
	var err error
	if server, err = pgserver.Shared(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL for tests:", err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "PostgreSQL for tests:", err)
		code = max(code, 1)
	}
	// After Stop, so that the goroutine that waits for the server has ended.
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

func options(address string) postgres.Options {
	return postgres.Options{URL: address, Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)}
}

// database makes a fresh migrated database and answers a superuser's address.
func database(tb testing.TB) string {
	tb.Helper()
	return server.DatabaseFrom(tb, "migrated", func(address string) error {
		_, _, err := postgres.Migrate(tb.Context(), options(address))
		return err
	})
}

// open opens, and closes when the test ends.
func open(tb testing.TB, o postgres.Options) *postgres.DB {
	tb.Helper()
	db, err := postgres.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}
