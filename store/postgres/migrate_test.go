package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"credence/store"
	"credence/store/postgres"
	"credence/test/pgserver"
)

func migrate(t *testing.T, address string) (from, to int64) {
	t.Helper()
	from, to, err := postgres.Migrate(t.Context(), options(address))
	if err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return from, to
}

func refused(t *testing.T, err, want error, parts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one that wraps %q", err, want)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestMigrateByManyAtOnceIsDoneByOne(t *testing.T) {
	address := server.Database(t)
	const processes = 8
	from := make([]int64, processes)
	var all errgroup.Group
	for i := range processes {
		all.Go(func() error {
			var err error
			var to int64
			from[i], to, err = postgres.Migrate(t.Context(), options(address))
			if err == nil && to == 0 {
				err = errors.New("the version is 0 afterwards")
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, version := range from {
		if version == 0 {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d processes found an empty database", made)
	}
	open(t, options(address))
}

func TestMigrateChangesNothingTheSecondTime(t *testing.T) {
	address := server.Database(t)
	if from, to := migrate(t, address); from != 0 || to == 0 {
		t.Errorf("migrated from %d to %d", from, to)
	}
	const dump = `SELECT relname || ' ' || coalesce(relacl::text, '') || ' ' || relfilenode FROM pg_class
		WHERE relnamespace = 'credence'::regnamespace ORDER BY 1`
	before := strings.Join(pgserver.Query(t, address, dump), "\n")
	if from, to := migrate(t, address); from != to || to == 0 {
		t.Errorf("migrated from %d to %d", from, to)
	}
	if after := strings.Join(pgserver.Query(t, address, dump), "\n"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestAMigrationIsLogged as SQLite's is.
func TestAMigrationIsLogged(t *testing.T) {
	var log bytes.Buffer
	o := options(server.Database(t))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	_, to, err := postgres.Migrate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`msg="database migrated" from_version=0 to_version=%d`, to); strings.Count(log.String(), want) != 1 {
		t.Errorf("logged %q, want %q", log.String(), want)
	}
}

func TestANewerSchemaIsRefusedAndStaysAsItIs(t *testing.T) {
	for _, newer := range []string{
		"INSERT INTO credence.goose_db_version (version_id, is_applied) VALUES (99999, true)",
		"INSERT INTO credence.river_migration (version, line) VALUES (99999, 'main')",
	} {
		address := database(t)
		pgserver.Exec(t, address, newer+"; REVOKE USAGE ON SCHEMA credence FROM credence_data")
		_, err := postgres.Open(t.Context(), options(address))
		refused(t, err, store.ErrNewerSchema, "99999")
		_, _, err = postgres.Migrate(t.Context(), options(address))
		refused(t, err, store.ErrNewerSchema, "99999", "run the newer program")
		if got := pgserver.Query(t, address, "SELECT has_schema_privilege('credence_data', 'credence', 'USAGE')::text"); got[0] != "false" {
			t.Error("privileges were set in a newer schema")
		}
	}
}

func TestADatabaseThatWasNotMigratedIsRefused(t *testing.T) {
	address := server.Database(t)
	_, err := postgres.Open(t.Context(), options(address))
	refused(t, err, store.ErrOldSchema, "credence migrate")
	migrate(t, address)
	pgserver.Exec(t, address, "DELETE FROM credence.river_migration WHERE version > 6")
	_, err = postgres.Open(t.Context(), options(address))
	refused(t, err, store.ErrOldSchema, "schema of jobs")
}

func TestAnotherProgramsSchemaIsLeftAlone(t *testing.T) {
	address := server.Database(t)
	pgserver.Exec(t, address, "CREATE SCHEMA credence; CREATE TABLE credence.theirs (n int)")
	_, _, err := postgres.Migrate(t.Context(), options(address))
	refused(t, err, store.ErrCorrupt, "another program")
	got := pgserver.Query(t, address, "SELECT relname::text FROM pg_class WHERE relnamespace = 'credence'::regnamespace")
	if len(got) != 1 {
		t.Errorf("the schema holds %v", got)
	}
}

func TestADatabaseInAnotherEncodingIsRefused(t *testing.T) {
	name := "crd_latin_encoding"
	if err := server.Exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Exec(context.WithoutCancel(t.Context()), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	})
	_, _, err := postgres.Migrate(t.Context(), options(server.Address(name)))
	refused(t, err, store.ErrUnavailable, "LATIN1", "ENCODING 'UTF8'")
}

func TestAMigrationThatIsCancelledWhileItWaitsDoesNothing(t *testing.T) {
	address := server.Database(t)
	holder, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock($1)", int64(0x4352444e01)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		_, _, err := postgres.Migrate(ctx, options(address))
		result <- err
	}()
	until(t, "somebody waits for the lock", func() bool {
		return pgserver.Query(t, address, "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "+
			"database = (SELECT oid FROM pg_database WHERE datname = current_database())")[0] == "1"
	})
	cancel()
	refused(t, <-result, context.Canceled)
	if got := pgserver.Query(t, address, "SELECT nspname::text FROM pg_namespace WHERE nspname = 'credence'"); len(got) != 0 {
		t.Error("the schema was made")
	}
	if err := holder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	migrate(t, address)
}

// An ordinary role that owns the database needs nothing else, once somebody
// has made the data plane's role.
func TestTheOwnerOfTheDatabaseMigratesWithoutBeingSuperuser(t *testing.T) {
	own := startServer(t)
	address := own.Database(t)
	login := own.Login(t, address)
	pgserver.Exec(t, address, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO "+userOf(t, login)+"', current_database()); END $$")
	_, _, err := postgres.Migrate(t.Context(), options(login))
	refused(t, err, store.ErrUnavailable, "CREATE ROLE credence_data NOLOGIN")

	pgserver.Exec(t, address, "CREATE ROLE credence_data NOLOGIN")
	migrate(t, login)
	db := open(t, options(login))
	if _, err := db.ClaimSecrets(t.Context(), store.SecretsFileSecrets, "sha256:aa"); err != nil {
		t.Error(err)
	}
	if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		return w.InsertJob(ctx, store.Job{Kind: "hello"})
	}); err != nil {
		t.Error(err)
	}
	if err := db.PutReplica(t.Context(), store.Replica{ID: "rep_1", StartedAt: options("").Now(), SeenAt: options("").Now()}); err != nil {
		t.Error(err)
	}
	// So that the login can be dropped.
	pgserver.Exec(t, address, "DROP SCHEMA credence CASCADE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO postgres', current_database()); END $$")
}

// A migration that breaks in the middle leaves nothing of its own behind, and
// is taken up again.
func TestAMigrationThatBreaksLeavesTheVersionBefore(t *testing.T) {
	address := server.Database(t)
	// Its last statement but one meets a function that is there already.
	pgserver.Exec(t, address, "CREATE SCHEMA credence; COMMENT ON SCHEMA credence IS 'Credence'; "+
		"CREATE FUNCTION credence.return_quota(text, text, timestamptz, bigint) RETURNS int LANGUAGE sql AS 'SELECT 1'")
	_, _, err := postgres.Migrate(t.Context(), options(address))
	if err == nil {
		t.Fatal("migrated over a function of the same name")
	}
	if got := pgserver.Query(t, address, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'credence'"); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	_, err = postgres.Open(t.Context(), options(address))
	refused(t, err, store.ErrOldSchema)
	pgserver.Exec(t, address, "DROP FUNCTION credence.return_quota")
	migrate(t, address)
	open(t, options(address))
}
