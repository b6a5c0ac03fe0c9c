package sqlite_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
)

func TestMigrateAnswersTheVersionsBeforeAndAfter(t *testing.T) {
	o := options(t, time.Now)
	from, to, err := sqlite.Migrate(t.Context(), o)
	if err != nil || from != 0 || to < 1 {
		t.Fatalf("first: from %d to %d, %v", from, to, err)
	}
	again, still, err := sqlite.Migrate(t.Context(), o)
	if err != nil || again != to || still != to {
		t.Fatalf("second: from %d to %d, %v; want %d to %d", again, still, err, to, to)
	}
}

func TestMigrateRefusesWhatIsNotItsOwnAndChangesNothing(t *testing.T) {
	tests := map[string]struct {
		prepare  func(t *testing.T, o *sqlite.Options)
		sentinel error
		remedy   string
	}{
		"not a database": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			write(t, o.Path, []byte("this is a letter, and long enough to have a header of a hundred bytes, which SQLite reads first of all.\n"))
		}, store.ErrCorrupt, "not a database"},
		"another program's database": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			execute(t, o.Path, "CREATE TABLE recipes (name TEXT)")
		}, store.ErrCorrupt, "name another file"},
		"another program's application id": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			execute(t, o.Path, "PRAGMA application_id = 7")
		}, store.ErrCorrupt, "name another file"},
		"a newer schema": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)", "PRAGMA wal_checkpoint(TRUNCATE)")
		}, store.ErrNewerSchema, "run the newer program"},
		"damaged and to be migrated": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "DELETE FROM river_migration WHERE version > 7")
			damage(t, o.Path)
		}, store.ErrCorrupt, "damaged"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, time.Now)
			tt.prepare(t, &o)
			before, err := os.ReadFile(o.Path)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = sqlite.Migrate(t.Context(), o)
			wantError(t, err, tt.sentinel, o.Path, tt.remedy)
			after, err := os.ReadFile(o.Path)
			if err != nil {
				t.Fatal(err)
			}
			if string(after) != string(before) {
				t.Fatal("the file was changed")
			}
		})
	}
}

func TestMigrateRefusesAFolderItCannotWriteTo(t *testing.T) {
	o := options(t, time.Now)
	write(t, o.Path, nil)
	for _, path := range []string{
		filepath.Join(filepath.Dir(o.Path), "nowhere", "credence.db"),
		"/sys/credence.db", // also the super-user makes no file there
	} {
		o.Path = path
		_, _, err := sqlite.Migrate(t.Context(), o)
		wantError(t, err, store.ErrUnavailable, path, "writable")
	}
}

// TestMigrateGoesOnAfterADeathInTheMiddle kills a migrating process at each
// point at which it logs anything, until one comes to the end.
func TestMigrateGoesOnAfterADeathInTheMiddle(t *testing.T) {
	deaths := 0
	for {
		o := options(t, time.Now)
		err := child(t, "migrate", o.Path, deaths+1).Run()
		if err == nil {
			break
		}
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.Exited() {
			t.Fatalf("the migrating process was not killed: %v", err)
		}
		deaths++
		if db, err := sqlite.Open(t.Context(), o); !errors.Is(err, store.ErrOldSchema) {
			if err != nil {
				t.Fatalf("death %d: open: %v", deaths, err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		db := create(t, o)
		if _, err := db.Namespace(t.Context(), store.DefaultNamespace); err != nil {
			t.Fatalf("death %d: %v", deaths, err)
		}
	}
	if deaths < 5 {
		t.Fatalf("only %d deaths: the migration logs too little to be tested so", deaths)
	}
}
