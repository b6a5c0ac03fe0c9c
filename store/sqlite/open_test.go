package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/sqlite"
)

// wantError wants the sentinel, the path and the remedy.
func wantError(t *testing.T, err, sentinel error, path, remedy string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("got %v, want an error that wraps %q", err, sentinel)
	}
	for _, text := range []string{path, remedy} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q: %v", text, err)
		}
	}
}

// migrated makes a database and closes it again.
func migrated(t *testing.T) sqlite.Options {
	t.Helper()
	o := options(t, time.Now)
	if _, _, err := sqlite.Migrate(t.Context(), o); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return o
}

// execute runs statements on the file as another program would.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		if _, err := pool.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestOpenRefusesWhatItCannotServeAndSaysWhy(t *testing.T) {
	tests := map[string]struct {
		prepare  func(t *testing.T, o *sqlite.Options)
		sentinel error
		remedy   string
	}{
		"no such file": {func(*testing.T, *sqlite.Options) {}, store.ErrOldSchema, "run `credence migrate`"},
		"no such folder": {func(_ *testing.T, o *sqlite.Options) {
			o.Path = filepath.Join(filepath.Dir(o.Path), "nowhere", "credence.db")
		}, store.ErrOldSchema, "run `credence migrate`"},
		"the folder is a file": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			write(t, o.Path, nil)
			o.Path = filepath.Join(o.Path, "credence.db")
		}, store.ErrUnavailable, "not a directory"},
		"a directory": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			if err := os.Mkdir(o.Path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt, "name a file in it"},
		"an empty file": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			write(t, o.Path, nil)
		}, store.ErrOldSchema, "run `credence migrate`"},
		"not a database": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			write(t, o.Path, bytes.Repeat([]byte("this is a letter, not a database\n"), 300))
		}, store.ErrCorrupt, "damaged or not a database"},
		"another program's database": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			execute(t, o.Path, "CREATE TABLE recipes (name TEXT)")
		}, store.ErrCorrupt, "name another file"},
		"a damaged page": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			damage(t, o.Path)
		}, store.ErrCorrupt, "damaged"},
		"a file cut short": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "PRAGMA wal_checkpoint(TRUNCATE)")
			if err := os.Truncate(o.Path, 40<<10); err != nil {
				t.Fatal(err)
			}
		}, store.ErrCorrupt, "damaged"},
		"an older schema": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "DELETE FROM goose_db_version WHERE version_id > 0")
		}, store.ErrOldSchema, "run `credence migrate`"},
		"a newer schema": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}, store.ErrNewerSchema, "run the newer program"},
		"an older schema of jobs": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "DELETE FROM river_migration WHERE version > 5")
		}, store.ErrOldSchema, "schema of jobs 5"},
		"a newer schema of jobs": {func(t *testing.T, o *sqlite.Options) {
			t.Helper()
			*o = migrated(t)
			execute(t, o.Path, "INSERT INTO river_migration (line, version) VALUES ('main', 999)")
		}, store.ErrNewerSchema, "schema of jobs 999"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(t, time.Now)
			tt.prepare(t, &o)
			db, err := sqlite.Open(t.Context(), o)
			if db != nil {
				t.Fatal("opened")
			}
			wantError(t, err, tt.sentinel, o.Path, tt.remedy)
		})
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// damage overwrites pages in the middle of the file.
func damage(t *testing.T, path string) {
	t.Helper()
	execute(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 64<<10), 16<<10); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesOptionsThatLackSomething(t *testing.T) {
	for name, take := range map[string]func(o *sqlite.Options){
		"Path": func(o *sqlite.Options) { o.Path = "" }, "Now": func(o *sqlite.Options) { o.Now = nil },
		"Random": func(o *sqlite.Options) { o.Random = nil }, "Logger": func(o *sqlite.Options) { o.Logger = nil },
	} {
		o := options(t, time.Now)
		take(&o)
		_, openErr := sqlite.Open(t.Context(), o)
		_, _, migrateErr := sqlite.Migrate(t.Context(), o)
		for _, err := range []error{openErr, migrateErr} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("without %s: got %v", name, err)
			}
		}
	}
}

