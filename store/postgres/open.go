package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"credence/store"
)

// DB is the database. Its methods are safe for concurrent use.
type DB struct {
	reader // over the pool

	now         func() time.Time
	random      io.Reader
	logger      *slog.Logger
	pool        *pgxpool.Pool
	writers     *store.Queue // before a transaction takes a connection
	lockTimeout time.Duration
	jobs        *river.Client[pgx.Tx] // inserts only
	instance    string                // tells our notifications from others'
	holder      [32]byte              // proves that a row of replicas is ours

	wakers wakers
	ends   context.CancelFunc // of the listener
	group  sync.WaitGroup
	close  func()
}

var _ store.Backend = (*DB)(nil)

// Open connects to a migrated database. It creates nothing and changes no
// schema; [Migrate] does. The errors are in the package comment; each names
// the place and what to do. Nothing of an address's password is in them.
func Open(ctx context.Context, o Options) (*DB, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	pool, err := o.poolConfig()
	if err != nil {
		return nil, err
	}
	session, err := o.sessionConfig()
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, &o, pool, session)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w%s", placeOf(o.URL), err, advice(err))
	}
	return db, nil
}

func open(ctx context.Context, o *Options, config *pgxpool.Config, session *pgx.ConnConfig) (_ *DB, err error) {
	db := &DB{now: o.Now, random: o.Random, logger: o.Logger, lockTimeout: o.LockTimeout}
	if db.instance, err = store.NewID("run_", o.Now(), o.Random); err != nil {
		return nil, err
	}
	if _, err = io.ReadFull(o.Random, db.holder[:]); err != nil {
		return nil, fmt.Errorf("new process: %w", err)
	}
	var warn sync.Once
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		warn.Do(func() { warnPlaintext(ctx, o.Logger, c.PgConn()) })
		pooled, err := behindPooler(ctx, c)
		c.PgConn().CustomData()[keepsSession] = !pooled
		return err
	}
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, translate(ctx, err)
	}
	lasting, ends := context.WithCancel(context.WithoutCancel(ctx))
	db.ends, db.close = ends, sync.OnceFunc(db.release)
	writers, tenantReads := shares(config.MaxConns)
	db.writers = store.NewQueue(writers)
	db.reader = reader{querier{on: sharedPool{db.pool, store.NewQueue(tenantReads)}, timeout: o.StatementTimeout}}
	defer func() {
		if err != nil {
			db.close()
		}
	}()
	if err = checkSchema(ctx, db.q); err != nil {
		return nil, err
	}
	if db.jobs, err = newJobInserter(db.pool, o.Now, o.Logger); err != nil {
		return nil, err
	}
	return db, db.startListener(ctx, lasting, o, session)
}

// startListener listens from here on, so that no change after Open is missed.
func (db *DB) startListener(ctx, lasting context.Context, o *Options, session *pgx.ConnConfig) error {
	l := &listener{config: session, timeout: o.StatementTimeout, instance: db.instance, wake: db.wakers.wake, logger: o.Logger}
	conn, err := l.listen(ctx, o.SessionURL != "")
	if err != nil {
		return fmt.Errorf("listen for changes at %s: %w", placeOf(cmp.Or(o.SessionURL, o.URL)), translate(ctx, err))
	}
	if conn == nil {
		o.Logger.WarnContext(ctx, "a pooler is in between: changes are polled for; give a session url to be notified of them")
		return nil
	}
	db.group.Go(func() { l.run(lasting, conn) })
	return nil
}

// Close waits for statements under way and gives up all connections.
func (db *DB) Close() error {
	db.close()
	return nil
}

func (db *DB) release() {
	db.ends()
	db.group.Wait()
	db.pool.Close()
}

// Ping implements [store.Deployment].
func (db *DB) Ping(ctx context.Context) error {
	var revision int64
	err := db.q.value(ctx, "SELECT revision FROM credence.revision_counter WHERE only_row", nil, &revision)
	if err != nil {
		return fmt.Errorf("%w: ping: %w", store.ErrUnavailable, err)
	}
	return nil
}

// ClaimSecrets implements [store.Deployment]. The data plane's role can only
// compare; the first fingerprint comes from the control plane.
func (db *DB) ClaimSecrets(ctx context.Context, file store.SecretsFile, fingerprint string) (bool, error) {
	stored, err := db.fingerprint(ctx, file)
	if errors.Is(err, store.ErrNotFound) {
		var written int
		written, err = db.q.exec(ctx,
			"INSERT INTO credence.deployment (secrets_file, fingerprint) VALUES ($1, $2) ON CONFLICT (secrets_file) DO NOTHING", file, fingerprint)
		if denied(err) {
			err = fmt.Errorf("no secrets were claimed yet, and this login may not: start the control plane first: %w", err)
		}
		if err == nil && written == 1 {
			return true, nil
		}
		if err == nil { // another process was faster
			stored, err = db.fingerprint(ctx, file)
		}
	}
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
	err = db.q.value(ctx, "SELECT fingerprint FROM credence.deployment WHERE secrets_file = $1", []any{file}, &stored)
	return stored, err
}

// denied reports whether the login lacked a privilege.
func denied(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && server.Code == "42501"
}
