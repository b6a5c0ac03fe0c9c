package sqlite_test

import (
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
	"credence/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
		t.Helper()
		return sqlitetest.Open(t, now)
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
