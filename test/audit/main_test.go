package audit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/postgres"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
	"credence/test/pgserver"
)

var server *pgserver.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

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
	return code
}

// world is a store, and a way past it.
type world struct {
	*store.Store

	keyset *seal.Keyset
	exec   func(t *testing.T, statements ...string)
	at     time.Time

	literal string // of bytes, around their hexadecimal form
}

// now is a second later each time.
func (w *world) now() time.Time {
	w.at = w.at.Add(time.Second)
	return w.at
}

// worlds are the same on both databases.
func worlds(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		w := newWorld(t)
		path := filepath.Join(t.TempDir(), "credence.db")
		sqlitetest.Write(t, path)
		db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Now: w.now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)})
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		raw, err := sql.Open("sqlite", "file:"+path)
		must(t, err)
		t.Cleanup(func() { must(t, raw.Close()) })
		w.exec = func(t *testing.T, statements ...string) {
			t.Helper()
			for _, statement := range statements {
				statement = strings.NewReplacer("credence.", "", "IDENTITY", "").Replace(statement)
				_, err := raw.ExecContext(t.Context(), statement)
				must(t, err)
			}
		}
		w.Store, w.literal = store.New(db, w.keyset, w.now), "x'%s'"
		for _, trigger := range []string{"api_key_audit_log_is_append_only", "api_key_audit_log_is_kept", "audit_checkpoints_are_kept", "audit_checkpoints_are_append_only"} {
			w.exec(t, "DROP TRIGGER "+trigger)
		}
		test(t, w)
	})
	t.Run("postgres", func(t *testing.T) {
		w := newWorld(t)
		address := server.Database(t)
		o := postgres.Options{URL: address, Now: w.now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler)}
		_, _, err := postgres.Migrate(t.Context(), o)
		must(t, err)
		db, err := postgres.Open(t.Context(), o)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		w.exec = func(t *testing.T, statements ...string) {
			t.Helper()
			for _, statement := range statements {
				pgserver.Exec(t, address, strings.NewReplacer("IDENTITY", "OVERRIDING SYSTEM VALUE").Replace(statement))
			}
		}
		w.Store, w.literal = store.New(db, w.keyset, w.now), `'\x%s'`
		w.exec(t, "ALTER TABLE credence.api_key_audit_log DISABLE TRIGGER ALL", "ALTER TABLE credence.audit_checkpoints DISABLE TRIGGER ALL")
		test(t, w)
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	keyset, err := seal.NewKeyset()
	must(t, err)
	return &world{keyset: keyset, at: time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
