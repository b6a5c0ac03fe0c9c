package sqlite_test

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
	"credence/store/storetest"
)

// TestConformance gives each test a copy of one migrated file, because
// migrating takes longer than most of the tests.
func TestConformance(t *testing.T) {
	empty, err := os.ReadFile(migrated(t).Path)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
		t.Helper()
		o := options(t, now)
		write(t, o.Path, empty)
		return open(t, o)
	})
}

func options(tb testing.TB, now func() time.Time) sqlite.Options {
	tb.Helper()
	return sqlite.Options{
		Path: filepath.Join(tb.TempDir(), "credence.db"), Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}
}

// create migrates and opens, and closes when the test ends.
func create(tb testing.TB, o sqlite.Options) *sqlite.DB {
	tb.Helper()
	if _, _, err := sqlite.Migrate(tb.Context(), o); err != nil {
		tb.Fatalf("migrate: %v", err)
	}
	return open(tb, o)
}

// open opens a migrated file, and closes it when the test ends.
func open(tb testing.TB, o sqlite.Options) *sqlite.DB {
	tb.Helper()
	db, err := sqlite.Open(tb.Context(), o)
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
