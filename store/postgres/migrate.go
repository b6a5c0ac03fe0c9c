package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"credence/migrations"
	"credence/store"
)

const (
	// schema is PostgreSQL's, in which everything is.
	schema = "credence"
	// versions is the table of goose in it.
	versions = schema + ".goose_db_version"
	// migrateLock is the advisory lock of those who migrate this database:
	// "CRDN" and a number.
	migrateLock = 0x4352444e<<8 | 1
	// migrateLockTimeout bounds how long a migration waits for a table that
	// others use. While it waits, those who come later wait behind it.
	migrateLockTimeout = "10s"
	// oldest is the server version that the statements of this package need.
	oldest = 13
)

// Migrate makes the schema in an existing database, brings it to this
// program's version, and sets the privileges of the role credence_data. It
// answers the versions before and after. Each version is one transaction:
// interrupted, it goes on from there the next time. Several processes may
// migrate at once: they take turns, and the later ones find nothing to do. It
// answers [store.ErrNewerSchema] for the database of a newer program and
// changes nothing then; the other errors are those of [Open].
//
// It holds a lock of the session, so a pooler in transaction mode must not be
// in between: SessionURL names the database itself then.
func Migrate(ctx context.Context, o Options) (from, to int64, err error) {
	if err := o.validate(); err != nil {
		return 0, 0, err
	}
	config, err := o.sessionConfig()
	if err != nil {
		return 0, 0, err
	}
	from, to, err = migrate(ctx, &o, config)
	if err != nil {
		return from, to, fmt.Errorf("migrate database %s: %w", placeOf(cmp.Or(o.SessionURL, o.URL)), err)
	}
	return from, to, nil
}

func migrate(ctx context.Context, o *Options, config *pgx.ConnConfig) (from, to int64, err error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		err = translate(ctx, err)
		return 0, 0, fmt.Errorf("%w%s", err, advice(err))
	}
	defer func() { // which also gives up the lock
		err = errors.Join(err, translate(ctx, conn.Close(context.WithoutCancel(ctx))))
	}()
	if o.SessionURL == "" {
		pooled, err := behindPooler(ctx, conn)
		if err != nil {
			return 0, 0, translate(ctx, err)
		}
		if pooled {
			return 0, 0, fmt.Errorf("%w: a pooler is in between, and a migration needs a session: name the database itself as the session URL",
				store.ErrUnavailable)
		}
	}
	if err = checkServer(ctx, conn); err != nil {
		return 0, 0, err
	}
	if err = takeTurn(ctx, conn, o.Logger); err != nil {
		return 0, 0, err
	}
	q := querier{on: conn, timeout: o.StatementTimeout}
	if err = checkSchema(ctx, q); err != nil && !errors.Is(err, store.ErrOldSchema) {
		return 0, 0, err
	}
	if from, err = schemaVersion(ctx, q); err != nil {
		return 0, 0, err
	}
	if err = applyAll(ctx, conn, config, o.Logger); err != nil {
		return from, from, err
	}
	if to, err = schemaVersion(ctx, q); err != nil {
		return from, from, err
	}
	o.Logger.InfoContext(ctx, "database migrated", slog.Int64("from_version", from), slog.Int64("to_version", to))
	return from, to, nil
}

