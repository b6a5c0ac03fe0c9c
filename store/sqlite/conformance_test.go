package sqlite_test

import (
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
	"credence/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
		t.Helper()
		return open(t, options(t, now))
	})
}

func options(t *testing.T, now func() time.Time) sqlite.Options {
	t.Helper()
	return sqlite.Options{
		Path: filepath.Join(t.TempDir(), "credence.db"), Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}
}

// open migrates and opens, and closes when the test ends.
func open(t testing.TB, o sqlite.Options) *sqlite.DB {
	t.Helper()
	if _, _, err := sqlite.Migrate(t.Context(), o); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	db, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}