func TestAFileIsOpenInOneProcessOnly(t *testing.T) {
	o := migrated(t)
	holder := child(t, "hold", o.Path, 0)
	input, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	_, err = sqlite.Open(t.Context(), o)
	wantError(t, err, store.ErrLocked, o.Path, "stop it")
	_, _, err = sqlite.Migrate(t.Context(), o)
	wantError(t, err, store.ErrLocked, o.Path, "stop it")

	// The lock goes with its holder, also when that is killed.
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err == nil {
		t.Fatal("the other process was not killed")
	}
	if err := input.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
	create(t, o)
}

func TestAFileIsOpenOnceInAProcess(t *testing.T) {
	o := options(t, time.Now)
	db := create(t, o)
	_, err := sqlite.Open(t.Context(), o)
	wantError(t, err, store.ErrLocked, o.Path, "stop it")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	create(t, o)
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	o := options(t, time.Now)
	create(t, o)
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(o.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("mode of %s is %o", info.Name(), mode)
		}
	}
}

func TestOpenWarnsOfAFileThatOthersCanRead(t *testing.T) {
	o := migrated(t)
	var log bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	create(t, o)
	if log.Len() > 0 {
		t.Fatalf("warned without a reason: %s", log.String())
	}
	o = migrated(t)
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if err := os.Chmod(o.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	create(t, o)
	if !strings.Contains(log.String(), "database file is open to other users") {
		t.Fatalf("no warning: %q", log.String())
	}
}

func TestAPathMayHoldAnyCharacter(t *testing.T) {
	o := options(t, time.Now)
	o.Path = filepath.Join(filepath.Dir(o.Path), "a b?c#d%20e&f.db")
	create(t, o)
	if _, err := os.Stat(o.Path); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	o := options(t, time.Now)
	db := create(t, o)
	err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		return w.InsertNamespace(ctx, store.Namespace{Name: "tenant", CreatedAt: time.Now(), UpdatedAt: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t, o).Namespace(t.Context(), "tenant"); err != nil {
		t.Fatal(err)
	}
}

// TestWaitingForTheWriterHonoursTheContext holds the only writer and has
// another transaction wait for it.
func TestWaitingForTheWriterHonoursTheContext(t *testing.T) {
	db := create(t, options(t, time.Now))
	err := db.Transact(t.Context(), func(ctx context.Context, _ store.Writer) error {
		ctx, cancel := context.WithCancel(ctx)
		waited := make(chan error, 1)
		go func() {
			waited <- db.Transact(ctx, func(context.Context, store.Writer) error { return errors.New("ran beside the other") })
		}()
		cancel()
		return <-waited
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// The process that could not sign its replica off is gone: the lock was free.
func TestOpeningSignsOffTheReplicasOfAnEarlierProcess(t *testing.T) {
	o := migrated(t)
	db, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	at := o.Now().UTC().Truncate(time.Microsecond)
	left := at.Add(-time.Hour)
	for _, r := range []store.Replica{
		{ID: "rep_crashed", StartedAt: left, SeenAt: left}, {ID: "rep_left", StartedAt: left, SeenAt: left, LeftAt: left},
	} {
		if err := db.PutReplica(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = sqlite.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows, err := db.Replicas(t.Context(), time.Time{})
	if err != nil || len(rows) != 2 {
		t.Fatalf("replicas %v, %v", rows, err)
	}
	if rows[0].LeftAt.Before(at) || !rows[1].LeftAt.Equal(left) {
		t.Errorf("signed off at %v and %v, want the first now and the second as it was, %v", rows[0].LeftAt, rows[1].LeftAt, left)
	}
}