// checkServer refuses what the schema cannot be made in.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding, owner string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
		coalesce((SELECT CASE WHEN obj_description(n.oid, 'pg_namespace') LIKE 'Credence%' THEN 'ours'
			WHEN EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid) THEN 'foreign' ELSE 'empty' END
			FROM pg_namespace AS n WHERE n.nspname = $1), 'none')`, schema).Scan(&version, &encoding, &owner)
	switch {
	case err != nil:
		return translate(ctx, err)
	case version < oldest:
		return fmt.Errorf("%w: the server is PostgreSQL %d; use %d or newer", store.ErrUnavailable, version, oldest)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the database's encoding is %s; make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
			store.ErrUnavailable, encoding)
	case owner == "foreign":
		return fmt.Errorf("%w: its schema %s belongs to another program; name another database", store.ErrCorrupt, schema)
	default:
		return nil
	}
}

// takeTurn waits until no other process migrates this database.
func takeTurn(ctx context.Context, conn *pgx.Conn, logger *slog.Logger) error {
	var free bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(migrateLock)).Scan(&free); err != nil {
		return translate(ctx, err)
	}
	if free {
		return nil
	}
	logger.InfoContext(ctx, "another process migrates the database, waiting for it")
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrateLock))
	return translate(ctx, err)
}

// applyAll applies the numbered files, River's, and the privileges. The lock
// is conn's; were it lost, and another process began as well, its
// transactions and ours would still not both succeed.
func applyAll(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, logger *slog.Logger) error {
	_, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema+"; COMMENT ON SCHEMA "+schema+" IS 'Credence. Changed by `credence migrate` only.'")
	if err != nil {
		return fmt.Errorf("make schema: %w", translate(ctx, err))
	}
	if err := applySchema(ctx, config, logger); err != nil {
		return fmt.Errorf("apply schema: %w", err)
	}
	if err := applyJobs(ctx, config, logger); err != nil {
		return fmt.Errorf("apply schema of jobs: %w", err)
	}
	// Without arguments all statements are one transaction.
	if _, err := conn.Exec(ctx, migrations.PostgresDataRole); err != nil {
		if denied(err) {
			err = fmt.Errorf("%w (migrate as the schema's owner; where it may not make roles, an administrator has to: CREATE ROLE credence_data NOLOGIN)", err)
		}
		return fmt.Errorf("set privileges of credence_data: %w", translate(ctx, err))
	}
	return nil
}

// bounded is the setting of connections that change tables.
func bounded(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SET lock_timeout = '"+migrateLockTimeout+"'")
	return err
}

func applySchema(ctx context.Context, config *pgx.ConnConfig, logger *slog.Logger) (err error) {
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(bounded))
	defer func() { err = errors.Join(err, pool.Close()) }()
	files, err := fs.Sub(migrations.Postgres, "postgres")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, files,
		goose.WithSlog(store.LibraryLogger(logger)), goose.WithDisableGlobalRegistry(true), goose.WithTableName(versions))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return translate(ctx, err)
}

func applyJobs(ctx context.Context, config *pgx.ConnConfig, logger *slog.Logger) error {
	pooled, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	pooled.ConnConfig, pooled.AfterConnect, pooled.MaxConns = config, bounded, 2
	pool, err := pgxpool.NewWithConfig(ctx, pooled)
	if err != nil {
		return translate(ctx, err)
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: store.LibraryLogger(logger), Schema: schema})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return translate(ctx, err)
}

// checkSchema compares the versions in the database with those of this
// program.
func checkSchema(ctx context.Context, q querier) error {
	wanted, err := newestFile()
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, q)
	if err != nil {
		return err
	}
	if err := compareVersions("schema", have, wanted); err != nil {
		return err
	}
	jobs, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("embedded migrations of jobs: %w", err)
	}
	all := jobs.AllVersions()
	if have, err = jobSchemaVersion(ctx, q); err != nil {
		return err
	}
	return compareVersions("schema of jobs", have, int64(all[len(all)-1].Version))
}

// newestFile is the number of the last embedded migration.
func newestFile() (newest int64, err error) {
	files, err := fs.Glob(migrations.Postgres, "postgres/*.sql")
	if err != nil {
		return 0, fmt.Errorf("embedded migrations: %w", err)
	}
	for _, file := range files {
		n, err := goose.NumericComponent(file)
		if err != nil {
			return 0, fmt.Errorf("embedded migrations: %w", err)
		}
		newest = max(newest, n)
	}
	return newest, nil
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

// schemaVersion reads the version that goose noted last; 0 when there is none.
func schemaVersion(ctx context.Context, q querier) (int64, error) {
	return versionIn(ctx, q, "goose_db_version", "SELECT coalesce(max(version_id), 0) FROM credence.goose_db_version WHERE is_applied")
}

// jobSchemaVersion is the same for River's tables.
func jobSchemaVersion(ctx context.Context, q querier) (int64, error) {
	return versionIn(ctx, q, "river_migration", "SELECT coalesce(max(version), 0) FROM credence.river_migration WHERE line = 'main'")
}

func versionIn(ctx context.Context, q querier, table, query string) (version int64, err error) {
	var exists bool
	err = q.value(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2)",
		[]any{schema, table}, &exists)
	if err != nil || !exists {
		return 0, err
	}
	err = q.value(ctx, query, nil, &version)
	return version, err
}
