package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/riverqueue/river"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"credence/store"
)

// fileMode is for the database and its lock: they are the deployment's, and
// nobody else's to read.
const fileMode fs.FileMode = 0o600

// quickCheckLimit is the largest file that [Open] reads through to find
// damage before it can matter. Checking takes about a second for it; larger
// files are checked by SQLite page by page as they are read.
const quickCheckLimit = 256 << 20

// Options says which file, and gives the clock and random source.
type Options struct {
	Path   string           // of the database file; its folder exists
	Now    func() time.Time // clock
	Random io.Reader        // for the ids of changes
	Logger *slog.Logger
}

func (o *Options) validate() error {
	switch {
	case o.Path == "":
		return errors.New("sqlite: Path is empty: name the database file")
	case o.Now == nil:
		return errors.New("sqlite: Now is nil: give a clock")
	case o.Random == nil:
		return errors.New("sqlite: Random is nil: give a random source")
	case o.Logger == nil:
		return errors.New("sqlite: Logger is nil: give a logger")
	}
	abs, err := filepath.Abs(o.Path)
	if err != nil {
		return fmt.Errorf("sqlite: path %q: %w", o.Path, err)
	}
	o.Path = abs
	return nil
}

// DB is the embedded database. Its methods are safe for concurrent use.
type DB struct {
	reader // over the pool of read-only connections

	now    func() time.Time
	random io.Reader
	logger *slog.Logger
	lock   *os.File
	read   *sql.DB
	write  *turns
	find   findStatements
	jobs   *river.Client[*sql.Tx] // inserts only

	wakers wakers
	close  func() error
}

var _ store.Backend = (*DB)(nil)

// Open opens a migrated database. It creates nothing and changes no schema;
// [Migrate] does. The errors are in the package comment; each names the path
// and what to do.
func Open(ctx context.Context, o Options) (*DB, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	db, err := open(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", o.Path, err)
	}
	return db, nil
}

func open(ctx context.Context, o *Options) (_ *DB, err error) {
	if err = checkFile(ctx, o); err != nil {
		return nil, err
	}
	db := &DB{now: o.Now, random: o.Random, logger: o.Logger}
	db.close = sync.OnceValue(db.release)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.close())
		}
	}()
	if db.lock, err = lockFile(o.Path); err != nil {
		return nil, err
	}
	pool, err := openWriter(ctx, o.Path)
	if err != nil {
		return nil, err
	}
	db.write = newTurns(pool)
	if err = checkSchema(ctx, pool); err != nil {
		return nil, err
	}
	if err = quickCheck(ctx, pool, o.Path); err != nil {
		return nil, err
	}
	if db.read, err = openReaders(ctx, o.Path); err != nil {
		return nil, err
	}
	db.reader = reader{q: db.read}
	if db.jobs, err = newJobInserter(pool, o.Now, o.Logger); err != nil {
		return nil, err
	}
	return db, db.signOffReplicas(ctx)
}

// Close waits for statements under way and releases the file and its lock.
func (db *DB) Close() error { return db.close() }

func (db *DB) release() error {
	var errs []error
	errs = append(errs, db.find.close())
	if db.read != nil {
		errs = append(errs, translate(db.read.Close()))
	}
	if db.write != nil {
		errs = append(errs, translate(db.write.pool.Close()))
	}
	if db.lock != nil {
		errs = append(errs, db.lock.Close()) // releases the lock
	}
	return errors.Join(errs...)
}

// checkFile refuses what cannot be a database file before SQLite sees it,
// because SQLite's own words for it ("unable to open database file") name
// neither the cause nor the remedy.
func checkFile(ctx context.Context, o *Options) error {
	info, err := os.Stat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w; run `credence migrate` to make it", store.ErrOldSchema, err)
	case err != nil:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case info.IsDir():
		return fmt.Errorf("%w: it is a directory; name a file in it", store.ErrCorrupt)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is not a regular file", store.ErrCorrupt)
	}
	f, err := os.OpenFile(o.Path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w; give this process's user read and write access", store.ErrUnavailable, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if info.Mode().Perm()&^fileMode != 0 {
		o.Logger.WarnContext(ctx, "database file is open to other users",
			slog.String("path", o.Path), slog.String("mode", info.Mode().Perm().String()))
	}
	return nil
}

