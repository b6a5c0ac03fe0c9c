// Package sqlitetest gives tests their databases.
//
// Migrating takes longer than most tests, under the race detector seconds, so
// it is done once for each test binary: every database begins as a copy of
// that one file.
package sqlitetest

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"credence/store/sqlite"
)

// migrated is the file that is copied.
var migrated struct { //nolint:gochecknoglobals // one for all tests of the binary
	sync.Mutex
	content []byte
}

// Open answers an empty database in a folder of its own. It is closed when the
// test ends; a test may close it before.
func Open(tb testing.TB, now func() time.Time) *sqlite.DB {
	tb.Helper()
	return OpenAt(tb, options(tb, now).Path, now)
}

// OpenAt is Open in a file of that path, which the test wants to look into.
func OpenAt(tb testing.TB, path string, now func() time.Time) *sqlite.DB {
	tb.Helper()
	Write(tb, path)
	o := options(tb, now)
	o.Path = path
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

// Write writes the file of an empty database of this version, for tests that
// open it themselves.
func Write(tb testing.TB, path string) {
	tb.Helper()
	if err := os.WriteFile(path, empty(tb), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func empty(tb testing.TB) []byte {
	tb.Helper()
	migrated.Lock()
	defer migrated.Unlock()
	if migrated.content == nil {
		o := options(tb, func() time.Time { return time.Unix(0, 0) })
		if _, _, err := sqlite.Migrate(tb.Context(), o); err != nil {
			tb.Fatalf("migrate: %v", err)
		}
		content, err := os.ReadFile(o.Path)
		if err != nil {
			tb.Fatal(err)
		}
		migrated.content = content
	}
	return migrated.content
}

func options(tb testing.TB, now func() time.Time) sqlite.Options {
	tb.Helper()
	return sqlite.Options{
		Path: filepath.Join(tb.TempDir(), "credence.db"), Now: now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}
}
