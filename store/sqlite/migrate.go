package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"credence/migrations"
	"credence/store"
)

// applicationID is "CRDN", which the first migration writes into the header
// of the file (PRAGMA application_id).
const applicationID = 0x4352444e

// Migrate makes the file when there is none and brings its schema to this
// program's version. It answers the versions before and after. Each version
// is one transaction: interrupted, it goes on from there the next time. It
// answers [store.ErrNewerSchema] for the file of a newer program and changes
// nothing then; the other errors are those of [Open].
func Migrate(ctx context.Context, o Options) (from, to int64, err error) {
	if err := o.validate(); err != nil {
		return 0, 0, err
	}
	from, to, err = migrate(ctx, &o)
	if err != nil {
		return from, to, fmt.Errorf("migrate database %s: %w", o.Path, err)
	}
	return from, to, nil
}

func migrate(ctx context.Context, o *Options) (from, to int64, err error) {
	missing := checkFile(ctx, o)
	if missing != nil && !errors.Is(missing, fs.ErrNotExist) {
		return 0, 0, missing
	}
	lock, err := lockFile(o.Path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if missing != nil {
		if err = createFile(o.Path); err != nil {
			return 0, 0, err
		}
	}
	pool, err := openWriter(ctx, o.Path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	err = checkSchema(ctx, pool)
	if err != nil && !errors.Is(err, store.ErrOldSchema) {
		return 0, 0, err
	}
	if err == nil {
		v, err := schemaVersion(ctx, pool)
		return v, v, err
	}
	if err = quickCheck(ctx, pool, o.Path); err != nil {
		return 0, 0, err
	}
	return applyAll(ctx, pool, o.Logger)
}

// createFile makes an empty file, which SQLite takes for an empty database.
// SQLite itself would make it readable by everybody the umask lets.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // G304: the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w; its folder has to exist and be writable for this process's user", store.ErrUnavailable, err)
	}
	return f.Close()
}

func applyAll(ctx context.Context, pool *sql.DB, logger *slog.Logger) (from, to int64, err error) {
	jobs, err := jobMigrator(pool, logger)
	if err != nil {
		return 0, 0, err
	}
	provider, err := embeddedSchema(pool, logger)
	if err != nil {
		return 0, 0, err
	}
	if from, err = schemaVersion(ctx, pool); err != nil {
		return 0, 0, err
	}
	if _, err = provider.Up(ctx); err != nil {
		return from, from, fmt.Errorf("apply schema: %w", translate(err))
	}
	if to, err = schemaVersion(ctx, pool); err != nil {
		return from, from, err
	}
	if _, err = jobs.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return from, to, fmt.Errorf("apply schema of jobs: %w", translate(err))
	}
	logger.InfoContext(ctx, "database migrated", slog.Int64("from_version", from), slog.Int64("to_version", to))
	return from, to, nil
}

func embeddedSchema(pool *sql.DB, logger *slog.Logger) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return nil, fmt.Errorf("embedded migrations: %w", err)
	}
	return schemaProvider(pool, files, logger)
}

func schemaProvider(pool *sql.DB, files fs.FS, logger *slog.Logger) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectSQLite3, pool, files,
		goose.WithSlog(store.LibraryLogger(logger)), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("embedded migrations: %w", err)
	}
	return provider, nil
}

func jobMigrator(pool *sql.DB, logger *slog.Logger) (*rivermigrate.Migrator[*sql.Tx], error) {
	migrator, err := rivermigrate.New(riversqlite.New(pool), &rivermigrate.Config{Logger: store.LibraryLogger(logger)})
	if err != nil {
		return nil, fmt.Errorf("embedded migrations of jobs: %w", err)
	}
	return migrator, nil
}

// checkSchema compares the versions in the file with those of this program.
func checkSchema(ctx context.Context, pool *sql.DB) error {
	quiet := slog.New(slog.DiscardHandler)
	provider, err := embeddedSchema(pool, quiet)
	if err != nil {
		return err
	}
	jobs, err := jobMigrator(pool, quiet)
	if err != nil {
		return err
	}
	sources, jobVersions := provider.ListSources(), jobs.AllVersions()
	have, err := schemaVersion(ctx, pool)
	if err != nil {
		return err
	}
	if err := compareVersions("schema", have, sources[len(sources)-1].Version); err != nil {
		return err
	}
	have, err = jobSchemaVersion(ctx, pool)
	if err != nil {
		return err
	}
	return compareVersions("schema of jobs", have, int64(jobVersions[len(jobVersions)-1].Version))
}

func compareVersions(what string, have, want int64) error {
	switch {
	case have < want:
		return fmt.Errorf("%w: %s %d, needs %d; run `credence migrate`", store.ErrOldSchema, what, have, want)
	case have > want:
		return fmt.Errorf("%w: %s %d, knows %d; run the newer program, or restore the backup made before its migration",
			store.ErrNewerSchema, what, have, want)
	default:
		return nil
	}
}

// checkApplication refuses a database that another program made. An empty one
// passes, and so does one whose first migration was interrupted, which has
// the table of versions and nothing else.
func checkApplication(ctx context.Context, pool *sql.DB) error {
	var id int64
	if err := pool.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return translate(err)
	}
	if id == applicationID {
		return nil
	}
	var tables int
	err := pool.QueryRowContext(ctx,
		"SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'").Scan(&tables)
	if err != nil {
		return translate(err)
	}
	if tables > 0 || id != 0 {
		return fmt.Errorf("%w: it belongs to another program (application id %d); name another file", store.ErrCorrupt, id)
	}
	return nil
}

// schemaVersion reads the version that goose noted last; 0 when there is none.
func schemaVersion(ctx context.Context, pool *sql.DB) (int64, error) {
	return versionIn(ctx, pool, "goose_db_version", "SELECT ifnull(max(version_id), 0) FROM goose_db_version WHERE is_applied")
}

// jobSchemaVersion is the same for River's tables. Their first versions have
// no column for the line of migrations; we use only one line.
func jobSchemaVersion(ctx context.Context, pool *sql.DB) (int64, error) {
	return versionIn(ctx, pool, "river_migration", "SELECT ifnull(max(version), 0) FROM river_migration")
}

func versionIn(ctx context.Context, pool *sql.DB, table, query string) (int64, error) {
	var n int64
	err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", table).Scan(&n)
	if err != nil || n == 0 {
		return 0, translate(err)
	}
	if err := pool.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, translate(err)
	}
	return n, nil
}