// source is the driver's name for the file with the settings of every
// connection.
func source(path string, settings url.Values) string {
	// Other processes of ours are kept out by the lock; what remains to wait
	// for is a checkpoint or somebody's sqlite3 shell.
	settings.Add("_pragma", "busy_timeout(5000)")
	settings.Add("_pragma", "foreign_keys(1)")
	settings.Add("_pragma", "synchronous(2)") // FULL; see the package comment
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

func openWriter(ctx context.Context, path string) (*sql.DB, error) {
	if err := registerFunctions(); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", source(path, url.Values{"_txlock": {"immediate"}, "_pragma": {
		// Usage of many keys touches many pages every second.
		"cache_size(-16384)", "wal_autocheckpoint(4000)",
	}}))
	if err != nil {
		return nil, translate(err)
	}
	pool.SetMaxOpenConns(1)
	// Before the first statement that writes: a file of another program stays
	// as it is.
	if err := checkApplication(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	var mode string
	if err := pool.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return nil, errors.Join(translate(err), pool.Close())
	}
	if mode != "wal" {
		return nil, errors.Join(fmt.Errorf("%w: its file system cannot hold a write-ahead log (journal mode %s); use a local disk",
			store.ErrUnavailable, mode), pool.Close())
	}
	return pool, nil
}

func openReaders(ctx context.Context, path string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", source(path, url.Values{"_pragma": {"query_only(1)"}}))
	if err != nil {
		return nil, translate(err)
	}
	size := max(4, runtime.GOMAXPROCS(0))
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(translate(err), pool.Close())
	}
	return pool, nil
}

// quickCheck reads a file of moderate size through, so that damage is found
// at the start and not in the middle of a day.
func quickCheck(ctx context.Context, pool *sql.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if info.Size() > quickCheckLimit {
		return nil
	}
	var finding string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&finding); err != nil {
		return translate(err)
	}
	if finding != "ok" {
		return fmt.Errorf("%w: %s; restore a backup", store.ErrCorrupt, finding)
	}
	return nil
}

// Ping implements [store.Deployment].
func (db *DB) Ping(ctx context.Context) error {
	var revision int64
	err := db.read.QueryRowContext(ctx, "SELECT revision FROM revision_counter WHERE only_row = 1").Scan(&revision)
	if err != nil {
		return fmt.Errorf("%w: ping: %w", store.ErrUnavailable, translate(err))
	}
	return nil
}

// ClaimSecrets implements [store.Deployment].
func (db *DB) ClaimSecrets(ctx context.Context, file store.SecretsFile, fingerprint string) (bool, error) {
	result, err := db.write.ExecContext(ctx,
		"INSERT INTO deployment (secrets_file, fingerprint) VALUES (?, ?) ON CONFLICT (secrets_file) DO NOTHING", file, fingerprint)
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", file, translate(err))
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err == nil, translate(err)
	}
	stored, err := db.fingerprint(ctx, file)
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", file, err)
	}
	if stored != fingerprint {
		return false, fmt.Errorf("claim %s: %w: stored %s, given %s", file, store.ErrForeignSecrets, stored, fingerprint)
	}
	return false, nil
}

// SecretsClaimed implements [store.Deployment].
func (db *DB) SecretsClaimed(ctx context.Context, file store.SecretsFile) (bool, error) {
	_, err := db.fingerprint(ctx, file)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (db *DB) fingerprint(ctx context.Context, file store.SecretsFile) (stored string, err error) {
	err = db.read.QueryRowContext(ctx, "SELECT fingerprint FROM deployment WHERE secrets_file = ?", file).Scan(&stored)
	return stored, translate(err)
}
